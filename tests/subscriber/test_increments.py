"""A chain of incremental reads delivers every record, whatever changes when and wherever a run is cut off."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from haloitsm_connector.catalogue import Catalogue
from haloitsm_connector.client import Request, Response
from haloitsm_connector.client.drive import at_once, drive
from haloitsm_connector.subscriber import Slice, Subscriber

CATALOGUE = Catalogue.load()
BEGINNING = datetime(2031, 5, 6, 7, 8, 9, 250_000, tzinfo=UTC)
"""The clock of the server is years ahead of ours, which must not matter."""


class Server:
    """One list that others change while it is read, on a server with a clock of its own."""

    def __init__(self, seed: int, *, cap: int = 100, busy: float = 0.5, stamped: str | None = "last_update") -> None:
        self.chance, self.cap, self.busy, self.stamped = Random(seed), cap, busy, stamped
        self.now = BEGINNING
        self.rows: dict[int, dict[str, Any]] = {}
        self.last_id = self.versions = 0
        self.asked: list[dict[str, str]] = []
        for _ in range(self.chance.randrange(120)):
            self.insert()
            self.pass_time(0.5)

    def insert(self) -> None:
        self.last_id += self.chance.choice((1, 1, 1, 2, 30))
        self.write(self.last_id)

    def write(self, number: int) -> None:
        self.versions += 1
        self.rows[number] = {"id": number, "version": self.versions, "at": self.now}

    def pass_time(self, most_seconds: float) -> None:
        self.now += timedelta(seconds=self.chance.uniform(0, most_seconds))

    def others_at_work(self) -> None:
        """What happens between any two instants."""
        while self.chance.random() < self.busy:
            self.pass_time(self.chance.choice((0.001, 1, 100, 1000)))
            match self.chance.randrange(4):
                case 0 | 1:
                    self.insert()
                case 2 if self.rows:
                    self.write(self.chance.choice(list(self.rows)))
                case 3 if self.rows:
                    del self.rows[self.chance.choice(list(self.rows))]

    def shown(self, row: dict[str, Any]) -> dict[str, Any]:
        stamp = {self.stamped: f"{row['at']:%Y-%m-%dT%H:%M:%S.%f}1"} if self.stamped else {}
        return {"id": row["id"], "version": row["version"], **stamp}

    def __call__(self, request: Request) -> Response:
        query = dict(request.query)
        self.asked.append(query)
        self.others_at_work()
        rows = sorted(self.rows.values(), key=lambda row: row["id"])
        if first := query.get("lastupdatefromdate"):
            rows = [row for row in rows if row["at"] >= datetime.fromisoformat(first)]
        if last := query.get("lastupdatetodate"):
            rows = [row for row in rows if row["at"] <= datetime.fromisoformat(last)]
        size = min(int(query["page_size"]), self.cap)
        start = (int(query["page_no"]) - 1) * size
        body = {"record_count": len(rows), "tickets": [self.shown(row) for row in rows[start : start + size]]}
        asked_at = self.now
        self.others_at_work()
        self.pass_time(2)
        headers = {"content-type": "application/json", "date": format_datetime(self.now.replace(microsecond=0))}
        seconds = (self.now - asked_at).total_seconds()
        return Response(200, headers, json.dumps(body).encode(), "http://halo/api/Tickets", seconds)


class Chain:
    """Runs one after the other, with the cursor that is kept between them, and what they have delivered."""

    def __init__(self, server: Server, **incremental: Any) -> None:
        self.server = server
        self.subscriber = Subscriber(
            None, "GET /Tickets", page_size=25, incremental=incremental, catalogue=CATALOGUE, consistency="verified"
        )
        self.cursor: dict[str, Any] | None = None
        self.latest: dict[int, int | None] = {}
        self.times: Counter[int] = Counter()

    def slices(self) -> Iterator[Slice]:
        flow = self.subscriber.slice_flow(self.cursor)
        for slices in drive(flow, at_once(self.server)):
            yield from slices

    def run(self, crash: Random | None = None, *, at_once: bool = False) -> list[dict[str, Any]]:
        """Run to the end, or crash: before a slice is dealt with or, unless ``at_once``, before its cursor is kept."""
        delivered = []
        with closing(self.slices()) as slices:
            for one in slices:
                if crash and crash.random() < 0.1:
                    return delivered
                for entity in one.entities:
                    self.latest[entity["id"]] = None if entity.get("_deleted") else entity["version"]
                    self.times[entity.get("version", 0)] += 1
                delivered += one.entities
                if crash and not at_once and crash.random() < 0.1:
                    return delivered
                if one.cursor is not None:
                    self.cursor = json.loads(json.dumps(one.cursor))
        return delivered

    def missed(self) -> dict[int, Any]:
        """Return the records of which the latest content was not delivered."""
        there = {number: row["version"] for number, row in self.server.rows.items()}
        return {number: version for number, version in there.items() if self.latest.get(number) != version}


WAYS: list[dict[str, Any]] = [
    {},
    {"overlap_seconds": 0},
    {"by": "lastupdatefromdate", "since": "2031-05-01", "window_days": 1.5},
    {"by": {"field": "last_update"}},
    {"sweep_hours": 0},
]


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32), way=st.sampled_from(WAYS), runs=st.integers(1, 6), cap=st.sampled_from([12, 25, 100])
)
def test_every_record_is_delivered_as_it_is_last_whatever_changes_and_wherever_runs_end(
    seed: int, way: dict[str, Any], runs: int, cap: int
) -> None:
    server = Server(seed, cap=cap)
    chain, chance = Chain(server, **way), Random(seed)
    for _ in range(runs):
        chain.run(chance)
        server.others_at_work()
    server.busy = 0.0
    chain.run()
    assert chain.missed() == {}
    server.pass_time(10_000)
    chain.run()
    server.pass_time(10_000)
    assert chain.run() == []


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), way=st.sampled_from(WAYS), runs=st.integers(1, 6))
def test_nothing_unchanged_is_delivered_again_while_no_run_is_cut_off(
    seed: int, way: dict[str, Any], runs: int
) -> None:
    server = Server(seed)
    chain = Chain(server, **way)
    for _ in range(runs):
        chain.run()
        server.others_at_work()
    del chain.times[0]
    assert {version: times for version, times in chain.times.items() if times > 1} == {}


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), runs=st.integers(1, 6))
def test_the_sweep_tells_every_record_that_is_gone_of_slices_whose_cursor_was_kept(seed: int, runs: int) -> None:
    server = Server(seed)
    chain, chance = Chain(server, sweep_hours=0), Random(seed)
    for _ in range(runs):
        chain.run(chance, at_once=True)
        server.others_at_work()
    server.busy = 0.0
    chain.run()
    chain.run()
    assert chain.missed() == {}
    assert {number for number, version in chain.latest.items() if version is not None} == set(server.rows)
