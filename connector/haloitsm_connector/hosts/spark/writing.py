"""Publish on a cluster: what happens before, in each partition, and when all of them are done.

Spark runs a partition again where a machine dies, so a create is on record in a state that all machines share, or is
looked up by `once`: see docs/adr/0022.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field

import orjson
import pyarrow
import pyarrow.fs
import pyarrow.parquet

from haloitsm_connector.arrow import outcome_table, records
from haloitsm_connector.errors import EntityError, InputError, StateError
from haloitsm_connector.hosts.spark.opened import Share, opened
from haloitsm_connector.hosts.spark.reading import ENTITY
from haloitsm_connector.hosts.spark.told import ToWrite
from haloitsm_connector.pipeline import FAILED_STATUSES
from haloitsm_connector.publisher import Outcome
from haloitsm_connector.publisher.exchange import RequestPublisher
from haloitsm_connector.publisher.journal import Intent, Journal, NoJournal, Run
from haloitsm_connector.store import Database, open_state
from haloitsm_connector.store.parts_journal import JobInParts, PartJournal
from haloitsm_transformers import Entity, Failure

LOGGER = logging.getLogger("haloitsm.spark")
SHOWN = 5
"""Records that were not published which an error names."""
HIDDEN = "_"
"""Begins the name of a file that Spark does not read: outcomes of an attempt that may not count."""


@dataclass(frozen=True)
class Written:
    """What became of one partition: how many records by outcome, some that were not published, and their file."""

    counts: Counter[str] = field(default_factory=Counter)
    bad: list[str] = field(default_factory=list)
    file: str = ""


class _Unrecorded(NoJournal):
    """The journal where there is none that all machines share: it lets nothing be created."""

    def begin(self) -> AbstractContextManager[Run]:
        """Begin a run in which nothing can be created."""
        return nullcontext(self)

    def intend(self, intents: Sequence[Intent]) -> list[Intent]:
        """Raise StateError: nothing was sent."""
        what = "this would create records, and Spark runs a partition again where a machine dies"
        hint = "So that nothing is created twice, name a state that all machines share (state: postgresql://…), "
        raise StateError(what, f"{hint}or say in the outgoing how to find a record (once).")


def begin(told: ToWrite) -> None:
    """Check what will be written, and take over what an earlier run of the job left behind.

    InputError and ConfigError say what is wrong with the options, HeldError that the job is running already.
    """
    with opened(told, Share()) as pipeline:
        if not isinstance(pipeline.assembly.outgoing(told.outgoing).publisher, RequestPublisher):
            what = f"the outgoing '{told.outgoing}' writes files, which each machine would do for itself"
            raise InputError(what, "Let Spark write them: df.write.parquet(…).")
    if told.shared_state:
        with open_state(told.shared_state) as state:
            JobInParts(state, told.job_name).take_over()


def write(told: ToWrite, number: int, attempt: int, batches: Iterable[pyarrow.RecordBatch]) -> Written:
    """Publish one partition to its end. RemoteError and StateError where going on makes no sense: it is run again."""
    with opened(told, Share(number, told.at_once)) as pipeline:
        outgoing = pipeline.assembly.outgoing(told.outgoing)
        publisher = outgoing.publisher
        assert isinstance(publisher, RequestPublisher), "checked at the beginning"
        publisher.journal = _journal(told, number, publisher, lambda: pipeline.assembly.state)
        if attempt and publisher.look_up and not told.shared_state:
            time.sleep(publisher.look_up.once.settle_seconds)  # what the attempt before has sent may still be at work
        failed: list[Failure] = []
        outcomes = _Outcomes(told, number)
        outcomes.add(outgoing.publish(_pages(told, batches), failed.append))
        outcomes.add(map(Outcome.failed, failed))
        return outcomes.written()


def finish(told: ToWrite, messages: Iterable[Written]) -> None:
    """End the job: what was created need not be on record any more.

    EntityError where records were not published and the job shall fail then: the creates stay on record, so that the
    same job can be run again.
    """
    written = list(messages)
    for one in written:
        _show(one.file)
    counts: Counter[str] = sum((one.counts for one in written), Counter())
    LOGGER.info("%s: %s", told.outgoing, ", ".join(f"{count} {status}" for status, count in sorted(counts.items())))
    bad = [each for one in written for each in one.bad][:SHOWN]
    if count := sum(counts[status] for status in FAILED_STATUSES):
        what = f"{count} of {counts.total()} records were not published: {'; '.join(bad)}"
        if told.on_failed == "stop":
            raise EntityError(what, "What was created stays on record: run the same job again, or say on_failed: log.")
        LOGGER.error("%s", what)
    if told.shared_state:
        with open_state(told.shared_state) as state:
            JobInParts(state, told.job_name).end()


def _journal(told: ToWrite, number: int, publisher: RequestPublisher, state: Callable[[], Database]) -> Journal:
    if told.shared_state:
        return PartJournal(JobInParts(state(), told.job_name), number)
    return NoJournal() if publisher.look_up or publisher.harmless else _Unrecorded()


def _pages(told: ToWrite, batches: Iterable[pyarrow.RecordBatch]) -> Iterator[list[Entity]]:
    for batch in batches:
        if told.as_json:
            yield [orjson.loads(text) for text in batch.column(ENTITY).to_pylist()]
        else:
            yield list(records(batch))


class _Outcomes:
    """Gathers outcomes of a partition: counted, the bad ones told, all of them in a file where that is asked for."""

    def __init__(self, told: ToWrite, number: int) -> None:
        self._told = told
        self._number = number
        self._counts: Counter[str] = Counter()
        self._bad: list[str] = []
        self._rows: list[dict[str, object]] = []

    def add(self, outcomes: Iterable[Outcome]) -> None:
        for outcome in outcomes:
            self._counts[outcome.status] += 1
            if outcome.status in FAILED_STATUSES and len(self._bad) < SHOWN:
                self._bad.append(f"{outcome.status}: {outcome.reason}")
            if self._told.outcomes:
                self._rows.append(outcome.described())

    def written(self) -> Written:
        return Written(self._counts, self._bad, self._file() if self._told.outcomes else "")

    def _file(self) -> str:
        table = outcome_table(self._rows)
        entities = [orjson.dumps(row["entity"], default=str).decode() for row in self._rows]
        table = table.append_column(ENTITY, pyarrow.array(entities, pyarrow.string()))
        name = f"{HIDDEN}part-{self._number:05}-{uuid.uuid4().hex}.parquet"
        uri = f"{str(self._told.outcomes).rstrip('/')}/{name}"
        with _reached(uri) as (system, path):
            system.create_dir(path.rpartition("/")[0], recursive=True)
            pyarrow.parquet.write_table(table, path, filesystem=system)
        return uri


def _show(uri: str) -> None:
    """Let Spark see the outcomes of an attempt that counts."""
    if not uri:
        return
    with _reached(uri) as (system, path):
        folder, _, name = path.rpartition("/")
        system.move(path, f"{folder}/{name.removeprefix(HIDDEN)}")


@contextmanager
def _reached(uri: str) -> Iterator[tuple[pyarrow.fs.FileSystem, str]]:
    """Give the file system and the path of a file; InputError where it cannot be used."""
    try:
        yield pyarrow.fs.FileSystem.from_uri(uri) if "://" in uri else (pyarrow.fs.LocalFileSystem(), uri)
    except (OSError, pyarrow.ArrowException) as error:
        hint = "Name a folder that every machine reaches by the same path. What was published is on record."
        raise InputError(f"outcomes cannot be kept in {uri}: {error}", hint) from None
