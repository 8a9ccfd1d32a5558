"""Types of columns: the catalogue's words, Spark's and Arrow's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import (
    BooleanType,
    DataType,
    DateType,
    DoubleType,
    FractionalType,
    IntegralType,
    LongType,
    StringType,
    StructField,
    StructType,
    TimestampNTZType,
    TimestampType,
)

from haloitsm_connector.arrow import Columns
from haloitsm_connector.errors import AnswerError, InputError

_SPARK: Mapping[str, DataType] = {
    "integer": LongType(),
    "number": DoubleType(),
    "boolean": BooleanType(),
    "date-time": TimestampType(),
}
_WORDS: tuple[tuple[type[DataType], str], ...] = (
    (IntegralType, "integer"),
    (FractionalType, "number"),
    (BooleanType, "boolean"),
    (TimestampType, "date-time"),
    (TimestampNTZType, "date-time"),
    (DateType, "date-time"),
    (StringType, "string"),
)


def struct(columns: Columns) -> StructType:
    """Return columns as Spark has them."""
    return StructType([StructField(name, _SPARK.get(kind, StringType())) for name, kind in columns.items()])


def words(schema: StructType) -> dict[str, str]:
    """Return the columns of a schema in the catalogue's words. InputError for a type that no column can be read in."""
    return {field.name: _word(field) for field in schema.fields}


def as_asked(batches: Iterator[pyarrow.RecordBatch], schema: StructType) -> Iterator[pyarrow.RecordBatch]:
    """Yield batches in exactly the types of a schema. AnswerError for a value that does not fit its type."""
    wanted: Any = to_arrow_schema(schema, timezone="UTC")
    for batch in batches:
        try:
            yield batch if batch.schema.equals(wanted) else batch.cast(wanted)
        except pyarrow.ArrowInvalid as error:
            raise AnswerError(f"a value does not fit the schema: {error}", "Give its column a wider type.") from None


def _word(field: StructField) -> str:
    for kind, word in _WORDS:
        if isinstance(field.dataType, kind):
            return word
    hint = f'What is nested is JSON text: say "{field.name} string", and from_json where you use it.'
    raise InputError(f"column '{field.name}' cannot be read as {field.dataType.simpleString()}", hint)
