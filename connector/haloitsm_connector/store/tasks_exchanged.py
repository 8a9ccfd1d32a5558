"""Tasks as lines of JSON: written out, mended by whoever wants to, and taken in again as new ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from haloitsm_connector.store.database import Database
from haloitsm_connector.store.tasks_cut import NewTask, cut, dump
from haloitsm_connector.store.tasks_listed import Filter, some, with_entities
from haloitsm_connector.store.tasks_stored import ledger, store
from haloitsm_transformers.errors import kind_of

LINES_AT_ONCE = 1_000
Refuse = Callable[[int, str], None]
"""Is told the number of a line, from 1, and why it was not taken."""


def written(database: Database, where: Filter) -> Iterator[bytes]:
    """Yield one line for each task that a filter means, oldest first, without the end of the line."""
    for task, entity in with_entities(database.rows, some(database.rows, where, newest_first=False)):
        line: dict[str, Any] = {
            "task": task.number,
            "route": task.queue,
            "status": task.status,
            "key": task.key,
            "attempts": task.attempts,
            "stored": task.stored,
            "changed": task.changed,
            "reason": task.reason,
            "entity": entity,
        }
        yield dump(line).lstrip()


def taken(
    database: Database, now: Callable[[], float], queue: str, lines: Iterable[str | bytes], refuse: Refuse, source: str
) -> int:
    """Store the entities of lines as new tasks of a queue; return how many."""
    numbered = enumerate(lines, 1)
    count = 0
    while some_lines := list(islice(numbered, LINES_AT_ONCE)):
        tasks = [task for number, line in some_lines if line.strip() for task in _task(number, line, refuse)]
        with ledger(database, now) as book:
            store(book, queue, cut(tasks), source, fetched=False)
        count += len(tasks)
    return count


def _task(number: int, line: str | bytes, refuse: Refuse) -> list[NewTask]:
    try:
        content = json.loads(line, parse_constant=_no_constant)
    except ValueError as error:
        refuse(number, f"is no JSON: {error}")
        return []
    entity = content.get("entity") if isinstance(content, dict) else None
    key = content.get("key") if isinstance(content, dict) else None
    if not isinstance(entity, dict):
        refuse(number, 'has no object "entity": each line is {"entity": {..}}, as export writes it')
        return []
    if not isinstance(key, str | None):
        refuse(number, f'"key" is {kind_of(key)}, and has to be a text or null')
        return []
    return [NewTask(entity, key)]


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is no value of JSON")
