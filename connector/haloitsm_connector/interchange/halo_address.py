"""Which requests go to a Halo, and what they ask of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from haloitsm_connector.catalogue import Catalogue, Operation
from haloitsm_connector.client.request import placeholders

_API = re.compile(r"/api(?=/|$)", re.IGNORECASE)
_HOSTED = (".haloitsm.com", ".halopsa.com", ".haloservicedesk.com", ".halocrm.com")
"""halo-api-facts 1.1"""

Pairs = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Address:
    """A URL taken apart: the address of the system, the path below its API, the query."""

    base: str
    path: str
    query: Pairs


def address(url: str, *, bare: bool = False) -> Address | None:
    """Take a URL apart where its API begins; None where it leads to no Halo (halo-api-facts 1.1).

    ``bare`` takes the whole path for the API's on the makers' own hosts, where people forget ``/api``.
    """
    head, _, query = url.partition("#")[0].partition("?")
    scheme, mark, rest = head.partition("://")
    slash = rest.find("/") if mark else -1
    host, path = (rest[:slash], rest[slash:]) if slash >= 0 else (rest, "")
    if not mark or not host:
        return None
    if found := _API.search(path):
        return Address(f"{scheme}://{host}{path[: found.start()]}", path[found.end() :] or "/", pairs(query))
    return Address(f"{scheme}://{host}", path or "/", pairs(query)) if bare and is_hosted(url) else None


def is_hosted(url: str) -> bool:
    """Whether the host of a URL is one of the makers' own."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    return host.endswith(_HOSTED)


def pairs(query: str) -> Pairs:
    """Return names and values of a query string, decoded."""
    split = (part.partition("=") for part in query.split("&") if part)
    return [(unquote(name), unquote(value.replace("+", " "))) for name, _, value in split]


@dataclass(frozen=True, slots=True)
class Asked:
    """An operation, and the values in the path of a request for it."""

    operation: Operation
    path: dict[str, str]


class Matcher:
    """Tells which operation of the catalogue a request is."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._routes = catalogue.routes

    def find(self, method: str, path: str) -> Asked | None:
        """Return the operation of a method and a path below the API; None where the catalogue has none."""
        operations, values = self._routes.find(path)
        operation = operations.get(method)
        return Asked(operation, dict(zip(placeholders(operation.path), values, strict=True))) if operation else None
