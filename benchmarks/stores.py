"""What ``store.py`` compares, each in a process of its own: ``python stores.py NAME``.

*script*, *rows* and *Tasks* store and settle records; *small* and *large* are states of 1,000 and of 1,000,000 tasks. A
line of standard input is a task; the answer is the seconds that each step took.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import orjson
from tickets import ticket

from haloitsm_connector.store import open_state
from haloitsm_connector.store.tasks import Filter, NewTask, Settled, Tasks

PAGE = 500
"""Records that are stored, claimed and settled at once, as the runner does."""
BATCH = 100
SIZES = {"small": 1_000, "large": 1_000_000}
FAILED = 20
"""Of so many tasks one has failed, and one waits for its next attempt."""
Times = dict[str, float]
record = cache(ticket)


def script(records: int, place: Path) -> Times:
    """Store and settle as a script would that keeps a batch in a row: 16 KiB pages, contents apart."""
    pages = [[record(number) for number in page] for page in cut(records, BATCH)]
    with closing(sqlite3.connect(place / "script.sqlite", isolation_level=None)) as connection:
        for pragma in ("page_size = 16384", "journal_mode = WAL", "synchronous = NORMAL"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("CREATE TABLE batch (id INTEGER PRIMARY KEY, n INT, status INT DEFAULT 0, changed REAL)")
        connection.execute("CREATE TABLE body (id INTEGER PRIMARY KEY, body BLOB)")

        def transactions(step: Callable[[int], None]) -> None:
            for some in cut(len(pages), PAGE // BATCH):
                connection.execute("BEGIN IMMEDIATE")
                for number in some:
                    step(number)
                connection.execute("COMMIT")

        def add(number: int) -> None:
            connection.execute("INSERT INTO batch (id, n) VALUES (?, ?)", (number, BATCH))
            connection.execute("INSERT INTO body VALUES (?, ?)", (number, orjson.dumps(pages[number])))

        def settle(number: int) -> None:
            connection.execute("UPDATE batch SET status = 2, changed = 1.5 WHERE id = ?", (number,))

        return {"add": timed(transactions, add), "settle": timed(transactions, settle)}


def rows(records: int, place: Path) -> Times:
    """Store and settle as most scripts do: a row for each record, its answer beside it."""
    pages = [[record(number) for number in page] for page in cut(records, PAGE)]
    answer = {"outcome": "updated", "id": 1_000_000, "request": "POST /Tickets"}
    with closing(sqlite3.connect(place / "rows.sqlite", isolation_level=None)) as connection:
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute(
            "CREATE TABLE task (id INTEGER PRIMARY KEY, status TEXT DEFAULT 'new', body BLOB, answer BLOB)"
        )

        def each(sql: str, row: Callable[[dict[str, Any]], tuple[Any, ...]]) -> None:
            for page in pages:
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany(sql, map(row, page))
                connection.execute("COMMIT")

        add = "INSERT INTO task (id, body) VALUES (?, ?)"
        settle = "UPDATE task SET status = 'finished', answer = ? WHERE id = ?"
        return {
            "add": timed(each, add, lambda one: (one["id"], orjson.dumps(one))),
            "settle": timed(each, settle, lambda one: (orjson.dumps(answer), one["id"])),
        }


def kept(records: int, place: Path) -> Times:
    """Store, claim and settle as the runner does."""
    pages = [[NewTask(record(number), str(number)) for number in page] for page in cut(records, PAGE)]
    answer = {"outcome": "updated", "id": 1_000_000, "request": "POST /Tickets"}
    times: Times = {"add": 0.0, "claim": 0.0, "settle": 0.0}
    with open_state(place / "tasks.sqlite") as state:
        tasks = Tasks(state)
        for page in pages:
            times["add"] += timed(tasks.add, {"tickets": page}, {}, covers=False)
        for _ in pages:
            began = time.perf_counter()
            claimed = tasks.claim("tickets", PAGE)
            times["claim"] += time.perf_counter() - began
            settled = [Settled(one.number, "finished", answer=answer) for one in claimed]
            times["settle"] += timed(tasks.settle, "tickets", settled)
    return times


def cut(records: int, size: int) -> list[range]:
    return [range(start, min(start + size, records)) for start in range(0, records, size)]


def timed(what: Callable[..., Any], *values: Any, **named: Any) -> float:
    began = time.perf_counter()
    what(*values, **named)
    return time.perf_counter() - began


class Grown:
    """A state with so many tasks, half of them done, and what an operation of its queue costs."""

    def __init__(self, tasks: int, place: Path) -> None:
        self._tasks = Tasks(open_state(place / f"{tasks}.sqlite"))
        self._number = 0
        for page in cut(tasks, 10_000):
            self._add(len(page))
        done = 0
        while done < tasks // 2:
            claimed = self._tasks.claim("q", min(10_000, tasks // 2))
            self._settle(claimed)
            done += len(claimed)

    def _add(self, number: int) -> None:
        new = [NewTask({"n": self._number + n}, str(self._number + n)) for n in range(number)]
        self._number += number
        self._tasks.add({"q": new}, {"route q": {"at": self._number}}, covers=True)

    def _settle(self, claimed: list[Any]) -> None:
        after = {1: "failed", 2: "retry"}
        settled = [
            Settled(one.number, after.get(one.number % FAILED, "finished"), due=4e9)  # type: ignore[arg-type]
            for one in claimed
        ]
        self._tasks.settle("q", settled)

    def cycle(self, _records: int, _place: Path) -> Times:
        """Do everything once."""
        tasks, claimed = self._tasks, []
        failed = Filter(queue="q", statuses=["failed"])
        number = next(tasks.list(failed)).number
        return {
            "add a slice of 100": timed(self._add, 100),
            "claim 100": timed(lambda: claimed.extend(tasks.claim("q", 100))),
            "settle 100": timed(self._settle, claimed),
            "counts": timed(tasks.counts),
            "list 20 failed": timed(lambda: [task for task, _ in zip(tasks.list(failed), range(20), strict=False)]),
            "next due": timed(tasks.next_due, "q"),
            "retry one": timed(tasks.retry, Filter(numbers=[number])),
        }


BESIDE = {"script": script, "rows": rows, "Tasks": kept}


def main(name: str) -> None:
    """Answer the tasks on standard input, ``{"records": N}``."""
    with tempfile.TemporaryDirectory() as place:
        what = Grown(SIZES[name], Path(place)).cycle if name in SIZES else BESIDE[name]
        for line in sys.stdin:
            records = json.loads(line)["records"]
            with tempfile.TemporaryDirectory() as folder:
                print(json.dumps({"records": records, **what(records, Path(folder))}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
