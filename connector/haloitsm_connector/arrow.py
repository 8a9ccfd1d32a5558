"""Entities as Arrow record batches and back: the edge to pandas, Polars and others (extra ``arrow``).

Columns have types of the catalogue: ``integer``, ``number``, ``boolean``, ``date-time``, and text for all others. What
is nested is JSON text. Moments are UTC, and those of 1900 and before are null, since they mean that there is none
(halo-api-facts 8).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from haloitsm_connector.errors import AnswerError, InputError, suggest
from haloitsm_transformers import Entity

if TYPE_CHECKING:
    import pyarrow

LOGGER = logging.getLogger("haloitsm.arrow")
Columns = Mapping[str, str]
"""The name of each column, and its type in the catalogue's words."""
NEVER = 1900
"""The last year of moments that mean that there is none."""
INTEGERS = range(-(2**63), 2**63)
"""Whole numbers that a column can hold."""


def record_batches(
    pages: Iterable[list[Entity]], declared: Columns | None = None, columns: Columns | Iterable[str] | None = None
) -> pyarrow.RecordBatchReader:
    """Return a reader of one record batch per page, typed as ``declared``; pages are read as it is asked for them.

    The columns are those declared, then what the first page has besides, typed by its values; ``columns`` chooses some,
    or gives them with types. What comes later and is in no column is told in the log. Raises AnswerError for a value
    that does not fit its column, InputError for an unknown column, and where pyarrow is not installed.
    """
    arrow = _pyarrow()
    known = dict(declared or {})
    coming = iter(pages)
    if isinstance(columns, Mapping):
        chosen = dict(columns)
    else:
        first = next(coming, [])
        coming = chain([first], coming)
        known |= {name: kind for name, kind in _seen(first).items() if name not in known}
        chosen = known if columns is None else {name: _known(name, known) for name in columns}
    schema = arrow.schema([(name, _arrow_type(arrow, kind)) for name, kind in chosen.items()])
    return arrow.RecordBatchReader.from_batches(schema, _batches(coming, schema, chosen, columns is None))


def records(table: Any) -> Iterator[Entity]:
    """Yield the rows of a table as entities: of pyarrow, pandas, Polars or any other that is an Arrow stream.

    Nulls are left out. Moments become ISO text, in UTC where they have a zone. Raises InputError for what is no table.
    """
    arrow = _pyarrow()
    if not hasattr(table, "__arrow_c_stream__"):
        what = f"a {type(table).__name__} is no Arrow table"
        raise InputError(what, "Give a table or reader of pyarrow, or a data frame of pandas (2.2 or later) or Polars.")
    for batch in arrow.RecordBatchReader.from_stream(table):
        for row in _in_microseconds(arrow, batch).to_pylist():
            yield {name: as_json(value) for name, value in row.items() if value is not None}


def write_parquet(file: Path, pages: Iterable[list[Entity]], declared: Columns | None = None) -> int:
    """Write entities to a Parquet file, a row group per page; return how many. Raises what `record_batches` does."""
    _pyarrow()
    from pyarrow import parquet

    count = 0
    batches = record_batches(pages, declared)
    with parquet.ParquetWriter(file, batches.schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
            count += batch.num_rows
    return count


def read_parquet(file: Path) -> Iterator[Entity]:
    """Yield the rows of a Parquet file as entities; InputError where it is none, or pyarrow is not installed."""
    arrow = _pyarrow()
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(file) as found:
            yield from records(arrow.RecordBatchReader.from_batches(found.schema_arrow, found.iter_batches()))
    except (OSError, arrow.ArrowInvalid) as error:
        raise InputError(f"{file}: cannot be read as Parquet: {error}") from None


def outcome_table(rows: Iterable[Mapping[str, Any]]) -> pyarrow.Table:
    """Return outcomes, in the order of the records, as a table: status, id, reason, request."""
    arrow = _pyarrow()
    schema = arrow.schema([(name, arrow.string()) for name in ("status", "id", "reason", "request")])
    return arrow.Table.from_pylist([{name: _text(row[name]) for name in schema.names} for row in rows], schema)


def _batches(pages: Iterable[list[Entity]], schema: Any, columns: Columns, tell: bool) -> Iterator[pyarrow.RecordBatch]:
    arrow = _pyarrow()
    told: set[str] = set()
    for page in pages:
        if tell and (unseen := {name for row in page for name in row.keys() - columns.keys()} - told):
            told |= unseen
            LOGGER.warning("no column for %s, which the first page did not have", ", ".join(sorted(unseen)))
        if page:
            arrays = [arrow.array(_values(page, field.name, columns[field.name]), field.type) for field in schema]
            yield arrow.RecordBatch.from_arrays(arrays, schema=schema)


def _values(page: list[Entity], name: str, kind: str) -> list[Any]:
    convert: Callable[[Any], Any] = _CONVERT.get(kind, _text)
    found = [row.get(name) for row in page]
    try:
        return [None if value is None else convert(value) for value in found]
    except (TypeError, ValueError, LookupError, OverflowError):
        hint = f"Read it as text: columns={{'{name}': 'string', …}}."
        raise AnswerError(f"a value of '{name}' is no {kind}, as which it is declared", hint) from None


def _integer(value: Any) -> int:
    whole = int(value)
    if isinstance(value, float) and whole != value:
        raise ValueError
    if whole not in INTEGERS:
        raise OverflowError
    return whole


def _boolean(value: Any) -> bool:
    return _BOOLEANS[str(value).lower()]


def _moment(value: Any) -> datetime | None:
    if value == "":
        return None
    at = datetime.fromisoformat(value)
    at = at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    return at if at.year > NEVER else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) or value is None else orjson.dumps(value, default=str).decode()


