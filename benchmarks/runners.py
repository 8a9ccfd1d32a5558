"""The jobs that ``runner.py`` compares, each in a process of its own: ``python runners.py NAME``.

Tickets are read, go through ten steps, are stored, and posted in arrays of 100: by a *route* in one process, *apart*
with a second process that reads, and by the *naive* script that people write with httpx and sqlite3; *raw* only reads,
as fast as it can be done, and *read* as the route reads.
"""

from __future__ import annotations

import json
import resource
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from readers import READERS
from tickets import id_of

if TYPE_CHECKING:
    from haloitsm_connector import Pipeline

PAGE_SIZE = 100
COLUMNS = ("id", "title", "description", "email", "where", "agent_id", "priority_id")
"""What is posted of a ticket."""
CONFIG = """
clients:
  halo:
    prototype: haloitsm
    base_uri: {base}
    authentication: {{type: client_credentials, client_id: id, client_secret: secret}}
incoming:
  tickets:
    subscriber:
      {{prototype: haloitsm, client: halo, entity: GET /Tickets, page_size: {page_size}, parallel: {parallel}}}
outgoing:
  updates:
    publisher: {{prototype: haloitsm, client: halo, entity: POST /Tickets, payload: {payload}, batch: 100}}
routes:
  go: {{incoming: tickets, outgoing: updates, transformers: {steps}, parallel: {parallel}}}
"""
Job = Callable[[dict[str, Any]], int]


def route(task: dict[str, Any], *, apart: bool = False) -> int:
    """Run a route on a state of its own."""
    from transformers import TEN_STEPS

    from haloitsm_connector.cli.run import collect_rarely
    from haloitsm_connector.runner import Runner

    with tempfile.TemporaryDirectory() as name:
        text = CONFIG.format(
            base=task["base"],
            page_size=PAGE_SIZE,
            parallel=task["parallel"],
            payload=json.dumps({name: f"{{{{ {name} }}}}" for name in COLUMNS}),
            steps=json.dumps(TEN_STEPS),
        )
        (Path(name) / "config.yaml").write_text(text, "utf-8")
        load = partial(pipeline, Path(name))
        with load() as loaded:
            collect_rarely()
            began = time.perf_counter()
            summary = Runner(loaded.assembly).run(apart=load if apart else None)
            task["seconds"] = time.perf_counter() - began
        assert summary.exit_status == 0, summary
        return summary.statuses["go"]["finished"]


def pipeline(folder: Path) -> Pipeline:
    """Load what `route` runs."""
    from haloitsm_connector import Pipeline

    return Pipeline.load(folder / "config.yaml", environ={}, state=folder / "state.sqlite")


def naive(task: dict[str, Any]) -> int:
    """What people write: one page after the other, a row for each record, a POST for each page."""
    import httpx
    from transformers import ten_closures

    rows, total, number, steps = 0, 1, 1, ten_closures()
    with tempfile.TemporaryDirectory() as name, httpx.Client(base_url=task["base"]) as client:
        base = task["base"]
        state = sqlite3.connect(Path(name) / "state.sqlite")
        state.execute("CREATE TABLE tasks (id INTEGER PRIMARY KEY, status TEXT, entity TEXT)")
        while rows < total:
            asked = {"pageinate": "true", "page_size": PAGE_SIZE, "page_no": number, "order": "id"}
            page = client.get(f"{base}/api/Tickets", params=asked).json()
            done = []
            for ticket in page["tickets"]:
                for step in steps:
                    ticket = step(ticket)
                done.append(ticket)
                state.execute("INSERT INTO tasks VALUES (?, 'new', ?)", (ticket["id"], json.dumps(ticket)))
            state.commit()
            client.post(f"{base}/api/Tickets", json=[{each: one[each] for each in COLUMNS} for one in done])
            state.executemany("UPDATE tasks SET status = 'done' WHERE id = ?", [(one["id"],) for one in done])
            state.commit()
            rows, total, number = rows + len(done), page["record_count"], number + 1
        state.close()
    return rows


def read(kind: str, task: dict[str, Any]) -> int:
    """Only read."""
    rows = 0
    for page in READERS[kind](task["base"], PAGE_SIZE, task["parallel"])():
        rows += len(page)
        assert page[0]["id"] >= id_of(0, 1)
    return rows


JOBS: dict[str, Job] = {
    "route": route,
    "apart": partial(route, apart=True),
    "naive": naive,
    "raw": partial(read, "raw"),
    "read": partial(read, "verified"),
}


def cpu_seconds() -> float:
    """Return what this process and those that it has begun and outlived have used."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def main(name: str) -> None:
    for line in sys.stdin:
        task = json.loads(line)
        cpu, began = cpu_seconds(), time.perf_counter()
        rows = JOBS[name](task)
        seconds = task.get("seconds") or time.perf_counter() - began
        used = cpu_seconds() - cpu
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"rows": rows, "seconds": seconds, "cpu_seconds": used, "peak_mb": peak_mb}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
