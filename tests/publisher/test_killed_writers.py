"""A process that embeds the publisher is killed, at any instant, and started again: nothing is created twice."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from haloitsm_connector.sandbox import Sandbox
from haloitsm_connector.store import open_state

KILLS = int(os.environ.get("HALOITSM_KILLS", "200"))
BLOCKS = 10
RECORDS = 20
ONCE = {
    "find": "GET /Asset",
    "query": {"search": "{{ payload.inventory_number }}"},
    "match": "inventory_number",
    "settle_seconds": 0.1,
}
WRITER = """
import json, os, sys
from haloitsm_connector import HttpClient, Publisher, journal
from haloitsm_connector.catalogue import Catalogue

catalogue = Catalogue.load()
for operation in ("POST /Asset", "GET /Asset"):
    catalogue.find(operation)
import haloitsm_connector.client.wire, haloitsm_connector.subscriber, httpx_aiohttp, platformdirs, sqlite3

def write(job):
    with HttpClient(job["base_uri"], job["login"], tenant=job["tenant"], retry={"attempts": 2}) as client:
        keeping = journal(job["state"], job["name"])
        publisher = Publisher(client, "POST /Asset", journal=keeping, catalogue=catalogue, **job["options"])
        return [[outcome.entity["payload"]["inventory_number"], outcome.status] for outcome in
                publisher.publish({"payload": payload} for payload in job["payloads"])]

for line in sys.stdin:  # each job in a process of its own, that has everything imported already
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        os.write(writer, json.dumps(write(json.loads(line))).encode())
        os._exit(0)
    os.close(writer)
    print(child, flush=True)
    with os.fdopen(reader) as told:
        text = told.read()
    os.waitpid(child, 0)
    print(text or "null", flush=True)
"""


class Writers:
    """Runs jobs, one after the other, each in a process of its own that can be killed."""

    def __init__(self, errors: Any) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", WRITER],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True,
        )  # fmt: skip

    def run(self, job: dict[str, Any], instant: Callable[[], None] | None = None) -> list[list[str]] | None:
        """Run a job and return each record with its status; None when it was killed, once ``instant`` returned."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        child = int(self._process.stdout.readline())
        killer = threading.Thread(target=kill, args=(child, instant))
        if instant is not None:
            killer.start()
        told: list[list[str]] | None = json.loads(self._process.stdout.readline())
        if instant is not None:
            killer.join()
        return told

    def close(self) -> None:
        self._process.communicate()


def kill(process: int, instant: Callable[[], None]) -> None:
    instant()
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)


@pytest.fixture
def writers(tmp_path: Path) -> Iterator[Writers]:
    with (tmp_path / "errors.txt").open("w+") as errors:
        running = Writers(errors)
        yield running
        running.close()
        errors.seek(0)
        assert errors.read() == ""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("block", range(BLOCKS))
def test_kill_at_any_instant_creates_nothing_twice(
    sandbox: Sandbox, writers: Writers, tmp_path: Path, block: int
) -> None:
    chance = random.Random(f"kill {block}")
    sandbox.faults = {"faults": [{"kind": "latency", "seconds": 0, "jitter_seconds": 0.004, "when": "after"}]}
    kills, number, seconds = 0, 0, 0.1
    while kills < KILLS // BLOCKS:
        number += 1
        job = job_of(chance, sandbox, tmp_path / "state", f"K{block}-{number}")
        sandbox.requests.clear()
        for _ in range(2):
            if (told := writers.run(job, at_any_instant(sandbox, chance.uniform(0, seconds)))) is not None:
                seconds = sandbox.requests[-1].at - sandbox.requests[0].at
                break
            kills += 1
            if has_ended(job, sandbox):
                break
        else:
            told = writers.run(job)
            assert told is not None
        check(job, told, Counter(serials(sandbox)))


def at_any_instant(sandbox: Sandbox, seconds: float) -> Callable[[], None]:
    """Return what waits for the first request about assets from now on, and then so many seconds."""
    before, deadline = len(sandbox.requests), time.monotonic() + 10

    def wait() -> None:
        while time.monotonic() < deadline and not any("/Asset" in one.path for one in sandbox.requests[before:]):
            time.sleep(0.001)
        time.sleep(seconds)

    return wait


def job_of(chance: random.Random, sandbox: Sandbox, state: Path, name: str) -> dict[str, Any]:
    once = chance.random() < 0.5
    options: dict[str, Any] = {"parallel": chance.choice([1, 4]), "batch": chance.choice([1, 7])}
    records = [f"{name}-{number}" for number in range(RECORDS)]
    return {
        "base_uri": sandbox.base_uri,
        "tenant": sandbox.tenant,
        "login": {
            "type": "client_credentials",
            "client_id": sandbox.client_id,
            "client_secret": sandbox.client_secret,
        },
        "state": str(state),
        "name": name,
        "options": options | ({"once": ONCE} if once else {}),
        "payloads": [{"inventory_number": one, "assettype_id": 130, "client_id": 12} for one in records],
    }


def has_ended(job: dict[str, Any], sandbox: Sandbox) -> bool:
    """Whether a run came to its end just before it was killed: then nothing that is done is on record any more."""
    with open_state(job["state"]) as state:
        ((done, left),) = state.rows("SELECT sum(done), count(*) FROM intents WHERE job = ?", (job["name"],))
    return not done and len(set(serials(sandbox))) + left >= RECORDS


def serials(sandbox: Sandbox) -> list[str]:
    return [sandbox.tables["Asset"][effect.key]["inventory_number"] for effect in sandbox.effects]


def check(job: dict[str, Any], told: list[list[str]] | None, created: Counter[str]) -> None:
    records = [payload["inventory_number"] for payload in job["payloads"]]
    assert max(created.values(), default=0) <= 1, (job, created)
    if told is not None:
        assert [record for record, _ in told] == records
        unknown = {record for record, status in told if status == "waiting"}
        assert {status for _, status in told} <= {"created", "skipped", "waiting"}
        assert set(records) - unknown <= set(created)
        assert len(unknown) <= 2 * job["options"]["parallel"]
        assert not unknown or "once" not in job["options"]
