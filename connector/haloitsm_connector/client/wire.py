"""The one place that touches the network: httpx over aiohttp, or an httpx client or transport that the user made.

Everything above works with plain values: a ``Message`` goes out, a ``Response`` or an ``AttemptError`` comes back.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import sys
import time
from collections.abc import AsyncIterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from haloitsm_connector.client.fields import Timeouts
from haloitsm_connector.client.proxy import check_proxy, environment_proxy
from haloitsm_connector.client.request import Response
from haloitsm_connector.client.retry import Event
from haloitsm_connector.client.sender import Sender
from haloitsm_connector.client.tls import check_ca_bundle, context_of

if TYPE_CHECKING:
    import httpx

CONNECTIONS = 100
LARGEST_BODY = 2**29
"""Bytes of one answer, unpacked: far above any page or attachment, below what fills a machine."""


@dataclass(frozen=True, slots=True)
class Message:
    """One request as it leaves: absolute URL, all headers, encoded body."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    content: bytes | None = field(default=None, repr=False)


class AttemptError(Exception):
    """An attempt without a usable answer: which row of the retry table it is, and the detail in words."""

    def __init__(self, event: Event, detail: str = "") -> None:
        super().__init__(event, detail)
        self.event = event
        self.detail = detail


class Wire:
    """Sends messages; used on one event loop only, on which its connections are opened when first needed."""

    def __init__(self, timeouts: Timeouts, *, transport: Any, proxy: str | None, ca_bundle: str | None):
        check_proxy(proxy)
        check_ca_bundle(ca_bundle)
        self._timeouts = timeouts
        self._sender = None if transport is None else Sender(transport, timeouts)
        self._proxy_for = cache(lambda scheme, host: proxy or environment_proxy(scheme, host))
        self._context = cache(lambda: context_of(ca_bundle))  # reading certificates takes longer than many a request
        self.slots = asyncio.Semaphore(CONNECTIONS)
        """To be held around `exchange`: how many requests are on their way at a time."""

    async def exchange(self, message: Message, seconds: float) -> Response:
        """Send a message and read the whole answer within ``seconds``; raises AttemptError when there is none."""
        started = time.perf_counter()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                return await self._attempt(message, started)
        raise AttemptError(Event.TIMEOUT, f"not complete after {time.perf_counter() - started:.1f} s")

    async def aclose(self) -> None:
        """Close all connections, also those of a client or transport that was given."""
        if self._sender:
            await self._sender.aclose()

    async def _attempt(self, message: Message, started: float) -> Response:
        sender = self.begin()
        errors: tuple[type[Exception], ...] = (*sender.errors, *_aiohttp_errors(), OSError)
        failure: AttemptError | None = None
        answer: httpx.Response | None = None
        try:
            answer = await sender.open(message.method, message.url, message.headers, message.content)
            headers = dict(answer.headers.items())
            # A body that is not packed is taken as it comes: httpx would cut it up and join it again.
            packed = headers.get("content-encoding", "identity") != "identity"
            pieces: Any = answer.aiter_bytes() if packed else answer.stream
            body = await _whole(pieces)
            return Response(answer.status_code, headers, body, message.url, time.perf_counter() - started)
        except errors as error:
            failure = self._failure(sender.library, error, answering=answer is not None)
        finally:
            if answer is not None:
                await answer.aclose()
        raise failure  # outside the handler: the libraries' own exceptions hold the request with its credentials

    def begin(self) -> Sender:
        """Return what sends, made with the first request: httpx takes longer to load than many a request.

        To be called before a request is counted, so that it leaves when it is.
        """
        if self._sender is None:
            from haloitsm_connector.client.transport import AiohttpTransport

            own = AiohttpTransport(self._timeouts, proxy_for=self._proxy_for, context=self._context)
            self._sender = Sender(own, self._timeouts, own.build_request)
        return self._sender

    def _failure(self, httpx: Any, error: Exception, *, answering: bool) -> AttemptError:
        """Tell what happened from the chain of causes.

        The type of the error alone does not say it: a transport of httpx over aiohttp makes ConnectTimeout of every
        lost connection, also of one that was lost after the request had left.
        """
        chain = list(_causes(error))
        if answering:
            if _is_timeout(httpx, chain):
                return AttemptError(Event.TIMEOUT, "the answer stopped midway")
            return AttemptError(Event.GARBLED if _is_undecodable(httpx, chain) else Event.TRUNCATED, _words(chain))
        if _never_sent(httpx, chain):
            return _unconnected(httpx, chain)
        if _is_timeout(httpx, chain):
            return AttemptError(Event.TIMEOUT, f"nothing came for {self._timeouts.read_seconds:g} s")
        return AttemptError(Event.GARBLED if _is_garbled(httpx, chain) else Event.DISCONNECTED, _words(chain))


