"""Drive a flow: send the requests that it yields, hand on the results that it yields.

Subscribers and publishers are written once, as flows: generators without input or output of their own. A flow yields

- a ``Request``, and is sent its ``Response`` or has the ``ConnectorError`` raised at the yield;
- an ``Ahead``: the requests that come next, so that they are under way by the time it asks for them;
- a ``Pause``: so many seconds to wait;
- a page (a list) of results.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from haloitsm_connector.client.portal import result_of
from haloitsm_connector.client.request import Request, Response
from haloitsm_connector.context import stopping
from haloitsm_connector.errors import ConnectorError, InputError, StoppedError

if TYPE_CHECKING:
    from haloitsm_connector.client.http_client import HttpClient

Result = TypeVar("Result")
LOOK_SECONDS = 0.1
"""How often who pauses looks whether it shall stop."""
STOPPED = "a pause before a request was not over when the run was told to stop"
Start = Callable[[Request], "Future[Response]"]
"""Sends a request without waiting for its answer."""


@dataclass(frozen=True, slots=True)
class Ahead:
    """The requests that a flow will yield next, in that order: they are started now, and those that were announced
    before and are not named again are given up. It changes when a request is sent, never what its answer means.

    The flow must yield the very objects that it announced. No more than ``at_a_time`` of them are without an answer at
    once, and the next is started as soon as one has its answer; None starts them all.
    """

    requests: Sequence[Request]
    at_a_time: int | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """A wait: the flow goes on after so many seconds, and what it has announced is under way meanwhile.

    StoppedError is raised at the yield when the work at hand shall stop.
    """

    seconds: float


class Stopped(Exception):  # noqa: N818 - it tells of no error
    """Raised in a flow at a page that nobody reads on from.

    A flow with writes under way may go on to ask for those, and only those, so that their answers are not lost.
    """


Flow = Generator[Request | Ahead | Pause | list[Result], Response | None, None]


def drive(flow: Flow[Result], start: Start) -> Generator[list[Result]]:
    """Yield the flow's pages of results, sending its requests with ``start``."""
    course = _course(flow, start)
    try:
        for item in course:
            if isinstance(item, Future):
                _wait(item)
            else:
                yield item
    except GeneratorExit:
        for future in _under_way(course):
            _wait(future)
        raise
    finally:
        course.close()


async def adrive(flow: Flow[Result], start: Start) -> AsyncIterator[list[Result]]:
    """Yield the flow's pages of results without blocking the event loop, sending its requests with ``start``."""
    course = _course(flow, start)
    try:
        for item in course:
            if isinstance(item, Future):
                await _await(item)
            else:
                yield item
    except GeneratorExit:
        for future in _under_way(course):
            await _await(future)
        raise
    finally:
        course.close()


def at_once(send: Callable[[Request], Response]) -> Start:
    """Make a ``start`` of a function that answers by itself; for flows that are driven without a client."""

    def start(request: Request) -> Future[Response]:
        future: Future[Response] = Future()
        try:
            future.set_result(send(request))
        except ConnectorError as error:
            future.set_exception(error)
        return future

    return start


def _course(flow: Flow[Result], start: Start) -> Generator[Future[Any] | list[Result]]:
    """Yield pages, and futures to wait for; what is done then is the flow's business again."""
    sent = _Sent(start)
    step: Callable[[], Any] = partial(next, flow)
    stopped: Stopped | None = None
    try:
        while True:
            try:
                item = step()
            except StopIteration:
                return
            if isinstance(item, Request):
                if stopped and not sent.has(item):
                    step = partial(flow.throw, stopped)
                    continue
                future = sent.future(item)
                yield future
                sent.forget(item)
                step = _answering(flow, future)
                continue
            step = partial(next, flow)
            if isinstance(item, Pause):
                if (yield from _paused(item.seconds)):
                    step = partial(flow.throw, StoppedError(STOPPED, "The next run goes on with it."))
            elif isinstance(item, Ahead):
                if not stopped:
                    sent.announce(item)
            else:
                try:
                    yield item
                except Stopped as stop:
                    stopped, step = stop, partial(flow.throw, stop)
                    sent.begin_no_more()
    finally:
        flow.close()
        sent.cancel(all_methods=stopped is None)


