"""Base URIs as people type them, made one way."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

from haloitsm_connector.errors import InputError

EXAMPLE = "Write it like https://acme.haloitsm.com."
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_LABEL = re.compile(r"[\w-]{1,63}")
_IPV6 = re.compile(r"[0-9a-f:.]+")
_PATH_SAFE = "/%:@!$&'()*+,;=~"
_QUERY_SAFE = f"{_PATH_SAFE}?"
_DEFAULT_PORTS = {"http": 80, "https": 443}
_LONGEST = 2_000
_SENDABLE = re.compile(
    r"https?://[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::(?!80/|443/)[1-9][0-9]{0,4})?"
    r"(?:/(?!\.\.?(?:[/?]|$))(?:[\w.~:@!$&()*+,;=-]++|%[0-9A-F]{2})*+)++"
    r"(?:\?(?:[\w.~:@!$&()*+,;=/?-]++|%[0-9A-F]{2})*+)?",
    re.ASCII,
)
"""What stands in a request line as it is; to parse a URL takes longer than to send some requests."""
_BARE = re.compile(r"#|%(?![0-9A-Fa-f]{2})")
_DOT_SEGMENT = re.compile(r"/\.\.?(?:/|$)")


def base_uri(text: str) -> str:
    """Normalise a URI that other paths are appended to: scheme, host in lower case, path without a final slash.

    Without a scheme it is https; plain http has to be typed. InputError for what cannot be such a URI.
    """
    typed = text.strip()
    if not typed:
        raise InputError("the URI is empty", EXAMPLE)
    scheme = _SCHEME.match(typed)
    if scheme and scheme[1].lower() not in _DEFAULT_PORTS:
        raise InputError(f"a URI cannot start with {scheme[1]}://", EXAMPLE)
    if not scheme and re.match(r"https?:(?!\d)", typed, re.IGNORECASE):
        raise InputError("two slashes are missing before the host name", EXAMPLE)
    try:
        parts = urlsplit(typed if scheme else f"https://{typed}")
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError as error:
        raise InputError(f"this is not a URI ({error})", EXAMPLE) from None
    if "@" in parts.netloc:
        raise InputError("a URI cannot hold a user name or a password", "They belong under `authentication:`.")
    if parts.query or parts.fragment:
        raise InputError("a base URI ends before '?' and '#'", EXAMPLE)
    if not _is_host(host):
        raise InputError(f"{host!r} is not a host name" if host else "the URI has no host name", EXAMPLE)
    shown = f"[{host}]" if ":" in host else host
    port_text = "" if port in {None, _DEFAULT_PORTS[parts.scheme]} else f":{port}"
    path = quote(parts.path, safe=_PATH_SAFE).rstrip("/")
    return f"{parts.scheme}://{shown}{port_text}{path}"


def halo_uri(text: str) -> str:
    """Normalise the address of a HaloITSM, typed with or without ``/api`` (halo-api-facts 1.1)."""
    return _without(base_uri(text), "/api", "/auth", "/apidoc")


def auth_uri(text: str) -> str:
    """Normalise the address of the authorisation server, typed with or without ``/token`` (halo-api-facts 1.1)."""
    return _without(base_uri(text), "/token")


def endpoint_uri(text: str) -> str:
    """Normalise the complete URI of one endpoint: a query and a final slash are kept."""
    address, mark, query = text.strip().partition("?")
    slash = "/" if address.endswith("/") else ""
    return f"{base_uri(address)}{slash}{mark}{quote(query, safe=_QUERY_SAFE)}"


def sendable(url: str) -> str:
    """Return an absolute URL as it stands in the request line; InputError for what no URL can hold.

    What is percent-encoded already stays as it is; what must be and is not, is.
    """
    if len(url) <= _LONGEST and _SENDABLE.fullmatch(url):
        return url
    import httpx

    if _DOT_SEGMENT.search(url.partition("?")[0]):
        raise InputError("the URL cannot be sent: a segment of its path is '.' or '..'", "Write the path it leads to.")
    try:
        return str(httpx.URL(_BARE.sub(lambda bare: quote(bare[0]), url)))
    except httpx.InvalidURL as error:
        raise InputError(f"the URL cannot be sent: {error}") from None


def same_origin(one: str, other: str) -> bool:
    """Whether two URIs have scheme, host and port in common."""
    return _origin(one) == _origin(other)


def host_of(uri: str) -> str:
    """Return host and port of a URI, for messages; empty when it has none, or is none."""
    try:
        return urlsplit(uri).netloc.rpartition("@")[2]
    except ValueError:
        return ""


def is_loopback(uri: str) -> bool:
    """Whether the URI leads to this very machine."""
    host = urlsplit(uri).hostname or ""
    return host in {"localhost", "::1"} or host.startswith("127.")


def _without(uri: str, *endings: str) -> str:
    for ending in endings:
        if uri.lower().endswith(ending):
            return uri[: -len(ending)].rstrip("/")
    return uri


def _origin(uri: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(uri)
    return parts.scheme, parts.hostname, parts.port or _DEFAULT_PORTS.get(parts.scheme)


def _is_host(host: str) -> bool:
    if ":" in host:
        return _IPV6.fullmatch(host) is not None
    return all(_LABEL.fullmatch(label) for label in host.removesuffix(".").split("."))
