"""The listener: an HTTP server in a thread of its own that keeps what webhooks deliver, and says how things are."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Self

from aiohttp import web

from haloitsm_connector.errors import InputError, StateError
from haloitsm_connector.serve.delivery import Refused, check_request, check_size, events_in
from haloitsm_connector.store import Inbox
from haloitsm_connector.subscriber.webhook import WebhookFields

LOGGER = logging.getLogger("haloitsm.serve")
READ_SECONDS = 30.0
"""How long a sender may take over a body."""
LINGER_SECONDS = 1.0
"""How long the rest of a body that was refused is read away, so that its sender comes to see the answer."""
ENDING_SECONDS = 10.0
"""How long deliveries that have begun may take when the listener is told to stop."""

Page = Callable[[], tuple[int, str, bytes]]
"""Makes status, content type and body of a page."""


@dataclass(frozen=True, slots=True)
class Hook:
    """One webhook: the incoming that it feeds, what it takes, and where its events are kept."""

    incoming: str
    fields: WebhookFields
    inbox: Inbox


class Listener:
    """Listens until it is closed; use it as a context manager.

    ``arrived`` is told the incoming for which new events are on disk. ``pages`` are made anew for each GET of their
    path. ``port`` 0 takes a free one. InputError when the port cannot be had.
    """

    def __init__(
        self,
        hooks: list[Hook],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        arrived: Callable[[str], None] = lambda incoming: None,
        pages: Mapping[str, Page] | None = None,
    ) -> None:
        self._hooks = {hook.fields.path: hook for hook in hooks}
        self._host, self._port = host, port
        self._arrived = arrived
        self._pages = pages or {}
        self._stop: Callable[[], object] = lambda: None
        self._thread: threading.Thread | None = None
        self.address = ""
        """Where it listens, such as ``http://127.0.0.1:8080``; empty until it is started."""

    def start(self) -> Self:
        """Listen, and return at once."""
        listening: Future[None] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run(listening)), name="listener", daemon=True)
        self._thread.start()
        try:
            listening.result()
        except (OSError, OverflowError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise InputError(f"cannot listen on {self._host}:{self._port}: {reason}", "Give another port.") from None
        return self

    def close(self) -> None:
        """Take no new deliveries, end those that have begun, and stop; nothing happens when it does not listen."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._stop()
            thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *error: object) -> None:
        self.close()

    async def _run(self, listening: Future[None]) -> None:
        loop, stopped = asyncio.get_running_loop(), asyncio.Event()
        self._stop = lambda: loop.call_soon_threadsafe(stopped.set)
        # What is signed is the body as it was sent, so nothing is unpacked here.
        server = web.Server(self._respond, auto_decompress=False, lingering_time=LINGER_SECONDS)
        runner = web.ServerRunner(server, shutdown_timeout=ENDING_SECONDS)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port).start()
            host, port = runner.addresses[0][:2]
            self.address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
            listening.set_result(None)
            await stopped.wait()
        except Exception as error:
            if listening.done():
                raise
            listening.set_exception(error)
        finally:
            await runner.cleanup()

    async def _respond(self, request: web.BaseRequest) -> web.StreamResponse:
        if page := self._pages.get(request.path):
            return await self._page(request, page)
        if hook := self._hooks.get(request.path):
            return await self._received(request, hook)
        return _answer(404, {"error": "nothing is received here"})

    async def _page(self, request: web.BaseRequest, page: Page) -> web.StreamResponse:
        if request.method not in {"GET", "HEAD"}:
            return _answer(405, {"error": "this is for reading (GET)"})
        status, kind, body = await asyncio.to_thread(page)
        return web.Response(status=status, body=body, headers={"Content-Type": kind})

    async def _received(self, request: web.BaseRequest, hook: Hook) -> web.StreamResponse:
        try:
            headers = {name.lower(): value for name, value in request.headers.items()}
            check_request(hook.fields, request.method, headers)
            events = events_in(hook.fields, headers, await _body(request, hook.fields), time.time())
            new = await asyncio.to_thread(hook.inbox.put, events)
        except Refused as refusal:
            LOGGER.warning("%s: refused a delivery (%s): %s", hook.incoming, refusal.status, refusal.why)
            return _answer(refusal.status, {"error": refusal.why}, _challenge(refusal.status))
        except StateError as error:
            LOGGER.error("%s: a delivery could not be kept: %s", hook.incoming, error)
            return _answer(503, {"error": "the events could not be kept; deliver them again"})
        if new:
            self._arrived(hook.incoming)
        LOGGER.info("%s: received %s, %s new", hook.incoming, len(events), new)
        return _answer(200, {"kept": new, "known": len(events) - new})


async def _body(request: web.BaseRequest, fields: WebhookFields) -> bytes:
    """Read a body as far as it may go."""
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(READ_SECONDS):
            async for part in request.content.iter_any():
                size += len(part)
                check_size(fields, size)
                parts.append(part)
    except TimeoutError:
        raise Refused(408, f"the body did not come within {READ_SECONDS:g} s") from None
    return b"".join(parts)


def _challenge(status: int) -> dict[str, str]:
    return {"WWW-Authenticate": 'Basic realm="webhook"'} if status == 401 else {}


def _answer(status: int, body: dict[str, Any], headers: Mapping[str, str] | None = None) -> web.Response:
    return web.json_response(body, status=status, headers=headers)
