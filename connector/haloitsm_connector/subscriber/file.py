"""Read entities from a file: CSV, JSON, JSON lines or XLSX."""

from __future__ import annotations

import codecs
import io
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, Any

import orjson
from pydantic import Field

from haloitsm_connector.catalogue import Catalogue
from haloitsm_connector.client.drive import Flow
from haloitsm_connector.errors import Finding, InputError
from haloitsm_connector.formats import STANDARD_STREAM, Format, format_of
from haloitsm_connector.prototypes import Fields, Prototype
from haloitsm_connector.subscriber.base import SubscriberBase
from haloitsm_connector.subscriber.tables import Numbered, delimiter_of, read_csv, read_xlsx
from haloitsm_transformers import Chain, Entity, Expression, TransformError, expression

ROWS_PER_PAGE = 500
_MARK_READ_OTHERWISE = codecs.BOM_UTF8.decode("cp1252")
"""What the mark of UTF-8 is in Windows-1252 and its like."""


class FileSubscriber(SubscriberBase):
    """The entities in a file, or in standard input when ``path`` is ``-``.

    ``format`` is csv, json, jsonl or xlsx, by the extension unless given. ``items`` is a JMESPath expression to the
    list inside a JSON document; ``delimiter`` and ``encoding`` are for CSV, ``sheet`` for XLSX. CSV, JSON lines and
    XLSX are streamed; a JSON document is read whole. Raises InputError that names file and line.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        format: Format | None = None,
        items: str | None = None,
        delimiter: str | None = None,
        sheet: str | None = None,
        encoding: str = "utf-8",
    ) -> None:
        self.path = str(path)
        self.format = format_of(self.path, format)
        self.items = expression(items) if items else None
        self.delimiter = delimiter
        self.sheet = sheet
        self.encoding = encoding

    def flow(self) -> Flow[Entity]:
        """Yield the entities in pages of 500; there are no requests."""
        with opened(self.path) as file, closing(_whole(self._rows(file))) as rows:
            while page := list(islice(rows, ROWS_PER_PAGE)):
                yield page

    def numbered(self) -> Iterator[Numbered]:
        """Yield each row with the line in which it begins, or what is wrong with it; cells that CSV lacks are empty.

        Raises InputError for what makes the whole file unreadable.
        """
        with opened(self.path) as file:
            yield from self._rows(file, pad=True)

    def found_delimiter(self) -> str:
        """Return what stands between the cells of a CSV file; a comma for a file of another format."""
        if self.delimiter or self.format != "csv":
            return self.delimiter or ","
        with opened(self.path) as file:
            return delimiter_of(next(self._lines(file), ""))

    def _rows(self, file: IO[bytes], *, pad: bool = False) -> Iterator[Numbered]:
        match self.format:
            case "csv":
                return read_csv(self.path, self._lines(file), self.delimiter, pad=pad)
            case "jsonl":
                return self._json_lines(file)
            case "json":
                return self._json(file.read())
            case "xlsx":
                return read_xlsx(self.path, file if file.seekable() else io.BytesIO(file.read()), self.sheet)

    def _lines(self, file: IO[bytes]) -> Iterator[str]:
        try:
            encoding = "utf-8-sig" if codecs.lookup(self.encoding).name == "utf-8" else self.encoding
            with io.TextIOWrapper(file, encoding, newline="") as text:
                first = next(text, "")
                if "\0" in first:
                    hint = (
                        "It holds zero bytes, as UTF-16 does: name its encoding, utf-16-le, or save it as 'CSV UTF-8'."
                    )
                    raise InputError(f"{self.path}: not text in {self.encoding}", hint)
                yield first.removeprefix("\ufeff").removeprefix(_MARK_READ_OTHERWISE)
                yield from text
        except UnicodeDecodeError as error:
            hint = "Save it as 'CSV UTF-8', or name its encoding: cp1252 is what Excel on Windows writes."
            raise InputError(f"{self.path}: not text in {self.encoding} ({error.reason})", hint) from error
        except (LookupError, ValueError) as error:  # a ValueError for a name that no encoding can have
            hint = "Common ones: utf-8, cp1252, utf-16."
            raise InputError(f"there is no encoding {self.encoding!r}", hint) from error

    def _json_lines(self, file: IO[bytes]) -> Iterator[Numbered]:
        for number, line in enumerate(file, start=1):
            if line.strip():
                where = f"{self.path}:{number}"
                try:
                    yield number, _object(where, _decoded(where, line))
                except InputError as error:
                    yield number, error

    def _json(self, text: bytes) -> Iterator[Numbered]:
        document = _decoded(self.path, text)
        if self.items:
            document = self._at_items(document)
        rows = document if isinstance(document, list) else [document]
        for number, row in enumerate(rows, start=1):
            yield number, _object(f"{self.path}: item {number}", row)

    def _at_items(self, document: Any) -> Any:
        assert self.items
        try:
            found = self.items(document)
        except TransformError as error:
            raise InputError(f"{self.path}: items: {error}") from error
        if found is None:
            raise InputError(f"{self.path}: there is nothing at 'items'", "Correct the expression, or leave it out.")
        return found


@contextmanager
def opened(path: str) -> Iterator[IO[bytes]]:
    """Open a file for reading, ``-`` for standard input; InputError says why it cannot be."""
    try:
        with _open(path) as file:
            yield file
    except OSError as error:
        hint = f"Looked in {Path.cwd()}." if not Path(path).is_absolute() else ""
        raise InputError(f"{path}: cannot be read: {error.strerror or error}", hint) from error


def _open(path: str) -> IO[bytes]:
    return open(0, "rb", closefd=False) if path == STANDARD_STREAM else Path(path).open("rb")


def _decoded(where: str, text: bytes) -> Any:
    try:
        return orjson.loads(text.removeprefix(codecs.BOM_UTF8))
    except orjson.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}" if b"\n" in text.strip() else f"column {error.colno}"
        raise InputError(f"{where}: not JSON: {error.msg} at {place}") from error


def _object(where: str, value: Any) -> Entity | InputError:
    if not isinstance(value, dict):
        return InputError(f"{where}: an entity is a JSON object, not {type(value).__name__}")
    return value


def _whole(rows: Iterator[Numbered]) -> Generator[Entity, None, None]:
    """Yield the rows, and raise what is wrong with one of them."""
    for _, row in rows:
        if isinstance(row, InputError):
            raise row
        yield row


class FileSubscriberFields(Fields):
    """The YAML fields of the subscriber prototype ``file``."""

    path: str = Field(description="The file, relative to the working directory; - is standard input.")
    format: Format | None = Field(None, description="csv, json, jsonl or xlsx; by the file's extension unless given.")
    items: Expression | None = Field(
        None, description="JSON only: JMESPath expression to the list of entities inside the document."
    )
    delimiter: str | None = Field(
        None, min_length=1, max_length=1, description="CSV only: the character between cells; else found in the header."
    )
    encoding: str = Field("utf-8", description="CSV only: the file's encoding, such as cp1252.")
    sheet: str | None = Field(None, description="XLSX only: the sheet's name; the first sheet unless given.")


def check(fields: FileSubscriberFields, catalogue: Catalogue) -> Iterable[Finding]:
    """Yield what cannot work: a format that is not known."""
    try:
        format_of(fields.path, fields.format)
    except InputError as error:
        yield Finding(("path",), error.what, error.hint)


def build(
    fields: FileSubscriberFields, client: None, chains: Mapping[str, Chain], catalogue: Catalogue
) -> FileSubscriber:
    """Make the subscriber that the fields describe."""
    return FileSubscriber(**dict(fields))


FILE = Prototype("file", "Reads a CSV, JSON, JSON lines or XLSX file.", FileSubscriberFields, build, check)
