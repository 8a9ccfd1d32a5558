"""The server: begins what is due, several things at once, and never ends because one of them failed."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from haloitsm_connector.assemble import Assembly
from haloitsm_connector.errors import ConnectorError, HeldError
from haloitsm_connector.runner.events import Summary, Tell
from haloitsm_connector.runner.run import Runner, silent
from haloitsm_connector.serve.agenda import Job, beginning
from haloitsm_connector.serve.housekeeping import tidy
from haloitsm_connector.serve.times import closed_until, is_over
from haloitsm_connector.serve.waiting import Standing, arrived, due

LOGGER = logging.getLogger("haloitsm.serve")
ALIVE_SECONDS = 120.0
"""After so long without a look at the schedules something is wrong: `Server.health` says so."""
LOOK_SECONDS = 1.0
"""How often schedules are looked at."""
LOOK_AT_TASKS_SECONDS = 5.0
"""How often it is looked whether others left something to do: due tasks, events that another server received."""
PAUSE = timedelta(seconds=60)
"""How long what went wrong waits before it is begun again."""
HOUSEKEEPING = timedelta(hours=1)


@dataclass
class _Running:
    job: Job
    stop: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None


class Server:
    """Runs what is due of an assembly until it is told to stop, at most ``most_parallel`` jobs at once.

    ``tell`` gets what the runs tell, from several threads. ``around`` is entered around each job, with the job.
    """

    def __init__(
        self,
        assembly: Assembly,
        *,
        most_parallel: int = 4,
        tell: Tell = silent,
        around: Callable[[Job], AbstractContextManager[object]] = nullcontext,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._assembly = assembly
        self._most_parallel = most_parallel
        self._tell = tell
        self._around = around
        self._now = now
        self._standing = Standing(assembly)
        self._running: dict[str, _Running] = {}
        self._paused: dict[str, datetime] = {}
        self._waits: dict[str, datetime] = {}
        self._tidied: datetime | None = None
        self._looked = 0.0
        self._alive = time.monotonic()
        self._closed: datetime | None = None
        self._wake = threading.Event()

    def arrived(self, incoming: str) -> None:
        """Say that something is there to be done at once; from any thread."""
        self._looked = 0.0
        self._wake.set()

    def run(self, stop: threading.Event) -> None:
        """Begin what is due until ``stop`` is set; then have what runs finish what is under way, and wait for it."""
        while not stop.is_set():
            self._alive = time.monotonic()
            try:
                self._begin()
            except ConnectorError as error:
                LOGGER.error("%s", error)
                stop.wait(LOOK_AT_TASKS_SECONDS)
            self._wake.wait(LOOK_SECONDS)
            self._wake.clear()
        under_way = list(self._running.values())
        for one in under_way:
            one.stop.set()
        for one in under_way:
            if one.thread:
                one.thread.join()

    def health(self) -> dict[str, Any]:
        """Return how things are, as JSON data: ``ok`` or, with a reason, not; and which jobs are running."""
        known: dict[str, Any] = {"ok": True, "running": sorted(self._running)}
        if self._closed:
            known["maintenance_until"] = self._closed.isoformat()
        if time.monotonic() - self._alive > ALIVE_SECONDS:
            known |= {"ok": False, "reason": "schedules are not looked at any more"}
        try:
            self._assembly.state.rows("SELECT 1")
        except ConnectorError as error:
            known |= {"ok": False, "reason": error.what}
        return known

    def wake(self) -> None:
        """Have `run` look at once whether it shall stop."""
        self._wake.set()

    def _begin(self) -> None:
        now = self._now()
        if self._is_closed(now):
            return
        found = [job for job in self._waiting(now) if self._may_begin(job, now)]
        waiting = [replace(job, since=min(job.since, self._waits.setdefault(str(job), now))) for job in found]
        running = list(self._running.values())
        for job in beginning(waiting, [one.job for one in running], self._most_parallel):
            del self._waits[str(job)]
            one = _Running(job)
            self._running[str(job)] = one
            one.thread = threading.Thread(target=self._perform, args=(one,), name=str(job), daemon=True)
            one.thread.start()

    def _may_begin(self, job: Job, now: datetime) -> bool:
        """Whether a job need not wait any more because it went wrong just now."""
        paused = self._paused.get(str(job))
        return paused is None or is_over(paused, PAUSE, now)

    def _waiting(self, now: datetime) -> Iterator[Job]:
        yield from (job for job in self._standing.due(now) if str(job) not in self._running)
        if self._tidied is None or is_over(self._tidied, HOUSEKEEPING, now):
            yield Job("housekeeping", "housekeeping", now, priority="low")
        if time.monotonic() - self._looked >= LOOK_AT_TASKS_SECONDS or not self._looked:
            self._looked = time.monotonic()
            yield from arrived(self._assembly, now)
            yield from due(self._assembly, now)

    def _is_closed(self, now: datetime) -> bool:
        windows = [one for one in self._assembly.config.maintenance.values() if not one.disabled]
        until = max((end for one in windows if (end := closed_until(one, now))), default=None)
        if until is not None and self._closed is None:
            LOGGER.info("maintenance until %s: nothing new begins", f"{until:%Y-%m-%d %H:%M} UTC")
        elif until is None and self._closed is not None:
            LOGGER.info("maintenance is over")
        self._closed = until
        return until is not None

    def _perform(self, one: _Running) -> None:
        """Do a job, in a thread of its own; whatever happens is told and ends the job alone."""
        job = one.job
        try:
            with self._around(job):
                held = self._done(one)
        except HeldError as error:
            LOGGER.info("%s: %s", job, error.what)
            held = True
        except ConnectorError as error:
            LOGGER.error("%s: %s", job, error)
            held = True
        except Exception as error:
            shown = bool(os.environ.get("HALOITSM_DEBUG"))
            LOGGER.error("%s: unexpected %s; a defect of haloitsm-connector", job, type(error).__name__, exc_info=shown)
            held = True
        if held:
            self._paused[str(job)] = self._now()
        del self._running[str(job)]
        self._looked = 0.0
        self._wake.set()

    def _done(self, one: _Running) -> bool:
        """Do a job; whether it should wait before it is begun again."""
        match one.job.kind:
            case "housekeeping":
                self._tidied = self._now()
                if pruned := tidy(self._assembly):
                    LOGGER.info("housekeeping: removed %s tasks", pruned)
                return False
            case "schedule":
                return self._scheduled(one)
        return self._ran(one)

    def _scheduled(self, one: _Running) -> bool:
        """Run a schedule, which no other server runs meanwhile, unless one has just done it."""
        name, began = one.job.name, self._now()
        with self._assembly.state.lease(f"schedule {name}"):
            before = self._standing.read(name)
            if before is not None and before >= one.job.since:
                return False
            again = self._ran(one)
            if not (again or one.stop.is_set()):
                self._standing.handle(name, began)
        return again

    def _ran(self, one: _Running) -> bool:
        """Run the groups of a job in their order, up to one that fails; whether somebody else was at it."""
        began, job = time.monotonic(), one.job
        LOGGER.info("%s: begins %s", job, ", then ".join(" with ".join(group) for group in job.groups))
        runner = Runner(self._assembly, now=lambda: self._now().timestamp())
        told: list[str] = []
        held = failed = False
        for group in job.groups:
            summary = runner.run(group, reads=job.kind != "due", at_once=True, stop=one.stop, tell=self._tell)
            told.append(described(summary))
            for failure in summary.errors:
                held = held or isinstance(failure.error, HeldError)
                level = logging.INFO if isinstance(failure.error, HeldError) else logging.ERROR
                LOGGER.log(level, "%s: %s: %s", job, failure.name, failure.error)
            failed = bool(summary.errors)
            if failed or summary.stopped:
                break
        if failed and len(told) < len(job.groups):
            LOGGER.warning("%s: what comes after is left out", job)
        word = "stopped" if one.stop.is_set() else "failed" if failed else "done"
        came_out = "; ".join(filter(None, told)) or "nothing was delivered"
        LOGGER.info("%s: %s in %.1f s: %s", job, word, time.monotonic() - began, came_out)
        if job.kind == "schedule":
            return held  # else its next moment is soon enough
        return failed or (job.kind == "due" and not any(told))


def described(summary: Summary) -> str:
    """Say in a line what a run came to: ``tickets 10 finished, 2 failed``; "" when there was nothing to do."""
    return "; ".join(
        f"{queue} {', '.join(f'{number} {status}' for status, number in counts.items())}"
        for queue, counts in summary.statuses.items()
    )