async def _whole(pieces: AsyncIterable[bytes]) -> bytes:
    """Read an answer's body; an AttemptError for one that would fill the memory."""
    found: list[bytes] = []
    size = 0
    async for piece in pieces:
        found.append(piece)
        size += len(piece)
        if size > LARGEST_BODY:
            raise AttemptError(Event.TOO_LARGE, f"{LARGEST_BODY >> 20} MiB")
    return b"".join(found)


def _aiohttp_errors() -> tuple[type[Exception], ...]:
    """Return what aiohttp raises, if it is there: a transport of the user's own may be of another make."""
    aiohttp = sys.modules.get("aiohttp")
    return (aiohttp.ClientError,) if aiohttp else ()


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and what led to it, outermost first; httpcore leaves some causes to the context."""
    while error is not None:
        yield error
        error = error.exceptions[0] if isinstance(error, BaseExceptionGroup) else error.__cause__ or error.__context__


def _has(chain: list[BaseException], *types: type[BaseException]) -> BaseException | None:
    return next((error for error in chain if isinstance(error, types)), None)


def _is_undecodable(httpx: Any, chain: list[BaseException]) -> bool:
    """Whether the body is not packed as its header says."""
    packed = sys.modules.get("aiohttp.http_exceptions")
    kinds = [packed.ContentEncodingError] if packed else []
    return _has(chain, *kinds, httpx.DecodingError) is not None


def _never_sent(httpx: Any, chain: list[BaseException]) -> bool:
    """Whether the request certainly never left."""
    aiohttp = sys.modules.get("aiohttp")
    if aiohttp and _has(chain, aiohttp.ClientError):
        connecting = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.ClientHttpProxyError)
        return _has(chain, *connecting, aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError) is not None
    return isinstance(
        chain[0],
        httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout | httpx.ProxyError | httpx.UnsupportedProtocol,
    )


def _unconnected(httpx: Any, chain: list[BaseException]) -> AttemptError:
    aiohttp = sys.modules.get("aiohttp")
    by_httpx = (httpx.ProxyError,)
    by_aiohttp = (aiohttp.ClientProxyConnectionError, aiohttp.ClientHttpProxyError) if aiohttp else ()
    if _has(chain, *by_httpx, *by_aiohttp):
        return AttemptError(Event.PROXY, _words(chain))
    tls = _has(chain, ssl.SSLError)
    if tls is not None:
        return AttemptError(Event.TLS, getattr(tls, "verify_message", "") or str(getattr(tls, "reason", "") or tls))
    if _has(chain, socket.gaierror):
        return AttemptError(Event.NAME_NOT_FOUND)
    if _is_timeout(httpx, chain):
        return AttemptError(Event.CONNECT_TIMEOUT)
    if _has(chain, ConnectionRefusedError):
        return AttemptError(Event.REFUSED)
    return AttemptError(Event.NO_CONNECTION, _words(chain))


def _is_timeout(httpx: Any, chain: list[BaseException]) -> bool:
    aiohttp = sys.modules.get("aiohttp")
    if aiohttp and _has(chain, aiohttp.ClientError):
        return _has(chain, TimeoutError) is not None
    return _has(chain, TimeoutError, httpx.TimeoutException) is not None


def _is_garbled(httpx: Any, chain: list[BaseException]) -> bool:
    aiohttp = sys.modules.get("aiohttp")
    if aiohttp and _has(chain, aiohttp.ClientResponseError):
        return True
    disconnected = "disconnected" in str(chain[0]).lower()
    return isinstance(chain[0], httpx.RemoteProtocolError) and not disconnected


def _words(chain: list[BaseException]) -> str:
    """Return the operating system's or the library's words for the innermost cause."""
    inner = chain[-1]
    text = getattr(inner, "strerror", None) or str(inner) or type(inner).__name__
    return " ".join(str(text).split())[:200]
