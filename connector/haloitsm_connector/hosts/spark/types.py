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
)


def struct(columns: Columns) -> StructType:
    """Return columns as Spark has them."""
    return StructType([StructField(name, _SPARK.get(kind, StringType())) for name, kind in columns.items()])


def words(schema: StructType) -> dict[str, str]:
    """Return the columns of a schema in the catalogue's words, text where it has none for them."""
    return {field.name: next((word for kind, word in _WORDS if isinstance(field.dataType, kind)), "string")
            for field in schema.fields}  # fmt: skip


def as_asked(batches: Iterator[pyarrow.RecordBatch], schema: StructType) -> Iterator[pyarrow.RecordBatch]:
    """Yield batches in exactly the types of a schema."""
    wanted: Any = to_arrow_schema(schema, timezone="UTC")
    for batch in batches:
        yield batch if batch.schema.equals(wanted) else batch.cast(wanted)
