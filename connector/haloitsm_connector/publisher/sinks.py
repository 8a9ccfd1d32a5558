"""Files that entities are written to; what a sink has written is in the file, and can be read back, at once.

Every sink has ``row``, which encodes one entity or raises InputError, and ``write``, which adds encoded rows to the
file. The first write begins the file anew in mode ``replace`` and goes on with it in mode ``append``.
"""

from __future__ import annotations

import csv
import io
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal, Protocol

import orjson

from haloitsm_connector.errors import InputError, suggest
from haloitsm_connector.formats import STANDARD_STREAM, openpyxl_for
from haloitsm_transformers import Entity

Mode = Literal["replace", "append"]
XLSX_CELL_LENGTH = 32_767
XLSX_LARGEST = 10**15
"""Numbers from here on lose digits in a spreadsheet, so they are written as text."""
_NUMBER_LIKE = re.compile(r"[+-]?[\d\s().,/:-]+")
_FORMULA = re.compile(r"""(\A['"]*|(?<=[,;|\t\r\n])['"]*)([=+@＝＋－＠-])""")
"""The start of a formula: at the beginning, or where a cell begins by some delimiter; quotes before it do no harm."""
_JSON_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_SHEET = re.compile(r"[^\\/*?:\[\]]{1,31}")
_TAIL = 4096


class Sink(Protocol):
    """What a file publisher writes to. ``streams`` is false for a format whose file is written whole."""

    streams: bool

    def row(self, entity: Entity) -> Any:
        """Encode one entity; InputError says why it cannot be."""

    def write(self, rows: Sequence[Any]) -> None:
        """Put encoded rows into the file; called without any, it still begins the file."""


class JsonLines:
    """One JSON object per line."""

    streams = True

    def __init__(self, path: str, mode: Mode) -> None:
        self._output = Output(path, mode)

    def row(self, entity: Entity) -> bytes:
        """Encode one entity as a line."""
        return as_json(entity) + b"\n"

    def write(self, rows: Sequence[bytes]) -> None:
        """Add the lines."""
        with self._output.opened() as file:
            file.write(b"".join(rows))


class JsonArray:
    """A JSON array of objects, one per line; after each write the file is complete."""

    streams = True

    def __init__(self, path: str, mode: Mode) -> None:
        self._path = Path(path)
        self._output = Output(path, mode)

    def row(self, entity: Entity) -> bytes:
        """Encode one entity."""
        return as_json(entity)

    def write(self, rows: Sequence[bytes]) -> None:
        """Add the objects in front of the closing bracket."""
        if not self._output.size:
            with self._output.opened() as file:
                file.write(b"[]\n")
        if rows:
            with self._path.open("r+b") as file:
                start = self._before_bracket(file)
                file.write((b"\n" if start else b",\n") + b",\n".join(rows) + b"\n]\n")

    def _before_bracket(self, file: IO[bytes]) -> bool:
        """Cut the closing bracket off; return whether the array is empty."""
        begin = max(0, file.seek(0, io.SEEK_END) - _TAIL)
        file.seek(begin)
        tail = file.read().rstrip()
        if not tail.endswith(b"]"):
            raise InputError(f"{self._path}: not a JSON array that objects can be added to")
        inside = tail[:-1].rstrip()
        file.seek(begin + len(inside))
        file.truncate()
        return inside.endswith(b"[")


class Csv:
    """Rows of text below a header; the columns are given, or in the file already, or those of the first entity."""

    streams = True

    def __init__(self, path: str, mode: Mode, columns: Sequence[str] | None, delimiter: str | None) -> None:
        self._delimiter = delimiter or ("\t" if path.lower().endswith(".tsv") else ",")
        self._output = Output(path, mode)
        self._columns = list(columns or [])
        self._present: list[str] = []
        if self._output.size:
            with Path(path).open(encoding="utf-8-sig", newline="") as file:
                self._present = next(csv.reader(file, delimiter=self._delimiter), [])
            self._columns = self._columns or self._present
            check_columns(path, self._columns, self._present)

    def row(self, entity: Entity) -> bytes:
        """Encode one entity as a line."""
        self._columns = self._columns or list(entity)
        return self._line(csv_cell(value) for value in cells(entity, self._columns))

    def write(self, rows: Sequence[bytes]) -> None:
        """Add the lines, behind the header where the file begins."""
        with self._output.opened() as file:
            if not self._present and self._columns:
                self._present = self._columns
                file.write(self._line(csv_cell(name) for name in self._columns))
            file.write(b"".join(rows))

    def _line(self, texts: Iterator[str]) -> bytes:
        line = io.StringIO()
        csv.writer(line, delimiter=self._delimiter).writerow(texts)
        try:
            return line.getvalue().encode()
        except UnicodeEncodeError as error:
            raise InputError(f"the text cannot be written: {error.reason}") from error


