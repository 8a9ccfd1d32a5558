"""The one place that touches the network: an httpx or httpx2 client over aiohttp, or one that the user made.

Everything above works with plain values: a ``Message`` goes out, a ``Response`` or an ``AttemptError`` comes back.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import importlib.util
import socket
import ssl
import sys
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from haloitsm_connector.client.fields import Library, Timeouts
from haloitsm_connector.client.redaction import basic
from haloitsm_connector.client.request import File, Response
from haloitsm_connector.client.retry import Event
from haloitsm_connector.errors import InputError

if TYPE_CHECKING:
    import aiohttp

LIBRARIES: tuple[Library, ...] = ("httpx", "httpx2")
CONNECTIONS = 100
KEEP_ALIVE_SECONDS = 90.0
"""Longer than the pauses of a rate limit's window are apart, so that they cost no new TLS handshake."""

LARGEST_BODY = 2**29
"""Bytes of one answer, unpacked: far above any page or attachment, below what fills a machine."""

_READ_BUFFER = 2**20
Send = Callable[[Any], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Message:
    """One request as it leaves: absolute URL, all headers, encoded body."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    content: bytes | None = field(default=None, repr=False)


_exact_url: ContextVar[list[str]] = ContextVar("exact_url")
"""The URL of the one request to be sent, taken out when it is."""


class AttemptError(Exception):
    """An attempt without a usable answer: which row of the retry table it is, and the detail in words."""

    def __init__(self, event: Event, detail: str = "") -> None:
        super().__init__(event, detail)
        self.event = event
        self.detail = detail


class Wire:
    """Sends messages; used on one event loop only, on which its connections are opened when first needed."""

    def __init__(
        self, timeouts: Timeouts, *, library: Library, transport: Any, proxy: str | None, ca_bundle: str | None
    ):
        check_proxy(proxy)
        check_ca_bundle(ca_bundle)
        self._httpx: Any = _library_of(transport) if transport is not None else _installed(library)
        self._given = transport
        self._is_client = isinstance(transport, self._httpx.AsyncClient)
        self._timeouts = timeouts
        self._proxy_for = cache(lambda scheme, host: proxy or environment_proxy(scheme, host))
        self._ca_bundle = ca_bundle
        self._open: dict[tuple[bool, str | None], Any] = {}  # the transports, by whether TLS is spoken, and proxy
        self.slots = asyncio.Semaphore(CONNECTIONS)
        """To be held around `exchange`: how many requests are on their way at a time."""

    def normal_url(self, url: str) -> str:
        """Return the URL as it will stand in the request line; InputError for what no URL can hold."""
        try:
            return str(self._httpx.URL(url))
        except self._httpx.InvalidURL as error:
            raise InputError(f"the URL cannot be sent: {error}") from None

    def multipart(self, fields: dict[str, str], files: tuple[File, ...]) -> tuple[str, bytes]:
        """Return content type and body of a form with files."""
        parts = [(file.field, (file.name, file.content, file.media_type)) for file in files]
        request = self._httpx.Request("POST", "http://localhost/", data=fields, files=parts)
        body: bytes = request.read()
        return request.headers["content-type"], body

    async def exchange(self, message: Message, seconds: float) -> Response:
        """Send a message and read the whole answer within ``seconds``; raises AttemptError when there is none."""
        started = time.perf_counter()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                return await self._attempt(message, started)
        raise AttemptError(Event.TIMEOUT, f"not complete after {time.perf_counter() - started:.1f} s")

    async def aclose(self) -> None:
        """Close all connections, also those of a client or transport that was given."""
        opened, self._open = self._open, {}
        for transport in opened.values():
            await transport.aclose()

    async def _attempt(self, message: Message, started: float) -> Response:
        proxy = None if self._given is not None else self._proxy_for(*urlsplit(message.url)[:2])
        send, request = self._sender(message.url, proxy), self._request(message, proxy)
        failure: AttemptError | None = None
        answer: Any = None
        _exact_url.set([str(request.url)])
        try:
            answer = await send(request)
            body = await _whole(answer)
        except self._library_errors() as error:
            failure = self._failure(error, answering=answer is not None)
        finally:
            if answer is not None:
                await answer.aclose()
        if failure is not None:
            raise failure  # outside the handler: the library's own exceptions hold the request with its credentials
        return Response(answer.status_code, dict(answer.headers), body, message.url, time.perf_counter() - started)

    def _request(self, message: Message, proxy: str | None) -> Any:
        limits = self._timeouts
        timeout = self._httpx.Timeout(limits.read_seconds, connect=limits.connect_seconds, pool=limits.connect_seconds)
        headers = message.headers
        if proxy and message.url.startswith("http://"):  # aiohttp sends a proxy's headers when it opens a tunnel only
            headers += tuple(_proxy_headers(proxy).items())
        arguments = {"headers": headers, "content": message.content}
        if self._is_client:  # built by their client, for its own headers and cookies
            return self._given.build_request(message.method, message.url, **arguments, timeout=timeout)
        return self._httpx.Request(message.method, message.url, **arguments, extensions={"timeout": timeout.as_dict()})

    def _sender(self, url: str, proxy: str | None) -> Send:
        """Return what sends a request by way of a proxy and returns the answer with its body still to be read.

        Transports are called without an httpx client around them, which would log every URL and keep cookies.
        """
        route = ("https:" in {url[:6], (proxy or "")[:6]}, proxy) if self._given is None else (False, None)
        if route not in self._open:
            self._open[route] = self._aiohttp_transport(*route) if self._given is None else self._given
        transport = self._open[route]
        if self._is_client:
            return partial(transport.send, stream=True, follow_redirects=False)
        send: Send = transport.handle_async_request
        return send

    def _aiohttp_transport(self, secure: bool, proxy: str | None) -> Any:
        check_proxy(proxy)  # it may come from the environment
        # Reading the certificates takes longer than many a request; a context without any trusts nobody.
        context = self._trusting() if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        package = "httpx_aiohttp" if self._httpx.__name__ == "httpx" else "httpx_aiohttp.httpx2"
        transport = importlib.import_module(package).AiohttpTransport
        via = self._httpx_proxy(proxy) if proxy else None
        return transport(verify=context, client=lambda: _session(context), proxy=via)

    def _trusting(self) -> ssl.SSLContext:
        try:
            context: ssl.SSLContext = self._httpx.create_ssl_context()
        except OSError as error:
            what = f"the certificates to trust cannot be read: {error.strerror}"
            raise InputError(what, "Correct SSL_CERT_FILE or SSL_CERT_DIR in the environment.") from None
        if self._ca_bundle:
            trust(context, self._ca_bundle)
        return context

    def _httpx_proxy(self, proxy: str) -> Any:
        parts = urlsplit(proxy)
        bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        return self._httpx.Proxy(bare, headers=_proxy_headers(proxy))

    def _library_errors(self) -> tuple[type[Exception], ...]:
        aiohttp = sys.modules.get("aiohttp")
        also = (aiohttp.ClientError,) if aiohttp else ()
        return (self._httpx.HTTPError, self._httpx.StreamError, self._httpx.InvalidURL, OSError, *also)

    def _failure(self, error: Exception, *, answering: bool) -> AttemptError:
        """Tell what happened from the chain of causes.

        The type of the error alone does not say it: httpx-aiohttp makes ConnectTimeout of every lost connection,
        also of one that was lost after the request had left.
        """
        chain = list(_causes(error))
        if answering:
            if _is_timeout(self._httpx, chain):
                return AttemptError(Event.TIMEOUT, "the answer stopped midway")
            garbled = isinstance(error, self._httpx.DecodingError)
            return AttemptError(Event.GARBLED if garbled else Event.TRUNCATED, _words(chain))
        if _never_sent(self._httpx, chain):
            return _unconnected(self._httpx, chain)
        if _is_timeout(self._httpx, chain):
            return AttemptError(Event.TIMEOUT, f"nothing came for {self._timeouts.read_seconds:g} s")
        return AttemptError(Event.GARBLED if _is_garbled(self._httpx, chain) else Event.DISCONNECTED, _words(chain))


async def _whole(answer: Any) -> bytes:
    """Read an answer's body, unpacked; an AttemptError for one that would fill the memory."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in answer.aiter_bytes():
        size += len(chunk)
        if size > LARGEST_BODY:
            raise AttemptError(Event.TOO_LARGE, f"{LARGEST_BODY >> 20} MiB")
        chunks.append(chunk)
    return b"".join(chunks)


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


def check_ca_bundle(path: str | None) -> None:
    """Refuse, with an InputError, a CA bundle that cannot be read."""
    if path:
        trust(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), path)


