"""Reports: a tiny, honest subset of SQL over the sandbox's own tables; the rest fails inside a 200 as in Halo."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from haloitsm_connector.sandbox.rows import hidden_in_details
from haloitsm_connector.sandbox.seed.world import Record

ROW_CAP = 50_000
"""Halo shows no more rows of a report, silently (halo-api-facts 4.6)."""

_SELECT = re.compile(
    r"\s*select\s+(?:top\s*\(?\s*(?P<top>\d+)\s*\)?\s+)?(?P<columns>.+?)\s+from\s+\[?(?P<table>\w+)\]?"
    r"(?:\s+where\s+(?P<where>.+?))?(?:\s+order\s+by\s+\[?(?P<order>\w+)\]?(?P<down>\s+desc)?)?\s*",
    re.IGNORECASE | re.DOTALL,
)
_CONDITION = re.compile(
    r"\s*\[?(?P<column>\w+)\]?\s*(?P<operator><>|!=|<=|>=|=|<|>|\blike\b)\s*"
    r"(?:N?'(?P<text>(?:[^']|'')*)'|(?P<number>-?\d+(?:\.\d+)?))\s*",
    re.IGNORECASE,
)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda left, right: left == right,
    "<>": lambda left, right: left != right,
    "!=": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
    "like": lambda left, right: re.fullmatch(re.escape(right).replace("%", ".*"), left, re.DOTALL) is not None,
}


class SqlError(Exception):
    """The report cannot run; the text is its ``load_error``."""


def report_content(sql: str, tables: Mapping[str, Mapping[Any, Record]]) -> Record:
    """Run a report and return ``report`` and ``available_columns`` of its answer; a failure is its ``load_error``."""
    try:
        rows = selected(sql, tables)
    except SqlError as error:
        return {"report": {"loaded": False, "load_error": str(error), "rows": []}, "available_columns": []}
    names = list(rows[0]) if rows else []
    return {
        "report": {"loaded": True, "rows": rows[:ROW_CAP]},
        "available_columns": [{"id": number, "name": name} for number, name in enumerate(names, 1)],
    }


def selected(sql: str, tables: Mapping[str, Mapping[Any, Record]]) -> list[Record]:
    """Run ``select [top n] columns from table [where a and b] [order by column]``; SqlError says what it cannot do.

    As in Halo the statement stands inside a derived table: no semicolon, no comment, ORDER BY only with TOP.
    """
    for bad in (";", "--"):
        if bad in sql:
            raise SqlError(f"Incorrect syntax near '{bad}'.")
    found = _SELECT.fullmatch(sql)
    if found is None:
        raise SqlError("The sandbox runs only: select [top n] columns from table [where ...] [order by column].")
    if found["order"] and not found["top"]:
        raise SqlError("The ORDER BY clause is invalid in derived tables, unless TOP is also specified.")
    try:
        table = list(tables[found["table"]].values())
    except KeyError:
        raise SqlError(f"Invalid object name '{found['table']}'.") from None
    known = {name for row in table for name in row} - hidden_in_details("", {})
    rows = [row for row in table if all(check(row) for check in _conditions(found["where"], known))]
    if found["order"]:
        column = _column(found["order"], known)
        rows.sort(key=lambda row: (row.get(column) is not None, row.get(column)), reverse=bool(found["down"]))
    columns = _columns(found["columns"], known)
    limit = int(found["top"]) if found["top"] else None
    return [{shown: row.get(column) for column, shown in columns} for row in rows[:limit]]


def _columns(text: str, known: set[str]) -> list[tuple[str, str]]:
    """Return (column, name in the answer) pairs of a select list."""
    if text.strip() == "*":
        return [(name, name) for name in sorted(known)]
    pairs = []
    for part in text.split(","):
        column, _, shown = re.sub(r"\s+as\s+", "\n", part.strip(), flags=re.IGNORECASE).partition("\n")
        pairs.append((_column(column, known), (shown or column).strip("[]'\" ")))
    return pairs


def _column(text: str, known: set[str]) -> str:
    name = text.strip("[] ").casefold()
    for column in known:
        if column.casefold() == name:
            return column
    raise SqlError(f"Invalid column name '{text.strip()}'.")


def _conditions(text: str | None, known: set[str]) -> list[Callable[[Record], bool]]:
    if text is None:
        return []
    return [_condition(part, known) for part in re.split(r"\s+and\s+", text, flags=re.IGNORECASE)]


def _condition(text: str, known: set[str]) -> Callable[[Record], bool]:
    found = _CONDITION.fullmatch(text)
    if found is None:
        raise SqlError(f"Incorrect syntax near '{text.strip()}'.")
    column, compare = _column(found["column"], known), _COMPARE[found["operator"].casefold()]
    if found["number"] is None or found["operator"].casefold() == "like":
        words = (found["text"] or found["number"] or "").replace("''", "'").casefold()
        return lambda row: row.get(column) is not None and compare(str(row[column]).casefold(), words)
    number = float(found["number"])
    return lambda row: isinstance(row.get(column), (int, float)) and compare(row[column], number)
