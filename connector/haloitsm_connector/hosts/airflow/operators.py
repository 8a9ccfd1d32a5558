"""Operators: run routes of YAML files, read into a file, publish rows."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any, ClassVar, Literal

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from haloitsm_connector.errors import ConfigError, InputError
from haloitsm_connector.hosts.airflow import files
from haloitsm_connector.hosts.airflow.cursors import keep_cursor, last_cursor
from haloitsm_connector.hosts.airflow.hook import CONNECTION, Paths, hook_of, in_airflows_words
from haloitsm_connector.hosts.sink import Sink
from haloitsm_connector.pipeline import FAILED_STATUSES
from haloitsm_connector.publisher import Outcome
from haloitsm_connector.runner import Delivered, Event, Runner, Stored, Summary
from haloitsm_connector.store import Intents
from haloitsm_transformers import Entity

OnFailed = Literal["fail", "log"]
"""What a record does that could not be written: fail the task, or nothing but a line in its log."""
SHOWN_FAILURES = 20
"""Failures that the log shows one by one; the rest is only counted."""
BATCH = 1_000
ON_RECORD_SECONDS = 30 * 86_400
"""How long a run of a DAG knows what it has created."""
JOBS = "airflow "
"""How the names of jobs begin that are on record for runs of DAGs."""


class HaloITSMRunRouteOperator(BaseOperator):
    """Runs routes of YAML files as ``haloitsm run`` does, and goes on where an earlier run was cut off.

    ``routes`` are those to run, all without any. What is remembered between runs is in ``state``, which every worker
    must reach: a file or a PostgreSQL address; else in the one that the connection or ``HALOITSM_STATE`` names.
    ``parameters`` fills in variables of the YAML. Returns, for each route, how many tasks came to which status.

    The task fails for good where records could not be written, unless ``on_failed`` is ``log``; trying again is for
    Halo being out of reach and for records that are to be retried.
    """

    template_fields: Sequence[str] = ("config", "routes", "parameters", "state", "haloitsm_conn_id")
    template_fields_renderers: ClassVar[dict[str, str]] = {"parameters": "json"}
    ui_color = "#dceefb"
    _stop: threading.Event | None = None

    def __init__(
        self,
        *,
        config: Paths,
        routes: str | Sequence[str] = (),
        parameters: Mapping[str, Any] | None = None,
        state: str | None = None,
        haloitsm_conn_id: str | None = CONNECTION,
        at_once: bool = False,
        on_failed: OnFailed = "fail",
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.config = config
        self.routes = routes
        self.parameters = parameters
        self.state = state
        self.haloitsm_conn_id = haloitsm_conn_id
        self.at_once = at_once
        self.on_failed = on_failed

    def execute(self, context: Context) -> dict[str, Any]:
        """Run the routes; the summary is there also when the task fails."""
        self._stop, self._shown = threading.Event(), Counter[str]()
        routes = [self.routes] if isinstance(self.routes, str) else list(self.routes)
        with in_airflows_words(), hook_of(self).pipeline() as pipeline:
            self.log.info("The state is %s", pipeline.assembly.state.place)
            summary = Runner(pipeline.assembly).run(routes, at_once=self.at_once, stop=self._stop, tell=self._tell)
        queues = sorted(summary.ended.keys() | summary.statuses.keys())
        came_to: dict[str, Any] = {name: dict(summary.statuses.get(name, ())) for name in queues}
        for name, counts in came_to.items():
            self.log.info("%s: %s", name, _counted(counts) or "nothing to do")
        try:
            self._judge(summary)
        except AirflowException:
            context["ti"].xcom_push("return_value", came_to)
            raise
        return came_to

    def on_kill(self) -> None:
        """Finish what is in flight and begin no more; the next run goes on from there."""
        if self._stop is not None:
            self._stop.set()

    def _tell(self, event: Event) -> None:
        match event:
            case Stored(name=name, rejected=rejected):
                for outcome in rejected:
                    self._show(name, "rejected", "", outcome)
            case Delivered(queue=queue, tasks=tasks):
                for task in tasks:
                    for outcome in task.outcomes:
                        if outcome.status in FAILED_STATUSES:
                            self._show(queue, task.status, f"task {task.number} ", outcome)

    def _show(self, queue: str, status: str, which: str, outcome: Outcome) -> None:
        self._shown[queue] += 1
        if self._shown[queue] <= SHOWN_FAILURES:
            self.log.error("%s: %s%s: %s", queue, which, status, outcome.reason)
        elif self._shown[queue] == SHOWN_FAILURES + 1:
            self.log.error("%s: more fail; they are counted from here on.", queue)

    def _judge(self, summary: Summary) -> None:
        """Raise what the run came to, where it did not go well."""
        counts = sum(summary.statuses.values(), Counter[str]())
        lasting = {status: counts[status] for status in ("failed", "rejected", "waiting") if counts[status]}
        errors = "; ".join(f"{failed.name}: {failed.error}" for failed in summary.errors)
        if lasting and self.on_failed == "fail":
            raise AirflowFailException(f"{_counted(lasting)}, as the log says. {errors}".rstrip())
        if summary.errors:
            hopeless = all(isinstance(failed.error, ConfigError | InputError) for failed in summary.errors)
            raise AirflowFailException(errors) if hopeless else AirflowException(errors)
        if summary.stopped:
            raise AirflowException("The run was stopped. Nothing is lost: the next one goes on with it.")
        due = [ended.retry_at for ended in summary.ended.values() if ended.retry_at is not None]
        if counts["retry"] and due and self.on_failed == "fail":
            moment = f"{datetime.fromtimestamp(min(due), UTC):%H:%M:%S} UTC"
            raise AirflowException(f"{counts['retry']} tasks are to be retried by the next run, from {moment} on.")


class HaloITSMToFileOperator(BaseOperator):
    """Reads an incoming into a file: JSON lines, Parquet, CSV, JSON or XLSX, by the extension.

    ``incoming`` is one of the YAML files in ``config``, a usual entity such as ``tickets``, or ``GET /TicketArea``. An
    incremental one brings what is new since the run before; ``incremental=False`` reads all each time. The ``path`` is
    on the worker's disk or, as ``s3://connection@bucket/key``, in any storage that Airflow reaches. Returns ``path``
    and ``records``, how many there are in it.
    """

    template_fields: Sequence[str] = (
        "incoming", "path", "config", "parameters", "since", "state", "haloitsm_conn_id",
    )  # fmt: skip
    template_fields_renderers: ClassVar[dict[str, str]] = {"parameters": "json"}
    ui_color = "#dceefb"

    def __init__(
        self,
        *,
        incoming: str,
        path: str,
        config: Paths = (),
        parameters: Mapping[str, Any] | None = None,
        since: str | None = None,
        state: str | None = None,
        haloitsm_conn_id: str | None = CONNECTION,
        incremental: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.incoming = incoming
        self.path = path
        self.config = config
        self.parameters = parameters
        self.since = since
        self.state = state
        self.haloitsm_conn_id = haloitsm_conn_id
        self.incremental = incremental

    def execute(self, context: Context) -> dict[str, Any]:
        """Write the file, then keep the cursor: a run that fails leaves neither."""
        cursor = last_cursor(context) if self.incremental else None

        def pages() -> Iterator[list[Entity]]:
            nonlocal cursor
            for one in stream.slices(cursor):
                yield one.entities
                cursor = one.cursor or cursor

        with in_airflows_words(), hook_of(self, self.since).stream(self.incoming) as stream:
            subscriber, chain = stream.incoming.subscriber, stream.incoming.chain
            columns = {} if len(chain) else subscriber.columns
            count = files.write(self.path, pages(), columns)
        if self.incremental:
            keep_cursor(context, cursor)
        self.log.info("%s: %s records", self.path, count)
        return {"path": self.path, "records": count}


class HaloITSMPublishOperator(BaseOperator):
    """Publishes rows through an outgoing of YAML files: those of a file, or those that another task returned.

    ``rows`` are a list of objects, such as ``other_task.output``; or ``path`` names a file, as `HaloITSMToFileOperator`
    writes it. Returns how many records came to which status. Where one could not be written, the others are, and then
    the task fails, unless ``on_failed`` is ``log``.

    What a run of the DAG creates stays on record in ``state`` for thirty days: trying again, or clearing the task,
    creates only what that run has not.
    """

    template_fields: Sequence[str] = (
        "outgoing", "rows", "path", "config", "parameters", "state", "haloitsm_conn_id",
    )  # fmt: skip
    template_fields_renderers: ClassVar[dict[str, str]] = {"parameters": "json", "rows": "json"}
    ui_color = "#dceefb"

    def __init__(
        self,
        *,
        outgoing: str,
        config: Paths,
        rows: Iterable[Entity] | None = None,
        path: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        state: str | None = None,
        haloitsm_conn_id: str | None = CONNECTION,
        on_failed: OnFailed = "fail",
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.outgoing = outgoing
        self.config = config
        self.rows = rows
        self.path = path
        self.parameters = parameters
        self.state = state
        self.haloitsm_conn_id = haloitsm_conn_id
        self.on_failed = on_failed

    def execute(self, context: Context) -> dict[str, int]:
        """Publish all rows to their end."""
        counts, passing = Counter[str](), False
        with in_airflows_words(), hook_of(self).pipeline() as pipeline:
            Intents(pipeline.assembly.state).forget_created(JOBS, time.time() - ON_RECORD_SECONDS)
            sink = Sink(pipeline.assembly.outgoing(self.outgoing, self._job(context)))
            try:
                rows = self._rows()
                while batch := list(islice(rows, BATCH)):
                    for outcome in sink.send(batch):
                        self._count(outcome, counts)
                        passing |= outcome.status == "failed" and not outcome.lasting
            finally:
                sink.cut_off()
        self.log.info("%s: %s", self.outgoing, _counted(counts) or "nothing to do")
        bad = {status: counts[status] for status in sorted(FAILED_STATUSES) if counts[status]}
        if bad and self.on_failed == "fail":
            context["ti"].xcom_push("return_value", dict(counts))
            kind = AirflowException if passing else AirflowFailException
            raise kind(f"{_counted(bad)} of {counts.total()} records, as the log says.")
        return dict(counts)

    def _job(self, context: Context) -> str:
        """Name whose creates are on record: those of this task in this run of its DAG."""
        task = context["ti"]
        parts = [task.dag_id, task.task_id, task.run_id, *([str(task.map_index)] if task.map_index >= 0 else [])]
        return f"{JOBS}{' '.join(parts)} to outgoing {self.outgoing}"

    def _rows(self) -> Iterator[Entity]:
        if (self.rows is None) == (self.path is None):
            raise InputError("rows and path: exactly one of them says what to publish")
        if self.path is not None:
            return files.read(self.path)
        rows: list[Any] = list(self.rows) if isinstance(self.rows, Iterable) else [self.rows]
        if not all(isinstance(row, Mapping) for row in rows):
            hint = "Hand over the output of a task, or set render_template_as_native_obj for the DAG."
            raise InputError("rows are a list of objects, and these are not", hint)
        return iter(rows)

    def _count(self, outcome: Outcome, counts: Counter[str]) -> None:
        counts[outcome.status] += 1
        failed = sum(counts[status] for status in FAILED_STATUSES)
        if outcome.status in FAILED_STATUSES and failed <= SHOWN_FAILURES:
            self.log.error("%s: a record %s: %s", self.outgoing, outcome.status, outcome.reason)


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {status}" for status, count in counts.items())
