"""A chain of incremental reads delivers every record, whatever changes when and wherever a run is cut off."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haloitsm_connector.catalogue import Catalogue
from haloitsm_connector.client import Request, Response
from haloitsm_connector.client.drive import at_once, drive
from haloitsm_connector.errors import AnswerError, InputError
from haloitsm_connector.subscriber import Slice, Subscriber
from haloitsm_connector.subscriber.keys import Ids

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

    def __init__(self, server: Server, entity: str = "GET /Tickets", **incremental: Any) -> None:
        self.server = server
        self.subscriber = Subscriber(None, entity, page_size=25, incremental=incremental, catalogue=CATALOGUE)
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


class Diary(Server):
    """Actions: shown in windows of a day at most, by the date of their making; what is edited keeps that date."""

    def others_at_work(self) -> None:
        while self.chance.random() < self.busy:
            self.pass_time(self.chance.choice((1, 100, 40_000)))
            self.insert()

    def edit(self, number: int) -> None:
        self.versions += 1
        self.rows[number]["version"] = self.versions

    def __call__(self, request: Request) -> Response:
        query = dict(request.query)
        self.asked.append(query)
        self.others_at_work()
        first, last = (datetime.fromisoformat(query[name]).replace(tzinfo=UTC) for name in ("startdate", "enddate"))
        assert last - first <= timedelta(days=1), "Halo shows nothing then"
        assert query["count"] == "100000"
        rows = [
            {"ticket_id": 7, "id": row["id"], "version": row["version"]}
            for row in self.rows.values()
            if first <= row["at"] <= last
        ]
        asked_at = self.now
        self.others_at_work()
        self.pass_time(2)
        headers = {"content-type": "application/json", "date": format_datetime(self.now.replace(microsecond=0))}
        seconds = (self.now - asked_at).total_seconds()
        return Response(200, headers, json.dumps({"actions": rows}).encode(), "http://halo/api/Actions", seconds)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), runs=st.integers(1, 4))
def test_actions_are_read_in_windows_of_a_day_and_none_is_missed(seed: int, runs: int) -> None:
    diary = Diary(seed)
    chain, chance = Chain(diary, "GET /Actions", since=BEGINNING.isoformat()), Random(seed)
    for _ in range(runs):
        chain.run(chance)
        diary.others_at_work()
    diary.busy = 0.0
    chain.run()
    assert chain.missed() == {}
    assert chain.run() == []
    if recent := [number for number, row in diary.rows.items() if row["at"] > diary.now - timedelta(hours=20)]:
        diary.edit(recent[0])
        assert [row["id"] for row in chain.run()] == recent[:1]


def test_a_date_that_says_nothing_of_changes_is_looked_at_again_for_days() -> None:
    asked: list[dict[str, str]] = []
    rows = [{"id": 1, "summary": "as it was"}, {"id": 2, "summary": "as it was"}]

    def send(request: Request) -> Response:
        asked.append(dict(request.query))
        headers = {"date": "Mon, 05 May 2031 12:00:00 GMT", "content-type": "application/json"}
        return Response(200, headers, json.dumps({"record_count": len(rows), "tickets": rows}).encode())

    by = {"dates": "dateoccured", "days": 30, "days_ahead": 2}
    tickets = Subscriber(None, "GET /Tickets", incremental={"by": by, "overlap_seconds": 0}, catalogue=CATALOGUE)

    def read(cursor: dict[str, Any] | None) -> list[Slice]:
        return [one for slices in drive(tickets.slice_flow(cursor), at_once(send)) for one in slices]

    first = read(None)
    assert [entity["id"] for one in first for entity in one.entities] == [1, 2]
    assert "startdate" not in asked[0]
    rows[1] = {"id": 2, "summary": "changed"}
    again = read(first[-1].cursor)
    assert [entity for one in again for entity in one.entities] == [rows[1]]
    dates = {(query.get("datesearch"), query.get("startdate"), query.get("enddate")) for query in asked}
    assert dates == {(None, None, None), ("dateoccured", "2031-04-05T12:00:00", "2031-05-08T12:00:00")}


def test_what_changes_while_the_answer_is_on_its_way_is_found_without_an_overlap() -> None:
    server = Server(1, busy=0.0)
    chain = Chain(server, overlap_seconds=0)
    answer = server.__call__

    def slow(request: Request) -> Response:
        response = answer(request)
        server.write(1)
        server.pass_time(50)
        headers = {**response.headers, "date": format_datetime(server.now.replace(microsecond=0))}
        return Response(200, headers, response.body, response.url, 60.0)

    list(drive(chain.subscriber.slice_flow(None), at_once(slow)))
    *_, last = (one for slices in drive(chain.subscriber.slice_flow(None), at_once(slow)) for one in slices)
    chain.cursor = last.cursor
    chain.run()
    assert chain.latest[1] == server.rows[1]["version"]


def test_an_answer_that_does_not_tell_the_time_is_refused() -> None:
    tickets = Subscriber(None, "GET /Tickets", incremental={}, catalogue=CATALOGUE)
    body = json.dumps({"record_count": 0, "tickets": []}).encode()
    with pytest.raises(AnswerError, match="no Date header"):
        list(drive(tickets.slice_flow(None), at_once(lambda request: Response(200, {}, body, "http://halo/api"))))


@pytest.mark.parametrize("cursor", [{"read_until": "yesterday"}, {"page": 3}, {"run": []}, {"ids": "?", "new_ids": []}])
def test_what_is_no_cursor_is_told(cursor: dict[str, Any]) -> None:
    chain = Chain(Server(1), sweep_hours=0)
    chain.cursor = cursor
    with pytest.raises(InputError, match="cursor"):
        chain.run()


def test_a_cursor_of_other_request_parameters_reads_anew(caplog: pytest.LogCaptureFixture) -> None:
    server = Server(3, busy=0.0)
    chain = Chain(server)
    before = chain.run()
    chain.subscriber = Subscriber(
        None, "GET /Tickets", query={"agent_id": 5}, incremental={}, catalogue=CATALOGUE, page_size=25
    )
    assert chain.run() == before
    assert "read anew" in caplog.text


def test_the_clock_of_the_server_is_compared_with_ours_and_told(caplog: pytest.LogCaptureFixture) -> None:
    chain = Chain(Server(3, busy=0.0))
    chain.run()
    assert "ahead of the one here" in caplog.text
    assert chain.cursor is not None
    assert chain.cursor["seconds_ahead"] > 10_000_000


def test_an_answer_that_was_slow_to_come_takes_nothing_back() -> None:
    server = Server(3, busy=0.0)
    chain = Chain(server, overlap_seconds=0)
    assert chain.run()
    chain.server = lambda request: replace(server(request), seconds=1000.0)  # type: ignore[assignment]
    assert chain.run() == []
    chain.server = server
    assert chain.run() == []


def test_a_clock_that_was_set_back_is_followed() -> None:
    server = Server(3, busy=0.0)
    chain = Chain(server, overlap_seconds=0)
    chain.run()
    server.now -= timedelta(hours=1)
    chain.run()
    server.write(server.last_id)
    chain.run()
    assert not chain.missed()


def test_a_range_is_read_in_windows_and_then_never_again() -> None:
    server = Server(5, busy=0.0)
    until = BEGINNING + timedelta(seconds=5)
    chain = Chain(server, since="2031-05-06", until=until.isoformat(), window_days=0.25)
    ids = {row["id"] for row in chain.run()}
    assert ids == {number for number, row in server.rows.items() if row["at"] <= until}
    windows = {(query["lastupdatefromdate"], query["lastupdatetodate"]) for query in server.asked}
    assert len(windows) == 2
    server.insert()
    asked = len(server.asked)
    assert chain.run() == []
    assert len(server.asked) == asked


def test_no_more_than_a_bound_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("haloitsm_connector.subscriber.cursor.MOST_REMEMBERED", 5)
    server = Server(5, busy=0.0)
    chain = Chain(server, overlap_seconds=86_400)
    everything = chain.run()
    assert chain.cursor is not None
    assert len(chain.cursor["rows"]) == 5
    assert len(chain.run()) == len(everything) - 5


@given(ids=st.sets(st.integers(-(2**40), 2**40)))
def test_ids_are_kept_as_they_are(ids: set[int]) -> None:
    kept = Ids.read(Ids(ids).written())
    assert list(kept) == sorted(ids)
    assert all(one in kept for one in ids)
    assert 2**41 not in kept


def test_ids_in_a_row_take_next_to_no_room() -> None:
    assert len(Ids(range(1_000_000)).written()) < 4_000
