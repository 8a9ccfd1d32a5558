"""Retention: what is settled goes after a time, or when there is too much of it, a whole batch at once."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import takewhile

from haloitsm_connector.store import statuses
from haloitsm_connector.store.database import Database
from haloitsm_connector.store.tasks_cut import PLACES
from haloitsm_connector.store.tasks_stored import APART, BATCH, Batch, Ledger, drop, ledger, number_of

BATCHES_AT_ONCE = 50
"""Batches that are looked at in one transaction, so that nobody who delivers waits for long."""
_CLOSED = ("finished", "skipped", APART)
_OLDEST = (
    f"SELECT {BATCH}, stored, fetched FROM batches WHERE queue = ? AND status = ? AND number > ?"  # noqa: S608
    " ORDER BY number LIMIT ?"
)
_OPEN = ", ".join(f"'{status}'" for status in statuses.STATUSES if status not in statuses.before("prune"))
_KEPT = f"SELECT 1 FROM tasks WHERE number >= ? AND number < ? AND (status IN ({_OPEN}) OR changed >= ?) LIMIT 1"  # noqa: S608


def prune(
    database: Database, now: Callable[[], float], queue: str, older_than_seconds: float | None, most: int | None
) -> int:
    """Drop the oldest batches of a queue of which nothing is open: those that are too old, and those too many."""
    pruned = 0
    if older_than_seconds is not None:
        pruned += _drop(database, now, queue, now() - older_than_seconds, None)
    if most is not None:
        found = database.rows("SELECT coalesce(sum(tasks), 0) FROM tallies WHERE queue = ?", (queue,))
        pruned += _drop(database, now, queue, math.inf, int(found[0][0]) - most)
    return pruned


def _drop(database: Database, now: Callable[[], float], queue: str, until: float, wanted: int | None) -> int:
    """Drop what did not change since ``until``; so many tasks or a few more, or all."""
    dropped, last = 0, 0
    left = math.inf if wanted is None else wanted
    while dropped < left:
        with ledger(database, now) as book:
            candidates = _candidates(book, queue, last, until)
            for batch in candidates:
                if dropped < left and not _kept(book, batch, until):
                    dropped += drop(book, batch)
        if not candidates:
            break
        last = candidates[-1].number
    return dropped


def _candidates(book: Ledger, queue: str, last: int, until: float) -> list[Batch]:
    """Return the next batches that were stored before a time and will not be read again."""
    found = book.rows("SELECT covered FROM queues WHERE name = ?", (queue,))
    covered = found[0][0] if found else 0
    rows = [row for status in _CLOSED for row in book.rows(_OLDEST, (queue, status, last, BATCHES_AT_ONCE))]
    oldest = sorted(rows)[:BATCHES_AT_ONCE]
    old = takewhile(lambda row: row[-2] < until and (row[0] <= covered or not row[-1]), oldest)
    return [Batch(*row[:-2]) for row in old]


def _kept(book: Ledger, batch: Batch, until: float) -> bool:
    """Whether something in a batch is open, or changed lately."""
    first = number_of(batch.number, 0)
    return batch.changed >= until or bool(book.rows(_KEPT, (first, first + PLACES, until)))
