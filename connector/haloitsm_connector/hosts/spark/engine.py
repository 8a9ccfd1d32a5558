"""Run routes on a cluster: each incoming with its routes in a task of its own, all of them at once.

A task is what ``haloitsm run`` is on one machine, on a state that all machines share. So whatever happens to a machine,
the task that Spark starts again takes over what the one before had stored, and goes on with it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from haloitsm_connector.client.fields import ClientFields
from haloitsm_connector.config import Config, load
from haloitsm_connector.errors import ConnectorError, InputError, RemoteError, sentence
from haloitsm_connector.hosts.spark.opened import Share, shared_out, tenant_of
from haloitsm_connector.pipeline import Pipeline
from haloitsm_connector.runner import Runner
from haloitsm_connector.store.database import is_address

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)")


@dataclass(frozen=True)
class Job:
    """Routes of one incoming, with all that a machine needs to run them."""

    names: tuple[str, ...]
    paths: tuple[str, ...]
    environ: Mapping[str, str] = field(repr=False)
    state: str = field(repr=False)
    share: Share


@dataclass(frozen=True)
class Ran:
    """What became of a job: its tasks by queue and status, what ended something with its name, and the exit status."""

    counts: dict[str, dict[str, int]]
    errors: list[tuple[str, str]]
    exit_status: int


def jobs(pipeline: Pipeline, names: Sequence[str], state: Path | str, environ: Mapping[str, str]) -> list[Job]:
    """Divide routes into jobs, all that are not disabled without names. InputError for a name that is none."""
    config = pipeline.config
    chosen: dict[str, list[str]] = {}
    for name in names or pipeline.routes():
        if name not in config.routes:
            raise InputError(f"there is no route '{name}'", f"Declared: {', '.join(sorted(config.routes)) or 'none'}.")
        chosen.setdefault(config.routes[name].incoming, []).append(name)
    tenants = [_tenants(config, incoming, routes) for incoming, routes in chosen.items()]
    among = Counter(tenant for some in tenants for tenant in some)
    paths, variables = tuple(str(path) for path in config.files), _used(config, environ)
    numbers: Counter[str] = Counter()
    made = []
    for routes, some in zip(chosen.values(), tenants, strict=True):
        number = max((numbers[tenant] for tenant in some), default=0)
        numbers.update(some)
        made.append(Job(tuple(routes), paths, variables, str(state), Share(number, dict(among) or 1)))
    return made


def run(work: Sequence[Job], master: str | None) -> Iterator[Ran]:
    """Run jobs on a cluster, at once as far as it has room, and yield what became of each.

    InputError where Spark is not installed, or its machines share no state; RemoteError where the cluster fails.
    """
    here = master is None or master.startswith("local")
    if work and not here and not is_address(work[0].state):
        what = "the machines of a cluster need a state that all of them share"
        raise InputError(what, "Name one: --state postgresql://user@host/database, or HALOITSM_STATE.")
    with _session(master) as spark:
        yield from spark.sparkContext.parallelize(list(work), max(1, len(work))).map(run_here).collect()


def run_here(job: Job) -> Ran:
    """Run one job on this machine; whoever had it before on another one is waited for."""
    try:
        config = load([Path(path) for path in job.paths], environ=job.environ)
        with Pipeline(shared_out(config, job.share), state=job.state) as pipeline:
            summary = Runner(pipeline.assembly).run(job.names, wait=True)
    except ConnectorError as error:
        return Ran({}, [(", ".join(job.names), str(error))], error.exit_status)
    counts = {queue: {str(status): count for status, count in one.items()} for queue, one in summary.statuses.items()}
    errors = [(one.name, str(one.error)) for one in summary.errors]
    return Ran(counts, errors, summary.exit_status)


@contextmanager
def _session(master: str | None) -> Iterator[SparkSession]:
    try:
        from py4j.protocol import Py4JError  # type: ignore[import-not-found]
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession
    except ImportError:
        hint = "Install it: pip install 'haloitsm-connector[spark]'."
        raise InputError("Spark is not installed", hint) from None
    builder: Any = SparkSession.builder.appName("haloitsm run")
    for shown in ("spark.ui.enabled", "spark.ui.showConsoleProgress"):
        builder = builder.config(shown, "false")
    try:
        spark = (builder.master(master) if master else builder).getOrCreate()
    except (PySparkException, RuntimeError) as error:
        raise InputError(sentence("Spark does not start", str(error)), "It needs Java 17 or later.") from None
    try:
        yield spark
    except (PySparkException, Py4JError) as error:
        told = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise RemoteError(f"the cluster did not run the routes: {told}", "Nothing is lost: run them again.") from None
    finally:
        spark.stop()


def _tenants(config: Config, incoming: str, routes: Sequence[str]) -> set[str]:
    """Return the tenants that routes of an incoming talk to."""
    parts: list[Any] = [config.incoming[incoming].subscriber.fields]
    for name in routes:
        ends = (config.routes[name].outgoing, config.routes[name].results)
        parts += [config.outgoing[end].publisher.fields for end in ends if end]
    names = {client for part in parts if (client := getattr(part, "client", None))}
    clients = [config.clients[name].fields for name in names]
    return {tenant_of(fields) for fields in clients if isinstance(fields, ClientFields)}


def _used(config: Config, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that the files name, so that machines need not have them."""
    named = {name for path in config.files for name in _VARIABLE.findall(path.read_text("utf-8"))}
    return {name: environ[name] for name in sorted(named) if name in environ}
