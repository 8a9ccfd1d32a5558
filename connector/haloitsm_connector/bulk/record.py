"""The durable record of bulk runs: what was asked for, every row with its old and new values, and what became of it.

A row is ``read``; when its record was compared it is ``ready``, or left out (``LEFT_OUT``), and ``listed`` in between;
what was sent has the status of its outcome. A run is ``planned`` until its first row is about to be sent, then
``begun``, ``done`` when no row is left, ``undone`` when its values are put back.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import orjson

from haloitsm_connector.errors import InputError
from haloitsm_connector.store import Database

Kind = Literal["update", "create", "delete", "undo"]
READ, LISTED, READY = "read", "listed", "ready"
DONE_BEFORE, DUPLICATE = "done before", "duplicate"
THERE = "skipped"
"""Said of a row whose record is not created, because Halo has it already."""
PUT_BACK, PARTLY, LEFT = "put back", "partly put back", "left as it is"
"""What becomes of a record by an undo: all of its fields, those that nobody has changed since, or none of them."""
LEFT_OUT = ("equal", DONE_BEFORE, THERE, "missing", "invalid", "no id", DUPLICATE, LEFT)
"""Statuses of rows that are not sent, for good or for somebody to look at."""
PROBLEMS = frozenset({"missing", "invalid", "no id", DUPLICATE, LEFT, PARTLY, "refused", "failed", "waiting"})
"""Statuses that somebody has to look at."""
PAGE = 500
"""Rows that are held at a time."""
_SHOWN = 10
_RUN = "number, kind, entity, system, source, mark, plan, status, began, changed, undoes"
_ROW = "number, line, record, content, wanted, previous, status, id, reason"


@dataclass(frozen=True, slots=True)
class RunInfo:
    """One run: what it does to which entity of which system, with rows from where; ``plan`` is its own data.

    ``mark`` is the same for the same command with the same rows; ``undoes`` is the run whose values it puts back.
    ``began`` and ``changed`` are seconds since 1970.
    """

    number: int
    kind: Kind
    entity: str
    system: str
    source: str
    mark: str
    plan: dict[str, Any] = field(repr=False)
    status: Literal["planned", "begun", "done", "undone"] = "planned"
    began: float = 0.0
    changed: float = 0.0
    undoes: int | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a run: where it stood, which record it is about, and what is wanted of it.

    ``content`` is the row as it was read, ``wanted`` the fields with the values that it should have, those to send once
    it is compared, ``old`` what they were before, and what the record is called; of a row that an earlier run has done
    ``old`` is the number of that run.
    """

    number: int
    line: int
    record: str = ""
    content: Mapping[str, Any] = field(default_factory=dict, repr=False)
    wanted: Mapping[str, Any] = field(default_factory=dict, repr=False)
    old: Any = field(default=None, repr=False)
    status: str = READ
    id: Any = None
    reason: str = ""