class Xlsx:
    """Rows of one sheet below a header; the workbook is kept in memory and written whole."""

    streams = False

    def __init__(self, path: str, mode: Mode, columns: Sequence[str] | None, sheet: str | None) -> None:
        openpyxl = openpyxl_for(path)
        check_sheet(sheet)
        self._path = Path(path)
        self._columns = list(columns or [])
        present: list[str] = []
        if mode == "append" and self._path.exists():
            self._book = _loaded(openpyxl, path)
            name = sheet or self._book.sheetnames[0]
            self._table = self._book[name] if name in self._book.sheetnames else self._book.create_sheet(name)
            present = [str(cell.value) for cell in self._table[1] if cell.value is not None]
        else:
            self._book = openpyxl.Workbook()
            self._table = self._book.active
            self._table.title = sheet or "Sheet1"
        self._next = self._table.max_row + 1 if present else 1
        if present:
            self._columns = self._columns or present
            check_columns(path, self._columns, present)

    def row(self, entity: Entity) -> list[Any]:
        """Encode one entity as cells: numbers of up to 15 digits, true and false as they are, anything else as text."""
        self._columns = self._columns or list(entity)
        return [
            _xlsx_cell(name, value) for name, value in zip(self._columns, cells(entity, self._columns), strict=True)
        ]

    def write(self, rows: Sequence[list[Any]]) -> None:
        """Add the rows, behind the header where the sheet begins, and save the workbook."""
        header = [list(self._columns)] if self._next == 1 and self._columns else []
        for row in [*header, *rows]:
            for column, value in enumerate(row, start=1):
                cell = self._table.cell(self._next, column, value)
                if isinstance(value, str):
                    cell.data_type = "s"  # else a text that starts with = becomes a formula
            self._next += 1
        workbook = io.BytesIO()  # a file that cannot be written would be left open by openpyxl
        self._book.save(workbook)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_bytes(workbook.getvalue())


class Output:
    """The file behind a sink: begun at the first opening, gone on with at the next ones."""

    def __init__(self, path: str, mode: Mode) -> None:
        self._path = path
        self._replace = mode == "replace"

    @property
    def size(self) -> int:
        """The bytes that are there and stay."""
        path = Path(self._path)
        return path.stat().st_size if not self._replace and self._path != STANDARD_STREAM and path.exists() else 0

    @contextmanager
    def opened(self) -> Iterator[IO[bytes]]:
        """Open the file for adding to it, with the folders above it; ``-`` is standard output."""
        if self._path == STANDARD_STREAM:
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
            return
        path = Path(self._path)
        path.parent.mkdir(parents=True, exist_ok=True)
        new_line = b"\n" if not self._replace and _ends_within_a_line(path) else b""
        with path.open("wb" if self._replace else "ab") as file:
            self._replace = False
            file.write(new_line)
            yield file


def _ends_within_a_line(path: Path) -> bool:
    """Whether the last line of a file is not finished: it was typed by hand, or a disk was full."""
    if not path.is_file() or not path.stat().st_size:
        return False
    with path.open("rb") as file:
        file.seek(-1, io.SEEK_END)
        return file.read() != b"\n"


def as_json(value: Any) -> bytes:
    """Encode a value as JSON; InputError for what JSON or 64 bits cannot hold."""
    try:
        return orjson.dumps(value)
    except TypeError as error:
        raise InputError(f"this cannot be written as JSON: {error}") from error


def cells(entity: Entity, columns: Sequence[str]) -> list[Any]:
    """Return an entity's values in the order of the columns; InputError names a property without a column."""
    for name in entity:
        if name not in columns:
            hint = suggest(name, columns) or "Name all columns in `columns:`, or leave the property out with `select`."
            raise InputError(f"there is no column for '{name}'", hint)
    return [entity.get(name) for name in columns]


def csv_cell(value: Any) -> str:
    """Write one value: null as nothing, lists and objects as JSON, text that a spreadsheet would run behind a ``'``.

    A spreadsheet takes text that starts with = + - @ for a formula, and that text may come from anybody who can name
    a record. Numbers, dates and telephone numbers start with + or - too; they stay as they are. Where a spreadsheet
    splits by another delimiter than the file has, a cell can begin within the text, so what follows a delimiter is
    looked at as well; in JSON the character is written as JSON's own escape. `csv_text` reads the text back.
    """
    if isinstance(value, str):
        return _FORMULA.sub(lambda found: f"'{found[0]}" if _runs(found) else found[0], value)
    return "" if value is None else _JSON_TEXT.sub(_escaped, as_json(value).decode())


def csv_text(cell: str) -> str:
    """Return the text that `csv_cell` wrote."""
    return _FORMULA.sub(lambda found: found[0].removeprefix("'") if _runs(found) else found[0], cell)


def _runs(found: re.Match[str]) -> bool:
    """Whether what looks like a formula is not just a number."""
    return not _NUMBER_LIKE.fullmatch(found.string, found.start(2))


def _escaped(text: re.Match[str]) -> str:
    """Return a text of JSON in which nothing looks like a formula."""
    return _FORMULA.sub(lambda found: f"{found[1]}\\u{ord(found[2]):04x}", text[0])


def check_columns(path: str, columns: Sequence[str], present: Sequence[str]) -> None:
    """Raise InputError unless the columns to write are those in the file."""
    if list(columns) != list(present):
        what = f"{path} has the columns {', '.join(present)}, which are not those to write: {', '.join(columns)}"
        raise InputError(what, "Write to another file, or set mode: replace.")


def check_sheet(name: str | None) -> None:
    """Raise InputError for what spreadsheet programs do not take as the name of a sheet; None is left to us."""
    if name is not None and not _SHEET.fullmatch(name):
        raise InputError(f"a sheet cannot be named {name!r}", "It has 1 to 31 characters, and none of \\ / * ? : [ ].")


def _xlsx_cell(name: str, value: Any) -> Any:
    if value is None or (isinstance(value, int | float) and abs(value) < XLSX_LARGEST):
        return value
    text = _CONTROL.sub("\ufffd", value if isinstance(value, str) else as_json(value).decode())
    if len(text) > XLSX_CELL_LENGTH:
        raise InputError(f"'{name}' has {len(text)} characters; a cell of XLSX holds {XLSX_CELL_LENGTH}")
    return text


def _loaded(openpyxl: Any, path: str) -> Any:
    try:
        return openpyxl.load_workbook(path)
    except Exception as error:  # openpyxl lets any error of zip and XML parsing out
        raise InputError(f"{path}: not an XLSX workbook that rows can be added to ({error})") from error
