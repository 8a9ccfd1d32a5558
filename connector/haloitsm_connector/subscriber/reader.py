"""How one request of a GET operation is read to its end: at once, page after page, or verified."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from haloitsm_connector.catalogue import Operation
from haloitsm_connector.client.reason import status_error
from haloitsm_connector.client.request import Request, Response, encode_query, fill_path
from haloitsm_connector.errors import AnswerError
from haloitsm_connector.subscriber.listing import Page, read_page
from haloitsm_connector.subscriber.paging import Read, Reading, read_once, read_pages, sifted, with_query
from haloitsm_connector.subscriber.parameters import fan_out
from haloitsm_connector.subscriber.passes import read_passes
from haloitsm_connector.subscriber.verified import Reached, Unprovable, read_verified

if TYPE_CHECKING:
    from haloitsm_connector.client import HttpClient

Consistency = Literal["verified", "fast"]
PARALLEL = 8
"""Requests that are under way at a time."""
PAGE_PARAMETERS = frozenset({"pageinate", "page_no", "count"})
"""Query names by which a user pages by hand; one of them switches automatic paging off."""
UNPAGED_PARAMETERS = frozenset({"idonly", "ticketidonly"})
"""Query names that Halo does not combine with paging (halo-api-facts 2.3)."""
ORDER = {"order": "id", "orderdesc": "false"}
"""The order that shows whether rows have moved, unless the user chooses another one."""
ALL_ROWS = 100_000
"""The largest ``count`` known to work without pages; without one a list ends after 50 rows (halo-api-facts 2.1)."""

Note = Callable[[Response], None]
"""Is told of every answer before it is read."""


@dataclass(frozen=True, slots=True)
class Question:
    """A request, the one for its first page where it is ``paged``."""

    request: Request
    paged: bool


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads one operation through one client."""

    operation: Operation
    client: HttpClient | None
    page_size: int | None = None
    consistency: Consistency = "verified"
    parallel: int = PARALLEL

    def questions(self, path: Mapping[str, Any], query: Mapping[str, Any]) -> Iterator[Question]:
        """Yield what has to be asked for path and query values, one for every combination of values given as lists."""
        paging = page_parameters(self.operation, query, self.page_size)
        if paging.get("pageinate") and self.consistency == "verified" and self.operation.key == ("id",):
            paging |= {} if ORDER.keys() & {name.casefold() for name in query} else ORDER
        pairs = encode_query({**paging, **query})
        for values in fan_out(path):
            yield Question(Request("GET", fill_path(self.operation.path, values), pairs), "pageinate" in paging)

    def read(
        self,
        question: Question,
        limit: int | None = None,
        *,
        reached: Reached | None = None,
        note: Note | None = None,
        proven: bool = False,
    ) -> Reading:
        """Yield the entities that a question brings, at most ``limit``, each page as it comes.

        A verified read goes on from ``reached`` and keeps it up to date. ``note`` is told of every answer. With
        ``proven``, AnswerError is raised for a paged list that does not let itself be read in the order of ids.
        """
        request, read = question.request, self._noting(note)
        if not question.paged:
            return read_once(request, read, limit)
        asked = dict(request.query).get("page_size", "")
        size = int(asked) if asked.isdecimal() else None
        if size and self.consistency == "verified":
            return self._verified(request, read, size, limit, reached or Reached(), proven)
        key = self.operation.key
        return read_pages(request, read, next_page, key=key, page_size=size, limit=limit, parallel=self.parallel)

    def _verified(
        self, request: Request, read: Read, size: int, limit: int | None, reached: Reached, proven: bool
    ) -> Reading:
        key, parallel = self.operation.key, self.parallel
        if ORDER.items() <= dict(request.query).items():
            try:
                return (
                    yield from read_verified(
                        request, read, page_size=size, parallel=parallel, limit=limit, reached=reached
                    )
                )
            except Unprovable:
                pass
        if proven:
            what = f"{self.operation.name} does not let itself be read in the order of ids"
            raise AnswerError(what, "So it cannot be told for sure which of its records are gone.")
        again = read_passes(request, read, next_page, key=key, page_size=size, parallel=parallel)
        left = None if limit is None else limit - reached.yielded
        return reached.yielded + (yield from sifted(again, reached.unread, left))

    def _noting(self, note: Note | None) -> Read:
        if note is None:
            return self.page

        def noted(response: Response) -> Page:
            note(response)
            return self.page(response)

        return noted

    def page(self, response: Response) -> Page:
        """Read an answer; StatusError for an error status that is not declared normal."""
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
    return with_query(request, {"page_no": int(dict(request.query)["page_no"]) + 1})
