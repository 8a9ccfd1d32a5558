"""An httpx transport over aiohttp, which is several times as fast as httpx's own with many requests under way.

It sends a request once, exactly as it is: no redirects, no cookies, nothing repeated. Connections are kept alive for
longer than the pauses of a rate limit last.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import cache
from typing import Any

import aiohttp
import httpx
from yarl import URL

from haloitsm_connector.client.fields import Timeouts
from haloitsm_connector.client.proxy import by_way_of

KEEP_ALIVE_SECONDS = 90.0
"""Longer than the pauses of a rate limit's window are apart, so that they cost no new TLS handshake."""
_READ_BUFFER = 2**20
_NOTHING = httpx.ByteStream(b"")
_ORIGIN = re.compile(r"https?://[^/?]*")


class AiohttpTransport(httpx.AsyncBaseTransport):
    """Sends httpx requests by an aiohttp session; used on one event loop only.

    ``proxy_for`` tells the proxy for a scheme and a host, ``context`` makes what TLS trusts when it is first needed.
    Raises aiohttp's own errors, which tell whether a request left; httpx has no words for that.
    """

    def __init__(
        self, timeouts: Timeouts, *, proxy_for: Callable[[str, str], str | None], context: Callable[[], Any]
    ) -> None:
        self._proxy_for, self._context = proxy_for, context
        self._origin, self._way_to = cache(httpx.URL), cache(self._way)
        connect = timeouts.connect_seconds
        # No limit here: waiting for a free connection would count as connecting. `Wire` has its own.
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            read_bufsize=_READ_BUFFER,
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(connect=connect, sock_connect=connect, sock_read=timeouts.read_seconds),
            middlewares=(_sent_once,),
        )

    def build_request(
        self, method: str, url: str, *, headers: Sequence[tuple[str, str]], content: bytes | None
    ) -> httpx.Request:
        """Make a request of which no more than the origin is parsed: all else of its URL is sent as it stands."""
        origin = _ORIGIN.findall(url)[0]
        target = f"/{url[len(origin) :].removeprefix('/')}".encode("ascii")
        return httpx.Request(
            method,
            self._origin(origin),
            headers=headers,
            stream=httpx.ByteStream(content) if content else _NOTHING,
            extensions={"target": target},
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return the answer, its body still to be read."""
        url = request.url
        scheme, host = url.scheme, url.netloc.decode("ascii")
        more, options = self._way_to(scheme, host)
        target = request.extensions.get("target") or url.raw_path
        headers = [(name.decode("ascii"), value.decode("ascii")) for name, value in request.headers.raw]
        response = await self._session.request(
            request.method,
            URL(f"{scheme}://{host}{target.decode('ascii')}", encoded=True),
            headers=headers + more,
            data=None if request.stream is _NOTHING else await request.aread() or None,
            allow_redirects=False,
            **options,
        )
        return httpx.Response(response.status, headers=response.raw_headers, stream=_Body(response))

    def _way(self, scheme: str, host: str) -> tuple[list[tuple[str, str]], dict[str, Any]]:
        """Return the headers to add on the way to a host, and what else to tell aiohttp."""
        proxy = self._proxy_for(scheme, host)
        options = by_way_of(proxy, scheme) if proxy else {}
        if scheme == "https" or (proxy or "").startswith("https:"):
            options["ssl"] = self._context()
        return [*options.pop("headers", ())], options

    async def aclose(self) -> None:
        """Close all connections."""
        await self._session.close()


class _Body(httpx.AsyncByteStream):
    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._response.content.iter_any()

    async def aclose(self) -> None:
        self._response.close()


async def _sent_once(
    request: aiohttp.ClientRequest, handler: Callable[[aiohttp.ClientRequest], Awaitable[aiohttp.ClientResponse]]
) -> aiohttp.ClientResponse:
    """Keep aiohttp from repeating what was lost: it does so for the errors named here, before anybody hears of them.

    Whether and when to repeat is for the retry table to say, and for the request budget to count.
    """
    try:
        return await handler(request)
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise aiohttp.ClientConnectionError(str(error)) from error
