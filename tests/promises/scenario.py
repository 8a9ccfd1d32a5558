"""Scenarios: what is in a table, what goes wrong, what is read and written, and how that is interrupted.

A scenario is a value that its seed makes, and nothing else; another process makes the same one of the same seed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Literal

TABLES = {
    "Client": "name",
    "Supplier": "name",
    "Item": "name",
    "Site": "name",
    "KBArticle": "name",
    "Tickets": "summary",
    "Asset": "inventory_number",
}
"""Tables that are read, each with a text of its rows."""
WRITTEN = "Supplier"
"""The table that is written, where a name may be given twice."""
ONCE = {"find": "GET /Supplier", "query": {"search": "{{ payload.name }}"}, "match": "name"}
CAPS = (10, 11, 20, 50, 100)
"""The most rows of a page, to begin with; later it is one of those that Halo has."""
RETRY = {"attempts": 6, "longest_wait_seconds": 0.005, "total_seconds": 10}
"""As by default, but for waits of milliseconds."""


PATIENCE_SECONDS = 5.0
"""How long a client waits for an answer unless answers are made to come too late."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A list read to its end, or to its limit."""

    table: str
    page_size: int
    parallel: int
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Writing:
    """Payloads to publish; ``kept``: with a journal, so that the same job can go on after it was cut off."""

    payloads: tuple[dict[str, Any], ...]
    batch: int
    parallel: int
    once: bool
    kept: bool
    settle_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Chain:
    """Incremental reads, one after the other, each from the cursor of the one before; the last when all is quiet."""

    table: str
    page_size: int
    parallel: int
    incremental: dict[str, Any]
    runs: int


Job = Reading | Writing | Chain


@dataclass(frozen=True, slots=True)
class Cut:
    """How the first job is cut off.

    ``stop``: nobody reads on after so many pages or outcomes. ``kill``: its process is killed when so many requests
    have come, a little ``late_seconds``.
    """

    how: Literal["stop", "kill"]
    after: int
    late_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Scenario:
    """Jobs that go on at the same time, each with a client of its own; ``elsewhere``: the first in another process.

    ``budget``: so many requests per second, for all of them together. ``patience_seconds``: how long clients wait for
    an answer. After a cut, jobs that are kept are done again when nothing goes wrong any more.
    """

    seed: int
    data: dict[str, list[dict[str, Any]]]
    jobs: tuple[Job, ...]
    faults: tuple[dict[str, Any], ...] = ()
    switches: dict[str, Any] = field(default_factory=dict)
    budget: int | None = None
    patience_seconds: float = PATIENCE_SECONDS
    elsewhere: bool = False
    cut: Cut | None = None

    @property
    def kind(self) -> str:
        """What it is mostly about, in a word."""
        if self.budget:
            return "budget"
        return type(self.jobs[0]).__name__.lower() + (f", {self.cut.how}" if self.cut else "")

    @classmethod
    def of(cls, seed: int) -> Scenario:
        """Make the scenario of a seed."""
        chance = Random(seed)
        make = chance.choices([_reads, _chains, _writes, _shares], [45, 17, 35, 3])[0]
        return make(seed, chance)


