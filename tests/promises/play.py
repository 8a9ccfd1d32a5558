"""Play a scenario: a real sandbox, real clients, threads and processes; what is told and what happened come back."""

from __future__ import annotations

import json
import threading
import time
import traceback
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from scenario import ONCE, PATIENCE_SECONDS, RETRY, TABLES, WRITTEN, Chain, Job, Reading, Scenario, Writing

from haloitsm_connector import journal
from haloitsm_connector.catalogue import Catalogue
from haloitsm_connector.client import HttpClient
from haloitsm_connector.errors import ConnectorError
from haloitsm_connector.publisher import Publisher
from haloitsm_connector.sandbox import Recorded, Sandbox
from haloitsm_connector.subscriber import Subscriber

if TYPE_CHECKING:
    from elsewhere import Elsewhere

DEADLINE_SECONDS = 60.0
"""No scenario takes longer, and by far."""
CRASHED = "crashed:\n"
Emit = Callable[[Any], object]
"""Is told what comes as soon as it is known: a page of ids, a slice of [id, text], or [index, status, id, reason]."""


@dataclass(slots=True)
class Ran:
    """One run of a job: what it told, and how it ended.

    ``ended`` is ``well``, ``stopped``, ``killed``, the text of an error, or None while it goes on. ``start`` and
    ``end`` are places in the sandbox's journal.
    """

    job: Job
    start: int = 0
    end: int = 0
    told: list[Any] = field(default_factory=list)
    ended: str | None = None


@dataclass(slots=True)
class Played:
    """What became of a scenario: the runs of its jobs, and the sandbox's journal and data."""

    scenario: Scenario
    runs: list[Ran] = field(default_factory=list)
    requests: list[Recorded] = field(default_factory=list)
    rows: dict[str, dict[Any, dict[str, Any]]] = field(default_factory=dict)
    violations: int = 0
    worst_lag_seconds: float = 0.0


def play(scenario: Scenario, catalogue: Catalogue, elsewhere: Elsewhere) -> Played:
    """Play a scenario to its end, and once more without faults what was cut off and is kept."""
    played = Played(scenario)
    switches = dict(scenario.switches)
    if scenario.budget:
        switches |= {"rate_limit": scenario.budget, "rate_window_seconds": 1.0}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="promises")))
        data = {table: [dict(row) for row in rows] for table, rows in scenario.data.items()}
        sandbox = Sandbox(data=data, catalogue=catalogue, **switches)
        sandbox.faults = {"seed": scenario.seed, "faults": list(scenario.faults)}
        stack.enter_context(sandbox)
        with _heart(played):
            _all(scenario, played, sandbox, folder, catalogue, elsewhere)
        for job in [job for job in scenario.jobs if isinstance(job, Chain)]:
            for _ in range(job.runs - 1):
                played.runs.append(run := Ran(job))
                _here(scenario, run, sandbox, folder, catalogue, None)
        sandbox.faults = None
        sandbox.switch(token_true_lifetime_seconds=None)
        quiet = replace(scenario, patience_seconds=PATIENCE_SECONDS)  # only this machine is slow now
        for last in list({id(run.job): run for run in played.runs}.values()):
            if _goes_on(last):
                played.runs.append(run := Ran(last.job))
                _here(quiet, run, sandbox, folder, catalogue, None)
        deadline = time.monotonic() + DEADLINE_SECONDS
        while sandbox.busy and time.monotonic() < deadline:  # with what a client gave up, for one
            time.sleep(0.001)
        played.rows = {table: dict(sandbox.tables[table]) for table in scenario.data}
    played.requests = sandbox.requests
    played.violations = sandbox.violations.total()
    return played


def _goes_on(run: Ran) -> bool:
    """Whether a job is done once more when all is quiet: the last of a chain, and what was cut off and is kept.

    One that was killed after its last outcome may have come to its end, and then it would be another job.
    """
    if isinstance(run.job, Writing):
        return run.job.kept and run.ended != "well" and len(run.told) < len(run.job.payloads)
    return isinstance(run.job, Chain)


def _all(
    scenario: Scenario, played: Played, sandbox: Sandbox, folder: Path, catalogue: Catalogue, elsewhere: Elsewhere
) -> None:
    """Run all jobs at the same time, until each has ended or the deadline is over."""
    played.runs += [Ran(job) for job in scenario.jobs]
    tasks: list[Callable[[], None]] = []
    for number, run in enumerate(played.runs):
        if number == 0 and scenario.elsewhere:
            tasks.append(lambda run=run: elsewhere.run(scenario, run, sandbox, folder))
        else:
            stop = scenario.cut.after if number == 0 and scenario.cut and scenario.cut.how == "stop" else None
            tasks.append(lambda run=run, stop=stop: _here(scenario, run, sandbox, folder, catalogue, stop))
    threads = [threading.Thread(target=task, daemon=True) for task in tasks]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + DEADLINE_SECONDS
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))


