"""Whose turn it is: the oldest tasks of a queue, whole batches where possible, and never two with one key at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from heapq import merge
from itertools import accumulate, chain
from operator import itemgetter
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


class _Candidates(NamedTuple):
    """What could be claimed from one place of the queue: a task by itself, or some of the crowd of a batch."""

    home: Own | Batch
    numbers: Sequence[int]
    keys: Sequence[str | None]

    @property
    def batch(self) -> int:
        """The number of the batch that they lie in."""
        return self.numbers[0] // PLACES

    @property
    def unchanged(self) -> bool:
        """Whether the batch lies there as it was stored, since none of its tasks ever left the crowd."""
        return isinstance(self.home, Batch) and self.home.following == self.home.size


def claim(
    database: Database, now: Callable[[], float], queue: str, most: int, most_bytes: int, at_hand: AtHand
) -> list[Claimed]:
    """Take at most so many tasks, the oldest that are due and need not wait; they are under way from now on.

    Those after the first batch only as far as the batches in which they lie hold no more bytes of JSON together.
    """
    taken: list[_Candidates] = []
    found = True
    while found and not taken:  # those that have to wait are out of the way at the next look
        with ledger(database, now) as book:
            found = bool(candidates := _light(book.rows, list(_oldest(book, queue, most)), most_bytes))
            taken = _take(book, queue, candidates)
            contents = _contents(book.rows, taken, at_hand)
    entities = {batch: held if isinstance(held, list) else load(held) for batch, held in contents.items()}
    claimed: list[Claimed] = []
    for one in taken:
        held, attempts = entities[one.batch], one.home.attempts
        numbered = zip(one.numbers, one.keys, strict=True)
        claimed += [Claimed(number, held[number % PLACES], key, attempts) for number, key in numbered]
    return sorted(claimed, key=itemgetter(0))


def _contents(rows: Rows, taken: list[_Candidates], at_hand: AtHand) -> dict[int, bytes | list[Entity]]:
    """Return the entities of each batch of which something is taken; as JSON where they are not at hand."""
    contents: dict[int, bytes | list[Entity]] = {}
    for one in taken:
        kept = at_hand.take(one.batch)
        if kept is not None and one.unchanged:
            contents[one.batch] = kept
        elif one.batch not in contents:
            ((contents[one.batch],),) = rows("SELECT entities FROM contents WHERE batch = ?", (one.batch,))
    return contents


def _light(rows: Rows, candidates: list[_Candidates], most_bytes: int) -> list[_Candidates]:
    """Return those in the batch of the first, and those after them whose batches hold no more bytes together."""
    batches = [one.batch for one in candidates]
    distinct = list(dict.fromkeys(batches))
    sizes: dict[int, int] = {}
    for start in range(0, len(distinct), AT_ONCE):
        some = distinct[start : start + AT_ONCE]
        sql = f"SELECT batch, length(entities) FROM contents WHERE batch IN ({', '.join('?' * len(some))})"  # noqa: S608
        sizes.update(rows(sql, some))
    held = list(accumulate(sizes.pop(batch, 0) for batch in batches))
    return [one for one, size in zip(candidates, held, strict=True) if size <= max(most_bytes, held[0])]


def _take(book: Ledger, queue: str, candidates: list[_Candidates]) -> list[_Candidates]:
    """Claim what need not wait; return that."""
    behind = _behind(book.rows, queue, candidates)
    for one in candidates:
        if isinstance(one.home, Own):
            _take_own(book, one.home, waits=one.home.number in behind)
        else:
            _take_crowd(book, one.home, one, behind)
    return [left for one in candidates if (left := _without(behind, one)).numbers] if behind else candidates


def _without(behind: set[int], candidates: _Candidates) -> _Candidates:
    kept = [place for place, number in enumerate(candidates.numbers) if number not in behind]
    home, numbers, keys = candidates
    return _Candidates(home, [numbers[place] for place in kept], [keys[place] for place in kept])


def _oldest(book: Ledger, queue: str, most: int) -> Iterator[_Candidates]:
    """The oldest tasks that are ready; a batch that is too large for what is left is cut only where it comes first.

    The crowd of a batch comes before those that left it: they may have to wait for one in it.
    """
    batches: Iterable[Own | Batch] = (Batch(*row) for row in book.connection.execute(_NEW, (queue, most)))
    alone: list[Own | Batch] = [Own(*row) for row in sorted(book.rows(_READY, (queue, book.at, most)))]
    left = most
    for home in merge(batches, alone, key=_first):
        if isinstance(home, Own):
            yield _Candidates(home, [home.number], [home.key])
            left -= 1
        elif home.following <= left or left == most:
            numbers = crowd_of(book.rows, home)[:left]
            keys = keys_of(book.rows, home.number)
            yield _Candidates(home, numbers, [*map(keys.get, numbers)])
            left -= len(numbers)
        else:
            break
        if not left:
            break


def _first(home: Own | Batch) -> int:
    return home.number if isinstance(home, Own) else number_of(home.number, 0)


def _behind(rows: Rows, queue: str, candidates: list[_Candidates]) -> set[int]:
    """Return which tasks have to wait: an earlier one with their key is open, or one with their key is under way."""
    known = [key for one in candidates for key in one.keys if key is not None]
    if not known:
        return set()
    keys = set(known)
    first = _first_open(rows, queue, keys)
    busy = _under_way(rows, queue)
    if not first and len(keys) == len(known) and busy.isdisjoint(keys):  # nearly always
        return set()
    behind = set()
    for number, key in sorted(chain.from_iterable(zip(one.numbers, one.keys, strict=True) for one in candidates)):
        if key is None:
            continue
        if key in busy or first.get(key, number) < number:
            behind.add(number)
        else:
            busy.add(key)
    return behind


def _first_open(rows: Rows, queue: str, wanted: set[str]) -> dict[str, int]:
    """Return the first task by itself that is open, for each key that has one."""
    where = "queue = ? AND key IS NOT NULL AND status IN ('new', 'retry', 'processing')"
    if not rows(f"SELECT 1 FROM tasks WHERE {where} LIMIT 1", (queue,)):  # noqa: S608
        return {}
    keys = sorted(wanted)
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


def _take_crowd(book: Ledger, batch: Batch, tasks: _Candidates, behind: set[int]) -> None:
    """Claim a crowd as a whole, without those that wait; or some of it, each by itself."""
    whole = len(tasks.numbers) == batch.following
    leaving = [
        Own(number, batch.queue, key, "new", batch.attempts, behind=1, changed=batch.changed)
        if number in behind
        else Own(number, batch.queue, key, "processing", batch.attempts)
        for number, key in (zip(tasks.numbers, tasks.keys, strict=True) if behind or not whole else ())
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
