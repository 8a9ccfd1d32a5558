"""What people do to tasks: retry, reopen, skip and delete, by filter and by the table of transitions alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from haloitsm_connector.errors import InputError
from haloitsm_connector.store import doubts, statuses
from haloitsm_connector.store.database import Database
from haloitsm_connector.store.statuses import Action, Status
from haloitsm_connector.store.tasks_cut import PLACES
from haloitsm_connector.store.tasks_listed import PAGES, Filter, Span, Task, attempt_told, one, present
from haloitsm_connector.store.tasks_overtaken import LeaveOut, not_overtaken
from haloitsm_connector.store.tasks_stored import (
    DELETED,
    Batch,
    Happening,
    Ledger,
    Own,
    answers_of,
    batches_of,
    blank,
    drop,
    ledger,
    own_of,
)

AT_A_TIME = 2_000
"""Tasks that are moved in one transaction, or so many as lie together."""


def move(
    database: Database, now: Callable[[], float], action: Action, where: Filter, leave_out: LeaveOut | None = None
) -> int:
    """Do something to the tasks that a filter means; without statuses, to all of them where it is possible.

    Returns how many that were. InputError for a status or a task where it is not possible, and nothing is changed. Each
    task is moved from the status that it has at that moment. Those that were overtaken are told to ``leave_out``, if
    there is one, and stay as they are.
    """

    def moved_of(book: Ledger, tasks: Sequence[Task]) -> int:
        if leave_out:
            tasks = not_overtaken(book.rows, action, where, tasks, leave_out)
        _move(book, action, tasks)
        return len(tasks)

    for status in where.statuses:
        statuses.after(status, action)
    if where.numbers:
        with ledger(database, now) as book:
            tasks = [task for task in (one(book.rows, number) for number in where.numbers) if where.takes(task)]
            for task in tasks:
                _check(task, action)
            return moved_of(book, tasks)
    where = replace(where, statuses=where.statuses or statuses.before(action))
    moved = 0
    for queue, status in present(database.rows, where):
        for page in PAGES:
            span = Span.whole(newest_first=False)._replace(most=AT_A_TIME)
            while span.last is not None:
                with ledger(database, now) as book:
                    tasks, last = page(book.rows, where, queue, status, span)
                    moved += moved_of(book, tasks)
                span = span._replace(last=last)
    return moved


def _check(task: Task, action: Action) -> None:
    try:
        statuses.after(task.status, action)
    except InputError as error:
        raise InputError(f"task {task.number}: {error.what}", error.hint) from None


def _move(book: Ledger, action: Action, tasks: Iterable[Task]) -> None:
    grouped: dict[int, list[Task]] = {}
    for task in tasks:
        grouped.setdefault(task.number // PLACES, []).append(task)
    for number, batch in batches_of(book.rows, grouped).items():
        ones = grouped[number]
        left = own_of(book.rows, batch)
        own = [left[task.number] for task in ones if task.number in left]
        crowd = [task for task in ones if task.number not in left]
        if action == "delete":
            _delete(book, batch, own, crowd)
        else:
            _put_own(book, action, own)
            _put_crowd(book, action, batch, crowd)
        book.free(batch.queue, (task.key for task in ones))
        if action in ("skip", "delete"):
            doubts.forget(book, own)


def _put_own(book: Ledger, action: Action, tasks: Sequence[Own]) -> None:
    for task in tasks:
        book.set(_put(book, Own(task.number, task.queue, task.key, _after(task.status, action))), task.status)
    book.happened(Happening(task.number // PLACES, task.number, action) for task in tasks)


def _put_crowd(book: Ledger, action: Action, batch: Batch, crowd: Sequence[Task]) -> None:
    """Move a crowd as a whole while nothing was attempted; else each task takes along what happened to it."""
    if not crowd:
        return
    status = _after(batch.status, action)
    if len(crowd) == batch.following and not batch.attempts:
        sql = "UPDATE batches SET status = ?, changed = ? WHERE number = ?"
        book.connection.execute(sql, (status, book.at, batch.number))
        book.tally(batch.queue, batch.status, status, batch.following)
        book.happened([Happening(batch.number, None, action)])
        return
    answers = answers_of(book.rows, batch.number)
    book.happened(
        Happening(batch.number, task.number, entry.what, entry.detail, entry.at)
        for task in crowd
        for entry in attempt_told(batch, answers.get(task.number))
    )
    book.leave(batch, [_put(book, Own(task.number, batch.queue, task.key, status)) for task in crowd])
    book.happened(Happening(batch.number, task.number, action) for task in crowd)


def _put(book: Ledger, task: Own) -> Own:
    """Return a task as a person leaves it: what is to be delivered is due at once, and need not wait for a schedule."""
    return task._replace(due=book.at) if task.status == "new" else task


def _after(status: Status, action: Action) -> Status:
    after = statuses.after(status, action)
    assert after is not None
    return after


def _delete(book: Ledger, batch: Batch, own: Sequence[Own], crowd: Sequence[Task]) -> None:
    """Forget tasks with their entities; a batch goes when the last of its tasks does."""
    here = sum(task.status != DELETED for task in own_of(book.rows, batch).values()) + batch.following
    if len(own) + len(crowd) == here:
        drop(book, batch)
        return
    for task in own:
        book.set(Own(task.number, task.queue, None, DELETED), task.status)
    if crowd:
        book.leave(batch, [Own(one.number, batch.queue, None, DELETED) for one in crowd])
    numbers = [task.number for task in own] + [one.number for one in crowd]
    blank(book.connection, batch.number, [number % PLACES for number in numbers])
    book.connection.executemany(
        "DELETE FROM events WHERE batch = ? AND task = ?", [(batch.number, number) for number in numbers]
    )
