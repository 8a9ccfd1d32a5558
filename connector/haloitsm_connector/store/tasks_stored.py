"""How tasks lie in a store: by the batch, not one by one.

What is fetched together is stored together, up to 100 tasks in a batch. A batch has one row (``batches``) that says
what became of all of its tasks at once, and lies apart from what is large: their entities (``contents``) and what the
target answered (``answers``). So a hundred tasks are stored by two small writes, and delivered by one that changes a
few bytes.

Most tasks have the same fate as their neighbours: together they are the *crowd* of their batch, and ``following`` is
how many that are. A task whose fate is its own leaves the crowd: it gets a row in ``tasks``, and from then on that row
alone says what it is. It never comes back.

The number of a task is the number of its batch times 100, plus its place in it. So every task has an address, and no
row is needed for it. ``tallies`` counts the tasks of every queue by status, so that nobody ever has to count.

What happened is kept in ``events``: for one task that left, or, without a task, for all that were in the crowd at that
moment. The one delivery that nearly every task has is not an event: batch and answers tell it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from haloitsm_connector.store.database import Connection, Database
from haloitsm_connector.store.statuses import Status
from haloitsm_connector.store.tasks_cut import PLACES, Cut, dump, dump_anything, load
from haloitsm_transformers import Entity

AT_ONCE = 500
"""How many values one statement is asked for."""
APART = "apart"
"""Stands for the status of a batch none of whose tasks is in the crowd any more."""
DELETED: Any = "deleted"
"""Stands for the status of a task that was deleted and whose batch is still there."""


class Batch(NamedTuple):
    """The row of a batch."""

    number: int
    queue: str
    status: Status
    size: int
    following: int
    attempts: int
    changed: float


Rows = Callable[[str, Sequence[Any]], list[Any]]
"""How rows are asked for: of a database, or inside a transaction."""
BATCH = ", ".join(Batch._fields)


class Own(NamedTuple):
    """The row of a task that left the crowd."""

    number: int
    queue: str
    key: str | None
    status: Status
    attempts: int = 0
    due: float = 0.0
    behind: int = 0
    changed: float = 0.0
    reason: str = ""
    intent: int = 0


OWN = ", ".join(Own._fields)
_PUT_OWN = f"INSERT INTO tasks ({OWN}) VALUES ({', '.join('?' * len(Own._fields))})"  # noqa: S608


class Happening(NamedTuple):
    """Something that happened to a task, or to the crowd of a batch (no task), now or ``at`` another time."""

    batch: int
    task: int | None
    what: str
    detail: Mapping[str, Any] | None = None
    at: float | None = None


def number_of(batch: int, place: int) -> int:
    """Return the number of a task."""
    return batch * PLACES + place


def place_of(number: int) -> tuple[int, int]:
    """Return in which batch a task lies, and where in it."""
    return divmod(number, PLACES)


class Ledger:
    """What one transaction does to tasks; tallies, events and who may go next are put down when it ends."""

    def __init__(self, connection: Connection, at: float) -> None:
        self.connection = connection
        self.at = at
        self._tallies: Counter[tuple[str, str]] = Counter()
        self._happened: list[tuple[int, int | None, float, str, bytes | None]] = []
        self._freed: dict[str, set[str]] = {}

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """Return the rows that a statement finds, as this transaction sees them."""
        return self.connection.execute(sql, values).fetchall()

    def tally(self, queue: str, before: str | None, after: str | None, tasks: int = 1) -> None:
        """Count tasks that went from a status to another."""
        if before:
            self._tallies[queue, before] -= tasks
        if after:
            self._tallies[queue, after] += tasks

    def happened(self, happenings: Iterable[Happening]) -> None:
        """Put down what happened."""
        self._happened += [
            (
                one.batch,
                one.task,
                self.at if one.at is None else one.at,
                one.what,
                dump_anything(one.detail) if one.detail else None,
            )
            for one in happenings
        ]

    def leave(self, batch: Batch, tasks: Sequence[Own]) -> None:
        """Let tasks leave the crowd of their batch."""
        self.connection.executemany(_PUT_OWN, [one._replace(changed=one.changed or self.at) for one in tasks])
        sql = (
            f"UPDATE batches SET status = CASE WHEN following = ? THEN '{APART}' ELSE status END,"  # noqa: S608
            " following = following - ? WHERE number = ?"
        )
        self.connection.execute(sql, (len(tasks), len(tasks), batch.number))
        for status, number in Counter(one.status for one in tasks).items():
            self.tally(batch.queue, batch.status, status if status != DELETED else None, number)

    def set(self, task: Own, before: Status) -> None:
        """Change the row of a task that had another status before."""
        sql = (
            "UPDATE tasks SET key = ?, status = ?, attempts = ?, due = ?, behind = ?, changed = ?, reason = ?,"
            " intent = ? WHERE number = ?"
        )
        row = (task.key, task.status, task.attempts, task.due, task.behind, self.at, task.reason, task.intent)
        self.connection.execute(sql, (*row, task.number))
        self.tally(task.queue, before, task.status if task.status != DELETED else None)

    def free(self, queue: str, keys: Iterable[str | None]) -> None:
        """Say that tasks with these keys are not in the way of later ones any more."""
        self._freed.setdefault(queue, set()).update(key for key in keys if key is not None)

    def anyone_behind(self, queue: str) -> bool:
        """Whether any task of a queue waits behind another."""
        sql = "SELECT 1 FROM tasks WHERE queue = ? AND behind = 1 LIMIT 1"
        return bool(self.rows(sql, (queue,)))

    def close(self) -> None:
        """Put down what was gathered."""
        sql = (
            "INSERT INTO tallies (queue, status, tasks) VALUES (?, ?, ?)"
            " ON CONFLICT (queue, status) DO UPDATE SET tasks = tallies.tasks + excluded.tasks"
        )
        rows = sorted((queue, status, change) for (queue, status), change in self._tallies.items() if change)
        self.connection.executemany(sql, rows)
        if self._happened:
            sql = "INSERT INTO events (batch, task, at, what, detail) VALUES (?, ?, ?, ?, ?)"
            self.connection.executemany(sql, self._happened)
        sql = (
            "UPDATE tasks SET behind = 0 WHERE number ="
            " (SELECT number FROM tasks WHERE queue = ? AND key = ? AND behind = 1 ORDER BY number LIMIT 1)"
        )
        for queue, keys in self._freed.items():
            if keys and self.anyone_behind(queue):
                self.connection.executemany(sql, [(queue, key) for key in sorted(keys)])


@contextmanager
def ledger(database: Database, now: Callable[[], float]) -> Iterator[Ledger]:
    """Do something to tasks in one transaction, which a power failure takes back while nothing durable followed."""
    with database.transaction(durable=False) as connection:
        book = Ledger(connection, now())
        yield book
        book.close()


def batches_of(rows: Rows, numbers: Iterable[int]) -> dict[int, Batch]:
    """Return batches by their number."""
    wanted = list(numbers)
    found: dict[int, Batch] = {}
    for start in range(0, len(wanted), AT_ONCE):
        some = wanted[start : start + AT_ONCE]
        sql = f"SELECT {BATCH} FROM batches WHERE number IN ({', '.join('?' * len(some))})"  # noqa: S608
        found.update((row[0], Batch(*row)) for row in rows(sql, some))
    return found


def own_of(rows: Rows, batch: Batch) -> dict[int, Own]:
    """Return the tasks of a batch that left the crowd, by their number."""
    if batch.following == batch.size:
        return {}
    sql = f"SELECT {OWN} FROM tasks WHERE number >= ? AND number < ?"  # noqa: S608
    first = number_of(batch.number, 0)
    return {row[0]: Own(*row) for row in rows(sql, (first, first + PLACES))}


def crowd_of(rows: Rows, batch: Batch) -> Sequence[int]:
    """Return the numbers of the tasks that are in the crowd of a batch, in their order."""
    first = number_of(batch.number, 0)
    numbers, left = range(first, first + batch.size), own_of(rows, batch)
    return [number for number in numbers if number not in left] if left else numbers


def keys_of(rows: Rows, batch: int) -> dict[int, str | None]:
    """Return the keys of the tasks of a batch by their number; empty where it has none."""
    found = rows("SELECT keys FROM contents WHERE batch = ?", (batch,))
    return dict(enumerate((load(found[0][0]) if found else None) or (), number_of(batch, 0)))


def answers_of(rows: Rows, batch: int) -> dict[int, Any]:
    """Return what became of the tasks in the crowd of a batch by their number, for ``told``; empty where nothing is."""
    found = rows("SELECT answers FROM answers WHERE batch = ?", (batch,))
    return dict(enumerate(load(found[0][0]) if found else (), number_of(batch, 0)))


def told(entry: Any) -> tuple[str, dict[str, Any] | None]:
    """Return reason and answer from what ``answers`` keeps of a task: its answer or, with a reason, both."""
    if isinstance(entry, list):
        return entry[0], entry[1]
    return "", entry


def store(book: Ledger, queue: str, batches: Iterable[Cut], source: str, *, fetched: bool) -> list[int]:
    """Put batches into the store; return their numbers."""
    numbers = []
    for one in batches:
        following = one.size - len(one.rejected)
        sql = (
            "INSERT INTO batches (queue, source, fetched, size, following, status, stored, changed)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING number"
        )
        status = "new" if following else APART
        row = (queue, source, int(fetched), one.size, following, status, book.at, book.at)
        ((number,),) = book.rows(sql, row)
        numbers.append(number)
        sql = "INSERT INTO contents (batch, keys, entities) VALUES (?, ?, ?)"
        book.connection.execute(sql, (number, one.keys, one.entities))
        book.tally(queue, None, "new", following)
        if one.rejected:
            tasks = [
                Own(number_of(number, place), queue, key, "rejected", changed=book.at, reason=reason)
                for place, (key, reason) in one.rejected.items()
            ]
            book.connection.executemany(_PUT_OWN, tasks)
            book.tally(queue, None, "rejected", len(tasks))
            book.happened(Happening(number, task.number, "rejected", {"reason": task.reason}) for task in tasks)
    return numbers


def blank(connection: Connection, batch: int, places: Iterable[int]) -> None:
    """Leave nothing at some places of a batch, of what their tasks were made of."""
    for table, columns in (("contents", ("keys", "entities")), ("answers", ("answers",))):
        for column in columns:
            sql = f"SELECT {column} FROM {table} WHERE batch = ? AND {column} IS NOT NULL"  # noqa: S608
            for (text,) in connection.execute(sql, (batch,)).fetchall():
                values = load(text)
                for place in places:
                    values[place] = None
                sql = f"UPDATE {table} SET {column} = ? WHERE batch = ?"  # noqa: S608
                connection.execute(sql, (dump(values), batch))


def drop(book: Ledger, batch: Batch) -> int:
    """Drop a batch with all of its tasks; return how many those were."""
    own = [task for task in own_of(book.rows, batch).values() if task.status != DELETED]
    book.tally(batch.queue, batch.status, None, batch.following)
    for task in own:
        book.tally(batch.queue, task.status, None)
    first = number_of(batch.number, 0)
    book.connection.execute("DELETE FROM tasks WHERE number >= ? AND number < ?", (first, first + PLACES))
    for table in ("events", "answers", "contents"):
        book.connection.execute(f"DELETE FROM {table} WHERE batch = ?", (batch.number,))  # noqa: S608
    book.connection.execute("DELETE FROM batches WHERE number = ?", (batch.number,))
    return len(own) + batch.following


def cover(connection: Connection, routes: Iterable[str]) -> None:
    """Say that nothing that is stored for these routes will be read again."""
    sql = (
        "INSERT INTO queues (name, covered) VALUES (?, coalesce((SELECT number FROM batches"
        " WHERE queue = ? AND fetched = 1 ORDER BY number DESC LIMIT 1), 0))"
        " ON CONFLICT (name) DO UPDATE SET covered = excluded.covered"
    )
    connection.executemany(sql, [(route, route) for route in sorted(routes)])


def uncovered(database: Database, route: str) -> Iterator[Entity]:
    """Yield the entities that were stored for a route behind what is covered."""
    found = database.rows("SELECT covered FROM queues WHERE name = ?", (route,))
    last = found[0][0] if found else 0
    sql = (
        "SELECT number, entities FROM batches JOIN contents ON batch = number"
        " WHERE queue = ? AND fetched = 1 AND number > ? ORDER BY number LIMIT 20"
    )
    while rows := database.rows(sql, (route, last)):
        for _, text in rows:
            yield from (entity for entity in load(text) if entity is not None)
        last = rows[-1][0]
