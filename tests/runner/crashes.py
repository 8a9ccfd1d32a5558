"""Runs of a route in processes that are killed at any instant, and what must hold when all is quiet again.

    make crash            hundreds of kills
    make crash SEED=17    one scenario again, told in full

A scenario is a value that its seed makes. The instants of the kills are of the same chance, but not the same to the
millisecond: play a seed several times.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Literal

from haloitsm_connector import Pipeline
from haloitsm_connector.catalogue import Catalogue
from haloitsm_connector.runner import Runner, cursor_name
from haloitsm_connector.sandbox import Sandbox
from haloitsm_connector.store import Cursors, Intents, open_state
from haloitsm_connector.store.tasks import Tasks

SCENARIOS = 120
RUNS_AT_MOST = 25
"""Runs after the last kill within which everything has to be delivered."""
CONFIG = """
clients:
  halo:
    prototype: haloitsm
    base_uri: ${HALO_BASE_URI}
    authentication: {type: client_credentials, client_id: "${HALO_CLIENT_ID}", client_secret: "${HALO_CLIENT_SECRET}"}
    retry: {attempts: 6, longest_wait_seconds: 0.005, total_seconds: 10}
storages: {seen: {}}
incoming:
  file: {subscriber: {prototype: file, path: "${FOLDER}/rows.jsonl"}}
  users: {subscriber: {prototype: haloitsm, client: halo, entity: GET /Users, page_size: 50}}
  tickets: {subscriber: {prototype: haloitsm, client: halo, entity: GET /Tickets, page_size: 20, incremental: {}}}
outgoing:
  assets:
    publisher:
      prototype: haloitsm
      client: halo
      entity: POST /Asset
      payload: {inventory_number: "S-{{ id }}", assettype_id: 130, client_id: 12}
      batch: BATCH
      ONCE
routes:
  go:
    incoming: SOURCE
    outgoing: assets
    parallel: PARALLEL
    transformers: [{select: {id: id}}DELTA]
    retry: {attempts: 100, wait_seconds: 0, when: "status != 'skipped'"}  # a token is revoked again before it is used
"""
ONCE = (
    "once: {find: GET /Asset, query: {search: '{{ payload.inventory_number }}'}, match: inventory_number,"
    " settle_seconds: 0.05}"
)
ASSETS = {"method": "POST", "path": "/api/Asset"}
FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "reset", "when": "after", "match": ASSETS},
    {"kind": "reset", "when": "before"},
    {"kind": "answer", "status": 429, "retry_after": 0, "match": {"path": "/api/*"}},
    {"kind": "answer", "status": 503, "when": "before", "match": {"path": "/api/*"}},
    {"kind": "answer", "status": 500, "when": "after", "match": ASSETS},
    {"kind": "truncated", "match": {"path": "/api/*"}},
    {"kind": "revoke"},
    {"kind": "latency", "seconds": 0, "jitter_seconds": 0.01, "when": "after"},
)
TEMPLATE = """
import json, os, sys, threading
from functools import partial
from haloitsm_connector import Pipeline
from haloitsm_connector.catalogue import Catalogue
from haloitsm_connector.runner import Runner
import haloitsm_connector.client.wire, haloitsm_connector.subscriber, haloitsm_connector.store.sqlite
import httpx_aiohttp, platformdirs, sqlite3

catalogue = Catalogue.load()
for operation in ("POST /Asset", "GET /Asset", "GET /Users", "GET /Tickets"):
    catalogue.find(operation)

def run(job):
    load = partial(Pipeline.load, job["config"], environ=job["environ"], state=job["state"])
    with load(catalogue=catalogue) as pipeline:
        summary = Runner(pipeline.assembly).run(wait=True, apart=load if job["apart"] else None)
        return [str(failed.error) for failed in summary.errors]

for line in sys.stdin:  # each run in a process of its own, that has everything imported already
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        os.write(writer, json.dumps(run(json.loads(line))).encode())
        os._exit(0)
    os.close(writer)
    print(child, flush=True)
    with os.fdopen(reader) as told:
        text = told.read()
    os.waitpid(child, 0)
    print(text or "null", flush=True)
