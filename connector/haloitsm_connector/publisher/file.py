"""Write entities to a file: CSV, JSON, JSON lines or XLSX."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path

from pydantic import Field

from haloitsm_connector.catalogue import Catalogue
from haloitsm_connector.client.drive import Flow
from haloitsm_connector.errors import Finding, InputError
from haloitsm_connector.formats import STANDARD_STREAM, Format, format_of
from haloitsm_connector.prototypes import Fields, Prototype
from haloitsm_connector.publisher.base import Outcome, PublisherBase
from haloitsm_connector.publisher.sinks import Csv, JsonArray, JsonLines, Mode, Sink, Xlsx, check_sheet
from haloitsm_transformers import Chain, Entity

ROWS_PER_PAGE = 500


class FilePublisher(PublisherBase):
    """Writes entities to a file, or to standard output when ``path`` is ``-``.

    ``format`` is csv, json, jsonl or xlsx, by the extension unless given. ``mode`` replace begins the file anew once,
    at the first entity, unless it goes on with a run that was cut off; append goes on with it. ``columns`` of CSV and
    XLSX are those of the first entity unless given. The outcome of an entity follows when the entity is in the file;
    for XLSX, which is written whole, that is at the end. Raises InputError when the file cannot be written.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        format: Format | None = None,
        mode: Mode = "replace",
        columns: Sequence[str] | None = None,
        delimiter: str | None = None,
        sheet: str | None = None,
    ) -> None:
        self.path = str(path)
        self.format = writable(self.path, format)
        self.mode = mode
        self.columns = columns
        self.delimiter = delimiter
        self.sheet = sheet
        self._sink: Sink | None = None

    def flow(self, entities: Iterable[Entity]) -> Flow[Outcome]:
        """Write pages of 500 entities, also those that came before their source failed; there are no requests."""
        source = iter(entities)
        empty = True
        more = True
        while more:
            page: list[Entity] = []
            try:
                page.extend(islice(source, ROWS_PER_PAGE if self.format != "xlsx" else None))
            except Exception:
                if page:
                    yield self._write(page)  # what came before the failure
                raise
            more = bool(page)
            if more or empty:
                yield self._write(page)
            empty = False

    def _write(self, entities: Sequence[Entity]) -> list[Outcome]:
        outcomes, rows = [], []
        try:
            sink = self._opened()
            for entity in entities:
                try:
                    rows.append(sink.row(entity))
                    outcomes.append(Outcome(entity, "sent", request=f"write {self.path}"))
                except InputError as error:
                    outcomes.append(Outcome(entity, "refused", reason=str(error)))
            sink.write(rows)
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise InputError(f"{self.path}: cannot be written: {reason or error}") from error
        return outcomes

    def _opened(self) -> Sink:
        if self._sink is None:
            self._sink = self._made()
        return self._sink

    def _made(self) -> Sink:
        mode: Mode = "append" if self.goes_on else self.mode
        match self.format:
            case "csv":
                return Csv(self.path, mode, self.columns, self.delimiter)
            case "json":
                return JsonArray(self.path, mode)
            case "jsonl":
                return JsonLines(self.path, mode)
            case "xlsx":
                return Xlsx(self.path, mode, self.columns, self.sheet)


def writable(path: str, given: Format | None) -> Format:
    """Return the format to write; InputError when it is not known, or when standard output cannot take it."""
    format_ = format_of(path, given)
    if path == STANDARD_STREAM and format_ in {"json", "xlsx"}:
        raise InputError(f"standard output cannot take {format_}", "Use jsonl or csv.")
    return format_


class FilePublisherFields(Fields):
    """The YAML fields of the publisher prototype ``file``."""

    path: str = Field(description="The file, relative to the working directory; - is standard output.")
    format: Format | None = Field(None, description="csv, json, jsonl or xlsx; by the file's extension unless given.")
    mode: Mode = Field("replace", description="replace begins the file anew with every run; append goes on with it.")
    columns: list[str] | None = Field(
        None, min_length=1, description="CSV and XLSX: the columns, in order; those of the first entity unless given."
    )
    delimiter: str | None = Field(
        None, min_length=1, max_length=1, description="CSV only: the character between cells."
    )
    sheet: str | None = Field(None, description="XLSX only: the sheet's name.")


def check(fields: FilePublisherFields, catalogue: Catalogue) -> Iterable[Finding]:
    """Yield what cannot work: a format that is not known or that standard output cannot take, the name of a sheet."""
    try:
        writable(fields.path, fields.format)
    except InputError as error:
        yield Finding(("path",), error.what, error.hint)
    try:
        check_sheet(fields.sheet)
    except InputError as error:
        yield Finding(("sheet",), error.what, error.hint)


def build(
    fields: FilePublisherFields, client: None, chains: Mapping[str, Chain], catalogue: Catalogue
) -> FilePublisher:
    """Make the publisher that the fields describe."""
    return FilePublisher(**dict(fields))


FILE = Prototype("file", "Writes a CSV, JSON, JSON lines or XLSX file.", FilePublisherFields, build, check)
