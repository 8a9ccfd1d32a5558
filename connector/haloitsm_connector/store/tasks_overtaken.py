"""Which tasks were overtaken: a newer one with their key has left since, so theirs would be written over newer data."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from haloitsm_connector.store import statuses
from haloitsm_connector.store.statuses import Action
from haloitsm_connector.store.tasks_cut import PLACES, load
from haloitsm_connector.store.tasks_listed import Filter, Task, one
from haloitsm_connector.store.tasks_stored import AT_ONCE, BATCH, Batch, Rows, number_of, own_of

_LEFT = "status IN ('finished', 'processing', 'waiting') OR (status = 'skipped' AND attempts > 0)"
"""What is true of a task, or of the crowd of a batch, that was delivered, or may have been."""


class Overtaken(NamedTuple):
    """A task, and the newest one with its key that was delivered since, or may have been."""

    number: int
    key: str
    by: int


LeaveOut = Callable[[Overtaken], None]


def not_overtaken(rows: Rows, action: Action, where: Filter, tasks: Sequence[Task], leave_out: LeaveOut) -> list[Task]:
    """Return the tasks that no newer one has overtaken; ``leave_out`` is told the others.

    One that is put back by the same action itself, since ``where`` means it too, overtakes nobody: it comes after.
    """
    newest = {queue: _newest(rows, queue, some) for queue, some in _by_queue(tasks).items()}
    after: dict[int, bool] = {}
    left = []
    for task in tasks:
        by = newest[task.queue].get(task.key, 0) if task.key is not None else 0
        if by > task.number and by not in after:
            newer = one(rows, by)
            after[by] = where.takes(newer) and newer.status in (where.statuses or statuses.before(action))
        if task.key is not None and by > task.number and not after[by]:
            leave_out(Overtaken(task.number, task.key, by))
        else:
            left.append(task)
    return left


def _by_queue(tasks: Sequence[Task]) -> dict[str, list[Task]]:
    found: defaultdict[str, list[Task]] = defaultdict(list)
    for task in tasks:
        found[task.queue].append(task)
    return found


def _newest(rows: Rows, queue: str, tasks: Sequence[Task]) -> dict[str, int]:
    """Return the newest task that left, for each of the keys of some tasks for which there is one behind the first."""
    keys = {task.key for task in tasks if task.key is not None}
    if not keys:
        return {}
    first = min(task.number for task in tasks)
    newest: dict[str, int] = {}
    for key, number in (*_in_crowds(rows, queue, keys, first), *_by_themselves(rows, queue, keys, first)):
        newest[key] = max(number, newest.get(key, 0))
    return newest


def _in_crowds(rows: Rows, queue: str, keys: set[str], first: int) -> Iterator[tuple[str, int]]:
    sql = (
        f"SELECT {BATCH}, keys FROM batches JOIN contents ON batch = number"  # noqa: S608
        f" WHERE queue = ? AND number >= ? AND following > 0 AND keys IS NOT NULL AND ({_LEFT})"
        " ORDER BY number LIMIT ?"
    )
    last = first // PLACES
    while found := rows(sql, (queue, last, AT_ONCE)):
        for *columns, text in found:
            names = load(text)
            if keys.isdisjoint(names):
                continue
            batch = Batch(*columns)
            own = own_of(rows, batch)
            numbers = ((name, number_of(batch.number, place)) for place, name in enumerate(names) if name in keys)
            yield from ((name, number) for name, number in numbers if number not in own)
        last = found[-1][0] + 1


def _by_themselves(rows: Rows, queue: str, keys: set[str], first: int) -> Iterator[tuple[str, int]]:
    wanted = sorted(keys)
    for start in range(0, len(wanted), AT_ONCE):
        some = wanted[start : start + AT_ONCE]
        sql = (
            f"SELECT key, max(number) FROM tasks WHERE queue = ? AND number > ? AND ({_LEFT})"  # noqa: S608
            f" AND key IN ({', '.join('?' * len(some))}) GROUP BY key"
        )
        yield from rows(sql, (queue, first, *some))
