"""What is done to a queue costs the same however much is finished: no statement walks through a table."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from haloitsm_connector.store import open_state
from haloitsm_connector.store.sqlite import SqliteDatabase
from haloitsm_connector.store.tasks import Filter, NewTask, Settled, Tasks

SMALL = ("tallies", "queues", "cursors")
"""Tables with a few rows for each route."""


def test_no_operation_of_a_queue_walks_through_a_table(tmp_path: Path) -> None:
    statements: set[str] = set()
    with open_state(tmp_path / "state") as database:
        assert isinstance(database, SqliteDatabase)
        tasks = Tasks(database, now=lambda: 1000.0)
        database._connection.set_trace_callback(statements.add)
        for _ in range(2):
            everything(tasks)
        database._connection.set_trace_callback(None)
    plans = {line for statement in statements for line in plan(tmp_path / "state", statement)}
    assert len(plans) > 20, "the statements were seen"
    walks = {line for line in plans if ("SCAN" in line or "TEMP B-TREE" in line) and not line.endswith(SMALL)}
    assert walks <= {"SCAN CONSTANT ROW"}


def everything(tasks: Tasks) -> None:
    """Do what workers and people do, so that every statement is used."""
    tasks.add({"a": [NewTask({"n": n}, str(n % 90)) for n in range(250)]}, {"route a": {"at": 1}}, covers=False)
    claimed = tasks.claim("a", 120)
    tasks.release("a", [task.number for task in claimed[:3]])
    statuses = ["finished", "failed", "retry", "waiting"]
    settled = [Settled(one.number, statuses[max(0, one.number % 50 - 46)], due=900.0) for one in claimed[3:]]
    tasks.settle("a", settled, results={"a results": [NewTask({})]})  # type: ignore[arg-type]
    tasks.claim("a", 500)
    tasks.repair("a")
    tasks.counts()
    tasks.next_due("a")
    list(tasks.uncovered("a"))
    (number, *_) = [task.number for task in tasks.list(Filter(statuses=["failed"], key="46"))] or [claimed[5].number]
    tasks.get(number)
    list(tasks.list(Filter(queue="a", since=1.0, until=2000.0, text="x"), newest_first=False))
    tasks.retry(Filter(statuses=["failed"]))
    tasks.skip(Filter(queue="a", key="7"))
    tasks.delete(Filter(queue="a", key="8"))
    list(tasks.export())
    tasks.add({"a": []}, {}, covers=True)
    tasks.prune(older_than_seconds=0, most=50)


def plan(path: Path, statement: str) -> list[str]:
    if statement.split()[0] not in ("SELECT", "UPDATE", "DELETE", "INSERT"):
        return []
    connection = sqlite3.connect(path)
    try:
        statement = statement.replace(" Inf", " 9e999")  # as a trace writes what is endless
        return [str(row[3]) for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]
    finally:
        connection.close()
