"""Read the rows of CSV and XLSX files: a header, then one entity per row, streaming."""

from __future__ import annotations

import csv
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from datetime import date, datetime, time, timedelta
from itertools import chain, groupby
from operator import itemgetter
from typing import IO, Any

from haloitsm_connector.errors import ConnectorError, InputError, suggest
from haloitsm_connector.formats import openpyxl_for
from haloitsm_connector.subscriber.formulas import cell_name, cells_without_value
from haloitsm_transformers import Entity

Numbered = tuple[int, Entity | InputError]
"""A row with the line in which it begins, or what is wrong with it."""
NO_VALUE = "#N/A"
"""What a spreadsheet shows where a formula has no value."""
DELIMITERS = ",;\t|"
_SEPARATOR = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
_QUOTED = re.compile(r'"[^"]*"')


class UnsavedError(InputError):
    """A row has formulas without a value; ``cells`` are its cells by their columns, `NO_VALUE` for those."""

    def __init__(self, what: str, hint: str, cells: Entity) -> None:
        super().__init__(what, hint)
        self.cells = cells


def read_csv(name: str, lines: Iterable[str], delimiter: str | None, *, pad: bool = False) -> Iterator[Numbered]:
    """Yield the rows of a CSV file with their lines; every value is text. Empty rows are left out.

    Without a ``delimiter`` it is the one that Excel's ``sep=`` names, else the one of ``, ; tab |`` that occurs most
    often in the header. A row that is longer or shorter, or that has an open quote, is an InputError; with ``pad``
    cells that a row lacks are empty. Raises InputError for a header that cannot be used.
    """
    source = iter(lines)
    first, before = next(source, ""), 0
    delimiter = delimiter or delimiter_of(first)
    if _SEPARATOR.fullmatch(first):
        first, before = next(source, ""), 1
    rows = csv.reader(chain([first], source), delimiter=delimiter, strict=True)
    columns: Sequence[str] = ()
    while True:
        line = before + rows.line_num + 1
        try:
            row = next(rows, None)
        except csv.Error as error:
            hint = "A cell with a quote, a delimiter or a line break stands in quotes, and its own quotes are doubled."
            yield line, InputError(f"{name}:{line}: not a CSV row: {error}", hint)
            continue
        if not columns:
            columns = _columns(f"{name}:{line}", row or [])
        elif row is None:
            return
        elif any(row):
            filled = [*row, *[""] * (len(columns) - len(row))] if pad else row
            yield line, _named(f"{name}:{line}", filled, columns)


def read_xlsx(name: str, file: IO[bytes], sheet: str | None) -> Iterator[Numbered]:
    """Yield the rows of one sheet with their numbers, the first sheet without ``sheet``; dates are ISO text.

    Empty cells are null. A row with cells beyond the header is an InputError; one with a formula whose value nobody
    has saved is an UnsavedError. Raises InputError for a file that is no workbook, an unknown sheet, or a missing
    extra.
    """
    try:
        with closing(_workbook(name, file)) as workbook:
            yield from _sheet_rows(name, _table(name, workbook, sheet))
    except ConnectorError:
        raise
    except Exception as error:  # openpyxl lets any error of zip and XML parsing out
        hint = "Save it as .xlsx; .xls is another format."
        raise InputError(f"{name}: not an XLSX workbook ({error})", hint) from error


def sheet_names(name: str, file: IO[bytes]) -> list[str]:
    """Return the names of a workbook's sheets, in their order; InputError as `read_xlsx`."""
    try:
        with closing(_workbook(name, file)) as workbook:
            return [table.title for table in workbook.worksheets]
    except ConnectorError:
        raise
    except Exception as error:  # openpyxl lets any error of zip and XML parsing out
        raise InputError(
            f"{name}: not an XLSX workbook ({error})", "Save it as .xlsx; .xls is another format."
        ) from error


