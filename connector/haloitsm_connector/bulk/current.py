"""Records as they are in Halo now: out of the pages of a list where that is cheaper and tells all, else one by one."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from math import ceil
from typing import TYPE_CHECKING, Any

from haloitsm_connector.bulk.target import Target
from haloitsm_connector.catalogue import Catalogue
from haloitsm_connector.client.portal import result_of
from haloitsm_connector.client.reason import status_error
from haloitsm_connector.client.request import Request, Response, encode_query, fill_path
from haloitsm_connector.errors import InputError, StatusError
from haloitsm_connector.subscriber import Subscriber
from haloitsm_connector.subscriber.listing import read_page
from haloitsm_transformers import Entity

if TYPE_CHECKING:
    from haloitsm_connector.client import HttpClient

Found = Entity | StatusError | None
"""A record, None where there is none, or why Halo does not show it."""
GONE = frozenset({404, 410})
NO_ID = 400
"""What Halo answers to an id that is no number (halo-api-facts 3)."""
PARALLEL = 8
"""Requests under way at a time."""
FEW = 20
"""Records that are read one by one where the length of the list is not told."""
NAMING = ("name", "summary", "inventory_number", "subject", "emailaddress")
"""Fields by which people know a record."""
WIDER = ("includeinactive", "showinactive", "includedisabled")
"""Query parameters that have a list show records which it hides else (halo-api-facts 2.3)."""


def called(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the field by which people know a record, with its value; none where it has no such."""
    return next(({name: record[name]} for name in NAMING if record.get(name) not in (None, "")), {})


@dataclass(frozen=True, slots=True)
class Current:
    """Reads the records of one kind; ``query`` is what chooses the rows of the list, all of them without.

    ``custom_fields`` are the ids of those that rows shall show. Raises what reading raises.
    """

    client: HttpClient
    catalogue: Catalogue
    target: Target
    query: Mapping[str, Any] = field(default_factory=dict)
    custom_fields: Sequence[str] = ()

    @property
    def has_list(self) -> bool:
        """Whether one list has all records."""
        rows = self.target.rows
        return rows is not None and rows.listing is not None and not rows.requires and len(self.target.key) == 1

    def by_list(self, count: int) -> bool:
        """Whether the pages of the list take fewer requests than ``count`` records one by one, and so can be read."""
        rows = self.target.rows
        if rows is None or rows.listing is None or not self.has_list or not count:
            return False
        if self.target.one is None:
            return True
        if count == 1 or not rows.listing.paged:
            return count > 1
        asked = {**self._list_query(), "pageinate": True, "page_size": 1, "page_no": 1}
        answer = self.client.get(rows.path, query=asked)
        total = answer.get("record_count") if isinstance(answer, dict) else None
        if not isinstance(total, int | float) or isinstance(total, bool) or total <= 0:
            return count > FEW
        return count >= ceil(total / rows.listing.page_size)

    def pages(self) -> Iterator[list[Entity]]:
        """Read the list, verified, and yield its pages."""
        assert self.target.rows is not None, "only where there is a list"
        return Subscriber(
            self.client, self.target.rows.name, query=self._list_query(), catalogue=self.catalogue
        ).pages()  # fmt: skip

    def each(self, identities: Iterable[str]) -> Iterator[tuple[str, Found]]:
        """Read records one by one, several at a time, in their order."""
        waiting: deque[tuple[str, Future[Response]]] = deque()
        try:
            for identity in identities:
                waiting.append((identity, self.client.start(self._request(identity))))
                if len(waiting) == PARALLEL:
                    yield self._answered(*waiting.popleft())
            while waiting:
                yield self._answered(*waiting.popleft())
        finally:
            for _, future in waiting:
                future.cancel()

    def one(self, identity: str) -> Found:
        """Read one record."""
        return next(self.each([identity]))[1]

    def _request(self, identity: str) -> Request:
        if self.target.one is None:
            what = f"Halo has no operation that shows one {self.target.name}, so it cannot be compared or put back"
            raise InputError(what, "Write it with a route: see docs/publisher.md.")
        values = self.target.key_values(identity)
        known = {parameter.name for parameter in self.target.one.query_parameters}
        others = {name: value for name, value in values.items() if name != self.target.id}
        details = {"includedetails": True} if "includedetails" in known else {}
        return Request(
            "GET", fill_path(self.target.one.path, {"id": values[self.target.id]}), encode_query({**others, **details})
        )

    def _answered(self, identity: str, future: Future[Response]) -> tuple[str, Found]:
        assert self.target.one is not None, "nothing was asked else"
        response = result_of(future)
        if response.status in GONE or self.client.normal(response.status):
            return identity, None
        if not 200 <= response.status < 300:
            error = status_error(response, "GET")
            if response.status >= 500:
                raise error
            number = identity.rpartition("/")[2].lstrip("-").isdecimal()
            return identity, error if number or response.status != NO_ID else None
        rows = read_page(self.target.one, response).rows
        found = next((row for row in rows if self.target.identity(row) == identity), None)
        return identity, found

    def _list_query(self) -> dict[str, Any]:
        assert self.target.rows is not None, "only where there is a list"
        known = {parameter.name for parameter in self.target.rows.query_parameters}
        wider = {} if self.query else {name: True for name in WIDER if name in known}
        custom = {"include_custom_fields": list(self.custom_fields)} if self.custom_fields else {}
        return {**wider, **self.query, **custom}
