"""The journal of a job whose parts run side by side, on several machines, each again where its machine dies.

Every part keeps its creates under a name of its own, so that no more than one attempt at it goes on at a time, and the
next one takes up what it left. What a part has created stays on record until the whole job is over, since a part that
came to its end may still be run again. What an earlier run of the job left behind belongs to all of its parts: rows may
have come to other ones since.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass

from haloitsm_connector.errors import HeldError
from haloitsm_connector.publisher.journal import Intent
from haloitsm_connector.store.database import LEASE_SECONDS, Database
from haloitsm_connector.store.intents import JobRun
from haloitsm_connector.store.turn import held

AGAIN_SECONDS = 0.5
PATIENCE_SECONDS = 2 * LEASE_SECONDS
"""How long a part waits for an earlier attempt at it of which nobody knows whether it is still there."""
_IN_PARTS = "substr(job, 1, ?) = ?"


@dataclass(frozen=True)
class JobInParts:
    """A job in a state that all machines share; ``name`` is the same for the same work, run again."""

    database: Database
    name: str

    def take_over(self) -> None:
        """Begin a run: what an earlier one left behind is there for all parts. HeldError while that one goes on."""
        found = self.database.rows(f"SELECT DISTINCT job FROM intents WHERE {_IN_PARTS}", self._parts)  # noqa: S608
        for (job,) in found:
            if who := self.database.holder(job):
                raise held(self.name, who)
        with self.database.transaction() as connection:
            sql = f"UPDATE intents SET job = ?, run = 0 WHERE {_IN_PARTS}"  # noqa: S608
            connection.execute(sql, (self.name, *self._parts))

    @contextmanager
    def part(self, number: int) -> Iterator[PartRun]:
        """Begin an attempt at a part, when an earlier one has ended; nothing is forgotten when it ends."""
        job, deadline = f"{self._prefix}{number}", time.monotonic() + PATIENCE_SECONDS
        with ExitStack() as stack:
            while True:
                try:
                    leased = stack.enter_context(self.database.lease(job))
                    break
                except HeldError:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(AGAIN_SECONDS)
            yield PartRun(leased, job, self.name)

    def end(self) -> None:
        """Forget what was created: none of it will be handed over again. What is unknown stays."""
        with self.database.transaction() as connection:
            sql = f"DELETE FROM intents WHERE done = 1 AND (job = ? OR {_IN_PARTS})"  # noqa: S608 - all of it is ours
            connection.execute(sql, (self.name, *self._parts))

    @property
    def _prefix(self) -> str:
        return f"{self.name}, part "

    @property
    def _parts(self) -> tuple[int, str]:
        return len(self._prefix), self._prefix


class PartRun(JobRun):
    """One attempt at one part."""

    def __init__(self, database: Database, job: str, whole: str) -> None:
        super().__init__(database, job)
        self._whole = whole
        self._some_left = bool(database.rows("SELECT 1 FROM intents WHERE job = ? LIMIT 1", (whole,)))

    def left_behind(self, identity: str) -> Intent | None:
        """Take an intent that an earlier attempt left behind, or an earlier run of the whole job."""
        found = super().left_behind(identity)
        if found is None and self._some_left and self._adopted(identity):
            found = super().left_behind(identity)
        return found

    def _adopted(self, identity: str) -> bool:
        """Make this part's own what belongs to all of them; whether there was any."""
        chosen = "SELECT number FROM intents WHERE job = ? AND identity = ? ORDER BY done DESC, number LIMIT 1"
        sql = f"UPDATE intents SET job = ?, run = 0 WHERE number = ({chosen})"  # noqa: S608 - all of it is ours
        with self._database.transaction(durable=False) as connection:
            changed = connection.execute(sql, (self._job, self._whole, identity)).rowcount
        self._first = self._first and not changed
        return changed > 0


@dataclass(frozen=True)
class PartJournal:
    """The journal of one part, as a publisher takes it."""

    job: JobInParts
    number: int

    def begin(self) -> AbstractContextManager[PartRun]:
        """Begin an attempt; HeldError where an earlier one goes on for too long."""
        return self.job.part(self.number)
