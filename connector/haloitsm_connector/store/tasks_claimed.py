"""Whose turn it is: the oldest tasks of a queue, whole batches where possible, and never two with one key at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from haloitsm_connector.store.database import Connection
from haloitsm_connector.store.tasks_stored import (
    BATCH,
    OWN,
    Batch,
    Happening,
    Ledger,
    Own,
    crowd_of,
    keys_of,
    load,
    number_of,
    place_of,
)
from haloitsm_transformers import Entity

KEYS_AT_ONCE = 500
"""How many keys are looked up by one statement."""
_READY = (
    f"SELECT {OWN} FROM tasks WHERE queue = ? AND behind = 0 AND status IN ('new', 'retry') AND due <= ?"  # noqa: S608
    " ORDER BY due, number LIMIT ?"
)
_NEW = f"SELECT {BATCH} FROM batches WHERE queue = ? AND status = 'new' ORDER BY number LIMIT ?"  # noqa: S608
_UNDER_WAY = f"SELECT {BATCH} FROM batches WHERE queue = ? AND status = 'processing'"  # noqa: S608


@dataclass(frozen=True, slots=True)
class Claimed:
    """A task that is to be delivered now; ``attempts`` is how many were made before."""

    number: int
    entity: Entity
    key: str | None
    attempts: int


class Picked(NamedTuple):
    """A task whose turn it is, before its entity is read."""

    number: int
    key: str | None
    attempts: int


class _Candidates(NamedTuple):
    """What could be claimed from one place of the queue: a task by itself, or some of the crowd of a batch."""

    home: Own | Batch
    tasks: list[Picked]


def pick(book: Ledger, queue: str, most: int) -> tuple[list[Picked], dict[int, bytes]]:
    """Mark at most so many tasks as under way; return them in their order, and the entities of their batches."""
    candidates = list(_oldest(book, queue, most))
    behind = _behind(book.connection, queue, [task for one in candidates for task in one.tasks])
    for home, tasks in candidates:
        if isinstance(home, Own):
            _take_own(book, home, waits=home.number in behind)
        else:
            _take_crowd(book, home, tasks, behind)
    picked = [task for one in candidates for task in one.tasks if task.number not in behind]
    contents: dict[int, bytes] = {}
    for batch in dict.fromkeys(place_of(task.number)[0] for task in picked):
        found = book.connection.execute("SELECT entities FROM contents WHERE batch = ?", (batch,)).fetchall()
        contents[batch] = found[0][0]
    return picked, contents


def claimed(picked: Iterable[Picked], contents: Mapping[int, bytes]) -> list[Claimed]:
    """Read the entities of what was picked."""
    entities: dict[int, list[Entity]] = {batch: load(text) for batch, text in contents.items()}
    return [
        Claimed(number, entities[batch][place], key, attempts)
        for number, key, attempts in picked
        for batch, place in [place_of(number)]
    ]


def _oldest(book: Ledger, queue: str, most: int) -> Iterator[_Candidates]:
    """The oldest tasks that are ready; a batch that is too large for what is left is cut only where it comes first."""
    connection = book.connection
    homes: list[tuple[int, Own | Batch]] = [
        *((row[0], Own(*row)) for row in connection.execute(_READY, (queue, book.at, most)).fetchall()),
        *((number_of(row[0], 0), Batch(*row)) for row in connection.execute(_NEW, (queue, most)).fetchall()),
    ]
    left = most
    for _, home in sorted(homes, key=lambda one: one[0]):
        if isinstance(home, Own):
            tasks = [Picked(home.number, home.key, home.attempts)]
        elif home.following <= left or left == most:
            tasks = _crowd(connection, home)[:left]
        else:
            break
        yield _Candidates(home, tasks)
        left -= len(tasks)
        if not left:
            break


def _crowd(connection: Connection, batch: Batch) -> list[Picked]:
    keys = keys_of(connection, batch.number)
    first = number_of(batch.number, 0)
    numbers = crowd_of(connection, batch)
    return [Picked(number, keys[number - first] if keys else None, batch.attempts) for number in numbers]


def _behind(connection: Connection, queue: str, tasks: list[Picked]) -> set[int]:
    """Return which tasks have to wait: an earlier one with their key is open, or one with their key is under way."""
    keys = {task.key for task in tasks if task.key is not None}
    if not keys:
        return set()
    first = _first_open(connection, queue, sorted(keys))
    busy = _under_way(connection, queue)
    behind = set()
    for number, key, _ in tasks:
        if key is None:
            continue
        if key in busy or first.get(key, number) < number:
            behind.add(number)
        else:
            busy.add(key)
    return behind


def _first_open(connection: Connection, queue: str, keys: list[str]) -> dict[str, int]:
    """Return the first task by itself that is open, for each key that has one."""
    where = "queue = ? AND key IS NOT NULL AND status IN ('new', 'retry', 'processing')"
    if not connection.execute(f"SELECT 1 FROM tasks WHERE {where} LIMIT 1", (queue,)).fetchall():  # noqa: S608
        return {}
    first: dict[str, int] = {}
    for start in range(0, len(keys), KEYS_AT_ONCE):
        some = keys[start : start + KEYS_AT_ONCE]
        among = f"key IN ({', '.join('?' * len(some))})"
        sql = f"SELECT key, min(number) FROM tasks WHERE {where} AND {among} GROUP BY key"  # noqa: S608
        first.update(connection.execute(sql, (queue, *some)).fetchall())
    return first


def _under_way(connection: Connection, queue: str) -> set[str]:
    """Return the keys of all that is under way in a queue."""
    sql = "SELECT key FROM tasks WHERE queue = ? AND status = 'processing' AND key IS NOT NULL"
    busy = {key for (key,) in connection.execute(sql, (queue,)).fetchall()}
    for row in connection.execute(_UNDER_WAY, (queue,)).fetchall():
        busy.update(key for _, key, _ in _crowd(connection, Batch(*row)) if key is not None)
    return busy


def _take_own(book: Ledger, task: Own, *, waits: bool) -> None:
    if waits:
        book.connection.execute("UPDATE tasks SET behind = 1 WHERE number = ?", (task.number,))
        return
    sql = "UPDATE tasks SET status = 'processing', due = 0, changed = ? WHERE number = ?"
    book.connection.execute(sql, (book.at, task.number))
    book.tally(task.queue, task.status, "processing")


def _take_crowd(book: Ledger, batch: Batch, tasks: list[Picked], behind: set[int]) -> None:
    """Claim a crowd as a whole, without those that wait; or some of it, each by itself."""
    whole = len(tasks) == batch.following
    leaving = [
        Own(number, batch.queue, key, "new", attempts, behind=1)
        if number in behind
        else Own(number, batch.queue, key, "processing", attempts)
        for number, key, attempts in tasks
        if number in behind or not whole
    ]
    if leaving:
        book.leave(batch, leaving)
        book.happened(
            Happening(batch.number, task.number, "behind" if task.behind else "taken alone") for task in leaving
        )
    if whole and (staying := batch.following - len(leaving)):
        sql = "UPDATE batches SET status = 'processing', changed = ? WHERE number = ?"
        book.connection.execute(sql, (book.at, batch.number))
        book.tally(batch.queue, "new", "processing", staying)
