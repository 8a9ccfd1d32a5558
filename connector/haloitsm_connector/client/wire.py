"""The one place that touches the network: aiohttp, or an httpx client or transport that the user made.

Everything above works with plain values: a ``Message`` goes out, a ``Response`` or an ``AttemptError`` comes back.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from haloitsm_connector.client.fields import Timeouts
from haloitsm_connector.client.given import Given
from haloitsm_connector.client.redaction import basic
from haloitsm_connector.client.request import Response
from haloitsm_connector.client.retry import Event
from haloitsm_connector.client.tls import check_ca_bundle, context_of
from haloitsm_connector.errors import InputError

if TYPE_CHECKING:
    import aiohttp

CONNECTIONS = 100
KEEP_ALIVE_SECONDS = 90.0
"""Longer than the pauses of a rate limit's window are apart, so that they cost no new TLS handshake."""

LARGEST_BODY = 2**29
"""Bytes of one answer, unpacked: far above any page or attachment, below what fills a machine."""

_READ_BUFFER = 2**20


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


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer whose body is still to be read, in pieces that are unpacked already."""

    status: int
    headers: Mapping[str, str]
    pieces: AsyncIterator[bytes]
    close: Callable[[], Awaitable[None]]


class Wire:
    """Sends messages; used on one event loop only, on which its connections are opened when first needed."""

    def __init__(self, timeouts: Timeouts, *, transport: Any, proxy: str | None, ca_bundle: str | None):
        check_proxy(proxy)
        check_ca_bundle(ca_bundle)
        self._timeouts = timeouts
        self._given = None if transport is None else Given(transport, timeouts)
        self._proxy_for = cache(lambda scheme, host: proxy or environment_proxy(scheme, host))
        self._context = cache(lambda: context_of(ca_bundle))  # reading certificates takes longer than many a request
        self._session: aiohttp.ClientSession | None = None
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
        if self._given:
            await self._given.aclose()
        if self._session:
            await self._session.close()

    async def _attempt(self, message: Message, started: float) -> Response:
        failure: AttemptError | None = None
        answer: _Answer | None = None
        try:
            answer = await (self._by_given(self._given, message) if self._given else self._by_aiohttp(message))
            body = await _whole(answer.pieces)
            return Response(answer.status, _plain(answer.headers), body, message.url, time.perf_counter() - started)
        except self._errors() as error:
            failure = self._failure(error, answering=answer is not None)
        finally:
            if answer is not None:
                await answer.close()
        raise failure  # outside the handler: the library's own exceptions hold the request with its credentials

    async def _by_given(self, given: Given, message: Message) -> _Answer:
        response = await given.open(message.method, message.url, message.headers, message.content)
        return _Answer(response.status_code, response.headers, response.aiter_bytes(), response.aclose)

    async def _by_aiohttp(self, message: Message) -> _Answer:
        from yarl import URL

        session = self._session = self._session or _session(self._timeouts)
        scheme, _, host, _ = message.url.split("/", 3)
        proxy = self._proxy_for(scheme[:-1], host)
        options: dict[str, Any] = _by_way_of(proxy, scheme) if proxy else {}
        headers = (*message.headers, *options.pop("headers", ()))
        if "https:" in {scheme, (proxy or "")[:6]}:
            options["ssl"] = self._context()
        response = await session.request(
            message.method,
            URL(message.url, encoded=True),
            headers=headers,
            data=message.content,
            allow_redirects=False,
            **options,
        )

        async def close() -> None:
            response.close()

        return _Answer(response.status, response.headers, response.content.iter_any(), close)

    def _errors(self) -> tuple[type[Exception], ...]:
        aiohttp = sys.modules.get("aiohttp")
        return (OSError, *((aiohttp.ClientError,) if aiohttp else ()), *(self._given.errors if self._given else ()))

    def _failure(self, error: Exception, *, answering: bool) -> AttemptError:
        """Tell what happened from the chain of causes.

        The type of the error alone does not say it: a transport of httpx over aiohttp makes ConnectTimeout of every
        lost connection, also of one that was lost after the request had left.
        """
        httpx = self._given.library if self._given else None
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


async def _whole(pieces: AsyncIterator[bytes]) -> bytes:
    """Read an answer's body; an AttemptError for one that would fill the memory."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in pieces:
        size += len(chunk)
        if size > LARGEST_BODY:
            raise AttemptError(Event.TOO_LARGE, f"{LARGEST_BODY >> 20} MiB")
        chunks.append(chunk)
    return b"".join(chunks)