class _Sent:
    """The requests that are under way, or answered and not asked for yet, and those to be started after them.

    Answers come in other threads, and let the next request be started there: so all is done under a lock.
    """

    def __init__(self, start: Start) -> None:
        self._start = start
        self._lock = threading.RLock()
        self._futures: dict[int, tuple[Request, Future[Response]]] = {}
        self._coming: dict[int, Request] = {}
        self._under_way = 0
        self._at_a_time: int | None = None

    def announce(self, ahead: Ahead) -> None:
        """Start what is announced as far as there is room, and give up what is not named again."""
        named = {id(request): request for request in ahead.requests}
        with self._lock:
            given_up = [self._futures.pop(key)[1] for key in [*self._futures] if key not in named]
            self._coming = {key: request for key, request in named.items() if key not in self._futures}
            self._at_a_time = ahead.at_a_time
            for future in given_up:
                future.cancel()
            self._fill()

    def has(self, request: Request) -> bool:
        """Whether a request was started."""
        return id(request) in self._futures

    def future(self, request: Request) -> Future[Response]:
        """Return the future of a request, started now if it was not yet."""
        with self._lock:
            self._coming.pop(id(request), None)
            return self._futures[id(request)][1] if self.has(request) else self._begin(request)

    def forget(self, request: Request) -> None:
        """Note that the flow has its answer."""
        with self._lock:
            del self._futures[id(request)]

    def begin_no_more(self) -> None:
        """Start nothing more by itself."""
        with self._lock:
            self._coming.clear()

    def cancel(self, *, all_methods: bool) -> None:
        """Give up all that is under way, or reads alone."""
        with self._lock:
            self._coming.clear()
            for request, future in self._futures.values():
                if all_methods or request.method == "GET":
                    future.cancel()

    def _fill(self) -> None:
        while self._coming and (self._at_a_time is None or self._under_way < self._at_a_time):
            self._begin(self._coming.pop(next(iter(self._coming))))

    def _begin(self, request: Request) -> Future[Response]:
        future = self._start(request)
        self._futures[id(request)] = request, future
        self._under_way += 1
        future.add_done_callback(self._answered)
        return future

    def _answered(self, _: Future[Response]) -> None:
        with self._lock:
            self._under_way -= 1
            with suppress(ConnectorError):  # raised again where the flow asks for it
                self._fill()


def _answering(flow: Flow[Result], future: Future[Response]) -> Callable[[], Any]:
    try:
        return partial(flow.send, result_of(future))
    except ConnectorError as error:
        return partial(flow.throw, error)


def _paused(seconds: float) -> Generator[Future[Any], None, bool]:
    """Yield futures to wait for until a time is over; whether the work at hand shall stop before."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if stopping():
            return True
        yield _after(min(left, LOOK_SECONDS))
    return False


def _after(seconds: float) -> Future[None]:
    """Return a future that is done after a time."""
    future: Future[None] = Future()

    def done() -> None:
        if future.set_running_or_notify_cancel():
            future.set_result(None)

    timer = threading.Timer(seconds, done)
    timer.daemon = True
    timer.start()
    return future


def _wait(future: Future[Any]) -> None:
    with suppress(CancelledError):
        future.exception()


async def _await(future: Future[Any]) -> None:
    done, _ = await asyncio.wait([asyncio.wrap_future(future)])
    with suppress(asyncio.CancelledError):
        done.pop().exception()  # told in the flow; asyncio would complain that nobody has looked


def _under_way(course: Generator[Future[Any] | list[Result]]) -> Iterator[Future[Any]]:
    """Stop a course, and yield what it still waits for."""
    try:
        item = course.throw(Stopped())
        while True:
            if isinstance(item, Future):
                yield item
            item = next(course)
    except (StopIteration, Stopped):
        return


class Driven:
    """Something with flows, and the ``client`` that their requests are sent with; None for flows without requests."""

    client: HttpClient | None = None

    def _start(self, request: Request) -> Future[Response]:
        if self.client is None:
            raise InputError(f"a {type(self).__name__} that sends requests needs a client", "Give it an HttpClient.")
        return self.client.start(request)