"""


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is read, how it is written, what goes wrong, and how often the process is killed.

    ``delta``: the route ends in a delta, which must not hold back what it never stored. ``apart``: a second process
    reads, which ends when the first is killed.
    """

    seed: int
    source: Literal["file", "users", "tickets"]
    rows: int
    once: bool
    parallel: int
    batch: int
    kills: int
    faults: tuple[dict[str, Any], ...]
    delta: bool
    apart: bool

    @classmethod
    def of(cls, seed: int) -> Scenario:
        """Return the scenario of a seed."""
        chance = Random(f"crash {seed}")
        faults = [fault for fault in FAULTS if chance.random() < 0.4]
        return cls(
            seed,
            chance.choice(["file", "users", "tickets"]),
            chance.choice([1, 60, 250]),
            chance.random() < 0.5,
            chance.choice([1, 4]),
            chance.choice([1, 7]),
            chance.randint(1, 6),
            tuple({**fault, "probability": chance.choice([0.02, 0.1])} for fault in faults),
            chance.random() < 0.4,
            chance.random() < 0.3,
        )


class Processes:
    """Carries runs out one after the other, each in a process of its own that can be killed."""

    def __init__(self) -> None:
        self._template = subprocess.Popen(
            [sys.executable, "-P", "-W", "ignore", "-c", TEMPLATE],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, job: dict[str, Any], kill_after_seconds: float | None = None) -> list[str] | None:
        """Run the route and return its errors; None when it was killed first."""
        assert self._template.stdin
        assert self._template.stdout
        self._template.stdin.write(json.dumps(job) + "\n")
        self._template.stdin.flush()
        child = int(self._template.stdout.readline())
        killer = threading.Timer(kill_after_seconds or 0, _kill, (child,))
        if kill_after_seconds is not None:
            killer.start()
        told: list[str] | None = json.loads(self._template.stdout.readline())
        killer.cancel()
        if kill_after_seconds is not None:
            killer.join()
        return told

    def close(self) -> None:
        """End the process from which the others are forked."""
        self._template.communicate()


def _kill(process: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)


@dataclass
class Played:
    """What became of a scenario."""

    scenario: Scenario
    kills: int = 0
    runs: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    waiting: int = 0


@contextmanager
def _world(scenario: Scenario, state: str | None, catalogue: Catalogue) -> Iterator[tuple[dict[str, Any], Sandbox]]:
    """A sandbox, and the job that the scenario is."""
    with tempfile.TemporaryDirectory() as name, Sandbox(catalogue=catalogue, scale=0.2) as sandbox:
        folder = Path(name)
        text = CONFIG.replace("SOURCE", scenario.source).replace("PARALLEL", str(scenario.parallel))
        text = text.replace("DELTA", ", {delta: {storage: seen, key: '{{ id }}'}}" if scenario.delta else "")
        text = text.replace("BATCH", str(scenario.batch)).replace("ONCE", ONCE if scenario.once else "")
        (folder / "config.yaml").write_text(text, "utf-8")
        (folder / "rows.jsonl").write_text("".join(f'{{"id": {one}}}\n' for one in range(scenario.rows)), "utf-8")
        environ = {**sandbox.environment, "FOLDER": name, "HALOITSM_STATE_DIR": name}
        place = state or str(folder / "state.sqlite")
        yield (
            {"config": str(folder / "config.yaml"), "environ": environ, "state": place, "apart": scenario.apart},
            sandbox,
        )


def play(scenario: Scenario, processes: Processes, catalogue: Catalogue, state: str | None = None) -> Played:
    """Kill a route again and again, let it come to its end, and say what is broken."""
    played, chance = Played(scenario), Random(f"instants {scenario.seed}")
    with _world(scenario, state, catalogue) as (job, sandbox):
        sandbox.faults = {"seed": scenario.seed, "faults": list(scenario.faults)}
        ended, seconds = False, 1.5
        while played.kills < scenario.kills and not ended:
            began = time.monotonic()
            errors = processes.run(job, chance.uniform(0.02, seconds))
            if errors is None:
                played.kills += 1
                played.runs.append(f"killed after {time.monotonic() - began:.3f} s")
                ended = _is_over(job)
            else:
                seconds = max(0.1, (time.monotonic() - began) * 1.1)
                played.runs.append(f"ended after {time.monotonic() - began:.3f} s: {errors}")
                ended = not errors
        sandbox.faults = None
        for _ in range(RUNS_AT_MOST):
            if ended:
                break
            errors = processes.run(job)
            played.runs.append(f"came to its end: {errors}")
            ended = not errors
        played.broken += [] if ended else [f"it did not come to its end in {RUNS_AT_MOST} runs"]
        _settle(played, job, sandbox, catalogue)
    return played


