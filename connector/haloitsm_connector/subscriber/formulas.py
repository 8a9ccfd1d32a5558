"""Formulas in an XLSX sheet whose values nobody has saved: a program wrote them, and no spreadsheet has opened them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO, Any
from xml.etree import ElementTree

_FORMULA = re.compile(rb"<(?:\w+:)?f[ />]")
_CHUNK = 1 << 16
_OVERLAP = 64


def cells_without_value(table: Any) -> Iterator[tuple[int, str]]:
    """Yield row and name of each cell of a sheet of openpyxl with a formula and no value: ``(5, "C5")``, by rows.

    The library gives such a cell as empty, as it does one whose formula gives an empty text.
    """
    with table._get_source() as part:
        formulas = _has_formulas(part)
    if formulas:
        with table._get_source() as part:
            yield from _cells(part)


def _has_formulas(part: IO[bytes]) -> bool:
    before = b""
    while chunk := part.read(_CHUNK):
        if _FORMULA.search(before + chunk):
            return True
        before = chunk[-_OVERLAP:]
    return False


def _cells(part: IO[bytes]) -> Iterator[tuple[int, str]]:
    number = 0
    rows: Any = None
    for event, element in ElementTree.iterparse(part, ("start", "end")):  # noqa: S314 - openpyxl has read it as well
        name = element.tag.rpartition("}")[2]
        if event == "start":
            rows = element if name == "sheetData" else rows
        elif name == "row":
            number = int(element.get("r") or number + 1)
            yield from ((number, cell.get("r") or f"of row {number}") for cell in element if _is_open(cell))
            rows.clear()


def _is_open(cell: Any) -> bool:
    """Whether a cell has a formula and no value; an empty text is a value."""
    parts = {part.tag.rpartition("}")[2]: part for part in cell}
    if "f" not in parts or "is" in parts:
        return False
    value = parts.get("v")
    return value is None or (not value.text and cell.get("t") != "str")