def _sheet_rows(name: str, table: Any) -> Iterator[Numbered]:
    table.reset_dimensions()  # some programs write a wrong size, and rows beyond it would be lost
    columns: Sequence[str] = ()
    formulas = _by_row(cells_without_value(table))
    row_with_formulas, open_cells = next(formulas, (0, []))
    for number, cells in enumerate(table.iter_rows(values_only=True), start=1):
        row = [_value(cell) for cell in cells]
        if number == row_with_formulas:
            error = _unsaved(f"{name}:{number}", number, row, open_cells, columns)
            row_with_formulas, open_cells = next(formulas, (0, []))
            if not columns:
                raise error
            yield number, error
            continue
        if all(cell in (None, "") for cell in row):
            continue
        if not columns:
            columns = _columns(f"{name}:{number}", ["" if cell is None else str(cell) for cell in row])
        else:
            yield number, _named(f"{name}:{number}", [*row, *[None] * (len(columns) - len(row))], columns)


def _by_row(cells: Iterator[tuple[int, int]]) -> Iterator[tuple[int, list[int]]]:
    for number, group in groupby(cells, key=itemgetter(0)):
        yield number, [cell for _, cell in group]


def _unsaved(where: str, row: int, cells: list[Any], open_cells: list[int], columns: Sequence[str]) -> UnsavedError:
    """Say which cells of a row have formulas without a value, numbered from 1; ``columns`` are empty of the header."""
    named = [
        f"{cell_name(row, n)} ('{columns[n - 1]}')" if n <= len(columns) else cell_name(row, n) for n in open_cells
    ]
    which = f"cell {named[0]}" if len(named) == 1 else f"cells {', '.join(named[:3])}{', …' if len(named) > 3 else ''}"
    hint = "Open the workbook in Excel, save it, and read it again."
    known = dict(zip(columns, [*cells, *[None] * len(columns)], strict=False))
    known |= {columns[n - 1]: NO_VALUE for n in open_cells if n <= len(columns)}
    return UnsavedError(f"{where}: no value is saved for the formula in {which}", hint, known)


def _named(where: str, row: Sequence[Any], columns: Sequence[str]) -> Entity | InputError:
    """Return the cells by their columns, or what is wrong with them."""
    try:
        return dict(zip(columns, _fitted(where, row, columns), strict=True))
    except InputError as error:
        return error


def delimiter_of(first: str) -> str:
    """Return what the first line of a CSV file shows to stand between cells."""
    named = _SEPARATOR.fullmatch(first)
    return named[1] if named else max(DELIMITERS, key=_QUOTED.sub("", first).count)


def _columns(where: str, header: Sequence[str]) -> list[str]:
    """Return the names in a header, without the empty ones at its end that spreadsheets leave."""
    columns = [name.strip() for name in header]
    while columns and not columns[-1]:
        columns.pop()
    if not columns:
        raise InputError(f"{where}: there is no header", "The first row must name the columns.")
    for number, name in enumerate(columns, start=1):
        if not name:
            raise InputError(f"{where}: column {number} has no name in the header")
        if columns.index(name) + 1 < number:
            raise InputError(f"{where}: the header names column '{name}' twice")
    return columns


def _fitted(where: str, row: Sequence[Any], columns: Sequence[str]) -> Sequence[Any]:
    """Return the cells under the columns; empty cells beyond them are dropped, anything else is an error."""
    beyond = row[len(columns) :]
    if len(row) < len(columns) or any(cell not in (None, "") for cell in beyond):
        hint = "A cell may hold the delimiter without quotes." if beyond else "The row may be cut off."
        raise InputError(f"{where}: the row has {len(row)} cells, the header {len(columns)}", hint)
    return row[: len(columns)]


def _workbook(name: str, file: IO[bytes]) -> Any:
    openpyxl = openpyxl_for(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about styles and extensions of a file, which do not concern its values
        return openpyxl.load_workbook(file, read_only=True, data_only=True)


def _table(name: str, workbook: Any, sheet: str | None) -> Any:
    """Return a sheet by name, else the first that is not a chart."""
    titles = [table.title for table in workbook.worksheets]
    if sheet is not None and sheet not in titles:
        hint = suggest(sheet, titles) or f"There are: {', '.join(titles)}."
        raise InputError(f"{name}: there is no sheet '{sheet}'", hint)
    return workbook.worksheets[0 if sheet is None else titles.index(sheet)]


def _value(cell: Any) -> Any:
    if isinstance(cell, datetime | date | time):
        return cell.isoformat()
    return str(cell) if isinstance(cell, timedelta) else cell
