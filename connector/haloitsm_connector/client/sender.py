"""Send by an httpx client or transport: our own over aiohttp, or one that the user made; httpx2 has the same API."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from haloitsm_connector.client.fields import Timeouts
from haloitsm_connector.errors import InputError

LIBRARIES = ("httpx", "httpx2")


class Sender:
    """An asynchronous client or transport; InputError for anything else.

    ``build`` makes the requests for a transport, if not ``Request`` of its library; a client makes its own.
    """

    def __init__(self, transport: Any, timeouts: Timeouts, build: Callable[..., Any] | None = None) -> None:
        self.library = _library_of(transport)
        self._transport = transport
        connect = timeouts.connect_seconds
        timeout = self.library.Timeout(timeouts.read_seconds, connect=connect, pool=connect)
        if isinstance(transport, self.library.AsyncClient):  # for its own headers and cookies
            self._build: Callable[..., Any] = partial(transport.build_request, timeout=timeout)
            self._send: Callable[[Any], Awaitable[Any]] = partial(transport.send, stream=True, follow_redirects=False)
        else:
            self._build = build or partial(self.library.Request, extensions={"timeout": timeout.as_dict()})
            self._send = transport.handle_async_request

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """What sending and reading may raise."""
        return (self.library.HTTPError, self.library.StreamError, self.library.InvalidURL)

    async def open(self, method: str, url: str, headers: tuple[tuple[str, str], ...], content: bytes | None) -> Any:
        """Send a request, and return the library's response with its body still to be read."""
        return await self._send(self._build(method, url, headers=headers, content=content))

    async def aclose(self) -> None:
        """Close the client or transport: it belongs to whoever sends with it."""
        await self._transport.aclose()


def _library_of(transport: Any) -> Any:
    for name in LIBRARIES:
        library = sys.modules.get(name)
        if library and isinstance(transport, library.AsyncClient | library.AsyncBaseTransport):
            return library
    raise InputError(
        f"a {type(transport).__name__} cannot be the transport",
        "Give an httpx.AsyncClient or an asynchronous httpx transport.",
    )
