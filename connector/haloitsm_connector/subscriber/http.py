"""Read from any REST API: one GET, and the pages after it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from pydantic import Field

from haloitsm_connector.catalogue import Catalogue
from haloitsm_connector.client.body import refuse_error
from haloitsm_connector.client.drive import Flow
from haloitsm_connector.client.reason import status_error
from haloitsm_connector.client.request import Request, Response, encode_query, fill_path
from haloitsm_connector.client.uri import same_origin
from haloitsm_connector.errors import AnswerError, InputError, suggest
from haloitsm_connector.prototypes import Fields, Prototype
from haloitsm_connector.subscriber.base import SubscriberBase
from haloitsm_connector.subscriber.listing import Page
from haloitsm_connector.subscriber.paging import Reading, read_once, read_pages, with_query
from haloitsm_connector.subscriber.parameters import fan_out
from haloitsm_transformers import Chain, Entity, Expression, TransformError, expression
from haloitsm_transformers.paging import NextLinkPaging, OffsetPaging, PagePaging, Paging

if TYPE_CHECKING:
    from haloitsm_connector.client import HttpClient

PLAIN_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_LINK = re.compile(r"<([^>]*)>([^<]*)")
_NEXT = re.compile(r";\s*rel\s*=\s*(\"[^\"]*\bnext\b[^\"]*\"|next\b)", re.IGNORECASE)


class HttpSubscriberFields(Fields):
    """The YAML fields of the subscriber prototype ``http``."""

    client: str = Field(description="Name of the client to use.")
    uri: str = Field(
        min_length=1, description="What to GET, relative to the client's base URI: /v1/sites/{id}/devices."
    )
    path: dict[str, Any] = Field({}, description="Values for the placeholders of uri; a list makes a request for each.")
    query: dict[str, Any] = Field({}, description="Query parameters; a list is sent as values joined with commas.")
    headers: dict[str, str] = Field({}, description="Headers to add to the client's own.")
    items: Expression | None = Field(
        None, description="JMESPath expression to the list of entities in the answer; else the answer itself."
    )
    paging: Paging | None = Field(None, description="How the API pages; a single request unless given.")
    limit: int | None = Field(None, ge=1, description="Stop after this many entities.")


class HttpSubscriber(SubscriberBase):
    """The entities that a GET of any REST API answers, over all its pages.

    ``path`` fills the placeholders of ``uri`` (``/v1/sites/{id}``); a list among its values makes a request for each.
    ``items`` is a JMESPath expression to the list inside the answer. Raises RemoteError for an answer that is not
    what these say, InputError for values that do not fit.
    """

    json = True

    def __init__(
        self,
        client: HttpClient,
        uri: str,
        *,
        path: Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        items: str | None = None,
        paging: PagePaging | OffsetPaging | NextLinkPaging | None = None,
        limit: int | None = None,
    ) -> None:
        self.client = client
        self.uri = uri
        self.path = dict(path or {})
        self.query = dict(query or {})
        self.headers = tuple((headers or {}).items())
        self.items = expression(items) if items else None
        self._names = tuple(items.split(".")) if items and PLAIN_PATH.fullmatch(items) else ()
        self.paging = paging
        self.limit = limit

    def requests(self) -> Iterator[Request]:
        """Yield the first request for every set of path values, final and unsent."""
        query = encode_query(_first_page(self.paging) | self.query)
        for values in fan_out(self.path):
            yield Request("GET", fill_path(self.uri, values), query, headers=self.headers)

    def flow(self) -> Flow[Entity]:
        """Read what every request answers, page after page, until ``limit``."""
        left = self.limit
        for request in self.requests():
            count = yield from self._read(request, left)
            left = None if left is None else left - count
            if left == 0:
                return

    def _read(self, request: Request, limit: int | None) -> Reading:
        if self.paging is None:
            return read_once(request, self._page, limit)
        by_link = isinstance(self.paging, NextLinkPaging)
        return read_pages(request, self._page, self._advance, key=(), empty_is_last=not by_link, limit=limit)

    def _page(self, response: Response) -> Page:
        assert self.client
        if not 200 <= response.status < 300:
            if self.client.normal(response.status):
                return Page([])
            raise status_error(response, "GET")
        if not response.body.strip():
            return Page([])
        body = response.json()
        found = _found(self.items, body, response) if self.items else body
        if found is None:
            refuse_error(body, response)
            _refuse_misspelt(self._names, body, response)
            return Page([])
        rows = found if isinstance(found, list) else [found]
        return Page([row if isinstance(row, dict) else {"value": row} for row in rows])

    def _advance(self, request: Request, response: Response, seen: int) -> Request | None:
        match self.paging:
            case PagePaging(page_parameter=name, first_page=first):
                return with_query(request, {name: _number(request, name, first) + 1})
            case OffsetPaging(offset_parameter=name):
                start = _number(Request("GET", "", encode_query(self.query)), name, 0)
                return with_query(request, {name: start + seen})
            case NextLinkPaging(next=text):
                return self._linked(request, response, text)
            case _:
                return None

    def _linked(self, request: Request, response: Response, text: str | None) -> Request | None:
        link = _found(expression(text), response.json(), response) if text else _link(response)
        if not link:
            return None
        if not isinstance(link, str):
            raise AnswerError(
                f"{response.url} gives no link at '{text}' but {response.hide(repr(link)):.100}", url=response.url
            )
        assert self.client
        here = self.client.url(request)
        try:
            target = urljoin(here, link)
            ours = same_origin(target, here)
        except ValueError as error:
            what = f"{response.url} links its next page to {response.hide(repr(link)):.100}, which is no URL"
            raise AnswerError(what, url=response.url) from error
        if not ours:
            what = f"{response.url} links its next page to another host: {target}"
            hint = "Its credentials are for its own host, so the link is not followed."
            raise AnswerError(what, hint, url=response.url)
        return None if target == here else request._replace(path=target, query=())


def _first_page(paging: PagePaging | OffsetPaging | NextLinkPaging | None) -> dict[str, Any]:
    match paging:
        case PagePaging():
            start = {paging.page_parameter: paging.first_page}
        case OffsetPaging():
            start = {paging.offset_parameter: 0}
        case _:
            return {}
    return start | ({paging.size_parameter: paging.page_size} if paging.size_parameter else {})


def _number(request: Request, name: str, default: int) -> int:
    """Read a page number or an offset out of a request, which the user may have set to start further on."""
    text = dict(request.query).get(name, str(default))
    if not text.isdecimal():
        raise InputError(f"query parameter '{name}' must be a whole number to page by, not {text!r}")
    return int(text)


def _refuse_misspelt(names: Sequence[str], body: Any, response: Response) -> None:
    """Raise AnswerError where a plain path to the items leaves the answer beside a name like it.

    Where nothing there is alike, the list is absent because it is empty.
    """
    for name in names:
        if not isinstance(body, dict):
            return
        if name not in body:
            if hint := suggest(name, body):
                what = f"{response.url} answered without '{name}', where `items` looks for the list"
                raise AnswerError(what, hint, url=response.url)
            return
        body = body[name]


def _found(read: Any, body: Any, response: Response) -> Any:
    try:
        return read(body)
    except TransformError as error:
        raise AnswerError(f"{response.url} answered something else than expected: {error}", url=response.url) from error


def _link(response: Response) -> str | None:
    """Return the target of the Link header whose relation is next."""
    for target, parameters in _LINK.findall(response.headers.get("link", "")):
        if _NEXT.search(parameters):
            return str(target)
    return None


def build(
    fields: HttpSubscriberFields, client: HttpClient, chains: Mapping[str, Chain], catalogue: Catalogue
) -> HttpSubscriber:
    """Make the subscriber that the fields describe."""
    return HttpSubscriber(
        client,
        fields.uri,
        path=fields.path,
        query=fields.query,
        headers=fields.headers,
        items=fields.items,
        paging=fields.paging,
        limit=fields.limit,
    )


HTTP = Prototype("http", "Reads any REST API, page by page.", HttpSubscriberFields, build)
