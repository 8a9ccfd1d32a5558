"""Which tasks wait for which creates: one made of several parts, for each part whose answer was lost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from haloitsm_connector.store.database import Connection
from haloitsm_connector.store.tasks_cut import PLACES
from haloitsm_connector.store.tasks_stored import OWN, Happening, Ledger, Own, Rows

_LEFT_ALONE = (
    "DELETE FROM intents WHERE number = ? AND done = 0 AND reason <> ''"
    " AND NOT EXISTS (SELECT 1 FROM doubts WHERE intent = intents.number)"
)


class Doubt(NamedTuple):
    """A create of which nobody knows whether it took effect, and a task of a queue that it was made of."""

    intent: int
    task: int
    queue: str


def listed(rows: Rows) -> list[Doubt]:
    """Return all doubts, by the number of the create and that of the task."""
    sql = "SELECT doubts.intent, task, queue FROM doubts JOIN tasks ON tasks.number = task ORDER BY doubts.intent, task"
    return [Doubt(*row) for row in rows(sql, ())]


def put(book: Ledger, some: Iterable[tuple[int, int]]) -> None:
    """Put down which creates (first) tasks (second) wait for."""
    book.connection.executemany("INSERT INTO doubts (intent, task) VALUES (?, ?) ON CONFLICT DO NOTHING", list(some))


def clear(book: Ledger, tasks: Iterable[Own]) -> list[int]:
    """Let tasks wait for nothing any more; return the creates that they waited for."""
    numbers = [(task.number,) for task in tasks if task.intent]
    sql = "SELECT intent FROM doubts WHERE task = ?"
    intents = {intent for number in numbers for (intent,) in book.rows(sql, number)}
    book.connection.executemany("DELETE FROM doubts WHERE task = ?", numbers)
    return sorted(intents)


def forget(book: Ledger, tasks: Sequence[Own]) -> None:
    """Drop the creates that tasks waited for and nobody waits for any more; not what is just sent again."""
    book.connection.executemany(_LEFT_ALONE, [(intent,) for intent in clear(book, tasks)])


def decided(connection: Connection, intent: int, decision: str, at: float) -> None:
    """Put the tasks back into their queues that waited for what a person now says of a create, and for no other.

    ``decision`` is ``created`` or ``again``. For the transaction in which the journal is told so: the next attempt
    finds the decision there.
    """
    book = Ledger(connection, at)
    sql = f"SELECT {OWN} FROM tasks WHERE status = 'waiting' AND number IN (SELECT task FROM doubts WHERE intent = ?)"  # noqa: S608
    tasks = [Own(*row) for row in book.rows(sql, (intent,))]
    connection.execute("DELETE FROM doubts WHERE intent = ?", (intent,))
    for task in tasks:
        sql = "SELECT number, reason FROM intents WHERE number = (SELECT min(intent) FROM doubts WHERE task = ?)"
        others = book.rows(sql, (task.number,))
        if others:
            number, reason = others[0]
            book.set(task._replace(intent=number, reason=reason), "waiting")
        else:
            book.set(Own(task.number, task.queue, task.key, "new", due=at), "waiting")
    book.happened(Happening(task.number // PLACES, task.number, "decided", {"decision": decision}) for task in tasks)
    book.close()
