"""The one place that touches the network: by aiohttp, or by an httpx client or transport that the user made.

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
from io import BytesIO
from typing import Any

from haloitsm_connector.client.fields import Timeouts
from haloitsm_connector.client.proxy import check_proxy, environment_proxy
from haloitsm_connector.client.request import Headers, Response
from haloitsm_connector.client.retry import Event
from haloitsm_connector.client.sender import LIBRARIES, Answer, HttpxSender, Sender
from haloitsm_connector.client.tls import check_ca_bundle, context_of

CONNECTIONS = 100
LARGEST_BODY = 2**29
"""Bytes of one answer, unpacked: far above any page or attachment, below what fills a machine."""


@dataclass(frozen=True, slots=True)
class Message:
    """One request as it leaves: absolute URL, all headers, encoded body."""

    method: str
    url: str
    headers: Headers = field(repr=False)
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
        self._sender: Sender | None = None if transport is None else HttpxSender(transport, timeouts)
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
        errors: tuple[type[Exception], ...] = (*sender.errors, OSError)
        failure: AttemptError | None = None
        answer: Answer | None = None
        try:
            answer = await sender.open(message.method, message.url, message.headers, message.content)
            body = await _whole(answer.pieces)
            return Response(answer.status, answer.headers, body, message.url, time.perf_counter() - started)
        except errors as error:
            failure = self._failure(error, answering=answer is not None)
        finally:
            if answer is not None:
                await answer.aclose()
        raise failure  # outside the handler: the libraries' own exceptions hold the request with its credentials

    def begin(self) -> Sender:
        """Return what sends, made with the first request: aiohttp takes longer to load than many a request.

        To be called before a request is counted, so that it leaves when it is.
        """
        if self._sender is None:
            from haloitsm_connector.client.transport import AiohttpSender

            self._sender = AiohttpSender(self._timeouts, proxy_for=self._proxy_for, context=self._context)
        return self._sender

    def _failure(self, error: Exception, *, answering: bool) -> AttemptError:
        """Tell what happened from the chain of causes.

        The type of the error alone does not say it: a transport of httpx over aiohttp makes ConnectTimeout of every
        lost connection, also of one that was lost after the request had left.
        """
        chain = list(_causes(error))
        if answering:
            if _is_timeout(chain):
                return AttemptError(Event.TIMEOUT, "the answer stopped midway")
            unpacking = _named("aiohttp.http_exceptions.ContentEncodingError", "httpx.DecodingError")
            return AttemptError(Event.GARBLED if _has(chain, *unpacking) else Event.TRUNCATED, _words(chain))
        if _never_sent(chain):
            return _unconnected(chain)
        if _is_timeout(chain):
            return AttemptError(Event.TIMEOUT, f"nothing came for {self._timeouts.read_seconds:g} s")
        return AttemptError(Event.GARBLED if _is_garbled(chain) else Event.DISCONNECTED, _words(chain))


async def _whole(pieces: AsyncIterable[bytes]) -> bytes:
    """Read an answer's body; an AttemptError for one that would fill the memory."""
    body = BytesIO()
    async for piece in pieces:
        body.write(piece)
        if body.tell() > LARGEST_BODY:
            raise AttemptError(Event.TOO_LARGE, f"{LARGEST_BODY >> 20} MiB")
    return body.getvalue()


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and what led to it, outermost first; httpcore leaves some causes to the context."""
    while error is not None:
        yield error
        error = error.exceptions[0] if isinstance(error, BaseExceptionGroup) else error.__cause__ or error.__context__


def _has(chain: list[BaseException], *types: type[BaseException]) -> BaseException | None:
    return next((error for error in chain if isinstance(error, types)), None)


def _named(*names: str) -> tuple[type[BaseException], ...]:
    """Return the exceptions named, of the libraries that are loaded: no other can have raised one."""
    found = []
    for name in names:
        library, _, kind = name.rpartition(".")
        loaded = [each for each in (LIBRARIES if library == "httpx" else [library]) if each in sys.modules]
        found += [getattr(sys.modules[each], kind) for each in loaded]
    return tuple(found)


def _never_sent(chain: list[BaseException]) -> bool:
    """Whether the request certainly never left."""
    if _has(chain, *_named("aiohttp.ClientError")):
        connecting = ("aiohttp.ClientConnectorError", "aiohttp.ConnectionTimeoutError", "aiohttp.ClientHttpProxyError")
        return _has(chain, *_named(*connecting, "aiohttp.InvalidURL", "aiohttp.NonHttpUrlClientError")) is not None
    unconnected = ("httpx.ConnectError", "httpx.ConnectTimeout", "httpx.PoolTimeout", "httpx.ProxyError")
    return isinstance(chain[0], _named(*unconnected, "httpx.UnsupportedProtocol"))


def _unconnected(chain: list[BaseException]) -> AttemptError:
    proxy = ("httpx.ProxyError", "aiohttp.ClientProxyConnectionError", "aiohttp.ClientHttpProxyError")
    if _has(chain, *_named(*proxy)):
        return AttemptError(Event.PROXY, _words(chain))
    tls = _has(chain, ssl.SSLError)
    if tls is not None:
        return AttemptError(Event.TLS, getattr(tls, "verify_message", "") or str(getattr(tls, "reason", "") or tls))
    if _has(chain, socket.gaierror):
        return AttemptError(Event.NAME_NOT_FOUND)
    if _is_timeout(chain):
        return AttemptError(Event.CONNECT_TIMEOUT)
    if _has(chain, ConnectionRefusedError):
        return AttemptError(Event.REFUSED)
    return AttemptError(Event.NO_CONNECTION, _words(chain))


def _is_timeout(chain: list[BaseException]) -> bool:
    if _has(chain, *_named("aiohttp.ClientError")):
        return _has(chain, TimeoutError) is not None
    return _has(chain, TimeoutError, *_named("httpx.TimeoutException")) is not None


def _is_garbled(chain: list[BaseException]) -> bool:
    if _has(chain, *_named("aiohttp.ClientResponseError")):
        return True
    disconnected = "disconnected" in str(chain[0]).lower()
    return isinstance(chain[0], _named("httpx.RemoteProtocolError")) and not disconnected


def _words(chain: list[BaseException]) -> str:
    """Return the operating system's or the library's words for the innermost cause."""
    inner = chain[-1]
    text = getattr(inner, "strerror", None) or str(inner) or type(inner).__name__
    return " ".join(str(text).split())[:200]
