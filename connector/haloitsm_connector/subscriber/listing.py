"""Read the entities out of an answer, whatever shape it has (halo-api-facts 2.2, 3 and 4.6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from haloitsm_connector.catalogue import Listing, Operation
from haloitsm_connector.client.body import read_value, refuse_error
from haloitsm_connector.client.request import Response
from haloitsm_connector.errors import AnswerError
from haloitsm_transformers import Entity

SIDE_LISTS = frozenset({"columns", "folders", "statuses", "priorities", "agents", "actionsdetails"})
"""Lists that stand in an envelope beside the rows."""


@dataclass(frozen=True, slots=True)
class Page:
    """The entities of one answer; ``total`` is how many the whole list has, 0 where the server does not say."""

    rows: list[Entity]
    total: float = 0


def read_page(operation: Operation, response: Response) -> Page:
    """Return the entities in a successful answer to a GET; AnswerError when it cannot be what was asked for."""
    value = read_value(response, binary=operation.binary)
    refuse_error(value, response)
    if operation.listing:
        return _list(operation.listing, value, response)
    if operation.path.startswith("/Report") and isinstance(value, dict):
        report = report_rows(value, response)
        if report is not None:
            return Page(report)
    return Page(_details(value))


def _list(listing: Listing, body: Any, response: Response) -> Page:
    if body is None:
        return Page([])
    if isinstance(body, list):
        return Page(_entities(body))
    if not isinstance(body, dict):
        if not listing.sure:
            return Page(_entities([body]))
        what = f"{response.url} answered {response.hide(repr(body)):.200} where a list was expected"
        raise AnswerError(what, "Halo may have put an error text into a successful answer.", url=response.url)
    key = listing.key
    total = _count(body)
    rows = _rows_of(key, body)
    if rows is not None:
        return Page(_entities(rows), total)
    if total > 0:
        names = ", ".join(body)
        what = f"{response.url} reports {total:g} records but holds no list of them; it has: {names}"
        raise AnswerError(what, url=response.url)
    return Page([] if "record_count" in body or key in body else [body])


def _rows_of(key: str | None, envelope: dict[str, Any]) -> list[Any] | None:
    """Find the rows: under the known key, under ``results``, else in the first list that is not known to be another."""
    for name in (key, "results"):
        if name in envelope and isinstance(envelope[name], list | None):
            rows: list[Any] | None = envelope[name]
            return rows
    if "id" in envelope and "record_count" not in envelope:
        return None
    lists = [value for name, value in envelope.items() if isinstance(value, list) and name not in SIDE_LISTS]
    return next((rows for rows in lists if rows), lists[0] if lists else None)


def _details(value: Any) -> list[Entity]:
    """Read the answer of a GET for one record: the record, in a list of one, or in an envelope with a list of one."""
    if value is None:
        return []
    if isinstance(value, list):
        return _entities(value)
    if isinstance(value, dict) and "id" not in value and ("record_count" in value or len(value) == 1):
        lists = [rows for rows in value.values() if isinstance(rows, list)]
        if len(lists) == 1 and len(lists[0]) == 1:
            return _entities(lists[0])
    return _entities([value])


def report_rows(body: dict[str, Any], response: Response, place: str = "the report") -> list[Entity] | None:
    """Return the rows of a loaded report, None for a report's definition.

    AnswerError when its SQL failed, with Halo's words and the ``place`` where that SQL stands: the status is 200 all
    the same (halo-api-facts 4.6).
    """
    report = body.get("report")
    content = report if isinstance(report, dict) else body
    if content.get("load_error"):
        what = f"Halo cannot run the SQL of {place}: {response.hide(str(content['load_error']))}"
        raise AnswerError(what, "Correct that SQL.", url=response.url)
    rows = content.get("rows")
    if isinstance(rows, list):
        return _entities(rows)
    return [] if content.get("loaded") else None


def _entities(rows: list[Any]) -> list[Entity]:
    """Make every row an object: a bare value ``5`` becomes ``{"value": 5}``."""
    if set(map(type, rows)) <= {dict}:
        return rows
    return [row if isinstance(row, dict) else {"value": row} for row in rows]


def _count(envelope: dict[str, Any]) -> float:
    count = envelope.get("record_count")
    return count if isinstance(count, int | float) and not isinstance(count, bool) and count > 0 else 0
