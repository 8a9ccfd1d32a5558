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
    """An asynchronous client or transport; InputError for anything else."""

    def __init__(self, transport: Any, timeouts: Timeouts) -> None:
        self.library = _library_of(transport)
        self._transport = transport
        self._is_client = isinstance(transport, self.library.AsyncClient)
        limits = timeouts.read_seconds, timeouts.connect_seconds
        self._timeout = self.library.Timeout(limits[0], connect=limits[1], pool=limits[1])

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """What sending and reading may raise."""
        return (self.library.HTTPError, self.library.StreamError, self.library.InvalidURL)

    async def open(self, method: str, url: str, headers: tuple[tuple[str, str], ...], content: bytes | None) -> Any:
        """Send a request, and return the library's response with its body still to be read."""
        if self._is_client:  # built by their client, for its own headers and cookies
            request = self._transport.build_request(
                method, url, headers=headers, content=content, timeout=self._timeout
            )
            send: Callable[[Any], Awaitable[Any]] = partial(self._transport.send, stream=True, follow_redirects=False)
        else:
            extensions = {"timeout": self._timeout.as_dict()}
            request = self.library.Request(method, url, headers=headers, content=content, extensions=extensions)
            send = self._transport.handle_async_request
        return await send(request)

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
