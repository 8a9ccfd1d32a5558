"""What became of tasks that were under way: one row's change where a whole batch was delivered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from haloitsm_connector.errors import StateError
from haloitsm_connector.store import doubts
from haloitsm_connector.store.statuses import Status
from haloitsm_connector.store.tasks_cut import PLACES, dump_anything, storable
from haloitsm_connector.store.tasks_stored import (
    BATCH,
    OWN,
    Batch,
    Happening,
    Ledger,
    Own,
    batches_of,
    keys_of,
    own_of,
    place_of,
)

_QUIET: tuple[Status, ...] = ("finished", "skipped")
"""What a crowd may become by a delivery: nothing that anybody has to look at."""


class Settled(NamedTuple):
    """What became of a task: ``due`` is when to try it again, ``doubts`` the numbers of the creates that are in doubt.

    ``answer`` is JSON data: ``{"outcome": "created", "id": 7, "request": "POST /Tickets", "response": {..}}``.
    """

    number: int
    status: Status
    reason: str = ""
    due: float | None = None
    doubts: Sequence[int] = ()
    answer: dict[str, Any] | None = None


def settle(book: Ledger, queue: str, settled: Iterable[Settled]) -> None:
    """Put down what became of tasks that are under way; StateError for one that is not."""
    grouped: defaultdict[int, list[Settled]] = defaultdict(list)
    for one in settled:
        grouped[one.number // PLACES].append(one)
    batches = batches_of(book.rows, grouped)
    quiet = _Quiet()
    for number, ones in grouped.items():
        batch = batches.get(number)
        if batch is None or batch.queue != queue or _beyond(batch, ones):
            raise _taken(ones[0].number, queue)
        own = own_of(book.rows, batch)
        crowd = [one for one in ones if one.number not in own] if own else ones
        if crowd:
            _settle_crowd(book, batch, crowd, quiet)
        if len(crowd) < len(ones):
            _settle_own(book, [(own[one.number], one) for one in ones if one.number in own])
    quiet.put(book)
    if book.anyone_behind(queue):
        for number, ones in grouped.items():
            keys = keys_of(book.rows, number)
            book.free(queue, (keys.get(one.number) for one in ones))


def _beyond(batch: Batch, ones: list[Settled]) -> bool:
    return batch.size < PLACES and any(one.number % PLACES >= batch.size for one in ones)


class _Quiet:
    """The batches whose crowds became something that nobody has to look at, and what they were answered."""

    def __init__(self) -> None:
        self._batches: list[tuple[Status, int]] = []
        self._answers: list[tuple[int, bytes]] = []

    def add(self, batch: Batch, status: Status, crowd: list[Settled]) -> None:
        """Remember that those who stay in the crowd of a batch have a status now."""
        self._batches.append((status, batch.number))
        told = [[one.reason, one.answer] if one.reason else one.answer for one in crowd]
        if any(told):
            answers: list[Any] = [None] * batch.size
            for one, entry in zip(crowd, told, strict=True):
                answers[one.number % PLACES] = entry
            self._answers.append((batch.number, dump_anything(answers)))

    def put(self, book: Ledger) -> None:
        """Write it all down."""
        sql = "UPDATE batches SET status = ?, attempts = attempts + 1, changed = ? WHERE number = ?"
        book.connection.executemany(sql, [(status, book.at, number) for status, number in self._batches])
        book.connection.executemany("INSERT INTO answers (batch, answers) VALUES (?, ?)", self._answers)


def _settle_crowd(book: Ledger, batch: Batch, crowd: list[Settled], quiet: _Quiet) -> None:
    if batch.status != "processing" or len(crowd) > batch.following:
        raise _taken(crowd[0].number, batch.queue)
    statuses = [one.status for one in crowd]
    stays = max(_QUIET, key=statuses.count)
    staying = statuses.count(stays) if len(crowd) == batch.following else 0  # of a part of a crowd, all leave
    if staying == len(crowd):
        quiet.add(batch, stays, crowd)
    else:
        _leave(book, batch, [one for one in crowd if not staying or one.status != stays])
        if staying:
            quiet.add(batch, stays, [one for one in crowd if one.status == stays])
    book.tally(batch.queue, "processing", stays, staying)


def _leave(book: Ledger, batch: Batch, leaving: list[Settled]) -> None:
    keys = keys_of(book.rows, batch.number)
    book.leave(
        batch,
        [
            _settled(Own(one.number, batch.queue, keys.get(one.number), "processing"), one)._replace(
                attempts=batch.attempts + 1
            )
            for one in leaving
        ],
    )
    doubts.put(book, ((intent, one.number) for one in leaving for intent in one.doubts))
    book.happened(_attempt(one) for one in leaving)


def _settle_own(book: Ledger, ones: Sequence[tuple[Own, Settled]]) -> None:
    rows = []
    doubts.clear(book, (own for own, _ in ones))
    for own, one in ones:
        if own.status != "processing":
            raise _taken(own.number, own.queue)
        after = _settled(own, one)
        rows.append((after.status, after.attempts, after.due, book.at, after.reason, after.intent, own.number))
        book.tally(own.queue, own.status, after.status)
    sql = "UPDATE tasks SET status = ?, attempts = ?, due = ?, changed = ?, reason = ?, intent = ? WHERE number = ?"
    book.connection.executemany(sql, rows)
    doubts.put(book, ((intent, one.number) for _, one in ones for intent in one.doubts))
    book.happened(_attempt(one) for _, one in ones)


def _settled(own: Own, one: Settled) -> Own:
    due = one.due or 0.0 if one.status == "retry" else 0.0
    return own._replace(
        status=one.status,
        attempts=own.attempts + 1,
        due=due,
        reason=storable(one.reason),
        intent=min(one.doubts, default=0),
    )


def _attempt(one: Settled) -> Happening:
    detail = {"status": one.status, "reason": one.reason, "due": one.due, "answer": one.answer}
    kept = {name: value for name, value in detail.items() if value}
    return Happening(one.number // PLACES, one.number, "attempt", kept)


def give_back(book: Ledger, queue: str, numbers: Iterable[int]) -> None:
    """Put tasks that are under way back into the queue, as they were not begun; StateError for one that is not."""
    grouped: dict[int, list[int]] = {}
    for number in numbers:
        grouped.setdefault(place_of(number)[0], []).append(number)
    for batch in batches_of(book.rows, grouped).values():
        own = own_of(book.rows, batch)
        crowd = [number for number in grouped[batch.number] if number not in own]
        if crowd:
            _release_crowd(book, batch, crowd)
        _release_own(book, [own[number] for number in grouped[batch.number] if number in own])


def _release_crowd(book: Ledger, batch: Batch, crowd: list[int]) -> None:
    if batch.status != "processing":
        raise _taken(crowd[0], batch.queue)
    if len(crowd) == batch.following:
        _release_all(book, batch)
        return
    keys = keys_of(book.rows, batch.number)
    tasks = [Own(number, batch.queue, keys.get(number), "new", batch.attempts) for number in crowd]
    book.leave(batch, tasks)
    book.happened(Happening(batch.number, number, "released") for number in crowd)


def _release_all(book: Ledger, batch: Batch) -> None:
    sql = "UPDATE batches SET status = 'new', changed = ? WHERE number = ?"
    book.connection.execute(sql, (book.at, batch.number))
    book.tally(batch.queue, "processing", "new", batch.following)


def _release_own(book: Ledger, tasks: Sequence[Own]) -> None:
    for task in tasks:
        if task.status != "processing":
            raise _taken(task.number, task.queue)
        book.tally(task.queue, "processing", "new")
    sql = "UPDATE tasks SET status = 'new', changed = ? WHERE number = ?"
    book.connection.executemany(sql, [(book.at, task.number) for task in tasks])


def take_back(book: Ledger, queue: str) -> int:
    """Put all that is under way in a queue back into it, because its process is gone; return how many that were."""
    sql = f"SELECT {BATCH} FROM batches WHERE queue = ? AND status = 'processing'"  # noqa: S608
    batches = [Batch(*row) for row in book.rows(sql, (queue,))]
    sql = f"SELECT {OWN} FROM tasks WHERE queue = ? AND status = 'processing'"  # noqa: S608
    tasks = [Own(*row) for row in book.rows(sql, (queue,))]
    for batch in batches:
        _release_all(book, batch)
    _release_own(book, tasks)
    book.happened(Happening(batch.number, None, "repaired") for batch in batches)
    book.happened(Happening(task.number // PLACES, task.number, "repaired") for task in tasks)
    book.connection.execute("UPDATE tasks SET behind = 0 WHERE queue = ? AND behind = 1", (queue,))
    return sum(batch.following for batch in batches) + len(tasks)


def _taken(number: int, queue: str) -> StateError:
    hint = "Another process has taken over; this one has to stop."
    return StateError(f"task {number} of '{queue}' is not under way here any more", hint)
