"""Which rows of a table a list request means, and in which order (halo-api-facts 2.3 to 2.5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson

from haloitsm_connector.catalogue import Operation
from haloitsm_connector.sandbox.answers import flag, whole
from haloitsm_connector.sandbox.errors import Refusal
from haloitsm_connector.sandbox.seed.setup import CLOSED
from haloitsm_connector.sandbox.seed.world import Record, stamp
from haloitsm_connector.sandbox.values import naive_utc

_COLUMNS = {
    "actoutcomenum": "outcome_id", "agent": "agent_id", "agents": "agent_id", "assetgroups": "assetgroup_id",
    "assetstatuses": "status_id", "assettype": "assettype_id", "assettypes": "assettype_id",
    "category_1": "categoryid_1", "category_2": "categoryid_2", "category_3": "categoryid_3",
    "category_4": "categoryid_4", "client_ids": "client_id", "itil_requesttype": "itil_requesttype_id",
    "paymentstatuses": "paymentstatus", "priority": "priority_id", "product": "product_id",
    "reportgroup_id": "group_id", "requesttype": "tickettype_id", "requesttype_id": "tickettype_id",
    "search_id": "id", "searchthisticketid": "id", "site_ids": "site_id", "sla": "sla_id", "status": "status_id",
    "team": "team_id", "team_name": "team", "ticketids": "id", "types": "type", "one_attachment_id": "id",
}  # fmt: skip
_NOT_FILTERS = frozenset({
    "activeinactive", "advanced_search", "count", "datesearch", "enddate", "end_date", "idonly", "lastupdatefromdate",
    "lastupdatetodate", "mine", "order", "orderdesc", "page_no", "page_size", "pageinate", "search", "startdate",
    "start_date", "utcoffset", "domain", "view_id", "columns_id", "list_id",
})  # fmt: skip
_NO_EFFECT = {"status": {"type"}}
"""Parameters that Halo takes and does nothing with (halo-api-facts 2.3)."""
_SEARCHED = (
    "name", "summary", "details", "inventory_number", "key_field", "emailaddress", "email", "filename", "subject",
    "invoicenumber", "ref", "title", "text", "outcome", "value", "user_name",
)  # fmt: skip
_DATE_SEARCH = {"dateoccured": "dateoccurred", "datecleared": "dateclosed"}
_UPDATED = ("last_update", "last_modified", "lastmodified", "last_updated", "date_edited")
_TICKETS = frozenset({"tickets", "opportunities", "projects"})

Rows = list[Record]


def matching(
    rows: Rows, operation: Operation, query: Mapping[str, str], table: str, *, me: int, now: datetime,
    recently_closed_days: int | None,
) -> Rows:  # fmt: skip
    """Return the rows that the request asks for; parameters that Halo does not know change nothing.

    ``table`` is the table's name in small letters, ``me`` the agent behind the token. Refusal for a value that cannot
    be read.
    """
    known = {parameter.name.casefold(): parameter for parameter in operation.query_parameters}
    query = {name: text for name, text in query.items() if name in known and text}
    columns = _Columns(rows)
    for name, text in query.items():
        if known[name].type == "integer" and not _integers(text):
            raise Refusal(f"The value '{text}' is not valid.", field=name, shape="model_state")
        if known[name].type != "boolean" and name not in _NO_EFFECT.get(table, ()):
            rows = _equal(rows, columns, name, text)
    if not known.keys().isdisjoint({"includeinactive", "activeinactive", "showinactive"}):
        rows = _active(rows, query)
    rows = _dated(rows, columns, query, table)
    if table in _TICKETS:
        rows = _tickets(rows, query, me, now, recently_closed_days)
    if table == "agent":
        rows = _agents(rows, query)
    if flag(query, "exclude_generaluser"):
        rows = [row for row in rows if row.get("name") != "General User"]
    if words := query.get("search", "").casefold():
        rows = [row for row in rows if _found(row, words)]
    if text := query.get("advanced_search", ""):
        rows = _advanced(rows, columns, text)
    return rows


class _Columns:
    """The columns of a whole table that hold something to compare with."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def __contains__(self, name: object) -> bool:
        return any(isinstance(row.get(name), (int, float, str)) for row in self._rows)  # type: ignore[call-overload]  # any object


def ordered(rows: Rows, query: Mapping[str, str], newest_first: bool) -> Rows:
    """Sort by ``order``, ``order2`` ... each with its ``orderdesc``; a name that is no column is ignored."""
    levels = [(query.get(f"order{n}", ""), flag(query, f"orderdesc{n}")) for n in ("", "2", "3", "4", "5")]
    levels = [(name, down) for name, down in levels if any(name in row for row in rows[:20])]
    if not levels and newest_first:
        return rows[::-1]
    for name, down in reversed(levels):
        rows = sorted(rows, key=lambda row, name=name: _rank(row.get(name)), reverse=down)  # type: ignore[misc]  # bound now
    return rows


def _rank(value: Any) -> tuple[int, float, str]:
    if isinstance(value, (int, float)):
        return 1, float(value), ""
    return (0, 0.0, "") if value is None else (2, 0.0, str(value).casefold())


def _integers(text: str) -> list[int]:
    try:
        return [whole(part) for part in text.split(",") if part.strip()]
    except ValueError:
        return []