def trust(context: ssl.SSLContext, path: str) -> None:
    """Trust the certificates of a PEM file or folder, besides those trusted already."""
    place = Path(path).expanduser()
    try:
        context.load_verify_locations(**{"capath" if place.is_dir() else "cafile": str(place)})
    except (OSError, ValueError) as error:
        no_pem = isinstance(error, ssl.SSLError)
        words = "no certificates in PEM form" if no_pem else getattr(error, "strerror", None) or str(error)
        raise InputError(f"CA bundle {path} cannot be used: {words}") from None


def _installed(library: Library) -> Any:
    if library not in LIBRARIES:
        raise InputError(f"there is no HTTP library '{library}'", f"There are: {', '.join(LIBRARIES)}.")
    if importlib.util.find_spec(library) is None:
        raise InputError(f"{library} is not installed", f"pip install 'haloitsm-connector[{library}]'")
    return importlib.import_module(library)


def _library_of(transport: Any) -> Any:
    for name in LIBRARIES:
        library = sys.modules.get(name)
        if library and isinstance(transport, library.AsyncClient | library.AsyncBaseTransport):
            return library
    raise InputError(
        f"a {type(transport).__name__} cannot be the transport",
        "Give an httpx.AsyncClient or an asynchronous httpx transport.",
    )


def _session(context: ssl.SSLContext) -> aiohttp.ClientSession:
    import aiohttp

    # No limit here: waiting for a free connection would count as connecting. `Wire` has its own.
    connector = aiohttp.TCPConnector(ssl=context, limit=0, keepalive_timeout=KEEP_ALIVE_SECONDS)
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        read_bufsize=_READ_BUFFER,
        auto_decompress=False,
        middlewares=(_as_told,),
    )


async def _as_told(
    request: aiohttp.ClientRequest, handler: Callable[[aiohttp.ClientRequest], Awaitable[aiohttp.ClientResponse]]
) -> aiohttp.ClientResponse:
    """Send once, and the exact URL: undo yarl's re-quoting, and stop aiohttp from repeating on a new connection.

    Whether and when to repeat is for the retry table to say, and for the request budget to count.
    """
    left = _exact_url.get()
    if not left:
        raise sys.modules["aiohttp"].ServerDisconnectedError
    request.url = type(request.url)(left.pop(), encoded=True)
    return await handler(request)


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
    by_aiohttp = (aiohttp.ClientProxyConnectionError, aiohttp.ClientHttpProxyError) if aiohttp else ()
    if _has(chain, httpx.ProxyError, *by_aiohttp):
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
    return _has(chain, httpx.TimeoutException, TimeoutError) is not None


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
