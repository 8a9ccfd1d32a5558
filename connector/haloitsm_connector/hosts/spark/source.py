"""The data source ``haloitsm`` for ``spark.read``, ``spark.readStream``, ``df.write`` and ``df.writeStream``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ContextDecorator
from datetime import UTC, datetime
from typing import Any

import pyarrow
from pyspark import TaskContext
from pyspark.sql import SparkSession
from pyspark.sql.datasource import (
    DataSource,
    DataSourceArrowWriter,
    DataSourceReader,
    DataSourceStreamArrowWriter,
    DataSourceStreamWriter,
    DataSourceWriter,
    EqualTo,
    Filter,
    GreaterThan,
    GreaterThanOrEqual,
    InputPartition,
    LessThan,
    LessThanOrEqual,
    SimpleDataSourceStreamReader,
    WriterCommitMessage,
)
from pyspark.sql.streaming.datasource import SupportsTriggerAvailableNow
from pyspark.sql.types import StructType

from haloitsm_connector.errors import ConnectorError, InputError
from haloitsm_connector.hosts.spark.reading import (
    Narrowed,
    Piece,
    batches,
    changed_since,
    columns,
    narrowable,
    one_of,
    pieces,
)
from haloitsm_connector.hosts.spark.streaming import what_is_new, what_was_new
from haloitsm_connector.hosts.spark.told import ToRead, ToWrite
from haloitsm_connector.hosts.spark.types import as_asked, struct, words
from haloitsm_connector.hosts.spark.writing import Written, begin, finish, write


def register(spark: SparkSession) -> None:
    """Make the format ``haloitsm`` known to a session, and have Spark hand filters to Python's data sources."""
    spark.dataSource.register(HaloITSM)
    spark.conf.set("spark.sql.python.filterPushdown.enabled", "true")  # without it Spark refuses who takes them


class _Plainly(ContextDecorator):
    """Raises what people can mend without the way there through our code, which Spark would show them whole."""

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ConnectorError):
            error.__cause__ = error.__traceback__ = None  # a cause of None hides what it came of, too


plainly = _Plainly()


class HaloITSM(DataSource):
    """Reads and writes HaloITSM; ``register`` makes it known to a session."""

    @classmethod
    def name(cls) -> str:
        """Return its format."""
        return "haloitsm"

    @plainly
    def schema(self) -> StructType:
        """Return the columns: the catalogue's, and what the first records have besides."""
        return struct(columns(ToRead.of(self.options)))

    @plainly
    def reader(self, schema: StructType) -> DataSourceReader:
        """Return what reads all there is, in partitions."""
        return HaloReader(ToRead.of(self.options), schema)

    @plainly
    def simpleStreamReader(self, schema: StructType) -> SimpleDataSourceStreamReader:  # noqa: N802 - Spark's name
        """Return what reads what is new, from a cursor on."""
        return HaloStream(ToRead.of(self.options), schema)

    @plainly
    def writer(self, schema: StructType, overwrite: bool) -> DataSourceWriter:
        """Return what publishes rows. InputError for ``overwrite``: nothing there is replaced."""
        return HaloWriter(_to_write(self.options, overwrite))

    @plainly
    def streamWriter(self, schema: StructType, overwrite: bool) -> DataSourceStreamWriter:  # noqa: N802 - Spark's name
        """Return what publishes the rows of micro-batches. InputError for ``overwrite``."""
        return HaloStreamWriter(_to_write(self.options, overwrite))


class HaloPartition(InputPartition):
    """One partition, as Spark carries it."""

    def __init__(self, piece: Piece) -> None:
        super().__init__(piece)


class HaloReader(DataSourceReader):
    """Reads in partitions; filters become query parameters and ranges of ids, and Spark applies them again."""

    def __init__(self, told: ToRead, schema: StructType) -> None:
        self._told = told
        self._schema = schema
        self._kinds = words(schema)
        self._narrowed = Narrowed()

    @plainly
    def pushFilters(self, filters: list[Filter]) -> Iterable[Filter]:  # noqa: N802 - Spark's name
        """Take from filters what Halo can be asked for; all of them are left to Spark too."""
        known = narrowable(self._told) if filters else frozenset()
        for one in filters:
            name = ".".join(getattr(one, "attribute", ()))
            if name in known:
                self._narrowed = narrowed_by(one, name, self._narrowed)
        return filters

    @plainly
    def partitions(self) -> list[HaloPartition]:
        """Look up what the partitions are."""
        return [HaloPartition(piece) for piece in pieces(self._told, self._narrowed)]

    def read(self, partition: InputPartition) -> Iterator[pyarrow.RecordBatch]:
        """Read one of them."""
        with plainly:
            found = batches(self._told, self._narrowed, partition.value, self._kinds)
            yield from as_asked(found, self._schema)


