"""Send by aiohttp, which is several times as fast as httpx with many requests under way.

It sends a request once, exactly as it is: no redirects, no cookies, nothing repeated. Connections are kept alive for
longer than the pauses of a rate limit last.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from functools import cache, partial
from typing import Any

import aiohttp
from yarl import URL

from haloitsm_connector.client.fields import Timeouts
from haloitsm_connector.client.proxy import by_way_of
from haloitsm_connector.client.request import Headers
from haloitsm_connector.client.sender import Answer

KEEP_ALIVE_SECONDS = 90.0
"""Longer than the pauses of a rate limit's window are apart, so that they cost no new TLS handshake."""
_READ_BUFFER = 2**20
_ORIGIN = re.compile(r"https?://[^/?]*")


class AiohttpSender:
    """Sends requests by an aiohttp session; used on one event loop only.

    ``proxy_for`` tells the proxy for a scheme and a host, ``context`` makes what TLS trusts when it is first needed.
    """

    errors = (aiohttp.ClientError,)
    """What sending and reading may raise; it tells whether a request left."""

    def __init__(
        self, timeouts: Timeouts, *, proxy_for: Callable[[str, str], str | None], context: Callable[[], Any]
    ) -> None:
        self._proxy_for, self._context = proxy_for, context
        self._way_to = cache(self._way)
        connect = timeouts.connect_seconds
        # No limit here: waiting for a free connection would count as connecting. `Wire` has its own.
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            read_bufsize=_READ_BUFFER,
            timeout=aiohttp.ClientTimeout(connect=connect, sock_connect=connect, sock_read=timeouts.read_seconds),
            middlewares=(_sent_once,),
        )

    async def open(self, method: str, url: str, headers: Headers, content: bytes | None) -> Answer:
        """Send a request and return the answer. No more than the origin of its URL is parsed, once."""
        origin = _ORIGIN.findall(url)[0]
        address, more, options = self._way_to(origin)
        response = await self._session.request(
            method,
            URL(f"{address}{url[len(origin) :]}", encoded=True),
            headers=(*headers, *more),
            data=content or None,
            allow_redirects=False,
            **options,
        )
        return Answer(response.status, _headers(response), response.content.iter_any(), partial(_close, response))

    async def aclose(self) -> None:
        """Close all connections."""
        await self._session.close()

    def _way(self, origin: str) -> tuple[str, Headers, dict[str, Any]]:
        """Return an origin as it is sent, the headers to add on the way there, and what else to tell aiohttp."""
        try:
            parsed = URL(origin)
        except ValueError as error:
            raise aiohttp.InvalidURL(origin) from error
        proxy = self._proxy_for(parsed.scheme, parsed.host_port_subcomponent or "")
        options = by_way_of(proxy, parsed.scheme) if proxy else {}
        if parsed.scheme == "https" or (proxy or "").startswith("https:"):
            options["ssl"] = self._context()
        return str(parsed).rstrip("/"), options.pop("headers", ()), options


def _headers(response: aiohttp.ClientResponse) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in response.raw_headers:
        name, value = raw_name.decode("latin-1").lower(), _text(raw_value)
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


async def _close(response: aiohttp.ClientResponse) -> None:
    response.close()


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
