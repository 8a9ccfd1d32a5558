"""A background event loop: one asynchronous core that threads and other event loops call into."""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import threading
import weakref
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context, copy_context
from functools import partial
from typing import Any, ParamSpec, TypeVar

from haloitsm_connector.errors import InputError, LostAnswerError

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
_Coming = deque[tuple[Coroutine[Any, Any, Any], "concurrent.futures.Future[Any]", Context]]
CLOSING_SECONDS = 10.0
_UNKNOWN = "Whether it took effect is not known; close a client after its last answer."


class Portal:
    """Runs coroutines on an event loop of its own, in a daemon thread that starts with the first call.

    ``cleanup`` runs on that loop before it ends: by ``close``, when the portal is garbage collected, or when the
    interpreter exits. It must not refer to the portal's owner, or the owner would live for ever.
    """

    def __init__(self, cleanup: Callable[[], Awaitable[None]]) -> None:
        self._cleanup = cleanup
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._process = os.getpid()
        self._coming: _Coming = deque()
        self._closed = False
        self._end: Callable[[], object] = lambda: None

    def call(
        self,
        function: Callable[Arguments, Coroutine[Any, Any, Result]],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Result:
        """Run ``function(*args)`` on the loop and wait for it; an interrupt cancels it."""
        if threading.current_thread() is self._thread:
            raise InputError("a client cannot wait for itself", "Use the asynchronous call and await it.")
        future = self.start(function, *args, **kwargs)
        try:
            return result_of(future)
        except BaseException:
            future.cancel()
            raise

    def start(
        self,
        function: Callable[Arguments, Coroutine[Any, Any, Result]],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> concurrent.futures.Future[Result]:
        """Run ``function(*args)`` on the loop and do not wait; `result_of` reads what became of it."""
        return self._submit(function(*args, **kwargs))

    async def acall(
        self,
        function: Callable[Arguments, Coroutine[Any, Any, Result]],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Result:
        """Run ``function(*args)`` on the loop from any other event loop; cancellation reaches it."""
        future = self.start(function, *args, **kwargs)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            caller = asyncio.current_task()
            if caller is not None and caller.cancelling():
                raise
            raise _closed() from None

    def close(self) -> None:
        """End the loop and its thread after the cleanup; what is under way is cancelled. Closing twice is fine."""
        with self._lock:
            self._closed = True
        self._end()

    def _submit(self, coroutine: Coroutine[Any, Any, Result]) -> concurrent.futures.Future[Result]:
        try:
            with self._lock:
                loop = self._started()
                future: concurrent.futures.Future[Result] = concurrent.futures.Future()
                self._coming.append((coroutine, future, copy_context()))
                if len(self._coming) == 1:  # else the loop was woken already, and takes all that there are
                    here = threading.current_thread() is self._thread
                    (loop.call_soon if here else loop.call_soon_threadsafe)(_begin, self._coming, loop)
                return future
        except Exception:  # an interrupt comes when it may be under way already, and then it is the loop's
            coroutine.close()
            raise

    def _started(self) -> asyncio.AbstractEventLoop:
        if self._closed:
            raise InputError("the client is closed", "Make a new one, or keep requests inside its `with` block.")
        if self._loop is None:
            loop, process = asyncio.new_event_loop(), os.getpid()
            thread = threading.Thread(target=_run, args=(loop, self._cleanup), name="haloitsm-client", daemon=True)
            thread.start()  # first of all: a loop without a thread would let its callers wait for ever
            self._loop, self._thread, self._process = loop, thread, process
            self._end = weakref.finalize(self, _stop, loop, thread, process)
        elif self._process != os.getpid():
            raise InputError("the client was used before the process forked", "Make a new one in every process.")
        return self._loop


def _begin(coming: _Coming, loop: asyncio.AbstractEventLoop) -> None:
    while coming:
        coroutine, future, context = coming.popleft()
        if future.cancelled():
            coroutine.close()
            future.set_running_or_notify_cancel()
            continue
        task = loop.create_task(coroutine, context=context)
        task.add_done_callback(partial(_settle, future), context=context)  # what follows belongs to the same work
        future.add_done_callback(partial(_give_up, task, loop))


def _settle(future: concurrent.futures.Future[Any], task: asyncio.Task[Any]) -> None:
    if task.cancelled():
        future.cancel()
    if not future.set_running_or_notify_cancel():
        return
    if error := task.exception():
        future.set_exception(error)
    else:
        future.set_result(task.result())


def _give_up(task: asyncio.Task[Any], loop: asyncio.AbstractEventLoop, future: concurrent.futures.Future[Any]) -> None:
    if future.cancelled() and not task.done():
        loop.call_soon_threadsafe(task.cancel)


def result_of(future: concurrent.futures.Future[Result]) -> Result:
    """Wait for a future of a portal and return its result; LostAnswerError when the portal was closed before."""
    try:
        return future.result()
    except concurrent.futures.CancelledError:
        raise _closed() from None


def _closed() -> LostAnswerError:
    return LostAnswerError("the client was closed while a request was under way", _UNKNOWN)


def _run(loop: asyncio.AbstractEventLoop, cleanup: Callable[[], Awaitable[None]]) -> None:
    try:
        loop.run_forever()
        loop.run_until_complete(_finish(cleanup))
    finally:
        loop.close()


async def _finish(cleanup: Callable[[], Awaitable[None]]) -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await cleanup()
    await asyncio.sleep(0)  # transports tell their protocols in the next turn that they are closed
    await asyncio.get_running_loop().shutdown_asyncgens()


def _stop(loop: asyncio.AbstractEventLoop, thread: threading.Thread, process: int) -> None:
    if process != os.getpid() or loop.is_closed():
        return
    loop.call_soon_threadsafe(loop.stop)
    if thread is not threading.current_thread():
        thread.join(CLOSING_SECONDS)
