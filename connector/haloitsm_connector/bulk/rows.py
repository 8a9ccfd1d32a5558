"""Where the rows of a bulk change come from: a file, standard input, a report, or a list of Halo."""

from __future__ import annotations

import codecs
import hashlib
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Protocol

import orjson

from haloitsm_connector.bulk.record import PROBLEMS
from haloitsm_connector.bulk.values import MisfitError, is_empty, typed
from haloitsm_connector.client.request import scalar
from haloitsm_connector.errors import InputError
from haloitsm_connector.formats import EXTENSIONS, STANDARD_STREAM, Format
from haloitsm_connector.publisher.sinks import csv_text
from haloitsm_connector.subscriber import FileSubscriber
from haloitsm_connector.subscriber.file import opened
from haloitsm_connector.subscriber.report import MOST_ROWS
from haloitsm_connector.subscriber.tables import Numbered, sheet_names
from haloitsm_transformers import Entity

LINE, RECORD, OUTCOME, REASON, RUN = "bulk_line", "bulk_id", "bulk_outcome", "bulk_reason", "bulk_run"
"""The columns that a result file has besides those of the rows."""
TOLD = (LINE, RECORD, OUTCOME, REASON, RUN)
WITHOUT = "bulk_without"
"""The column, where there is need of it, with the columns that a row did not have, as a list in JSON."""
_CHUNK = 1 << 16
_OLD_WORKBOOK = bytes.fromhex("d0cf11e0")
_JSON = re.compile(rb"(?:\[\s*\{|\{\s*)\"")


@dataclass(frozen=True, slots=True)
class Done:
    """A row of a result file that an earlier run has done: which record it was about, what it held, and that run."""

    record: str
    content: Entity
    run: int | None = None


Read = tuple[int, Entity | InputError | Done]
"""A row with the line in which it begins, what is wrong with it, or that it needs nothing more."""


class Source(Protocol):
    """Rows, each with its line, or what is wrong with it.

    ``name`` is what people call it, ``mark`` is the same for the same rows. ``cells``: its rows are those of a table,
    where an empty cell says nothing. ``whole``: its rows are whole records, of which only what is named is meant.
    ``of_halo``: reading it again may bring other rows. ``fields`` are the YAML fields of a subscriber that reads the
    same, ``notes`` say what people should know about it. ``between`` stands between the cells of its result.
    """

    name: str
    mark: str
    cells: bool
    whole: bool
    of_halo: bool
    fields: Mapping[str, Any]
    notes: list[str]
    between: str

    def rows(self) -> Iterator[Read]:
        """Yield the rows."""


