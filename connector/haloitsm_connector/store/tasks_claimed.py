"""Whose turn it is: the oldest tasks of a queue, whole batches where possible, and never two with one key at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import NamedTuple

from haloitsm_connector.store.at_hand import AtHand
from haloitsm_connector.store.database import Database
from haloitsm_connector.store.tasks_cut import PLACES, load
from haloitsm_connector.store.tasks_stored import (
    AT_ONCE,
    BATCH,
    OWN,
    Batch,
    Happening,
    Ledger,
    Own,
    Rows,
    crowd_of,
    keys_of,
    ledger,
    number_of,
    place_of,
)
from haloitsm_transformers import Entity

_READY = (
    f"SELECT {OWN} FROM tasks WHERE queue = ? AND behind = 0 AND status IN ('new', 'retry') AND due <= ?"  # noqa: S608
    " ORDER BY due, number LIMIT ?"
)
_NEW = f"SELECT {BATCH} FROM batches WHERE queue = ? AND status = 'new' ORDER BY number LIMIT ?"  # noqa: S608
_UNDER_WAY = (
    f"SELECT {BATCH}, keys FROM batches JOIN contents ON batch = number"  # noqa: S608
    " WHERE queue = ? AND status = 'processing' AND keys IS NOT NULL"
)


class Claimed(NamedTuple):
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


def claim(
    database: Database, now: Callable[[], float], queue: str, most: int, most_bytes: int, at_hand: AtHand
) -> list[Claimed]:
    """Take at most so many tasks, the oldest that are due and need not wait; they are under way from now on.

    Those after the first batch only as far as the batches in which they lie hold no more bytes of JSON together.
    """
    tasks: list[Picked] = []
    contents: dict[int, bytes] = {}
    found = True
    while found and not tasks:  # those that have to wait are out of the way at the next look
        with ledger(database, now) as book:
            found = bool(candidates := _light(book.rows, list(_oldest(book, queue, most)), most_bytes))
            tasks = _take(book, queue, candidates)
            for batch in dict.fromkeys([number // PLACES for number, _, _ in tasks]):
                ((contents[batch],),) = book.rows("SELECT entities FROM contents WHERE batch = ?", (batch,))
    entities = {batch: at_hand.take(batch, text) or load(text) for batch, text in contents.items()}
    return [
        Claimed(number, entities[number // PLACES][number % PLACES], key, attempts) for number, key, attempts in tasks
    ]


def _light(rows: Rows, candidates: list[_Candidates], most_bytes: int) -> list[_Candidates]:
    """Return those in the batch of the first, and those after them whose batches hold no more bytes together."""
    batches = [place_of(one.tasks[0].number)[0] for one in candidates]
    distinct = list(dict.fromkeys(batches))
    sizes: dict[int, int] = {}
    for start in range(0, len(distinct), AT_ONCE):
        some = distinct[start : start + AT_ONCE]
        sql = f"SELECT batch, length(entities) FROM contents WHERE batch IN ({', '.join('?' * len(some))})"  # noqa: S608
        sizes.update(rows(sql, some))
    held = list(accumulate(sizes.pop(batch, 0) for batch in batches))
    return [one for one, size in zip(candidates, held, strict=True) if size <= max(most_bytes, held[0])]


def _take(book: Ledger, queue: str, candidates: list[_Candidates]) -> list[Picked]:
    picked = sorted(task for one in candidates for task in one.tasks)
    behind = _behind(book.rows, queue, picked)
    for home, tasks in candidates:
        if isinstance(home, Own):
            _take_own(book, home, waits=home.number in behind)
        else:
            _take_crowd(book, home, tasks, behind)
    return [task for task in picked if task.number not in behind] if behind else picked


def _oldest(book: Ledger, queue: str, most: int) -> Iterator[_Candidates]:
    """The oldest tasks that are ready; a batch that is too large for what is left is cut only where it comes first.

    The crowd of a batch comes before those that left it: they may have to wait for one in it.
    """
    homes: list[tuple[int, Own | Batch]] = [
        *((number_of(row[0], 0), Batch(*row)) for row in book.rows(_NEW, (queue, most))),
        *((row[0], Own(*row)) for row in book.rows(_READY, (queue, book.at, most))),
    ]
    left = most
    for _, home in sorted(homes, key=lambda one: one[0]):
        if isinstance(home, Own):
            tasks = [Picked(home.number, home.key, home.attempts)]
        elif home.following <= left or left == most:
            tasks = _crowd(book.rows, home)[:left]
        else:
            break
        yield _Candidates(home, tasks)
        left -= len(tasks)
        if not left:
            break


def _crowd(rows: Rows, batch: Batch) -> list[Picked]:
    keys = keys_of(rows, batch.number)
    return [Picked(number, keys.get(number), batch.attempts) for number in crowd_of(rows, batch)]


def _behind(rows: Rows, queue: str, tasks: list[Picked]) -> set[int]:
    """Return which tasks have to wait: an earlier one with their key is open, or one with their key is under way."""
    keys = {task.key for task in tasks if task.key is not None}
    if not keys:
        return set()
    first = _first_open(rows, queue, sorted(keys))
    busy = _under_way(rows, queue)
    behind = set()
    for number, key, _ in tasks:
        if key is None:
            continue
        if key in busy or first.get(key, number) < number:
            behind.add(number)
        else:
            busy.add(key)
    return behind


def _first_open(rows: Rows, queue: str, keys: list[str]) -> dict[str, int]:
    """Return the first task by itself that is open, for each key that has one."""
    where = "queue = ? AND key IS NOT NULL AND status IN ('new', 'retry', 'processing')"
    if not rows(f"SELECT 1 FROM tasks WHERE {where} LIMIT 1", (queue,)):  # noqa: S608
        return {}
    first: dict[str, int] = {}
    for start in range(0, len(keys), AT_ONCE):
        some = keys[start : start + AT_ONCE]
        among = f"key IN ({', '.join('?' * len(some))})"
        sql = f"SELECT key, min(number) FROM tasks WHERE {where} AND {among} GROUP BY key"  # noqa: S608
        first.update(rows(sql, (queue, *some)))
    return first


def _under_way(rows: Rows, queue: str) -> set[str]:
    """Return the keys of all that is under way in a queue."""
    sql = "SELECT key FROM tasks WHERE queue = ? AND status = 'processing' AND key IS NOT NULL"
    busy = {key for (key,) in rows(sql, (queue,))}
    for *columns, text in rows(_UNDER_WAY, (queue,)):
        keys = load(text)
        busy.update(keys[number % PLACES] for number in crowd_of(rows, Batch(*columns)))
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
        Own(number, batch.queue, key, "new", attempts, behind=1, changed=batch.changed)
        if number in behind
        else Own(number, batch.queue, key, "processing", attempts)
        for number, key, attempts in (tasks if behind or not whole else ())
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
