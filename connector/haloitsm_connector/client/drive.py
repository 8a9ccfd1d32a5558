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
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from haloitsm_connector.client.portal import result_of
from haloitsm_connector.client.request import Request, Response
from haloitsm_connector.errors import ConnectorError, InputError

if TYPE_CHECKING:
    from haloitsm_connector.client.http_client import HttpClient

Result = TypeVar("Result")
Start = Callable[[Request], "Future[Response]"]
"""Sends a request without waiting for its answer."""


@dataclass(frozen=True, slots=True)
class Ahead:
    """The requests that a flow will yield next, in that order: they are started now, and those that were announced
    before and are not named again are given up. It changes when a request is sent, never what its answer means.

    The flow must yield the very objects that it announced. No more than ``at_a_time`` of them are without an answer at
    once; None starts them all.
    """

    requests: Sequence[Request]
    at_a_time: int | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """A wait: the flow goes on after so many seconds, and what it has announced is under way meanwhile."""

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
                await asyncio.wait([asyncio.wrap_future(item)])
            else:
                yield item
    except GeneratorExit:
        for future in _under_way(course):
            await asyncio.wait([asyncio.wrap_future(future)])
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
    begun: dict[int, tuple[Request, Future[Response]]] = {}
    step: Callable[[], Any] = partial(next, flow)
    stopped: Stopped | None = None
    try:
        while True:
            try:
                item = step()
            except StopIteration:
                return
            if isinstance(item, Request):
                _, future = begun.pop(id(item), (item, None))
                if stopped and future is None:
                    step = partial(flow.throw, stopped)
                    continue
                future = future or start(item)
                begun[id(item)] = item, future  # until its answer is there, so that it ends with the course
                yield future
                del begun[id(item)]
                step = _answering(flow, future)
                continue
            step = partial(next, flow)
            if isinstance(item, Pause):
                yield _after(item.seconds)
                continue
            if isinstance(item, Ahead):
                begun = begun if stopped else _announced(item, begun, start)
                continue
            try:
                yield item
            except Stopped as stop:
                stopped, step = stop, partial(flow.throw, stop)
    finally:
        flow.close()
        for request, future in begun.values():
            if request.method == "GET" or stopped is None:
                future.cancel()


def _announced(
    ahead: Ahead, begun: dict[int, tuple[Request, Future[Response]]], start: Start
) -> dict[int, tuple[Request, Future[Response]]]:
    named = {id(request) for request in ahead.requests}
    for key, (_, future) in begun.items():
        if key not in named:
            future.cancel()
    kept = {key: one for key, one in begun.items() if key in named}
    new = [request for request in ahead.requests if id(request) not in kept]
    if ahead.at_a_time is not None:
        new = new[: max(0, ahead.at_a_time - sum(not future.done() for _, future in kept.values()))]
    return kept | {id(request): (request, start(request)) for request in new}


def _answering(flow: Flow[Result], future: Future[Response]) -> Callable[[], Any]:
    try:
        return partial(flow.send, result_of(future))
    except ConnectorError as error:
        return partial(flow.throw, error)


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