def _reads(seed: int, chance: Random) -> Scenario:
    table = chance.choice(list(TABLES))
    rows = _rows(chance, table, chance.choice([0, 1, 9, 10, 11, 30, 50, 51, chance.randrange(160)]))
    jobs = (_reading(chance, table, len(rows)), *([_reading(chance, table, 30)] if chance.random() < 0.1 else []))
    switches: dict[str, Any] = {"asset_page_cap" if table == "Asset" else "page_cap": chance.choice(CAPS)}
    switches["record_count"] = chance.choice(["right", "right", "right", "absent", "zero", "null"])
    return Scenario(
        seed,
        {table: rows},
        jobs,
        (*_some(chance, _moving(chance, table), 0.5), *_some(chance, _disturbing(chance, f"/api/{table}"), 0.25)),
        switches | _tokens(chance),
        **_cut(chance, len(rows) // 10 + 4, chance.choice([1, 3])),
    )


def _chains(seed: int, chance: Random) -> Scenario:
    table = chance.choice(["Tickets", "Tickets", "Asset", "Client"])
    stamp = {"Tickets": "last_update", "Asset": "last_modified"}.get(table)
    rows = _rows(chance, table, chance.choice([1, 12, 30, chance.randrange(60)]))
    if stamp:
        rows = [row | {stamp: f"2026-03-{chance.randint(1, 28):02}T08:00:00.5"} for row in rows]
    incremental: dict[str, Any] = {"overlap_seconds": chance.choice([0, 1, 300])}
    if chance.random() < 0.2 and stamp:
        incremental["by"] = {"field": stamp}
    elif chance.random() < 0.2:
        incremental |= {"since": "2026-01-01", "window_days": chance.choice([30, 400])}
    if chance.random() < 0.4:
        incremental["sweep_hours"] = 0
    job = Chain(table, chance.choice([10, 11, 20, 50]), chance.choice([1, 2, 8]), incremental, chance.randint(1, 3))
    faults = (
        *_some(chance, _moving(chance, table), 0.5),
        *_some(chance, _disturbing(chance, f"/api/{table}"), 0.15),
        {"kind": "change", "table": table, "insert": 2, "update": 3, "delete": 1, "match": {"path": "/auth/token"}},
    )
    return Scenario(seed, {table: rows}, (job,), faults, _tokens(chance), **_cut(chance, len(rows) // 10 + 4, 3))


def _writes(seed: int, chance: Random) -> Scenario:
    there = _rows(chance, WRITTEN, 6)
    writing = _writing(chance, f"S{seed}", [row["id"] for row in there])
    switches = {"partial_failure": chance.choice(["keep_earlier", "keep_valid", "nothing"])} | _tokens(chance)
    faults = (*_some(chance, _losing(chance), 0.3), *_some(chance, _disturbing(chance, "/api/*", "GET"), 0.1))
    cut = _cut(chance, len(writing.payloads) + 3, len(writing.payloads))
    if chance.random() < 0.02:  # answers that come when nobody waits for them any more, of writes that may be done late
        match = {"method": "POST", "path": f"/api/{WRITTEN}", "after": chance.randrange(3), "times": 1}
        late = {"kind": "latency", "seconds": 0.6, "when": chance.choice(["before", "after"]), "match": match}
        cut |= {"patience_seconds": 0.3}
        writing, faults = replace(writing, settle_seconds=1.5), (late, *faults)
    return Scenario(seed, {WRITTEN: there}, (writing,), faults, switches, **cut)


def _shares(seed: int, chance: Random) -> Scenario:
    """Several clients that share a budget which is too small for all that they want to ask at once."""
    rows = _rows(chance, "Client", chance.choice([60, 100]))
    jobs: list[Job] = [Reading("Client", 10, chance.choice([1, 8, 16])) for _ in range(chance.choice([1, 2, 3]))]
    if chance.random() < 0.4:
        jobs.append(_writing(chance, f"S{seed}", []))
    wanted = len(rows) // 10 * len(jobs) + 2 * len(jobs)
    often = chance.choice([0, 0, 0.02])
    faults = (
        {"kind": "latency", "seconds": 0, "jitter_seconds": 0.02},
        {"kind": "answer", "status": 429, "body": "error", "probability": often, "match": {"path": "/api/*"}},
        {"kind": "reset", "when": "after", "probability": often, "match": {"method": "GET", "path": "/api/*"}},
    )
    budget = max(5, int(wanted / chance.choice([0.8, 1.3, 1.8])))
    cut = _cut(chance, wanted // 2, 2)
    cut["elsewhere"] = cut.get("elsewhere") or ("cut" not in cut and chance.random() < 0.4)
    return Scenario(seed, {"Client": rows, WRITTEN: []}, tuple(jobs), faults, {}, budget, **cut)


def _rows(chance: Random, table: str, count: int) -> list[dict[str, Any]]:
    ids = sorted(chance.sample(range(1, count * chance.choice([1, 1, 3]) + 1), count))
    return [{"id": one, TABLES[table]: f"row {one}"} for one in ids]


def _reading(chance: Random, table: str, rows: int) -> Reading:
    limit = chance.choice([None] * 6 + [rows // 2 + 1])
    return Reading(table, chance.choice([10, 10, 11, 20, 50, 100]), chance.choice([1, 2, 8, 16]), limit)


def _writing(chance: Random, name: str, there: list[int]) -> Writing:
    payloads: list[dict[str, Any]] = []
    for number in range(chance.choice([1, 3, 8, 20])):
        kinds = ["new", "again", "bad", *(["update", "unknown"] if there else [])]
        kind = chance.choices(kinds, [10, 1, 1, 6, 1][: len(kinds)])[0]
        new = {"name": f"{name}-{number}-"}
        if kind == "again":
            new = chance.choice([dict(one) for one in payloads if "id" not in one] or [new])
        elif kind == "bad":
            new["toplevel_id"] = "nobody"
        elif kind != "new":
            new["id"] = chance.choice(there) if kind == "update" else 900_000_000
        payloads.append(new)
    return Writing(
        tuple(payloads), chance.choice([1, 2, 7, 100]), chance.choice([1, 1, 3, 16]), chance.random() < 0.6,
        chance.random() < 0.6, chance.choice([0.0, 0.01]),
    )  # fmt: skip


def _cut(chance: Random, requests: int, steps: int) -> dict[str, Any]:
    """Return how a scenario is cut off, in a minority of cases; killed is only what runs elsewhere."""
    drawn = chance.random()
    if drawn < 0.08:
        return {"cut": Cut("kill", chance.randint(1, requests), chance.random() * 0.003), "elsewhere": True}
    if drawn < 0.16:
        return {"cut": Cut("stop", chance.randint(1, max(1, steps)))}
    return {"elsewhere": drawn < 0.19}


def _tokens(chance: Random) -> dict[str, Any]:
    switches: dict[str, Any] = {}
    if chance.random() < 0.1:
        switches["token_true_lifetime_seconds"] = chance.choice([0.02, 0.1])
    if chance.random() < 0.1:
        switches["token_lifetime_seconds"] = chance.choice([1, 2])
    return switches


def _some(chance: Random, faults: Iterator[dict[str, Any]], share: float) -> list[dict[str, Any]]:
    return [fault for fault in faults if chance.random() < share]


def _moving(chance: Random, table: str) -> Iterator[dict[str, Any]]:
    """Yield what others do to a table while it is read."""
    match = {"method": "GET", "path": f"/api/{table}"}
    for _ in range(3):
        some = {
            "insert": chance.choice([0, 1, 3, 12]),
            "update": chance.choice([0, 2]),
            "delete": chance.choice([0, 1, 3, 11]),
        }
        when = match | {"after": chance.randrange(6), "every": chance.choice([1, 1, 2, 3])}
        yield {"kind": "change", "table": table, **some, "match": when | {"times": chance.choice([1, 5, 30])}}
    cap = {"asset_page_cap" if table == "Asset" else "page_cap": chance.choice([50, 100])}
    yield {"kind": "switch", "switches": cap, "match": match | {"after": chance.randrange(1, 8), "times": 1}}
    yield {"kind": "switch", "switches": {"record_count": "absent"}, "match": match | {"after": 2, "times": 1}}


def _disturbing(chance: Random, path: str, method: str = "GET") -> Iterator[dict[str, Any]]:
    """Yield what goes wrong with requests that may be repeated."""
    match, often = {"method": method, "path": path}, chance.choice([0.05, 0.2])
    usual = {"match": match, "probability": often}
    yield {"kind": "latency", "seconds": 0, "jitter_seconds": 0.01, "when": chance.choice(["before", "after"])}
    yield {"kind": "answer", "status": chance.choice([408, 502, 503, 504]), **usual}
    yield {"kind": "answer", "status": 500, "match": match, "probability": often / 4}
    yield {"kind": "answer", "status": 429, "body": "error", **usual}
    yield {"kind": "answer", "status": chance.choice([429, 503]), "retry_after": 0, **usual}
    yield {"kind": "reset", "when": chance.choice(["before", "after"]), **usual}
    yield {"kind": "truncated", "part": chance.random() * 0.9, **usual}
    yield {"kind": "wrong_length", "off_by": chance.choice([-1, -9]), "match": match, "probability": often / 8}
    yield {"kind": "drip", "seconds": 0.01, "pieces": 3, **usual}
    yield {"kind": "answer", "status": 200, "body": chance.choice(["html", "error"]), "probability": often / 8}
    yield {"kind": "revoke", "match": match | {"after": chance.randrange(4), "every": chance.choice([2, 5])}}
    token = {"path": "/auth/token"}
    yield {"kind": "answer", "status": chance.choice([429, 502, 503]), "match": token, "probability": 0.5}
    yield {"kind": "reset", "when": "after", "match": token, "probability": 0.4}


def _losing(chance: Random) -> Iterator[dict[str, Any]]:
    """Yield what loses the answers to writes, and what keeps them from being done or does them in part."""
    match, often = {"method": "POST", "path": f"/api/{WRITTEN}"}, chance.choice([0.05, 0.2, 0.5])
    usual = {"match": match, "probability": often}
    yield {"kind": "reset", "when": "before", **usual}
    yield {"kind": "reset", "when": "after", **usual}
    yield {"kind": "truncated", "part": chance.random() * 0.9, **usual}
    yield {"kind": "answer", "status": 200, "body": "html", "when": "after", **usual}
    yield {"kind": "answer", "status": chance.choice([408, 500, 502, 503, 504]), "when": "before", **usual}
    yield {"kind": "answer", "status": chance.choice([408, 500, 502, 503, 504]), "when": "after", **usual}
    yield {"kind": "answer", "status": chance.choice([413, 429]), "when": "before", **usual}
    yield {"kind": "partial", "part": chance.random(), "status": chance.choice([500, None, 504]), "probability": often}
    yield {"kind": "duplicate", "match": match, "probability": often / 3}
    yield {"kind": "revoke", "match": match | {"after": chance.randrange(4), "every": chance.choice([2, 5])}}
    yield {"kind": "latency", "seconds": 0, "jitter_seconds": 0.005, "when": "after"}
