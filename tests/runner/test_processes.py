"""Several processes on one state: none delivers what another has, and nothing is left behind when one is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from haloitsm_connector.sandbox import Sandbox
from haloitsm_connector.store import open_state
from haloitsm_connector.store.tasks import Tasks

if TYPE_CHECKING:
    from postgresql_server import PostgresqlServer

ROUTES = 4
ROWS = 60
CONFIG = """
clients:
  halo:
    prototype: haloitsm
    base_uri: ${HALO_BASE_URI}
    authentication: {type: client_credentials, client_id: "${HALO_CLIENT_ID}", client_secret: "${HALO_CLIENT_SECRET}"}
incoming:
  rows: {subscriber: {prototype: file, path: "${FOLDER}/rows.jsonl"}}
outgoing:
  assets:
    publisher:
      prototype: haloitsm
      client: halo
      entity: POST /Asset
      payload: {inventory_number: "{{ serial }}", assettype_id: 130, client_id: 12}
routes:
"""
ROUTE = "  r%d: {incoming: rows, outgoing: assets, transformers: [{set: {serial: 'R%d-{{ n }}'}}]}\n"
WORKER = """
import json, sys
from haloitsm_connector import Pipeline
from haloitsm_connector.runner import Runner

config, state, environ, wait = json.loads(sys.argv[1])
with Pipeline.load(config, environ=environ, state=state) as pipeline:
    print("ready", flush=True)
    sys.stdin.readline()
    summary = Runner(pipeline.assembly).run(reads=False, wait=wait)
    print(json.dumps([str(failed.error) for failed in summary.errors]))
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where the state is: a file, or a database of a real server."""
    if request.param == "sqlite":
        return str(tmp_path / "state.sqlite")
    server: PostgresqlServer = request.getfixturevalue("postgresql")
    return server.address()


@pytest.mark.slow
def test_four_processes_deliver_everything_once_although_one_is_killed(
    sandbox: Sandbox, tmp_path: Path, place: str
) -> None:
    text = CONFIG + "".join(ROUTE % (number, number) for number in range(ROUTES))
    (tmp_path / "config.yaml").write_text(text, "utf-8")
    (tmp_path / "rows.jsonl").write_text("".join(f'{{"n": {number}}}\n' for number in range(ROWS)), "utf-8")
    environ = {**sandbox.environment, "FOLDER": str(tmp_path)}
    _fetch(tmp_path, environ, place)
    start = _starter(tmp_path, environ, place)
    workers = [start(wait=True) for _ in range(4)]
    for worker in workers:
        assert worker.stdin
        worker.stdin.write("go\n")
        worker.stdin.flush()
    while len(sandbox.effects) < ROUTES * ROWS // 3:
        time.sleep(0.01)
    holder = _delivering(place, {worker.pid for worker in workers})
    os.kill(holder, signal.SIGKILL)
    told = [worker.communicate(timeout=120)[0] for worker in workers]
    assert [json.loads(text) for text in told if text] == [[]] * 3
    names = Counter(sandbox.tables["Asset"][one.key]["inventory_number"] for one in sandbox.effects)
    with open_state(place) as state:
        counts = Tasks(state).counts()
    waiting = sum(one["waiting"] for one in counts.values())
    assert max(names.values()) == 1
    assert len(names) >= ROUTES * ROWS - waiting
    assert all(set(one) <= {"finished", "skipped", "waiting"} for one in counts.values()), counts
    assert waiting <= ROUTES, "each route has one request under way at most"


def _fetch(folder: Path, environ: dict[str, str], place: str) -> None:
    from haloitsm_connector import Pipeline
    from haloitsm_connector.runner import Runner

    with Pipeline.load(folder / "config.yaml", environ=environ, state=place) as pipeline:
        assert Runner(pipeline.assembly).run(delivers=False).exit_status == 0


def _starter(folder: Path, environ: dict[str, str], place: str) -> Callable[..., subprocess.Popen[str]]:
    def start(*, wait: bool) -> subprocess.Popen[str]:
        given: Any = json.dumps([str(folder / "config.yaml"), place, environ, wait])
        worker = subprocess.Popen(
            [sys.executable, "-P", "-c", WORKER, given], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert worker.stdout
        assert worker.stdout.readline() == "ready\n"
        return worker

    return start


def _delivering(place: str, workers: set[int]) -> int:
    """Return one of the processes that hold a route at this moment."""
    with open_state(place) as state:
        while True:
            for number in range(ROUTES):
                for pid in workers:
                    if f"process {pid} " in state.holder(f"route r{number}"):
                        return pid