def _is_over(job: dict[str, Any]) -> bool:
    """Whether a run came to its end just before it was killed, so that the next one would be another run."""
    if not job["state"].startswith("postgres") and not Path(job["state"]).exists():
        return False
    with open_state(job["state"]) as state:
        tasks = Tasks(state)
        counts = tasks.counts("go").get("go", Counter())
        open_ones = counts["new"] + counts["processing"] + counts["retry"]
        reading = "run" in (Cursors(state).get(cursor_name("go")) or {})
        return bool(counts) and not (open_ones or reading) and next(tasks.uncovered("go"), None) is None


def _settle(played: Played, job: dict[str, Any], sandbox: Sandbox, catalogue: Catalogue) -> None:
    """Look what is on the target, decide what waits as a person would, deliver that, and look again."""
    scenario = played.scenario
    wanted = {
        "file": lambda: range(scenario.rows),
        "users": lambda: [key for key, row in sandbox.tables["Users"].items() if not row["inactive"]],
        "tickets": lambda: sandbox.tables["Tickets"],
    }[scenario.source]()
    expected = {f"S-{one}" for one in wanted}
    with open_state(job["state"]) as state:
        waiting = Intents(state).waiting()
        doubtful = {one.payload[0]["inventory_number"]: one.number for one in waiting}
        counts = Tasks(state).counts("go")["go"]
        failed = [one for one in Tasks(state).list() if one.status in ("failed", "rejected")]
        played.broken += [f"task {one.number} {one.status}: {one.reason}" for one in failed]
        played.waiting = len(doubtful)
        created = _created(sandbox)
        played.broken += [f"{serial} is there {times} times" for serial, times in created.items() if times > 1]
        missing = expected - set(created) - set(doubtful)
        played.broken += [f"{serial} is lost" for serial in sorted(missing)]
        if scenario.once and doubtful:
            played.broken.append(f"with once: nothing should be left waiting: {sorted(doubtful)}")
        if counts["waiting"] != len(doubtful):
            played.broken.append(f"{counts['waiting']} tasks wait, and {len(doubtful)} intents")
        if set(counts) - {"finished", "skipped", "waiting"} and sum(counts.values()) != len(expected):
            played.broken.append(f"tasks are left: {counts}, of {len(expected)}")
        for serial, number in doubtful.items():
            (Intents(state).created if serial in created else Intents(state).again)(number)
    with Pipeline.load(job["config"], environ=job["environ"], catalogue=catalogue, state=job["state"]) as pipeline:
        Runner(pipeline.assembly).run(reads=False)
        left = Tasks(pipeline.assembly.state).counts("go")["go"]
        if set(left) - {"finished", "skipped"}:
            played.broken.append(f"after the decisions, tasks are left: {left}")
    created = _created(sandbox)
    if created != Counter(expected):
        played.broken.append(f"in the end: {sorted((created - Counter(expected)) + (Counter(expected) - created))}")


def _created(sandbox: Sandbox) -> Counter[str]:
    assets = sandbox.tables["Asset"]
    made = [one for one in sandbox.effects if (one.did, one.table) == ("created", "Asset")]
    return Counter(assets[one.key]["inventory_number"] for one in made)


def main(arguments: Sequence[str] | None = None) -> int:
    """Play what the command line asks for; the status is 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="make crash", description="Kill runs at any instant.")
    parser.add_argument("seed", type=int, nargs="?", help="play this one alone, and tell all of it")
    parser.add_argument("--count", type=int, default=SCENARIOS, help=f"how many scenarios ({SCENARIOS})")
    parser.add_argument("--first", type=int, default=0, help="the first seed (0)")
    chosen = parser.parse_args(arguments)
    seeds = [chosen.seed] if chosen.seed is not None else range(chosen.first, chosen.first + chosen.count)
    processes, catalogue, kills, failed = Processes(), Catalogue.load(), 0, 0
    for done, seed in enumerate(seeds, 1):
        played = play(Scenario.of(seed), processes, catalogue)
        kills, failed = kills + played.kills, failed + bool(played.broken)
        if chosen.seed is not None:
            print(played.scenario, *played.runs, sep="\n")
        if played.broken:
            print(f"make crash SEED={seed}", *played.broken[:20], sep="\n", flush=True)
        print(f"{done} scenarios, {kills} kills, {failed} broke a promise", flush=True)
    processes.close()
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
