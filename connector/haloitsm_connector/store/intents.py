"""Intents in a state: the journal that jobs write, and what people decide about creates that are left open."""

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
from haloitsm_connector.store.doubts import decided

LONGEST_PAYLOAD = 100_000
"""Bytes of JSON above which a payload is not kept, such as a file that is uploaded."""
_COLUMNS = "identity, request, payload, number, at, done, id, reason, job"
_INTEND = "INSERT INTO intents (job, run, identity, request, payload, at) VALUES (?, ?, ?, ?, ?, ?)"
_INTEND_AGAIN = (
    "INSERT INTO intents (job, run, identity, request, payload, at, number) VALUES (?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (number) DO UPDATE SET job = excluded.job, run = excluded.run, request = excluded.request,"
    " payload = excluded.payload, at = excluded.at, done = 0, id = NULL, reason = ''"
)
_KEEP = (
    "UPDATE intents SET done = ?, id = ?, reason = ?, payload = CASE WHEN ? = 1 THEN ? ELSE payload END"
    " WHERE number = ?"
)


def journal(path: Path | str, job: str) -> JobJournal:
    """Return the journal of a job in a state, for ``Publisher(..., journal=journal("state.sqlite", "import"))``.

    The state is opened when the job first begins. A name stands for one job: what it did before it was cut off, its
    next run does not do again; two runs at once are refused.
    """
    return JobJournal(cache(lambda: open_state(path)), job)


class JobJournal:
    """The journal of one job; ``state`` opens its state when it is first needed."""

    def __init__(self, state: Callable[[], Database], job: str) -> None:
        self._state = state
        self.job = job

    @contextmanager
    def begin(self) -> Iterator[JobRun]:
        """Begin a run; HeldError while another run of the job goes on, in this process or in another."""
        with self._state().lease(self.job) as held:
            run = JobRun(held, self.job)
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

    def recorded(self, identity: str | None = None) -> list[Intent]:
        """Return what is on record for this job, of one identity or all of it, first what was done."""
        if identity is None:
            return _found(self._database, "job = ? ORDER BY done DESC, number", (self._job,))
        return _found(self._database, "job = ? AND identity = ? ORDER BY done DESC, number", (self._job, identity))

    def intend(self, intents: Sequence[Intent]) -> list[Intent]:
        """Record intents, with number and time, those with a number anew; they are on disk when this returns."""
        now = time.time()
        made = [replace(intent, at=now, done=False, id=None, reason="", job=self._job) for intent in intents]
        again = [(*self._row(one), one.number) for one in made if one.number]
        new = [self._row(one) for one in made if not one.number]
        with self._database.transaction() as connection:
            connection.executemany(_INTEND_AGAIN, again)
            connection.executemany(_INTEND, new)
            # Numbers grow, and nobody else writes at this time.
            numbers = connection.execute(
                "SELECT number FROM intents ORDER BY number DESC LIMIT ?", (len(new),)
            ).fetchall()
        return [one if one.number else replace(one, number=numbers.pop()[0]) for one in made]

    def _row(self, one: Intent) -> tuple[Any, ...]:
        return (self._job, self._number, one.identity, one.request, _short(one.payload), one.at)

    def keep(self, intents: Sequence[Intent]) -> None:
        """Record what became of intents; of those that are done, the answer takes the place of the payload."""
        rows = [
            (int(one.done), _text(one.id), one.reason, int(one.done), _text(one.answer), one.number) for one in intents
        ]
        with self._database.transaction(durable=False) as connection:
            connection.executemany(_KEEP, rows)

    def forget(self, intents: Sequence[Intent]) -> None:
        """Take intents back whose request certainly had no effect."""
        with self._database.transaction(durable=False) as connection:
            connection.executemany("DELETE FROM intents WHERE number = ?", [(one.number,) for one in intents])

    def end(self) -> None:
        """Forget what was created, now that the job has come to its end; what is unknown stays."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM intents WHERE job = ? AND done = 1", (self._job,))


class Intents:
    """The creates of all jobs in a state file of which nobody knows whether they took effect.

    Whoever has looked a record up says so here: `created`, it is there, or `again`, it is not.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def waiting(self) -> list[Intent]:
        """Return the creates that wait for somebody's decision, oldest first; not those that are just under way."""
        found = _found(self._database, "done = 0 ORDER BY number", ())
        running = {job for job in {intent.job for intent in found} if self._database.holder(job)}
        return [intent for intent in found if intent.reason or intent.job not in running]

    def forget(self, jobs: str, but: str) -> None:
        """Forget what was created by jobs whose names begin with ``jobs``, except those that begin with ``but``."""
        sql = "DELETE FROM intents WHERE done = 1 AND substr(job, 1, ?) = ? AND substr(job, 1, ?) <> ?"
        with self._database.transaction() as connection:
            connection.execute(sql, (len(jobs), jobs, len(but), but))

    def created(self, number: int, id: Any = None) -> None:
        """Say that a create took effect, as the record ``id``: the job's next run skips it. InputError for no such."""
        sql = "UPDATE intents SET done = 1, id = ?, payload = NULL WHERE number = ? AND done = 0"
        self._decide(number, "created", sql, (_text(id), number))

    def again(self, number: int) -> None:
        """Say that a create had no effect: the job's next run sends it again. InputError for no such."""
        self._decide(number, "again", "DELETE FROM intents WHERE number = ? AND done = 0", (number,))

    def forget_created(self, jobs: str, before: float) -> None:
        """Forget what jobs whose names begin so created before a time, in seconds since 1970; they would do it anew."""
        sql = "DELETE FROM intents WHERE done = 1 AND at < ? AND substr(job, 1, ?) = ?"
        with self._database.transaction(durable=False) as connection:
            connection.execute(sql, (before, len(jobs), jobs))

    def _decide(self, number: int, decision: str, sql: str, values: Sequence[Any]) -> None:
        """Put a decision down, and let the task that waits for it go on."""
        with self._database.transaction() as connection:
            changed = connection.execute(sql, values).rowcount
            if changed:
                decided(connection, number, decision, time.time())
        if not changed:
            raise InputError(f"no create with number {number} is waiting in {self._database.place}")


def _found(database: Database, where: str, values: Sequence[Any]) -> list[Intent]:
    rows = database.rows(f"SELECT {_COLUMNS} FROM intents WHERE {where}", values)  # noqa: S608 - all of it is ours
    found = []
    for identity, request, text, number, at, done, id_, reason, job in rows:
        payload, answer = (None, _value(text)) if done else (_value(text), None)
        found.append(Intent(identity, request, payload, number, at, bool(done), _value(id_), reason, job, answer))
    return found


def _short(value: Any) -> str | None:
    """Write a value as JSON; None for what is too large to be kept."""
    text = _text(value)
    return text if text is None or len(text) <= LONGEST_PAYLOAD else None


def _text(value: Any) -> str | None:
    """Write a value as JSON; None for what JSON does not have."""
    try:
        return None if value is None else orjson.dumps(value).decode()
    except TypeError:
        return None


def _value(text: str | None) -> Any:
    return None if text is None else orjson.loads(text)