class Runs:
    """The bulk runs in a state."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def add(self, info: RunInfo) -> RunInfo:
        """Record a new run and return it with its number."""
        now = time.time()
        with self.database.transaction() as connection:
            ((last,),) = connection.execute("SELECT max(number) FROM bulk_runs").fetchall()
            made = replace(info, number=(last or 0) + 1, began=now, changed=now)
            values = (*_values(made), made.undoes)
            connection.execute(f"INSERT INTO bulk_runs ({_RUN}) VALUES (?,?,?,?,?,?,?,?,?,?,?)", values)  # noqa: S608
        return made

    def get(self, number: int) -> RunInfo:
        """Return a run; InputError for none of that number."""
        found = self._found("number = ?", (number,))
        if not found:
            there = [info.number for info in self.all()]
            more = f", and {len(there) - _SHOWN} before: `haloitsm bulk list` shows all" if len(there) > _SHOWN else ""
            has = f"It has {', '.join(map(str, there[:_SHOWN]))}{more}" if there else "It has none"
            raise InputError(
                f"there is no bulk run {number} in {self.database.place}",
                f"{has}. A run is in the state of the folder or the configuration in which it was begun: go there, or "
                "name it with --config or --state.",
            )
        return found[0]

    def latest(self, mark: str) -> RunInfo | None:
        """Return the last run of a command."""
        return next(iter(self._found("mark = ? ORDER BY number DESC", (mark,))), None)

    def all(self) -> list[RunInfo]:
        """Return all runs that have sent anything, the last one first."""
        return self._found("status <> 'planned' ORDER BY number DESC", ())

    def undo_of(self, number: int) -> RunInfo | None:
        """Return the last run that has put back values of a run."""
        return next(iter(self._found("undoes = ? AND status <> 'planned' ORDER BY number DESC", (number,))), None)

    def forget(self, number: int) -> None:
        """Forget a run with its rows and old values: it cannot be undone any more."""
        with self.database.transaction() as connection:
            connection.execute("DELETE FROM bulk_rows WHERE run = ?", (number,))
            connection.execute("DELETE FROM bulk_runs WHERE number = ?", (number,))

    def _found(self, where: str, values: Sequence[Any]) -> list[RunInfo]:
        rows = self.database.rows(f"SELECT {_RUN} FROM bulk_runs WHERE {where}", values)  # noqa: S608 - all of it is ours
        return [
            RunInfo(number, kind, entity, system, source, mark, _value(plan), status, began, changed, undoes)
            for number, kind, entity, system, source, mark, plan, status, began, changed, undoes in rows
        ]


class Record:
    """The rows of one run; ``database`` is the one that its lease gave."""

    def __init__(self, database: Database, info: RunInfo) -> None:
        self.database = database
        self.info = info
        self.number = info.number
        self.job = f"bulk run {info.number}"

    def change(self, **fields: Any) -> None:
        """Change fields of the run: its plan, its status."""
        self.info = replace(self.info, changed=time.time(), **fields)
        sql = "UPDATE bulk_runs SET plan = ?, status = ?, changed = ? WHERE number = ?"
        values = (_json(self.info.plan), self.info.status, self.info.changed, self.number)
        with self.database.transaction() as connection:
            connection.execute(sql, values)
            if self.info.undoes is not None and self.info.status == "begun":
                connection.execute("UPDATE bulk_runs SET status = 'undone' WHERE number = ?", (self.info.undoes,))

    def add(self, rows: Iterable[Row]) -> None:
        """Add rows."""
        sql = f"INSERT INTO bulk_rows (run, {_ROW}) VALUES (?,?,?,?,?,?,?,?,?,?)"  # noqa: S608
        values = [
            (self.number, row.number, row.line, row.record, _json(row.content), *_state(row)) for row in rows
        ]  # fmt: skip
        with self.database.transaction(durable=False) as connection:
            connection.executemany(sql, values)

    def settle(self, rows: Iterable[Row], *, forget: Sequence[int] = ()) -> None:
        """Store what is now known of rows; the creates that they tell of are forgotten, by number in the journal."""
        changed = "wanted = ?, previous = ?, status = ?, id = ?, reason = ?"
        sql = f"UPDATE bulk_rows SET {changed} WHERE run = ? AND number = ?"  # noqa: S608
        values = [(*_state(row), self.number, row.number) for row in rows]
        with self.database.transaction(durable=False) as connection:
            connection.executemany(sql, values)
            if forget:
                connection.executemany("DELETE FROM intents WHERE number = ? AND done = 1", [(one,) for one in forget])

    def counts(self, *, most: int | None = None) -> Counter[str]:
        """Return how many rows have each status, of those numbered up to ``most``."""
        sql = "SELECT status, count(*) FROM bulk_rows WHERE run = ? AND number <= ? GROUP BY status"
        return Counter(dict(self.database.rows(sql, (self.number, most or 2**62))))

    def rows(self, *statuses: str, most: int | None = None) -> Iterator[Row]:
        """Yield the rows with one of these statuses (all without), in their order, numbered up to ``most``."""
        last = 0
        among = f"AND status IN ({', '.join('?' * len(statuses))})" if statuses else ""
        where = f"run = ? {among} AND number > ? AND number <= ? ORDER BY number LIMIT {PAGE}"
        while found := self._found(where, (self.number, *statuses, last, most or 2**62)):
            yield from found
            last = found[-1].number

    def about(self, records: Sequence[str], status: str, most: int) -> list[Row]:
        """Return the rows with a status that are about one of some records, numbered up to ``most``."""
        among = ", ".join("?" * len(records))
        where = f"run = ? AND record IN ({among}) AND status = ? AND number <= ?"
        return self._found(where, (self.number, *records, status, most))

    def earlier(self, records: Sequence[str]) -> dict[str, Row]:
        """Return the row that is about a record and can be read, for each of some records that there is one for."""
        among = ", ".join("?" * len(records))
        return {
            row.record: row
            for row in self._found(f"run = ? AND record IN ({among}) AND status = ?", (self.number, *records, READ))
        }

    def leave_what_is_done(self) -> None:
        """Leave out the rows about a record that a row is about which an earlier run has done."""
        done = "SELECT min(line) FROM bulk_rows AS done WHERE done.run = bulk_rows.run AND done.status = ?"
        line = f"({done} AND done.record = bulk_rows.record)"
        reason = f"'line ' || {line} || ', which an earlier run has done, is about the same record'"
        sql = f"UPDATE bulk_rows SET status = ?, reason = {reason} WHERE run = ? AND status = ? AND {line} IS NOT NULL"  # noqa: S608 - all of it is ours
        with self.database.transaction(durable=False) as connection:
            connection.execute(sql, (DUPLICATE, DONE_BEFORE, self.number, READ, DONE_BEFORE))

    def reasons(self, *statuses: str) -> Iterator[tuple[str, str, int]]:
        """Yield status, reason and line of the rows with one of these statuses that have a reason, in their order."""
        last = 0
        among = f"run = ? AND status IN ({', '.join('?' * len(statuses))}) AND reason <> ''"
        sql = f"SELECT number, status, reason, line FROM bulk_rows WHERE {among} AND number > ?"  # noqa: S608 - all of it is ours
        while found := self.database.rows(f"{sql} ORDER BY number LIMIT {PAGE}", (self.number, *statuses, last)):
            yield from ((status, reason, line) for _, status, reason, line in found)
            last = found[-1][0]

    def until(self, count: int, *statuses: str) -> int:
        """Return the number of the row up to which ``count`` rows have one of these statuses."""
        among = ", ".join("?" * len(statuses))
        sql = f"SELECT number FROM bulk_rows WHERE run = ? AND status IN ({among}) ORDER BY number LIMIT ?"  # noqa: S608
        found = self.database.rows(sql, (self.number, *statuses, count))
        return int(found[-1][0]) if found else 0

    def again(self, become: str, *statuses: str) -> None:
        """Give rows with one of these statuses another one, without a reason."""
        among = ", ".join("?" * len(statuses))
        sql = f"UPDATE bulk_rows SET status = ?, reason = '' WHERE run = ? AND status IN ({among})"  # noqa: S608
        with self.database.transaction(durable=False) as connection:
            connection.execute(sql, (become, self.number, *statuses))

    def _found(self, where: str, values: Sequence[Any]) -> list[Row]:
        found = self.database.rows(f"SELECT {_ROW} FROM bulk_rows WHERE {where}", values)  # noqa: S608 - all of it is ours
        return [
            Row(number, line, record, _value(content), _value(wanted), _value(old), status, _value(id_), reason)
            for number, line, record, content, wanted, old, status, id_, reason in found
        ]


def _values(info: RunInfo) -> tuple[Any, ...]:
    told = (info.number, info.kind, info.entity, info.system, info.source, info.mark)
    return (*told, _json(info.plan), info.status, info.began, info.changed)


def _state(row: Row) -> tuple[Any, ...]:
    return _json(row.wanted), _json(row.old), row.status, _json(row.id), row.reason


def _json(value: Any) -> str:
    return orjson.dumps(value, default=str).decode()


def _value(text: str) -> Any:
    return orjson.loads(text)
