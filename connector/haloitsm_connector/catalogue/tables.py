"""Reads the two tables of evidence about lists (tab separated, one path a row) into facts."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from typing import Any

from .encoding import compact

Row = Mapping[str, str]
_PROVEN = ("confirmed", "single")
_DEFAULT_PAGE_SIZE = 100
_FILTERS = re.compile(r"(?!none|same)\w+([,+]\w+)*")


def lists(entities: str, shapes: str) -> dict[str, dict[str, Any]]:
    """Return the facts of each list by path: key, record, paged, page_size, incremental, sure.

    ``entities`` has the columns path, list_key, paginated, max_page_size, incremental_filter; ``shapes`` has path,
    list_key, record_schema, paginated, confidence. Where they differ the proven one counts, then the first.
    """
    by_entity, by_shape = _rows(entities), _rows(shapes)
    paths = sorted({*by_entity, *by_shape})
    single = {path for path, row in by_entity.items() if row["list_key"] == "single object"}
    return {
        path: _list(by_entity.get(path, {}), by_shape.get(path, {}), by_entity) for path in paths if path not in single
    }


def _rows(table: str) -> dict[str, Row]:
    return {row["path"]: row for row in csv.DictReader(table.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)}


def _list(entity: Row, shape: Row, entities: Mapping[str, Row]) -> dict[str, Any]:
    shape_key = shape.get("list_key", "?").lstrip("-")
    sources = [_claim(entity.get("list_key", "?")), (shape_key, shape.get("confidence") in _PROVEN)]
    known = [source for source in sources if source[0] != "?"] or [("", False)]
    key, sure = max(known, key=lambda source: source[1])
    size = re.match(r"\d+", entity.get("max_page_size", ""))
    facts = {
        "key": key or None,
        "record": shape.get("record_schema", "?").partition(" ")[0].strip("?") or None,
        "paged": "y" in (entity.get("paginated"), shape.get("paginated")),
        "page_size": int(size[0]) if size and int(size[0]) != _DEFAULT_PAGE_SIZE else None,
        "incremental": _incremental(entity, entities),
        "sure": sure,
    }
    return compact(facts)


def _claim(cell: str) -> tuple[str, bool]:
    """Return what a cell says about the key ("" for a bare array, "?" for unknown) and whether it is sure."""
    sure = not re.search(r"\?|inferred|tolerant", cell)
    if paged := re.search(r"(\w+) when pageinate=true", cell):
        return paged[1], sure
    if cell.startswith(("bare", "raw")):
        return "", sure
    return cell.partition(" ")[0], sure


def _incremental(entity: Row, entities: Mapping[str, Row]) -> list[str]:
    cell = entity.get("incremental_filter", "")
    if same := re.match(r"same as (\S+)", cell):
        path = same[1] if same[1].startswith("/") else f"/{same[1]}"
        cell = entities[path]["incremental_filter"] if path in entities else ""
    filters = _FILTERS.match(cell)
    return re.split("[,+]", filters[0]) if filters else []