def _plain(headers: Mapping[str, str]) -> dict[str, str]:
    """Return headers with lower-case names, the values of repeated ones joined by commas."""
    plain: dict[str, str] = {}
    for name, value in headers.items():
        key = name.lower()
        plain[key] = f"{plain[key]}, {value}" if key in plain else value
    return plain


def environment_proxy(scheme: str, host: str) -> str | None:
    """Return the proxy that HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY name for a host."""
    proxies = urllib.request.getproxies()
    proxy = proxies.get(scheme) or proxies.get("all")
    if not proxy or urllib.request.proxy_bypass(host):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def check_proxy(proxy: str | None) -> None:
    """Refuse, with an InputError, a proxy that is not an http or https URL."""
    if not proxy:
        return
    try:
        parts = urlsplit(proxy)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise InputError("the proxy is not an http or https URL", "Write it like http://proxy.example.com:3128.")


def _session(timeouts: Timeouts) -> aiohttp.ClientSession:
    import aiohttp

    # No limit here: waiting for a free connection would count as connecting. `Wire` has its own.
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_SECONDS)
    connect = timeouts.connect_seconds
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        read_bufsize=_READ_BUFFER,
        timeout=aiohttp.ClientTimeout(connect=connect, sock_connect=connect, sock_read=timeouts.read_seconds),
        middlewares=(_sent_once,),
    )


async def _sent_once(
    request: aiohttp.ClientRequest, handler: Callable[[aiohttp.ClientRequest], Awaitable[aiohttp.ClientResponse]]
) -> aiohttp.ClientResponse:
    """Keep aiohttp from repeating what was lost: it does so for the errors named here, before anybody hears of them.

    Whether and when to repeat is for the retry table to say, and for the request budget to count.
    """
    import aiohttp

    try:
        return await handler(request)
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise aiohttp.ClientConnectionError(str(error)) from error


def _by_way_of(proxy: str, scheme: str) -> dict[str, Any]:
    """Return what tells aiohttp to send by way of a proxy."""
    check_proxy(proxy)  # it may come from the environment
    parts = urlsplit(proxy)
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    headers = _proxy_headers(proxy)
    # aiohttp sends a proxy's headers when it opens a tunnel only.
    return (
        {"proxy": bare, "headers": tuple(headers.items())}
        if scheme == "http:"
        else {"proxy": bare, "proxy_headers": headers}
    )


def _proxy_headers(proxy: str) -> dict[str, str]:
    """Return the credentials of a proxy's URL as a header: aiohttp deprecates giving them otherwise."""
    secrets = proxy_secrets(proxy)
    return {"proxy-authorization": f"Basic {secrets[-1]}"} if secrets else {}


def proxy_secrets(proxy: str) -> list[str]:
    """Return the password in a proxy's URL, plain and in Basic form; nothing when there is none."""
    parts = urlsplit(proxy)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return [password, basic(user, password).removeprefix("Basic ")] if user else []


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
    return _has(chain, *kinds, *([httpx.DecodingError] if httpx else [])) is not None


def _never_sent(httpx: Any, chain: list[BaseException]) -> bool:
    """Whether the request certainly never left."""
    aiohttp = sys.modules.get("aiohttp")
    if aiohttp and _has(chain, aiohttp.ClientError):
        connecting = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.ClientHttpProxyError)
        return _has(chain, *connecting, aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError) is not None
    return httpx is not None and isinstance(
        chain[0],
        httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout | httpx.ProxyError | httpx.UnsupportedProtocol,
    )


def _unconnected(httpx: Any, chain: list[BaseException]) -> AttemptError:
    aiohttp = sys.modules.get("aiohttp")
    by_httpx = (httpx.ProxyError,) if httpx else ()
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
    return _has(chain, TimeoutError, *((httpx.TimeoutException,) if httpx else ())) is not None


def _is_garbled(httpx: Any, chain: list[BaseException]) -> bool:
    aiohttp = sys.modules.get("aiohttp")
    if aiohttp and _has(chain, aiohttp.ClientResponseError):
        return True
    disconnected = "disconnected" in str(chain[0]).lower()
    return httpx is not None and isinstance(chain[0], httpx.RemoteProtocolError) and not disconnected


def _words(chain: list[BaseException]) -> str:
    """Return the operating system's or the library's words for the innermost cause."""
    inner = chain[-1]
    text = getattr(inner, "strerror", None) or str(inner) or type(inner).__name__
    return " ".join(str(text).split())[:200]
