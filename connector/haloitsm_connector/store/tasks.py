"""The tasks of all routes: what is to be delivered, what became of it, and what people do about it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import orjson

from haloitsm_connector.store import tasks_claimed, tasks_settled, tasks_stored
from haloitsm_connector.store.cursors import STORE
from haloitsm_connector.store.database import Database
from haloitsm_connector.store.statuses import Status
from haloitsm_connector.store.tasks_claimed import Claimed
from haloitsm_connector.store.tasks_settled import Settled
from haloitsm_connector.store.tasks_stored import NewTask
from haloitsm_connector.subscriber import Cursor
from haloitsm_transformers import Entity


class Tasks:
    """The tasks in a state. A *queue* is a route, or ``NAME results``; the oldest of its tasks are delivered first.

    Whoever fetches or delivers holds a lease on the queue and works on the database that the lease gave; what people do
    needs none. Every call is one transaction, and survives the end of this process when it returns. All may raise
    StateError.
    """

    def __init__(self, database: Database, *, now: Callable[[], float] = time.time) -> None:
        self._database = database
        self._now = now

    def add(
        self,
        tasks: Mapping[str, Sequence[NewTask]],
        cursors: Mapping[str, Cursor | None],
        *,
        covers: bool,
        source: str = "",
    ) -> None:
        """Store what was fetched, as new tasks of each route, together with the cursors behind it.

        ``cursors`` have the names that ``Cursors`` knows them by; None leaves one as it is. ``covers``: nothing that
        was stored for these routes until now is read again, because of the cursors, or because the fetch is complete.
        ``source`` is where it came from, for the history: ``incoming tickets``.
        """
        batches = {route: list(tasks_stored.cut(some)) for route, some in tasks.items()}
        texts = [(name, orjson.dumps(cursor).decode()) for name, cursor in cursors.items() if cursor is not None]
        with tasks_stored.ledger(self._database, self._now) as book:
            for route, some in batches.items():
                tasks_stored.store(book, route, some, source, fetched=True)
            book.connection.executemany(STORE, [(name, text, book.at) for name, text in texts])
            if covers:
                tasks_stored.cover(book.connection, batches)

    def uncovered(self, route: str) -> Iterator[Entity]:
        """Yield what a fetch of a route stored before it was cut off, and what therefore will be read again."""
        return tasks_stored.uncovered(self._database, route)

    def repair(self, queue: str) -> int:
        """Put all that is under way back into the queue; for who got its lease, since the one before is gone."""
        with tasks_stored.ledger(self._database, self._now) as book:
            return tasks_settled.take_back(book, queue)

    def claim(self, queue: str, most: int) -> list[Claimed]:
        """Take at most so many tasks, the oldest that are due; they are *processing* from now on.

        A task waits while an earlier one with its key is under way, or will be tried again. Whole batches are cheapest:
        claim some hundreds at once.
        """
        with tasks_stored.ledger(self._database, self._now) as book:
            picked, contents = tasks_claimed.pick(book, queue, most)
        return tasks_claimed.claimed(picked, contents)

    def settle(
        self,
        queue: str,
        settled: Iterable[Settled],
        *,
        forget: Sequence[int] = (),
        results: Mapping[str, Sequence[NewTask]] | None = None,
    ) -> None:
        """Say what became of claimed tasks; StateError when one is not under way any more: then nothing is changed.

        In the same transaction the intents with the numbers ``forget`` are dropped, those that are done, and
        ``results`` become tasks of other queues. Settle what was claimed from one batch together: it is one row then.
        """
        batches = {name: list(tasks_stored.cut(some)) for name, some in (results or {}).items()}
        with tasks_stored.ledger(self._database, self._now) as book:
            tasks_settled.settle(book, queue, settled)
            sql = "DELETE FROM intents WHERE number = ? AND done = 1"
            book.connection.executemany(sql, [(number,) for number in forget])
            for name, some in batches.items():
                tasks_stored.store(book, name, some, f"route {queue}", fetched=False)

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
