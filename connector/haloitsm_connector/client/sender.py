"""Send by an httpx client or transport that the user made; httpx2 has the same API."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterable, Awaitable, Callable
from functools import partial
from typing import Any, NamedTuple, Protocol

from haloitsm_connector.client.fields import Timeouts
from haloitsm_connector.client.request import Headers
from haloitsm_connector.errors import InputError

LIBRARIES = ("httpx", "httpx2")


class Answer(NamedTuple):
    """An answer whose body is still to be read: its headers by lower-case names, the pieces of its body, unpacked.

    ``aclose`` is to be called in any case.
    """

    status: int
    headers: dict[str, str]
    pieces: AsyncIterable[bytes]
    aclose: Callable[[], Awaitable[None]]


class Sender(Protocol):
    """What requests are sent with."""

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """What sending and reading may raise, beside an OSError."""

    async def open(self, method: str, url: str, headers: Headers, content: bytes | None) -> Answer:
        """Send a request and return the answer."""

    async def aclose(self) -> None:
        """Close all connections."""


class HttpxSender:
    """Sends by an asynchronous client or transport; InputError for anything else."""

    def __init__(self, transport: Any, timeouts: Timeouts) -> None:
        self._library = _library_of(transport)
        self._transport = transport
        connect = timeouts.connect_seconds
        timeout = self._library.Timeout(timeouts.read_seconds, connect=connect, pool=connect)
        if isinstance(transport, self._library.AsyncClient):  # for its own headers and cookies
            self._build: Callable[..., Any] = partial(transport.build_request, timeout=timeout)
            self._send: Callable[[Any], Awaitable[Any]] = partial(transport.send, stream=True, follow_redirects=False)
        else:
            self._build = partial(self._library.Request, extensions={"timeout": timeout.as_dict()})
            self._send = transport.handle_async_request

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """What sending and reading may raise: the transport itself may be one over aiohttp."""
        own = (self._library.HTTPError, self._library.StreamError, self._library.InvalidURL)
        aiohttp = sys.modules.get("aiohttp")
        return (*own, aiohttp.ClientError) if aiohttp else own

    async def open(self, method: str, url: str, headers: Headers, content: bytes | None) -> Answer:
        """Send a request and return the answer."""
        response = await self._send(self._build(method, url, headers=headers, content=content))
        found = dict(response.headers.items())
        # A body that is not packed is taken as it comes: httpx would cut it up and join it again.
        packed = found.get("content-encoding", "identity") != "identity"
        pieces = response.aiter_bytes() if packed else response.stream
        return Answer(response.status_code, found, pieces, response.aclose)

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