def _here(scenario: Scenario, run: Ran, sandbox: Sandbox, folder: Path, catalogue: Catalogue, stop: int | None) -> None:
    run.start = len(sandbox.requests)

    def emit(one: Any) -> bool:
        run.told.append(one)
        return len(run.told) == stop

    ended = carry_out(scenario, run.job, address(sandbox, folder), catalogue, emit)
    run.end = len(sandbox.requests)
    run.ended = ended


def address(sandbox: Sandbox, folder: Path) -> dict[str, Any]:
    """Return what a client needs to know of a sandbox, as JSON data."""
    names = ("base_uri", "tenant", "client_id", "client_secret")
    return {name: getattr(sandbox, name) for name in names} | {"folder": str(folder)}


def carry_out(
    scenario: Scenario, job: Job, where: dict[str, Any], catalogue: Catalogue, emit: Callable[[Any], bool | None]
) -> str:
    """Carry out a job with a client of its own, and return how it ended; ``emit`` returns True to stop it."""
    credentials = {"type": "client_credentials"} | {name: where[name] for name in ("client_id", "client_secret")}
    budget: Any = {"requests": scenario.budget, "window_seconds": 1.0} if scenario.budget else "off"
    timeouts = {"connect_seconds": 5, "read_seconds": scenario.patience_seconds, "total_seconds": 10}
    try:
        with HttpClient(
            where["base_uri"], credentials, tenant=where["tenant"], retry=RETRY, timeouts=timeouts, budget=budget,
            state_folder=where["folder"],
        ) as client:  # fmt: skip
            told = _DO[type(job)](job, client, Path(where["folder"]), catalogue)
            for one in told:
                if emit(one):
                    told.close()
                    return "stopped"
    except ConnectorError as error:
        return f"{type(error).__name__}: {error}"
    except Exception:  # a defect
        return f"{CRASHED}{traceback.format_exc()}"
    return "well"


def _read(job: Reading, client: HttpClient, folder: Path, catalogue: Catalogue) -> Generator[list[int]]:
    subscriber = Subscriber(
        client,
        f"GET /{job.table}",
        page_size=job.page_size,
        parallel=job.parallel,
        limit=job.limit,
        catalogue=catalogue,
    )
    for page in subscriber.pages():
        yield [row["id"] for row in page]


def _read_on(job: Chain, client: HttpClient, folder: Path, catalogue: Catalogue) -> Generator[list[Any]]:
    """Read from the cursor that is kept, and keep the one of each slice when that has been told."""
    subscriber = Subscriber(
        client, f"GET /{job.table}", page_size=job.page_size, parallel=job.parallel, incremental=job.incremental,
        catalogue=catalogue,
    )  # fmt: skip
    kept, column = folder / "cursor.json", TABLES[job.table]
    for one in subscriber.slices(json.loads(kept.read_text()) if kept.exists() else None):
        yield [[row["id"], row.get(column)] for row in one.entities]
        if one.cursor is not None:
            kept.with_suffix(".new").write_text(json.dumps(one.cursor))
            kept.with_suffix(".new").replace(kept)


def _write(job: Writing, client: HttpClient, folder: Path, catalogue: Catalogue) -> Generator[list[Any]]:
    publisher = Publisher(
        client, f"POST /{WRITTEN}", payload="{{ payload }}", batch=job.batch, parallel=job.parallel,
        once=ONCE | {"settle_seconds": job.settle_seconds} if job.once else None,
        journal=journal(folder / "state", "job") if job.kept else None,
        catalogue=catalogue,
    )  # fmt: skip
    entities = ({"number": number, "payload": payload} for number, payload in enumerate(job.payloads))
    for outcome in publisher.publish(entities):
        yield [outcome.entity["number"], outcome.status, outcome.id, outcome.reason]


_DO: dict[type[Job], Callable[[Any, HttpClient, Path, Catalogue], Generator[Any]]] = {
    Reading: _read,
    Chain: _read_on,
    Writing: _write,
}


@contextmanager
def _heart(played: Played) -> Iterator[None]:
    """Measure how long this machine makes a thread wait: a window of requests cannot be judged when it stands still."""
    ended = threading.Event()

    def beat() -> None:
        last = time.monotonic()
        while not ended.wait(0.01):
            now = time.monotonic()
            played.worst_lag_seconds, last = max(played.worst_lag_seconds, now - last - 0.01), now

    thread = threading.Thread(target=beat, daemon=True)
    if played.scenario.budget:
        thread.start()
    yield
    ended.set()
