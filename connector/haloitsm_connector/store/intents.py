"""Intents in a state file: the journal that jobs write, and what people decide about creates that are left open."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from haloitsm_connector.errors import InputError
from haloitsm_connector.publisher.journal import Intent
from haloitsm_connector.store.database import Database, open_state
from haloitsm_connector.store.turn import taken, turn

LONGEST_PAYLOAD = 100_000
"""Bytes of JSON above which a payload is not kept, such as a file that is uploaded."""
_COLUMNS = "identity, request, payload, number, at, done, id, reason, job"


def journal(path: Path | str, job: str) -> JobJournal:
    """Return the journal of a job in a state file, for ``Publisher(..., journal=journal("state.sqlite", "import"))``.

    The file is made when the job first begins. A name stands for one job: what it did before it was cut off, its next
    run does not do again; two runs at once are refused.
    """
    return JobJournal(cache(lambda: open_state(path)), job)


class JobJournal:
    """The journal of one job; ``state`` opens its file when it is first needed."""

    def __init__(self, state: Callable[[], Database], job: str) -> None:
        self._state = state
        self.job = job

    @contextmanager
    def begin(self) -> Iterator[JobRun]:
        """Begin a run; StateError while another run of the job goes on, in this process or in another."""
        database = self._state()
        with turn(_turns(database), self.job):
            run = JobRun(database, self.job)
            yield run
            run.end()


class JobRun:
    """One run of a job; no other goes on at the same time."""

    def __init__(self, database: Database, job: str) -> None:
        self._database = database
        self._job = job
        ((last,),) = database.rows("SELECT max(run) FROM intents WHERE job = ?", (job,))
        self._number = (last or 0) + 1
        self._first = last is None

    def left_behind(self, identity: str) -> Intent | None:
        """Take an intent that an earlier run left behind, first one that was done; each is taken once."""
        if self._first:
            return None
        where = "job = ? AND identity = ? AND run < ? ORDER BY done DESC, number LIMIT 1"
        found = _found(self._database, where, (self._job, identity, self._number))
        if not found:
            return None
        with self._database.transaction(durable=False) as connection:
            connection.execute("UPDATE intents SET run = ? WHERE number = ?", (self._number, found[0].number))
        return found[0]

    def intend(self, intents: Sequence[Intent]) -> list[Intent]:
        """Record intents, with number and time, those with a number anew; they are on disk when this returns."""
        now = time.time()
        made = [replace(intent, at=now, done=False, id=None, reason="", job=self._job) for intent in intents]
        sql = "INSERT OR REPLACE INTO intents (number, job, run, identity, request, payload, at) VALUES (?,?,?,?,?,?,?)"
        with self._database.transaction() as connection:
            for index, one in enumerate(made):
                row = (one.number or None, self._job, self._number, one.identity, one.request, _text(one.payload), now)
                number = connection.execute(sql, row).lastrowid
                made[index] = replace(one, number=number or 0)
        return made

    def keep(self, intents: Sequence[Intent]) -> None:
        """Record what became of intents; of those that are done, the payload is not needed any more."""
        sql = "UPDATE intents SET done = ?, id = ?, reason = ?, payload = iif(?, NULL, payload) WHERE number = ?"
        rows = [(one.done, _text(one.id), one.reason, one.done, one.number) for one in intents]
        with self._database.transaction(durable=False) as connection:
            connection.executemany(sql, rows)

    def forget(self, intents: Sequence[Intent]) -> None:
        """Take intents back whose request certainly had no effect."""
        with self._database.transaction(durable=False) as connection:
            connection.executemany("DELETE FROM intents WHERE number = ?", [(one.number,) for one in intents])

    def end(self) -> None:
        """Forget what was created, now that the job has come to its end; what is unknown stays."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM intents WHERE job = ? AND done", (self._job,))


class Intents:
    """The creates of all jobs in a state file of which nobody knows whether they took effect.

    Whoever has looked a record up says so here: `created`, it is there, or `again`, it is not.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def waiting(self) -> list[Intent]:
        """Return the creates that wait for somebody's decision, oldest first; not those that are just under way."""
        found = _found(self._database, "NOT done ORDER BY number", ())
        running = {job for job in {intent.job for intent in found} if taken(_turns(self._database), job)}
        return [intent for intent in found if intent.reason or intent.job not in running]

    def created(self, number: int, id: Any = None) -> None:
        """Say that a create took effect, as the record ``id``: the job's next run skips it. InputError for no such."""
        self._decide("UPDATE intents SET done = 1, id = ?, payload = NULL WHERE number = ? AND NOT done", id, number)

    def again(self, number: int) -> None:
        """Say that a create had no effect: the job's next run sends it again. InputError for no such."""
        self._decide("DELETE FROM intents WHERE ? IS NULL AND number = ? AND NOT done", None, number)

    def _decide(self, sql: str, id: Any, number: int) -> None:
        with self._database.transaction() as connection:
            changed = connection.execute(sql, (_text(id), number)).rowcount
        if not changed:
            raise InputError(f"no create with number {number} is waiting in {self._database.path}")


def _found(database: Database, where: str, values: Sequence[Any]) -> list[Intent]:
    rows = database.rows(f"SELECT {_COLUMNS} FROM intents WHERE {where}", values)  # noqa: S608 - all of it is ours
    return [
        Intent(identity, request, _value(payload), number, at, bool(done), _value(id_), reason, job)
        for identity, request, payload, number, at, done, id_, reason, job in rows
    ]


def _turns(database: Database) -> Path:
    return database.path.with_name(f"{database.path.name}-running")


def _text(value: Any) -> str | None:
    """Write a value as JSON; None for what is too large to be kept, or cannot be sent anyway."""
    try:
        text = orjson.dumps(value)
    except TypeError:
        return None
    return None if value is None or len(text) > LONGEST_PAYLOAD else text.decode()


def _value(text: str | None) -> Any:
    return None if text is None else orjson.loads(text)