def narrowed_by(one: Filter, name: str, before: Narrowed) -> Narrowed:
    """Return what is to be read under one filter more."""
    value: Any = getattr(one, "value", None)
    query, first, last = dict(before.query), before.first, before.last
    if isinstance(value, datetime):
        if isinstance(one, GreaterThan | GreaterThanOrEqual) and not query.keys() & changed_since(value).keys():
            query |= changed_since(value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC))
    elif type(value) is int and name == "id":
        low = {EqualTo: value, GreaterThanOrEqual: value, GreaterThan: value + 1}.get(type(one))
        high = {EqualTo: value, LessThanOrEqual: value, LessThan: value - 1}.get(type(one))
        first, last = one_of(max, first, low), one_of(min, last, high)
    elif type(value) is int and value > 0 and isinstance(one, EqualTo):  # 0 stands for no record there
        query[name] = str(value)
    return Narrowed(query, first, last)


class HaloStream(SimpleDataSourceStreamReader, SupportsTriggerAvailableNow):
    """Reads what is new; its offsets are the cursors of what is read, as JSON texts by name."""

    def __init__(self, told: ToRead, schema: StructType) -> None:
        self._told = told
        self._schema = schema
        self._kinds = words(schema)
        self._once = self._all = False

    def prepareForTriggerAvailableNow(self) -> None:  # noqa: N802 - Spark's name
        """End with what there is at this time."""
        self._once = True

    def initialOffset(self) -> dict[str, str]:  # noqa: N802 - Spark's name
        """Return the offset before everything."""
        return {}

    @plainly
    def read(self, start: dict[str, str]) -> tuple[Iterator[pyarrow.RecordBatch], dict[str, str]]:  # type: ignore[override]
        """Read what is new since an offset, a micro-batch of it, and the offset behind it."""
        if self._once and self._all:
            return iter([]), start
        found = what_is_new(self._told, start, self._kinds)
        self._all = found.all
        return iter(list(as_asked(iter(found.batches), self._schema))), found.end

    def readBetweenOffsets(  # type: ignore[override]  # noqa: N802 - Spark's name
        self, start: dict[str, str], end: dict[str, str]
    ) -> Iterator[pyarrow.RecordBatch]:
        """Read again what lies between two offsets, as far as it has not changed since: that comes later."""
        with plainly:
            found = what_was_new(self._told, start, end, self._kinds)
            yield from as_asked(found, self._schema)

    def commit(self, end: dict[str, str]) -> None:
        """Do nothing: Spark keeps the offsets."""


class HaloMessage(WriterCommitMessage):
    """What became of one partition, as Spark carries it."""

    def __init__(self, written: Written) -> None:
        self.written = written


class _Publishing:
    """What publishing rows and micro-batches have in common."""

    def __init__(self, told: ToWrite) -> None:
        self._told = told

    @plainly
    def write(self, iterator: Iterator[pyarrow.RecordBatch]) -> HaloMessage:
        """Publish one partition."""
        task = TaskContext.get()
        assert task is not None, "Spark writes in tasks"
        return HaloMessage(write(self._told, task.partitionId(), task.attemptNumber(), iterator))

    @plainly
    def _finish(self, messages: list[WriterCommitMessage | None]) -> None:
        finish(self._told, [one.written for one in messages if isinstance(one, HaloMessage)])


class HaloWriter(_Publishing, DataSourceArrowWriter):
    """Publishes the rows of a data frame through an outgoing."""

    def commit(self, messages: list[WriterCommitMessage | None]) -> None:
        """End the job; EntityError where records were not published."""
        self._finish(messages)

    def abort(self, messages: list[WriterCommitMessage | None]) -> None:
        """Leave on record what was created: the same job can be run again."""


class HaloStreamWriter(_Publishing, DataSourceStreamArrowWriter):
    """Publishes the rows of a stream through an outgoing, a micro-batch after the other."""

    def commit(self, messages: list[WriterCommitMessage | None], batchId: int) -> None:  # noqa: N803 - Spark's name
        """End a micro-batch; EntityError where records were not published."""
        self._finish(messages)

    def abort(self, messages: list[WriterCommitMessage | None], batchId: int) -> None:  # noqa: N803 - Spark's name
        """Leave on record what was created: the micro-batch will come again."""


def _to_write(options: Mapping[str, str], overwrite: bool) -> ToWrite:
    if overwrite:
        raise InputError("nothing in HaloITSM is overwritten as a whole", 'Say .mode("append").')
    told = ToWrite.of(options)
    begin(told)
    return told
