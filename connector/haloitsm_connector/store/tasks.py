"""The tasks of all routes: what is to be delivered, what became of it, and what people do about it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

import orjson

from haloitsm_connector.store import (
    doubts,
    tasks_claimed,
    tasks_cut,
    tasks_exchanged,
    tasks_listed,
    tasks_moved,
    tasks_pruned,
    tasks_settled,
    tasks_stored,
)
from haloitsm_connector.store.at_hand import AtHand
from haloitsm_connector.store.cursors import STORE
from haloitsm_connector.store.database import Database
from haloitsm_connector.store.doubts import Doubt
from haloitsm_connector.store.statuses import Status
from haloitsm_connector.store.tasks_claimed import Claimed
from haloitsm_connector.store.tasks_cut import Cut, NewTask
from haloitsm_connector.store.tasks_listed import Filter, Task
from haloitsm_connector.store.tasks_overtaken import LeaveOut
from haloitsm_connector.store.tasks_settled import Settled
from haloitsm_connector.subscriber import Cursor
from haloitsm_transformers import Entity

EVERYTHING = Filter()
CLAIM_BYTES = 16_000_000
"""Bytes of JSON that are claimed at once, unless one batch alone has more."""


def nothing() -> None:
    """Do nothing."""


class Tasks:
    """The tasks in a state. A *queue* is a route, or ``NAME results``; the oldest of its tasks are delivered first.

    Whoever fetches or delivers holds a lease on the queue and works on the database that the lease gave; what people do
    needs none. What is done survives the end of this process when a call returns. Each is one transaction, those that
    may concern many tasks are a row of small ones. All may raise StateError. ``at_hand`` keeps what was added until it
    is claimed.
    """

    def __init__(
        self, database: Database, *, now: Callable[[], float] = time.time, at_hand: AtHand | None = None
    ) -> None:
        self._database = database
        self._now = now
        self._at_hand = at_hand or AtHand(0)

    def add(
        self,
        tasks: Mapping[str, Sequence[NewTask]],
        cursors: Mapping[str, Cursor | None],
        *,
        covers: bool,
        source: str = "",
        plain: Collection[str] = (),
        also: Callable[[], None] = nothing,
    ) -> None:
        """Store what was fetched, as new tasks of each route, together with the cursors behind it.

        ``cursors`` have the names that ``Cursors`` knows them by; None leaves one as it is. ``covers``: nothing that
        was stored for these routes until now is read again, because of the cursors, or because the fetch is complete.
        ``source`` is where it came from, for the history: ``incoming tickets``. ``plain`` names the routes whose
        entities JSON is known to give back as they are; those of others are looked through. What ``also`` keeps in this
        state is kept in the same transaction.
        """
        batches = {route: list(tasks_cut.cut(some, plain=route in plain)) for route, some in tasks.items()}
        texts = [(name, orjson.dumps(cursor).decode()) for name, cursor in cursors.items() if cursor is not None]
        stored: list[tuple[int, Cut]] = []
        with tasks_stored.ledger(self._database, self._now) as book:
            for route, some in batches.items():
                stored += zip(tasks_stored.store(book, route, some, source, fetched=True), some, strict=True)
            book.connection.executemany(STORE, [(name, text, book.at) for name, text in texts])
            if covers:
                tasks_stored.cover(book.connection, batches)
            also()
        for number, one in stored:
            if one.plain:
                self._at_hand.put(number, one.plain, len(one.entities))

    def uncovered(self, route: str) -> Iterator[Entity]:
        """Yield what a fetch of a route stored before it was cut off, and what therefore will be read again."""
        return tasks_stored.uncovered(self._database, route)

    def repair(self, queue: str) -> int:
        """Put all that is under way back into the queue; for who got its lease, since the one before is gone."""
        with tasks_stored.ledger(self._database, self._now) as book:
            return tasks_settled.take_back(book, queue)

    def claim(self, queue: str, most: int, most_bytes: int = CLAIM_BYTES) -> list[Claimed]:
        """Take at most so many tasks, the oldest that are due; they are *processing* from now on.

        More than one batch only as far as they hold no more than ``most_bytes`` of JSON together. A task waits while an
        earlier one with its key is under way, or will be tried again. Whole batches are cheapest: claim some hundreds
        at once.
        """
        return tasks_claimed.claim(self._database, self._now, queue, most, most_bytes, self._at_hand)

    def settle(
        self,
        queue: str,
        settled: Iterable[Settled],
        *,
        forget: Sequence[int] = (),
        told: Sequence[int] = (),
        results: Mapping[str, Sequence[NewTask]] | None = None,
        also: Callable[[], None] = nothing,
    ) -> None:
        """Say what became of claimed tasks; StateError when one is not under way any more: then nothing is changed.

        In the same transaction, of the intents that are done, those with the numbers ``forget`` are dropped and those
        with the numbers ``told`` lose their answers, ``results`` become tasks of other queues, and what ``also`` keeps
        in this state is kept. Settle what was claimed from one batch together: it is one row then.
        """
        batches = {name: list(tasks_cut.cut(some)) for name, some in (results or {}).items()}
        with tasks_stored.ledger(self._database, self._now) as book:
            tasks_settled.settle(book, queue, settled)
            if forget:
                sql = "DELETE FROM intents WHERE number = ? AND done = 1"
                book.connection.executemany(sql, [(number,) for number in forget])
            if told:
                sql = "UPDATE intents SET payload = NULL WHERE number = ? AND done = 1"
                book.connection.executemany(sql, [(number,) for number in told])
            for name, some in batches.items():
                tasks_stored.store(book, name, some, f"route {queue}", fetched=False)
            also()

    def release(self, queue: str, numbers: Iterable[int]) -> None:
        """Put claimed tasks back that were not begun; StateError when one is not under way any more."""
        with tasks_stored.ledger(self._database, self._now) as book:
            tasks_settled.give_back(book, queue, numbers)

    def next_due(self, queue: str) -> float | None:
        """Return when the next attempt is due, in seconds since 1970 (it may be past); None when none is planned."""
        sql = (
            "SELECT due FROM tasks WHERE queue = ? AND behind = 0 AND status IN ('new', 'retry') AND due > 0"
            " ORDER BY due LIMIT 1"
        )
        found = self._database.rows(sql, (queue,))
        return float(found[0][0]) if found else None

    def counts(self, queue: str | None = None) -> dict[str, Counter[Status]]:
        """Return how many tasks there are, by queue and status, of one queue or of all; queues sorted."""
        sql = "SELECT queue, status, tasks FROM tallies WHERE tasks > 0"
        if queue is None:
            rows = self._database.rows(f"{sql} ORDER BY queue, status")
        else:
            rows = self._database.rows(f"{sql} AND queue = ? ORDER BY status", (queue,))
        counts: dict[str, Counter[Status]] = {}
        for name, status, number in rows:
            counts.setdefault(name, Counter())[status] = number
        return counts

    def doubts(self) -> list[Doubt]:
        """Return which tasks wait for which creates, in the order of these."""
        return doubts.listed(self._database.rows)

    def list(self, where: Filter = EVERYTHING, *, newest_first: bool = True) -> Iterator[Task]:
        """Yield the tasks that a filter means, by their number; InputError for a number that no task has.

        They are read as they are asked for: what changes meanwhile may be seen or not.
        """
        return tasks_listed.some(self._database.rows, where, newest_first=newest_first)

    def get(self, number: int) -> Task:
        """Return a task with its entity, answer and history; InputError when there is none with this number."""
        return tasks_listed.one(self._database.rows, number)

    def retry(self, where: Filter, leave_out: LeaveOut | None = None) -> int:
        """Put what failed, was skipped or waits for its next attempt back into the queue; return how many.

        This and what follows take the tasks that a filter means, by the table of transitions: where it names no
        statuses, those where it is possible. InputError, and nothing is changed, where it names a status or a task
        where it is not.

        A task whose key a newer one had that was delivered since would be written over newer data: ``leave_out`` is
        told such tasks, and they stay as they are; without it they are put back too.
        """
        return tasks_moved.move(self._database, self._now, "retry", where, leave_out)

    def reopen(self, where: Filter, leave_out: LeaveOut | None = None) -> int:
        """Put what is finished back into the queue: it is delivered once more; return how many.

        ``leave_out`` is as for `retry`.
        """
        return tasks_moved.move(self._database, self._now, "reopen", where, leave_out)

    def skip(self, where: Filter) -> int:
        """Let tasks not be sent; return how many."""
        return tasks_moved.move(self._database, self._now, "skip", where)

    def delete(self, where: Filter) -> int:
        """Forget tasks with their entities and all that is known of them; return how many."""
        return tasks_moved.move(self._database, self._now, "delete", where)

    def export(self, where: Filter = EVERYTHING) -> Iterator[bytes]:
        """Yield a line of JSON for each task that a filter means, oldest first: with entity, status and reason."""
        return tasks_exchanged.written(self._database, where)

    def bring(
        self, queue: str, lines: Iterable[str | bytes], refuse: Callable[[int, str], None], *, source: str = "import"
    ) -> int:
        """Take lines as ``export`` writes them as new tasks of a queue; return how many.

        ``entity`` is taken, and ``key``; what else is there does not matter. ``refuse`` is told the number of a line
        that cannot be used, and why; the others are taken.
        """
        return tasks_exchanged.taken(self._database, self._now, queue, lines, refuse, source)

    def prune(
        self, *, queue: str | None = None, older_than_seconds: float | None = None, most: int | None = None
    ) -> int:
        """Drop what is settled and did not change for so long, and the oldest of what is more than ``most`` in a queue.

        Whole batches go: those of which nothing is open, and nothing would be read again. Returns how many tasks those
        were.
        """
        queues = [queue] if queue is not None else self.counts()
        return sum(tasks_pruned.prune(self._database, self._now, name, older_than_seconds, most) for name in queues)
