"""Formulas in an XLSX sheet whose values nobody has saved: a program wrote them, and no spreadsheet has opened them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO, Any
from xml.etree import ElementTree

_FORMULA = re.compile(rb"<(?:\w+:)?f[ />]")
_CHUNK = 1 << 16
_OVERLAP = 64


def cells_without_value(table: Any) -> Iterator[tuple[int, int]]:
    """Yield row and column, from 1, of each cell of a sheet of openpyxl with a formula and no value, by rows.

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


def _cells(part: IO[bytes]) -> Iterator[tuple[int, int]]:
    number = 0
    rows: Any = None
    for event, element in ElementTree.iterparse(part, ("start", "end")):  # noqa: S314 - openpyxl has read it as well
        name = element.tag.rpartition("}")[2]
        if event == "start":
            rows = element if name == "sheetData" else rows
        elif name == "row":
            number = int(element.get("r") or number + 1)
            column = 0
            for cell in element:
                column = _column(cell.get("r")) or column + 1
                if _is_open(cell):
                    yield number, column
            rows.clear()


def _column(name: str | None) -> int:
    """Return the column of a cell, by its name: 3 of ``C5``; 0 without one."""
    column = 0
    for letter in (name or "").rstrip("0123456789").upper():
        column = column * 26 + ord(letter) - ord("A") + 1
    return column


def cell_name(row: int, column: int) -> str:
    """Return the name of a cell: ``C5``."""
    letters = ""
    while column:
        column, letter = divmod(column - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return f"{letters}{row}"


def _is_open(cell: Any) -> bool:
    """Whether a cell has a formula and no value; an empty text is a value."""
    parts = {part.tag.rpartition("}")[2]: part for part in cell}
    if "f" not in parts or "is" in parts:
        return False
    value = parts.get("v")
    return value is None or (not value.text and cell.get("t") != "str")
