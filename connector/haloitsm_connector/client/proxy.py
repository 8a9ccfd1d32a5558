"""Which proxy to send by way of, and how aiohttp is told."""

from __future__ import annotations

import urllib.request
from typing import Any
from urllib.parse import unquote, urlsplit

from haloitsm_connector.client.redaction import basic
from haloitsm_connector.errors import InputError


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


def by_way_of(proxy: str, scheme: str) -> dict[str, Any]:
    """Return what tells aiohttp to send by way of a proxy."""
    check_proxy(proxy)  # it may come from the environment
    parts = urlsplit(proxy)
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    headers = _proxy_headers(proxy)
    # aiohttp sends a proxy's headers when it opens a tunnel only.
    return (
        {"proxy": bare, "headers": tuple(headers.items())}
        if scheme == "http"
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
