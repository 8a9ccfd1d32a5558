"""Looking at tasks: by filter, streamed in their order, and one of them with all that happened to it."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from haloitsm_connector.errors import InputError
from haloitsm_connector.store.statuses import STATUSES, Status
from haloitsm_connector.store.tasks_cut import PLACES, load
from haloitsm_connector.store.tasks_stored import BATCH, DELETED, Batch, Own, Rows, crowd_of, own_of, place_of, told
from haloitsm_transformers import Entity

FIRST_PAGE = 20
PAGE = 200
"""How many tasks are read at once at first, for who wants to see but a few, and at most."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which tasks are meant: those for which all that is given is true; without anything, all.

    ``since`` and ``until`` are when a task changed last, in seconds since 1970; ``text`` is a part of its reason,
    whatever its case.
    """

    queue: str | None = None
    statuses: Sequence[Status] = ()
    key: str | None = None
    numbers: Sequence[int] = ()
    since: float | None = None
    until: float | None = None
    text: str = ""

    def takes(self, task: Task) -> bool:
        """Whether a task is meant."""
        return (
            (self.queue is None or task.queue == self.queue)
            and (not self.statuses or task.status in self.statuses)
            and (self.key is None or task.key == self.key)
            and (not self.numbers or task.number in self.numbers)
            and (self.since is None or task.changed >= self.since)
            and (self.until is None or task.changed <= self.until)
            and self.text.casefold() in task.reason.casefold()
        )


@dataclass(frozen=True, slots=True)
class Entry:
    """What happened to a task: ``at`` in seconds since 1970, ``what``, and what is known of it.

    ``what`` is ``stored``, ``rejected``, ``attempt``, ``behind`` (it had to wait for an earlier task with its key),
    ``taken alone``, ``released``, ``repaired``, ``decided``, or what a person did: ``retry``, ``reopen``, ``skip``.
    """

    at: float
    what: str
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Task:
    """A task: times in seconds since 1970, ``source`` is where it came from, ``due`` when it is tried again.

    ``attempts`` is how many were made since a person last put it back into the queue. ``reason`` says why it is what it
    is, ``intent`` is the number of its first create in doubt, by which ``haloitsm waiting`` knows it. Entity, answer
    and history are there when one task is looked up.
    """

    number: int
    queue: str
    status: Status
    key: str | None
    attempts: int
    stored: float
    changed: float
    source: str
    reason: str = ""
    due: float | None = None
    intent: int = 0
    entity: Entity | None = None
    answer: dict[str, Any] | None = None
    history: tuple[Entry, ...] = ()


Page = Callable[[Rows, Filter, str, str, "Span"], tuple[list[Task], int | None]]
"""Reads tasks of a queue and a status that a filter means; and the number behind which more may be found."""


class Span(NamedTuple):
    """Behind which number to go on reading, in which direction, and how many at once."""

    last: int | None
    newest_first: bool
    most: int = PAGE

    @classmethod
    def whole(cls, *, newest_first: bool) -> Span:
        """Return a span that begins at the beginning."""
        return cls(2**62 if newest_first else 0, newest_first)


def some(rows: Rows, where: Filter, *, newest_first: bool = True) -> Iterator[Task]:
    """Yield the tasks that a filter means, by their number; InputError for a number that no task has."""
    if where.numbers:
        numbers = sorted(set(where.numbers), reverse=newest_first)
        yield from filter(where.takes, (one(rows, number) for number in numbers))
        return
    parts = [
        _stream(rows, where, queue, status, page, newest_first)
        for queue, status in present(rows, where)
        for page in PAGES
    ]
    yield from heapq.merge(*parts, key=lambda task: task.number, reverse=newest_first)


def present(rows: Rows, where: Filter) -> list[tuple[str, Status]]:
    """Return the queues and statuses that a filter means and that have tasks."""
    found = rows("SELECT queue, status FROM tallies WHERE tasks > 0 ORDER BY queue, status", ())
    statuses = where.statuses or STATUSES
    return [(queue, status) for queue, status in found if where.queue in (None, queue) and status in statuses]


def _stream(rows: Rows, where: Filter, queue: str, status: str, page: Page, newest_first: bool) -> Iterator[Task]:
    span = Span.whole(newest_first=newest_first)._replace(most=FIRST_PAGE)
    while span.last is not None:
        tasks, last = page(rows, where, queue, status, span)
        yield from tasks
        span = span._replace(last=last, most=min(2 * span.most, PAGE))


def by_themselves(rows: Rows, where: Filter, queue: str, status: str, span: Span) -> tuple[list[Task], int | None]:
    """Read a page of tasks that left their crowds."""
    columns = ", ".join(f"tasks.{name}" for name in Own._fields)
    sql = f"SELECT {columns}, stored, source FROM tasks JOIN batches ON batches.number = tasks.number / {PLACES}"  # noqa: S608
    found = _page(rows, sql, "tasks", where, queue, status, span, span.most)
    tasks = [_own_task(Own(*row[:-2]), *row[-2:]) for row in found]
    return [task for task in tasks if where.takes(task)], found[-1][0] if found else None


def in_crowds(rows: Rows, where: Filter, queue: str, status: str, span: Span) -> tuple[list[Task], int | None]:
    """Read a page of batches, the tasks in their crowds."""
    columns = ", ".join(f"batches.{name}" for name in Batch._fields)
    sql = (
        f"SELECT {columns}, stored, source, keys, answers FROM batches"  # noqa: S608
        " JOIN contents ON contents.batch = number LEFT JOIN answers ON answers.batch = number"
    )
    found = _page(rows, sql, "batches", where, queue, status, span, span.most // FIRST_PAGE)
    crowds = (_crowd_tasks(rows, row) for row in found)
    tasks = [task for crowd in crowds for task in (reversed(crowd) if span.newest_first else crowd)]
    return [task for task in tasks if where.takes(task)], found[-1][0] if found else None


PAGES: tuple[Page, ...] = (by_themselves, in_crowds)


def _page(rows: Rows, sql: str, table: str, where: Filter, queue: str, status: str, span: Span, most: int) -> list[Any]:
    """Read rows of a queue and status in their order, which an index has: others are not looked at."""
    limits = [(">=", where.since), ("<=", where.until)]
    asked = [(f" AND {table}.changed {sign} ?", value) for sign, value in limits if value is not None]
    sign, order = ("<", "DESC") if span.newest_first else (">", "ASC")
    sql += f" WHERE {table}.queue = ? AND {table}.status = ? AND {table}.number {sign} ?"
    sql += f"{''.join(more for more, _ in asked)} ORDER BY {table}.number {order} LIMIT ?"
    return rows(sql, (queue, status, span.last, *(value for _, value in asked), most))


def _own_task(own: Own, stored: float, source: str) -> Task:
    return Task(
        *(own.number, own.queue, own.status, own.key, own.attempts, stored, own.changed, source, own.reason),
        due=own.due or None,
        intent=own.intent,
    )


def _crowd_tasks(rows: Rows, row: Sequence[Any]) -> list[Task]:
    """Return the tasks in the crowd of a batch: of its row, and when and whence it was stored, keys and answers."""
    *columns, stored, source, keys, answers = row
    batch = Batch(*columns)
    names, entries = load(keys), load(answers)
    return [
        Task(
            *(number, batch.queue, batch.status, names[place] if names else None, batch.attempts),
            *(stored, batch.changed, source, told(entries[place] if entries else None)[0]),
        )
        for number in crowd_of(rows, batch)
        for place in [number % PLACES]
    ]


def one(rows: Rows, number: int) -> Task:
    """Return a task with its entity, its answer and its history; InputError when there is none with this number."""
    batch_number, place = place_of(number)
    sql = (
        f"SELECT {BATCH}, stored, source, entities, keys, answers FROM batches JOIN contents ON contents.batch = number"  # noqa: S608
        " LEFT JOIN answers ON answers.batch = number WHERE number = ?"
    )
    found = rows(sql, (batch_number,))
    batch = Batch(*found[0][: len(Batch._fields)]) if found else None
    own = own_of(rows, batch).get(number) if batch else None
    if batch is None or place >= batch.size or (own and own.status == DELETED):
        raise InputError(f"there is no task {number}", "haloitsm tasks list shows which there are.")
    stored, source, entities, keys, answers = found[0][len(Batch._fields) :]
    history = [Entry(stored, "stored", {"source": source} if source else {}), *_happened(rows, number)]
    if own:
        task = _own_task(own, stored, source)
        tried = [entry.detail.get("answer") for entry in history if entry.what == "attempt"]
        answer = tried[-1] if tried else None
    else:
        names, entries = load(keys), load(answers)
        entry = entries[place] if entries else None
        reason, answer = told(entry)
        key = names[place] if names else None
        task = Task(*(number, batch.queue, batch.status, key, batch.attempts, stored, batch.changed, source, reason))
        history += attempt_told(batch, entry)
    return replace(task, entity=load(entities)[place], answer=answer, history=tuple(history))


def attempt_told(batch: Batch, entry: Any) -> list[Entry]:
    """Return the delivery that a batch and what ``answers`` keeps tell of a task in its crowd; at most one."""
    if not batch.attempts:
        return []
    reason, answer = told(entry)
    detail = {"status": batch.status, "reason": reason, "answer": answer}
    return [Entry(batch.changed, "attempt", {name: value for name, value in detail.items() if value})]


def _happened(rows: Rows, number: int) -> Iterator[Entry]:
    """What is on record for a task: while it was in the crowd, what happened to the crowd; then what happened to it."""
    sql = "SELECT at, what, detail, task FROM events WHERE batch = ? AND (task IS NULL OR task = ?) ORDER BY number"
    alone = False
    for at, what, detail, task in rows(sql, (number // PLACES, number)):
        alone = alone or task is not None
        if task is not None or not alone:
            yield Entry(at, what, load(detail) or {})


def with_entities(rows: Rows, tasks: Iterator[Task]) -> Iterator[tuple[Task, Entity]]:
    """Yield tasks with their entities; those of one batch, one after the other, cost one look."""
    last = 0
    found: list[Entity | None] = []
    for task in tasks:
        batch, place = place_of(task.number)
        if batch != last:
            contents = rows("SELECT entities FROM contents WHERE batch = ?", (batch,))
            last, found = batch, load(contents[0][0]) if contents else []
        entity = found[place] if found else None
        if entity is not None:
            yield task, entity
