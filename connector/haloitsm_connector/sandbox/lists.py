"""Answers of list operations: paging with its quirks, envelopes with irregular keys (halo-api-facts 2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from haloitsm_connector.catalogue import Operation
from haloitsm_connector.sandbox.answers import flag, whole
from haloitsm_connector.sandbox.errors import Refusal
from haloitsm_connector.sandbox.filters import moment
from haloitsm_connector.sandbox.quirks import Quirks
from haloitsm_connector.sandbox.seed.world import Record
from haloitsm_connector.sandbox.values import naive_utc

Rows = list[Record]

_EXTRAS: dict[str, dict[str, Any]] = {
    "tickets": {"include_children": False},
    "opportunities": {"include_children": False},
    "projects": {"include_children": False},
    "attachment": {"type": 0, "action_id": 0, "folders": []},
}
"""What else stands in an envelope."""


def switched_table(table: str, query: Mapping[str, str]) -> str:
    """Return the table a ticket list means by ``domain`` (reqs, opps, prjs)."""
    domains = {"opps": "opportunities", "prjs": "projects"}
    return domains.get(query.get("domain", ""), table) if table == "tickets" else table


def unanswerable(operation: Operation, query: Mapping[str, str]) -> bool:
    """Say whether the list shows nothing because a parameter that it needs is missing.

    Actions without ``ticket_id`` want a window of at most one day (halo-api-facts 2.4).
    """
    if not operation.requires or any(query.get(name) for name in operation.requires if name != "startdate"):
        return False
    if query.get("startdate") and query.get("enddate"):
        try:
            return naive_utc(query["enddate"]) - naive_utc(query["startdate"]) > timedelta(days=1)
        except (ValueError, OverflowError):
            moment(query["startdate"], "startdate")
            moment(query["enddate"], "enddate")
    return True


def listed(operation: Operation, table: str, query: Mapping[str, str], rows: Rows, quirks: Quirks,
           show: Callable[[Rows], Rows]) -> Any:  # fmt: skip
    """Return the body of a list answer; ``rows`` are all that match, ``show`` renders those of the page."""
    listing = operation.listing
    assert listing is not None
    paginate = flag(query, "pageinate")
    key = listing.key
    if table == "agent" and not (paginate and quirks.agent_results):
        key = None
    if key is None:
        return show(rows if paginate else rows[: _count(query, operation, len(rows), quirks)])
    if not (listing.paged and paginate):
        page, head = rows[: _count(query, operation, quirks.page_size, quirks)], {}
    else:
        size, number = _size(query, table, quirks), max(1, _whole(query, "page_no", 1))
        page = rows[(number - 1) * size : number * size]
        head = {"page_no": number, "page_size": size}
    return _envelope(key, table, query, head | _record_count(len(rows), quirks), show(page))


def _envelope(key: str, table: str, query: Mapping[str, str], head: dict[str, Any], rows: Rows) -> dict[str, Any]:
    if table in ("actions", "attachment"):
        head["ticket_id"] = _whole(query, "ticket_id", 0)
    if flag(query, "includecolumns"):
        head["columns"] = [{"id": number, "name": name} for number, name in enumerate(rows[0] if rows else (), 1)]
    return head | {key: rows} | _EXTRAS.get(table, {})


def _record_count(total: int, quirks: Quirks) -> dict[str, int | None]:
    choices: dict[str, dict[str, int | None]] = {
        "right": {"record_count": total},
        "absent": {},
        "zero": {"record_count": 0},
        "null": {"record_count": None},
    }
    return choices[quirks.record_count]


def _size(query: Mapping[str, str], table: str, quirks: Quirks) -> int:
    """Return the page size that really applies: the server caps silently (halo-api-facts 2.1)."""
    cap = quirks.asset_page_cap if table == "asset" else quirks.page_cap
    asked = _whole(query, "page_size", quirks.page_size)
    return min(asked if asked > 0 else quirks.page_size, cap)


def _count(query: Mapping[str, str], operation: Operation, without: int, quirks: Quirks) -> int:
    """Return how many rows to show when not paging; a list that knows ``count`` shows 50 without it."""
    knows = any(parameter.name == "count" for parameter in operation.query_parameters)
    asked = _whole(query, "count", min(without, quirks.page_size) if knows else without)
    return min(max(asked, 0), quirks.count_cap)


def _whole(query: Mapping[str, str], name: str, without: int) -> int:
    try:
        return whole(query.get(name) or str(without))
    except ValueError:
        raise Refusal(f"The value '{query[name]}' is not valid.", field=name, shape="model_state") from None
