"""Read any GET operation of HaloITSM: request parameters → input transformers → final requests → entities."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from haloitsm_connector.catalogue import Catalogue, Operation
from haloitsm_connector.catalogue.usage import check_path, check_query, check_requires, find_operation
from haloitsm_connector.client.drive import Flow
from haloitsm_connector.client.reason import status_error
from haloitsm_connector.client.request import Request, Response, encode_query, fill_path
from haloitsm_connector.errors import Finding
from haloitsm_connector.prototypes import Fields, Prototype
from haloitsm_connector.subscriber.base import SubscriberBase
from haloitsm_connector.subscriber.listing import Page, read_page
from haloitsm_connector.subscriber.paging import Reading, read_once, read_pages, sifted, with_query
from haloitsm_connector.subscriber.parameters import compiled, fan_out, parameter_sets
from haloitsm_connector.subscriber.passes import read_passes
from haloitsm_connector.subscriber.verified import Reached, Unprovable, read_verified
from haloitsm_transformers import Chain, Entity, Steps

if TYPE_CHECKING:
    from haloitsm_connector.client import HttpClient

PAGE_PARAMETERS = frozenset({"pageinate", "page_no", "count"})
"""Query names by which a user pages by hand; one of them switches automatic paging off."""
PARALLEL = 8
"""Pages that are under way at a time."""
Consistency = Literal["verified", "fast"]
UNPAGED_PARAMETERS = frozenset({"idonly", "ticketidonly"})
"""Query names that Halo does not combine with paging (halo-api-facts 2.3)."""
ORDER = {"order": "id", "orderdesc": "false"}
"""The order that shows whether rows have moved, unless the user chooses another one."""
ALL_ROWS = 100_000
"""The largest ``count`` known to work without pages; without one a list ends after 50 rows (halo-api-facts 2.1)."""


class Subscriber(SubscriberBase):
    """The entities that one GET operation of HaloITSM answers, all pages of it.

    ``entity`` is an operation as `Catalogue.find` takes it (``GET /Tickets``). A list among the values of ``path``
    makes a request for each of its values. ``input_transformers`` is a chain, or its steps; it gets
    ``{"path": …, "query": …}``, and each document that it yields becomes a request. ``consistency="verified"`` misses
    nothing and yields nothing twice although a list changes while it is read; ``"fast"`` takes the pages as they come.
    ``parallel`` pages are under way at a time, at most 16. Raises InputError for an entity that Halo does not have and,
    while reading, for path values that do not fit.
    """

    def __init__(
        self,
        client: HttpClient | None,
        entity: str,
        *,
        path: Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
        input_transformers: Chain | Sequence[Any] = (),
        page_size: int | None = None,
        limit: int | None = None,
        consistency: Consistency = "verified",
        parallel: int = PARALLEL,
        catalogue: Catalogue | None = None,
    ) -> None:
        self.client = client
        self.operation = (catalogue or Catalogue.load()).find(entity, ("GET",))
        self.path = dict(path or {})
        self.query = dict(query or {})
        self.page_size = page_size
        self.limit = limit
        self.consistency = consistency
        self.parallel = parallel
        self._chain = compiled(input_transformers)

    def requests(self) -> Iterator[Request]:
        """Yield the first request of every parameter set, final and unsent."""
        for request, _ in self._requests():
            yield request

    def flow(self) -> Flow[Entity]:
        """Read what every request answers, page after page, until ``limit``."""
        left = self.limit
        for request, paged in self._requests():
            count = yield from self._read(request, paged, left)
            left = None if left is None else left - count
            if left == 0:
                return

    def _requests(self) -> Iterator[tuple[Request, bool]]:
        for path_values, query in parameter_sets(self.path, self.query, self._chain):
            paging = page_parameters(self.operation, query, self.page_size)
            if paging.get("pageinate") and self.consistency == "verified" and self.operation.key == ("id",):
                paging |= {} if ORDER.keys() & {name.casefold() for name in query} else ORDER
            pairs = encode_query(paging | query)
            for path in fan_out(path_values):
                yield Request("GET", fill_path(self.operation.path, path), pairs), "pageinate" in paging

    def _read(self, request: Request, paged: bool, limit: int | None) -> Reading:
        if not paged:
            return read_once(request, self._page, limit)
        asked = dict(request.query).get("page_size", "")
        size = int(asked) if asked.isdecimal() else None
        if size and self.consistency == "verified":
            return self._verified(request, size, limit)
        key, parallel = self.operation.key, self.parallel
        return read_pages(request, self._page, next_page, key=key, page_size=size, limit=limit, parallel=parallel)

    def _verified(self, request: Request, size: int, limit: int | None) -> Reading:
        reached, key, parallel = Reached(), self.operation.key, self.parallel
        if ORDER.items() <= dict(request.query).items():
            with suppress(Unprovable):
                return (
                    yield from read_verified(
                        request, self._page, page_size=size, parallel=parallel, limit=limit, reached=reached
                    )
                )
        again = read_passes(request, self._page, next_page, key=key, page_size=size, parallel=parallel)
        left = None if limit is None else limit - reached.yielded
        return reached.yielded + (yield from sifted(again, reached.unread, left))

    def _page(self, response: Response) -> Page:
        if 200 <= response.status < 300:
            return read_page(self.operation, response)
        if self.client is not None and self.client.normal(response.status):
            return Page([])
        raise status_error(response, "GET")


def page_parameters(operation: Operation, query: Mapping[str, Any], page_size: int | None = None) -> dict[str, Any]:
    """Return what to add to a query so that a list comes whole: page parameters, or a large ``count``; else nothing.

    A user's own page parameters are left alone, and so is a query that Halo does not combine with paging.
    """
    names = {name.casefold() for name in query}
    if operation.listing is None or names & PAGE_PARAMETERS:
        return {}
    if operation.listing.paged and not names & UNPAGED_PARAMETERS:
        return {"pageinate": True, "page_size": page_size or operation.listing.page_size, "page_no": 1}
    if any(parameter.name == "count" for parameter in operation.query_parameters):
        return {"count": ALL_ROWS}
    return {}


def next_page(request: Request, response: Response, seen: int) -> Request:
    """Return the request for the page after this one."""
    return with_query(request, "page_no", int(dict(request.query)["page_no"]) + 1)


class RequestParameters(Fields):
    """What the requests are made of."""

    path: dict[str, Any] = Field({}, description="Values for the path's placeholders; a list makes a request for each.")
    query: dict[str, Any] = Field({}, description="Query parameters; a list is sent as values joined with commas.")


class HaloSubscriberFields(Fields):
    """The YAML fields of the subscriber prototype ``haloitsm``."""

    client: str = Field(description="Name of the client to use, of prototype haloitsm.")
    entity: str = Field(description="The GET operation to read: GET /Tickets, or a label such as 'get one action'.")
    request_parameters: RequestParameters = Field(
        RequestParameters(), description="Path and query values: what the input transformers are given."
    )
    input_transformers: Steps = Field(
        [], description="Steps over {path, query}; every document that comes out becomes a request."
    )
    page_size: int | None = Field(None, ge=1, le=1000, description="Rows to ask for per page; Halo may send fewer.")
    limit: int | None = Field(None, ge=1, description="Stop after this many entities.")
    consistency: Consistency = Field(
        "verified",
        description="verified: nothing is missed or comes twice although the list changes meanwhile; fast: pages as "
        "they come.",
    )
    parallel: int = Field(PARALLEL, ge=1, le=16, description="Pages under way at a time.")


def check(fields: HaloSubscriberFields, catalogue: Catalogue) -> Iterable[Finding]:
    """Yield what the catalogue says against the operation and its request parameters."""
    operation = find_operation(catalogue, fields.entity, ("GET",), ("entity",))
    if isinstance(operation, Finding):
        yield operation
        return
    parameters, fixed = fields.request_parameters, not fields.input_transformers
    at = ("request_parameters",)
    yield from check_path(operation, parameters.path, (*at, "path"), complete=fixed)
    yield from check_query(operation, parameters.query, (*at, "query"))
    if fixed:
        yield from check_requires(operation, parameters.query, at)
    for name in parameters.query:
        if name.casefold() in PAGE_PARAMETERS and operation.listing:
            what = f"query parameter '{name}' switches automatic paging off, and only what Halo answers to it is read"
            yield Finding((*at, "query", name), what, "Leave it out to read the whole list.", "warning")


def build(
    fields: HaloSubscriberFields, client: HttpClient, chains: Mapping[str, Chain], catalogue: Catalogue
) -> Subscriber:
    """Make the subscriber that the fields describe."""
    return Subscriber(
        client,
        fields.entity,
        path=fields.request_parameters.path,
        query=fields.request_parameters.query,
        input_transformers=chains["input_transformers"],
        page_size=fields.page_size,
        limit=fields.limit,
        consistency=fields.consistency,
        parallel=fields.parallel,
        catalogue=catalogue,
    )


HALOITSM = Prototype(
    "haloitsm", "Reads any GET operation of HaloITSM, all pages of it.", HaloSubscriberFields, build, check
)
