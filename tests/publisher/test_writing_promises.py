"""The promises of writing, kept whatever goes wrong: random jobs against a sandbox with random faults.

Every scenario comes of its seed. One that fails is named, and ``HALOITSM_SEED=… pytest …`` runs it alone;
``HALOITSM_SCENARIOS`` says how many there are.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from haloitsm_connector import journal
from haloitsm_connector.client import ClientCredentials, HttpClient
from haloitsm_connector.errors import RemoteError
from haloitsm_connector.publisher import Outcome, Publisher
from haloitsm_connector.sandbox import Recorded, Sandbox

SCENARIOS = int(os.environ.get("HALOITSM_SCENARIOS", "240"))
BLOCKS = 8
ONLY = os.environ.get("HALOITSM_SEED")
ONCE = {"find": "GET /Asset", "query": {"search": "{{ payload.inventory_number }}"}, "match": "inventory_number"}
WRITES = {"method": "POST", "path": "/api/Asset"}


@dataclass
class Job:
    """A random job: its entities, how it is published, and what goes wrong meanwhile."""

    seed: int
    entities: list[dict[str, Any]] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)
    faults: list[dict[str, Any]] = field(default_factory=list)
    switches: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, seed: int, assets: list[int]) -> Job:
        chance = random.Random(seed)
        job = cls(seed)
        job.options["parallel"] = chance.choice([1, 1, 2, 5, 16])
        job.options["batch"] = chance.choice([1, 2, 7, 100])
        if chance.random() < 0.5:
            job.options["once"] = ONCE | {"settle_seconds": chance.choice([0, 0.02])}
        if chance.random() < 0.3:
            job.options["response_transformers"] = [{"select": {"id": "id"}}]
        weights = chance.choice([[6, 6, 1, 1, 1], [1, 12, 0, 1, 0], [12, 1, 1, 0, 1]])
        known = assets[: chance.choice([3, 12])]
        for number in range(chance.randrange(1, 25)):
            kind = chance.choices(["new", "update", "bad new", "bad update", "same again"], weights)[0]
            job.entities.append({"payload": _payload(chance, kind, f"S{seed}-{number}", job.entities, known)})
        job.switches["partial_failure"] = chance.choice(["keep_earlier", "keep_valid", "nothing"])
        job.faults = [fault for fault in _faults(chance) if chance.random() < 0.35]
        return job


def _payload(
    chance: random.Random, kind: str, serial: str, before: list[dict[str, Any]], assets: list[int]
) -> dict[str, Any]:
    if kind == "same again" and before:
        return dict(chance.choice(before)["payload"])
    if kind == "update":
        return {"id": chance.choice(assets), "key_field2": serial}
    if kind == "bad update":
        return {"id": 900_000_000, "key_field2": serial}
    new = {"inventory_number": serial, "assettype_id": 130, "client_id": 12}
    return new | ({"client_id": "nobody"} if kind == "bad new" else {})


def _faults(chance: random.Random) -> Iterator[dict[str, Any]]:
    often = chance.choice([0.05, 0.2, 0.5])
    yield {"kind": "reset", "when": "before", "match": WRITES, "probability": often}
    yield {"kind": "reset", "when": "after", "match": WRITES, "probability": often}
    yield {"kind": "truncated", "part": chance.random() * 0.9, "match": WRITES, "probability": often}
    yield {"kind": "answer", "status": 200, "body": "html", "when": "after", "match": WRITES, "probability": often}
    status = chance.choice([408, 413, 500, 502, 503, 504])
    when = "before" if status == 413 else chance.choice(["before", "after"])
    yield {"kind": "answer", "status": status, "when": when, "match": WRITES, "probability": often}
    yield {"kind": "answer", "status": 429, "match": WRITES, "probability": often}
    yield {"kind": "partial", "part": chance.random(), "status": chance.choice([500, None, None]), "probability": often}
    yield {"kind": "latency", "seconds": 0, "jitter_seconds": 0.02, "match": WRITES, "probability": often}
    yield {"kind": "duplicate", "match": WRITES, "probability": often / 3}
    yield {"kind": "answer", "status": 500, "match": {"method": "GET"}, "probability": often / 4}
    yield {"kind": "reset", "match": {"method": "GET"}, "probability": often / 4}


@pytest.fixture(scope="module")
def halo(sandbox: Sandbox) -> Iterator[HttpClient]:
    login = ClientCredentials(client_id=sandbox.client_id, client_secret=sandbox.client_secret)
    retry = {"attempts": 2, "longest_wait_seconds": 0.01, "total_seconds": 20}
    with HttpClient(sandbox.base_uri, login, tenant=sandbox.tenant, retry=retry) as client:
        yield client


@pytest.mark.slow
@pytest.mark.parametrize("block", range(1 if ONLY else BLOCKS))
def test_writing_keeps_its_promises_whatever_goes_wrong(
    sandbox: Sandbox, halo: HttpClient, tmp_path: Path, block: int
) -> None:
    assets = sorted(sandbox.tables["Asset"])[:12]
    for seed in [int(ONLY)] if ONLY else range(block, SCENARIOS, BLOCKS):
        job = Job.of(seed, assets)
        sandbox.switch(**job.switches)
        sandbox.faults = {"seed": seed, "faults": job.faults}
        sandbox.requests.clear()
        kept = journal(tmp_path / "state", f"job {seed}") if seed % 2 else None
        try:
            outcomes, stopped = published(Publisher(halo, "POST /Asset", journal=kept, **job.options), job)
            sandbox.faults = None
            check(job, outcomes, sandbox, stopped=stopped)
        except AssertionError as error:
            rerun = f"HALOITSM_SEED={seed} pytest {Path(__file__).name}"
            raise AssertionError(f"{rerun}\n{job}\n{error}") from error
        finally:
            sandbox.faults = None


def published(publisher: Publisher, job: Job) -> tuple[list[Outcome], bool]:
    outcomes: list[Outcome] = []
    try:
        outcomes.extend(publisher.publish(job.entities))  # what came before an error counts
    except RemoteError:
        return outcomes, True
    return outcomes, False


def check(job: Job, outcomes: list[Outcome], sandbox: Sandbox, *, stopped: bool) -> None:
    """Compare what was told with what the sandbox knows that was done."""
    table = sandbox.tables["Asset"]
    created, doubled = creations(sandbox.requests, table)
    told = dict(zip(map(id, [outcome.entity for outcome in outcomes]), outcomes, strict=True))
    if not stopped:
        assert [outcome.entity for outcome in outcomes] == job.entities
        assert all(mine is theirs for mine, theirs in zip((o.entity for o in outcomes), job.entities, strict=True))
    wishes = Counter(entity["payload"].get("inventory_number") for entity in job.entities)
    for serial, wished in wishes.items():
        if serial is None:
            continue
        mine = [one for one in outcomes if one.entity["payload"].get("inventory_number") == serial]
        check_creates(serial, mine, created[serial], wished, once="once" in job.options, doubled=serial in doubled)
    for outcome in told.values():
        if outcome.status in ("created", "updated"):
            assert outcome.id in table, outcome
        if outcome.status == "created":
            assert table[outcome.id]["inventory_number"] == outcome.entity["payload"]["inventory_number"], outcome
    if not stopped:
        check_updates(outcomes, table)


def check_creates(
    serial: str, outcomes: list[Outcome], created: int, wished: int, *, once: bool, doubled: bool
) -> None:
    states = Counter(outcome.status for outcome in outcomes)
    assert created <= (1 if once else wished), f"{serial} was created {created} times: {states}"
    assert states["created"] <= max(created, 1 if once and doubled else 0), f"{serial}: {states}, created {created}"
    assert created <= states["created"] + states["waiting"] + (wished - len(outcomes)), f"{serial}: {states} {created}"
    if states["skipped"]:
        assert created, f"{serial} was skipped and is not there"


def check_updates(outcomes: list[Outcome], table: Any) -> None:
    last: dict[int, list[Outcome]] = {}
    for outcome in outcomes:
        if (id_ := outcome.entity["payload"].get("id")) in table:
            last.setdefault(id_, []).append(outcome)
    for id_, mine in last.items():
        done = [place for place, outcome in enumerate(mine) if outcome.status == "updated"]
        if done:
            possible = {outcome.entity["payload"]["key_field2"] for outcome in mine[done[-1] :]}
            assert table[id_]["key_field2"] in possible, (id_, mine)


def creations(requests: list[Recorded], table: Any) -> tuple[Counter[str], set[str]]:
    """Return how often each record was created by a request of ours, and which of them a fault created once more."""
    counts: Counter[str] = Counter()
    doubled: set[str] = set()
    for request in requests:
        here = Counter(table[effect.key]["inventory_number"] for effect in request.effects if effect.did == "created")
        if any(fault.kind == "duplicate" for fault in request.faults):
            doubled |= set(here)
            here = Counter(dict.fromkeys(here, 1))
        counts += here
    return counts, doubled