def _equal(rows: Rows, columns: _Columns, name: str, text: str) -> Rows:
    """Keep the rows whose column is one of the comma separated values."""
    if name in _NOT_FILTERS or name.startswith(("order", "include")):
        return rows
    if name.startswith("search_") and name != "search_id":
        column, part = name.removeprefix("search_"), text.casefold()
        return [row for row in rows if column not in columns or part in str(row.get(column, "")).casefold()]
    if name == "excludethese":
        return [row for row in rows if row.get("id") not in _integers(text)]
    numbers = _integers(text)
    column = _COLUMNS.get(name, name)
    if not numbers and "id" in column:
        column = name
    if column not in columns:
        return rows
    wanted = {part.strip().casefold() for part in text.split(",")} | {text.casefold()}
    return [row for row in rows if _same(row.get(column), wanted, numbers)]


def _same(value: Any, words: set[str], numbers: Sequence[int]) -> bool:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value in numbers
    return str(value).casefold() in words


def _active(rows: Rows, query: Mapping[str, str]) -> Rows:
    """Hide inactive rows unless they are asked for."""
    active, inactive = True, flag(query, "includeinactive") or flag(query, "showinactive")
    if query.get("includeactive", "").casefold() == "false":
        active = False
    if both := query.get("activeinactive", ""):
        active, inactive = ([part.strip().casefold() == "true" for part in both.split(",")] + [False])[:2]
    return [row for row in rows if (inactive if row.get("inactive") else active)]


def _dated(rows: Rows, columns: _Columns, query: Mapping[str, str], table: str) -> Rows:
    if updated := next((name for name in _UPDATED if name in columns), ""):
        rows = _between(rows, updated, query.get("lastupdatefromdate", ""), query.get("lastupdatetodate", ""))
    column = query.get("datesearch") or ("datetime" if table == "actions" else "dateoccurred")
    column = _DATE_SEARCH.get(column.casefold(), column.casefold())
    if column in columns:
        rows = _between(rows, column, query.get("startdate", ""), query.get("enddate", ""))
    if "start_date" in columns:
        rows = _between(rows, "start_date", query.get("start_date", ""), query.get("end_date", ""))
    if "invoice_date" in columns:
        rows = _between(rows, "invoice_date", query.get("invoicedatestart", ""), query.get("invoicedateend", ""))
    return rows


def _between(rows: Rows, column: str, first: str, last: str) -> Rows:
    if first:
        low = moment(first, column)
        rows = [row for row in rows if (row.get(column) or "") >= low]
    if last:
        high = moment(last, column)
        rows = [row for row in rows if (row.get(column) or "") <= high]
    return rows


def moment(text: str, column: str) -> str:
    """Read a date out of a query and write it as the tables do, so that texts compare as dates do."""
    try:
        return stamp(naive_utc(text))
    except (ValueError, OverflowError):
        raise Refusal(f"The value '{text}' is not a date.", field=column, shape="model_state") from None


def _tickets(rows: Rows, query: Mapping[str, str], me: int, now: datetime, days: int | None) -> Rows:
    if flag(query, "open_only"):
        return [row for row in rows if row.get("status_id") != CLOSED]
    if flag(query, "closed_only"):
        return [row for row in rows if row.get("status_id") == CLOSED]
    if flag(query, "mine"):
        rows = [row for row in rows if row.get("agent_id") == me]
    if days is not None and "search_id" not in query:
        since = stamp(now - timedelta(days=days))
        rows = [row for row in rows if row.get("status_id") != CLOSED or (row.get("dateclosed") or "") >= since]
    return rows


def _agents(rows: Rows, query: Mapping[str, str]) -> Rows:
    """Disabled agents and the "unassigned" one show when asked for; enabled ones unless refused."""
    if not flag(query, "includedisabled"):
        rows = [row for row in rows if not row.get("isdisabled")]
    if query.get("includeenabled", "").casefold() == "false":
        rows = [row for row in rows if row.get("isdisabled")]
    return rows if flag(query, "includeunassigned") else [row for row in rows if row.get("id") != 1]


def _found(row: Record, words: str) -> bool:
    return str(row.get("id")) == words or any(words in str(row.get(name, "")).casefold() for name in _SEARCHED)


def _like(value: Any, wanted: Any) -> bool:
    return str(wanted).casefold() in str(value).casefold()


_COMPARISONS: dict[int, Callable[[Any, Any], bool]] = {
    2: lambda value, wanted: _rank(value) == _rank(wanted),
    3: lambda value, wanted: _rank(value) != _rank(wanted),
    4: _like,
    5: lambda value, wanted: not _like(value, wanted),
    6: lambda value, wanted: _rank(value) == _rank(wanted),
    7: lambda value, wanted: _rank(value) > _rank(wanted),
    8: lambda value, wanted: _rank(value) >= _rank(wanted),
    9: lambda value, wanted: _rank(value) < _rank(wanted),
    10: lambda value, wanted: _rank(value) <= _rank(wanted),
}


def _advanced(rows: Rows, columns: _Columns, text: str) -> Rows:
    """Apply ``advanced_search``: a JSON list of {filter_name, filter_type, filter_value} (halo-api-facts 2.5)."""
    try:
        for rule in orjson.loads(text):
            name, kind, wanted = rule["filter_name"], int(rule["filter_type"]), rule["filter_value"]
            if name not in columns:
                raise KeyError(name)
            if kind in (0, 1):
                listed = {part.strip().casefold() for part in str(wanted).strip("[]").split(",")}
                rows = [row for row in rows if (str(row.get(name)).casefold() in listed) == (kind == 0)]
            else:
                compare = _COMPARISONS[kind]
                rows = [row for row in rows if compare(row.get(name), _alike(row.get(name), wanted))]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Refusal("Invalid advanced search parameter") from None
    return rows


def _alike(value: Any, wanted: Any) -> Any:
    """Read the wanted text as a number where the column holds numbers."""
    if isinstance(value, (int, float)) and isinstance(wanted, str):
        return float(wanted)
    return wanted