_BOOLEANS: Mapping[str, bool] = {"true": True, "false": False, "1": True, "0": False}
_CONVERT: Mapping[str, Callable[[Any], Any]] = {
    "integer": _integer,
    "number": float,
    "boolean": _boolean,
    "date-time": _moment,
}
_OF_VALUE: Mapping[type, str] = {bool: "boolean", int: "integer", float: "number"}


def _arrow_type(arrow: Any, kind: str) -> Any:
    makers = {"integer": arrow.int64, "number": arrow.float64, "boolean": arrow.bool_}
    return arrow.timestamp("us", "UTC") if kind == "date-time" else makers.get(kind, arrow.string)()


def _seen(page: list[Entity]) -> dict[str, str]:
    """Return the fields of a page with their types, text where they have several."""
    kinds: dict[str, set[str]] = {}
    for row in page:
        for name, value in row.items():
            found = kinds.setdefault(name, set())
            if value is not None:
                found.add(_OF_VALUE.get(type(value), "string"))
    kinds = {name: {"number"} if found == {"integer", "number"} else found for name, found in kinds.items()}
    return {name: found.pop() if len(found) == 1 else "string" for name, found in kinds.items()}


def _known(name: str, columns: Columns) -> str:
    if name not in columns:
        hint = suggest(name, columns) or f"Give its type to have it anyway: columns={{'{name}': 'string', …}}."
        raise InputError(f"there is no field '{name}'", hint)
    return columns[name]


def _in_microseconds(arrow: Any, batch: Any) -> Any:
    """Return a batch without nanoseconds, which Python's own moments do not have."""
    types = [
        arrow.timestamp("us", field.type.tz) if arrow.types.is_timestamp(field.type) else field.type
        for field in batch.schema
    ]
    columns = [column.cast(kind, safe=False) for column, kind in zip(batch.columns, types, strict=True)]
    return arrow.RecordBatch.from_arrays(columns, names=batch.schema.names)


def as_json(value: Any) -> Any:
    """Return a value as JSON has it: moments and days as text, whole numbers as such; InputError for bytes."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if value.tzinfo else value.isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, bytes | timedelta):
        kind = "bytes" if isinstance(value, bytes) else "durations"
        raise InputError(f"a column of {kind} cannot be published", "Turn it into text or a number first.")
    if isinstance(value, list) and value and isinstance(value[0], tuple):  # a map, as pyarrow has it
        return {str(name): as_json(each) for name, each in value}
    if isinstance(value, list):
        return [as_json(each) for each in value]
    return {name: as_json(each) for name, each in value.items()} if isinstance(value, dict) else value


def _pyarrow() -> Any:
    try:
        import pyarrow
    except ImportError:
        raise InputError("pyarrow is not installed", "Install it: pip install 'haloitsm-connector[arrow]'.") from None
    return pyarrow