@dataclass(slots=True)
class FileRows:
    """The rows of a CSV, JSON, JSON lines or XLSX file; ``-`` is standard input, which is kept in a file meanwhile.

    What is not given is found out: the format by the first bytes and the name, the encoding by what can be read. Of a
    result file the rows that are done say so.
    """

    path: str
    format: Format | None = None
    sheet: str | None = None
    delimiter: str | None = None
    encoding: str | None = None
    name: str = ""
    mark: str = ""
    cells: bool = False
    whole: bool = False
    of_halo: bool = False
    fields: Mapping[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    between: str = ","
    _others: list[str] = field(default_factory=list)
    _kept: IO[bytes] | None = None

    def __post_init__(self) -> None:
        self.name = "standard input" if self.path == STANDARD_STREAM else self.path
        given = self.path
        if self.path == STANDARD_STREAM:
            self._kept = tempfile.NamedTemporaryFile(prefix="haloitsm-", suffix=".rows")  # noqa: SIM115 - as long as this
            shutil.copyfileobj(sys.stdin.buffer, self._kept)
            self._kept.flush()
            self.path = self._kept.name
        self.format = self.format or _format(self.path, self.name)
        self.cells = self.format in ("csv", "xlsx")
        self.mark = f"{self.format} {self.sheet} {self.delimiter} {self.encoding} {_digest(self.path)}"
        options = {"format": self.format, "sheet": self.sheet, "delimiter": self.delimiter}
        if self.format == "csv":
            self.encoding = _encoding(self.path, self.name, self.encoding)
            options["encoding"] = self.encoding if self.encoding != "utf-8" else None
        if self.format == "xlsx":
            self._note_sheets()
        known = {name: value for name, value in options.items() if value is not None}
        self.fields = {"prototype": "file", "path": given, **known}

    def rows(self) -> Iterator[Read]:
        """Yield the rows with the lines in which they begin, or what is wrong with them."""
        options = {name: value for name, value in self.fields.items() if name not in ("prototype", "path")}
        line = 0
        for line, row in self._read(FileSubscriber(self.path, **options)):
            if isinstance(row, InputError):
                where = f"{self.path}:{line}: " if self.format != "json" else f"{self.path}: item {line}: "
                row.what = row.what.removeprefix(where)
                yield line, row
            elif OUTCOME not in row:
                yield line, row
            else:
                yield line, _of_result(row)
        if not line and self._others:
            what = f"{self.name}: the sheet '{self._others[0]}' has no rows"
            raise InputError(what, f"Name another one with --sheet: {', '.join(self._others[1:])}.")

    def _read(self, file: FileSubscriber) -> Iterator[Numbered]:
        try:
            self.between = file.found_delimiter()
            yield from file.numbered()
        except InputError as error:
            raise self._renamed(error) from None

    def _renamed(self, error: InputError) -> InputError:
        return InputError(error.what.replace(self.path, self.name, 1), error.hint)

    def _note_sheets(self) -> None:
        with opened(self.path) as file:
            names = sheet_names(self.name, file)
        if len(names) > 1 and self.sheet is None:
            self._others = names
            more = f" and {len(names) - 4} more" if len(names) > 4 else ""
            others = ", ".join(f"'{name}'" for name in names[1:4]) + more
            self.notes.append(f"of {self.name} the sheet '{names[0]}' is read; --sheet names another: {others}")


_UNDONE = PROBLEMS | {"to do", "", None}
"""What a result file says of rows that are worth another try."""


def _of_result(row: Entity) -> Entity | InputError | Done:
    """Return a row of a result as it was before."""
    try:
        without = typed("array", row.get(WITHOUT) or [])
    except MisfitError as error:
        return InputError(f"column '{WITHOUT}': {error}", "Leave it as it is in the result.")
    told = {_told(name): _told(value) for name, value in row.items() if name not in (*TOLD, WITHOUT)}
    content = {name: value for name, value in told.items() if name not in without or not is_empty(value)}
    if row[OUTCOME] in _UNDONE:
        return content
    run = scalar(row.get(RUN) or "")
    return Done(scalar(row.get(RECORD) or ""), content, int(run) if run.isdecimal() and len(run) < 19 else None)


def _told(value: Any) -> Any:
    return csv_text(value) if isinstance(value, str) else value


@dataclass(slots=True)
class HaloRows:
    """The rows that a subscriber reads out of Halo: a report's, or a list's; ``fields`` describe it in YAML."""

    name: str
    subscriber: Iterable[Entity]
    fields: Mapping[str, Any]
    whole: bool = False
    mark: str = ""
    cells: bool = False
    of_halo: bool = True
    notes: list[str] = field(default_factory=list)
    between: str = ","

    def __post_init__(self) -> None:
        self.mark = self.name

    def rows(self) -> Iterator[Read]:
        """Yield the rows, counted from 1."""
        line = 0
        for line, row in enumerate(self.subscriber, start=1):
            yield line, row
        if self.fields.get("accept_cut") and line >= MOST_ROWS:
            self.notes.append(f"{self.name} has {line:,} rows, at which Halo cuts reports off: there may be more")


def _digest(path: str) -> str:
    digest = hashlib.sha256()
    with opened(path) as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _format(path: str, name: str) -> Format:
    """Tell the format of a file by its first bytes, by its name where these leave a doubt; CSV in the end."""
    with opened(path) as file:
        start = file.read(4096).removeprefix(codecs.BOM_UTF8).lstrip()
    named = EXTENSIONS.get(Path(name).suffix.lower())
    if start.startswith(b"PK\x03\x04"):
        return "xlsx"
    if start.startswith(_OLD_WORKBOOK):
        raise InputError(f"{name}: a workbook of Excel's old format", "Save it as .xlsx.")
    if not _JSON.match(start) and (named == "csv" or not start.startswith((b"[", b"{"))):
        return named or "csv"
    return "json" if start.startswith(b"[") or not (named == "jsonl" or _begins_with_object(path)) else "jsonl"


def _begins_with_object(path: str) -> bool:
    """Whether the first line of a file is a whole object of JSON."""
    with opened(path) as file:
        first = next(filter(bytes.strip, file), b"")
    try:
        return isinstance(orjson.loads(first.removeprefix(codecs.BOM_UTF8)), dict)
    except orjson.JSONDecodeError:
        return False


def _encoding(path: str, name: str, given: str | None) -> str:
    """Tell the encoding of text: by its mark, else as it is given, else by what can be read.

    A mark counts for more than what is given, as every result of a run has one.
    """
    with opened(path) as file:
        start = file.read(4096)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    wrong = _first_wrong_line(path, "utf-8")
    if wrong is None and (given is None or start.startswith(codecs.BOM_UTF8)):
        return _by_zeros(start) or "utf-8"
    if given is not None:
        return given
    if start.startswith(codecs.BOM_UTF8):
        what = (
            f"{name}: begins with the mark of UTF-8, and line {wrong} is no UTF-8: several programs may have written it"
        )
        raise InputError(what, "Save it anew as 'CSV UTF-8', or name the encoding of its text: --encoding cp1252.")
    if encoding := _by_zeros(start):
        return encoding
    if _first_wrong_line(path, "cp1252") is None:
        return "cp1252"
    hint = "Save it as 'CSV UTF-8', or name its encoding: --encoding utf-16."
    raise InputError(f"{name}: neither UTF-8 nor Windows-1252 text", hint)


def _first_wrong_line(path: str, encoding: str) -> int | None:
    """Return the number of the first line that is no text in an encoding."""
    decoder = codecs.getincrementaldecoder(encoding)()
    lines = 1
    with opened(path) as file:
        while True:
            chunk = file.read(_CHUNK)
            try:
                decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                return lines + error.object.count(b"\n", 0, error.start)
            if not chunk:
                return None
            lines += chunk.count(b"\n")


def _by_zeros(start: bytes) -> str | None:
    """Tell UTF-16 without a mark by its zeros, every second byte of Western text."""
    even, odd = start[::2].count(0), start[1::2].count(0)
    if max(even, odd) * 4 <= len(start):
        return None
    return "utf-16-le" if odd > even else "utf-16-be"
