"""The server at work, with real files, a real state and a clock that the test sets."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from haloitsm_connector.pipeline import Pipeline
from haloitsm_connector.runner import Delivered
from haloitsm_connector.sandbox import Sandbox
from haloitsm_connector.serve import server as server_module
from haloitsm_connector.serve.housekeeping import tidy
from haloitsm_connector.serve.server import Server
from haloitsm_connector.store import Cursors, Event, Inbox
from haloitsm_connector.store.tasks import Tasks
from haloitsm_connector.store.tasks_listed import Filter

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
PARTS = """\
incoming:
  lines: {subscriber: {prototype: file, path: FOLDER/lines.csv}}
  missing: {subscriber: {prototype: file, path: FOLDER/missing.csv}}
  changes:
    subscriber: {prototype: webhook, path: /t, authentication: {type: none}, entity: ticket}
outgoing:
  first: {publisher: {prototype: file, path: FOLDER/first.jsonl}}
  second: {publisher: {prototype: file, path: FOLDER/second.jsonl}}
routes:
  first: {incoming: lines, outgoing: first}
  second: {incoming: lines, outgoing: second}
  broken: {incoming: missing, outgoing: second}
"""


ASKING = """\
clients:
  halo:
    prototype: haloitsm
    base_uri: HALO_BASE_URI
    authentication: {type: client_credentials, client_id: HALO_CLIENT_ID, client_secret: HALO_CLIENT_SECRET}
    retry: {total_seconds: 3600}
incoming:
  tickets: {subscriber: {prototype: haloitsm, client: halo, entity: GET /Tickets}}
outgoing:
  first: {publisher: {prototype: file, path: FOLDER/first.jsonl}}
routes:
  first: {incoming: tickets, outgoing: first}
schedules: {hourly: {cron: "0 * * * *", run: [first]}}
"""


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


def eventually(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Bench:
    """A folder with a configuration and a server of it that runs."""

    def __init__(self, folder: Path, text: str) -> None:
        self.folder = folder
        (folder / "lines.csv").write_text("id,name\n1,one\n2,two\n")
        (folder / "halo.yaml").write_text((PARTS + text).replace("FOLDER", str(folder)))
        self.clock = Clock()
        self.place: Path | str = folder / "state.sqlite"

    @contextmanager
    def serving(self, **options: object) -> Iterator[Server]:
        stop = threading.Event()
        with Pipeline.load(self.folder / "halo.yaml", state=self.place) as pipeline:
            self.state = pipeline.assembly.state
            server = Server(pipeline.assembly, now=self.clock, **options)
            thread = threading.Thread(target=server.run, args=(stop,))
            thread.start()
            try:
                eventually(lambda: server._tidied and not server._running)
                yield server
            finally:
                stop.set()
                server.wake()
                thread.join(30)
        assert not thread.is_alive()

    def at(self, server: Server, moment: datetime) -> None:
        """Set the clock, and wait until what is due then is done."""
        self.clock.now = moment
        server.wake()
        time.sleep(0.1)
        eventually(lambda: not server._running)

    def written(self, name: str) -> int:
        path = self.folder / f"{name}.jsonl"
        return len(path.read_text().splitlines()) if path.exists() else 0


def said(caplog: pytest.LogCaptureFixture, start: str) -> int:
    """How many lines of the log begin so."""
    return sum(record.getMessage().startswith(start) for record in caplog.records)


@pytest.fixture
def bench(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Callable[[str], Bench]:
    caplog.set_level(logging.INFO, "haloitsm.serve")
    return lambda text: Bench(tmp_path, text)


@pytest.mark.slow
def test_a_schedule_runs_its_routes_in_order_when_it_is_due(bench, caplog):
    one = bench('schedules: {hourly: {cron: "0 * * * *", run: [second, first]}}\n')
    with one.serving() as server:
        assert one.written("first") == 0
        one.at(server, NOON + timedelta(minutes=59))
        assert one.written("first") == 0
        one.at(server, NOON + timedelta(minutes=60))
        eventually(lambda: one.written("first") == one.written("second") == 2)
    lines = [record.getMessage() for record in caplog.records]
    assert "schedule hourly: begins second, then first" in lines
    assert any(line.startswith("schedule hourly: done in") for line in lines)
    assert any(line.endswith("second 2 finished; first 2 finished") for line in lines)


@pytest.mark.slow
def test_what_was_missed_while_nobody_served_is_run_once_or_skipped(bench, caplog):
    text = 'schedules: {{hourly: {{cron: "0 * * * *", run: [first], missed: {}}}}}\n'
    one = bench(text.format("once"))
    with one.serving():
        pass
    one.clock.now = NOON + timedelta(hours=5, minutes=30)
    with one.serving():
        eventually(lambda: said(caplog, "schedule hourly: done") == 1)
    other = bench(text.format("skip"))
    other.clock.now = NOON + timedelta(hours=15, minutes=30)
    with other.serving() as server:
        other.at(server, other.clock.now + timedelta(seconds=1))
    assert said(caplog, "schedule hourly: begins") == 1


@pytest.mark.slow
def test_nothing_begins_in_a_maintenance_window_and_what_was_missed_follows(bench, caplog):
    one = bench(
        'schedules: {hourly: {cron: "0 * * * *", run: [first]}}\n'
        'maintenance: {patching: {cron: "50 12 * * *", minutes: 30}}\n'
    )
    with one.serving() as server:
        one.at(server, NOON + timedelta(minutes=65))
        assert one.written("first") == 0
        one.at(server, NOON + timedelta(minutes=80))
        eventually(lambda: one.written("first") == 2)
    lines = [record.getMessage() for record in caplog.records]
    assert "maintenance until 2026-03-02 13:20 UTC: nothing new begins" in lines
    assert "maintenance is over" in lines


@pytest.mark.slow
def test_a_job_that_fails_is_told_ends_its_schedule_and_not_the_server(bench, caplog):
    one = bench(
        'schedules: {bad: {cron: "0 * * * *", run: [broken, second]}, good: {cron: "0 * * * *", run: [first]}}\n'
    )
    with one.serving() as server:
        one.at(server, NOON + timedelta(minutes=60))
        eventually(lambda: one.written("first") == 2)
        one.at(server, NOON + timedelta(minutes=120))
        eventually(lambda: said(caplog, "schedule good: done") == 2)
    assert one.written("second") == 0
    lines = [record.getMessage() for record in caplog.records]
    assert sum("missing.csv: cannot be read" in line for line in lines) == 2
    assert sum(line == "schedule bad: what comes after is left out" for line in lines) == 2


@pytest.mark.slow
def test_what_a_person_puts_back_waits_for_no_schedule(bench, caplog):
    one = bench('schedules: {hourly: {cron: "0 * * * *", run: [first]}}\n')
    with one.serving() as server:
        one.at(server, NOON + timedelta(minutes=60))
        eventually(lambda: said(caplog, "schedule hourly: done") == 1)
        tasks = Tasks(one.state, now=lambda: one.clock().timestamp())
        assert tasks.reopen(Filter()) == 2
        server.arrived("")
        eventually(lambda: tasks.counts("first") == {"first": {"finished": 2}})
    assert said(caplog, "due first: begins") == 1


@pytest.mark.slow
def test_a_route_with_a_cursor_of_something_else_keeps_no_other_from_its_work(bench, caplog):
    one = bench("  changes: {incoming: changes, outgoing: second, realtime: true}\n"
                'schedules: {hourly: {cron: "0 * * * *", run: [first]}}\n')  # fmt: skip
    with Pipeline.load(one.folder / "halo.yaml", state=one.place) as pipeline:
        Cursors(pipeline.assembly.state).set("route changes", {"read_until": "2026-01-01"})
    with one.serving() as server:
        Inbox(lambda: one.state, "changes").put([Event({"ticket": {"id": 7}})])
        one.at(server, NOON + timedelta(minutes=60))
        eventually(lambda: one.written("first") == 2)
        server.arrived("changes")
        eventually(lambda: said(caplog, "arrived changes: changes: this is no cursor of a webhook"))


@pytest.mark.slow
def test_what_arrives_at_a_webhook_is_delivered_at_once_and_thrown_away_when_all_have_read_it(bench):
    one = bench("  changes: {incoming: changes, outgoing: first, realtime: true}\n"
                "  slow: {incoming: changes, outgoing: second}\n")  # fmt: skip
    with one.serving() as server:
        inbox = Inbox(lambda: one.state, "changes")
        inbox.put([Event({"ticket": {"id": 7}}, "a", 9e9), Event({"ticket": {"id": 8}}, "b", 9e9)])
        server.arrived("changes")
        eventually(lambda: one.written("first") == 2)
        one.at(server, NOON + timedelta(hours=2))
        assert len(inbox.after(0, 10)) == 2  # one route has not read them
    text = (one.folder / "halo.yaml").read_text() + 'schedules: {all: {cron: "0 * * * *", run: [slow]}}\n'
    (one.folder / "halo.yaml").write_text(text)
    with one.serving() as server:
        one.at(server, NOON + timedelta(hours=4))
        eventually(lambda: one.written("second") == 2)
        one.at(server, NOON + timedelta(hours=6))
        eventually(lambda: Inbox(lambda: one.state, "changes").after(0, 10) == [])
    assert one.written("first") == 2


@pytest.mark.slow
def test_events_that_arrived_before_the_server_began_are_delivered(bench):
    one = bench("  changes: {incoming: changes, outgoing: first, realtime: true}\n")
    with one.serving():
        Inbox(lambda: one.state, "changes").put([Event({"ticket": {"id": 7}}), Event({"no": "ticket"})])
    with one.serving():
        eventually(lambda: one.written("first") == 1)


@pytest.mark.slow
@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_two_servers_on_one_state_run_a_schedule_once(bench, caplog, request, store):
    one = bench('schedules: {hourly: {cron: "0 * * * *", run: [first]}}\n')
    if store == "postgresql":
        one.place = request.getfixturevalue("postgresql").address()
    with one.serving() as server, one.serving() as other:
        one.clock.now = NOON + timedelta(minutes=60)
        server.wake()
        other.wake()
        time.sleep(0.3)
        eventually(lambda: one.written("first") == 2 and not server._running and not other._running)
        one.at(server, NOON + timedelta(minutes=63))
        one.at(other, NOON + timedelta(minutes=63))
    assert said(caplog, "schedule hourly: begins") == 1


@pytest.mark.slow
def test_a_schedule_whose_route_somebody_else_runs_is_run_when_that_has_ended(bench, caplog, monkeypatch):
    monkeypatch.setattr(server_module, "PAUSE", timedelta(minutes=1))
    one = bench('schedules: {hourly: {cron: "0 * * * *", run: [first]}}\n')
    with one.serving() as server:
        with one.state.lease("route first"):
            one.at(server, NOON + timedelta(minutes=60))
            eventually(lambda: said(caplog, "schedule hourly: failed"))
        one.at(server, NOON + timedelta(minutes=62))
        eventually(lambda: said(caplog, "schedule hourly: done"))
    assert one.written("first") == 2


@pytest.mark.slow
def test_a_state_that_cannot_be_used_is_told_and_not_the_end(bench, caplog, monkeypatch):
    monkeypatch.setattr(server_module, "LOOK_AT_TASKS_SECONDS", 0.05)
    one = bench("")
    with one.serving() as server:
        assert server.health()["ok"]
        one.state.close()
        server.wake()
        eventually(lambda: any("is closed" in record.getMessage() for record in caplog.records))
        assert not server.health()["ok"]


@pytest.mark.slow
def test_a_request_that_waits_does_not_hold_up_the_end(bench, caplog):
    one = bench("")
    busy = {"kind": "answer", "status": 429, "retry_after": 3000, "match": {"path": "/api/Tickets"}}
    with Sandbox(faults={"faults": [busy]}) as sandbox:
        text = ASKING.replace("FOLDER", str(one.folder))
        for name, value in sandbox.environment.items():
            text = text.replace(name, value)
        (one.folder / "halo.yaml").write_text(text)
        with one.serving() as server:
            one.clock.now = NOON + timedelta(minutes=60)
            server.wake()
            eventually(lambda: any(request.status == 429 for request in sandbox.requests))
    assert said(caplog, "schedule hourly: stopped") == 1


@pytest.mark.slow
def test_a_schedule_goes_on_where_the_clock_was_set_back(bench, caplog):
    one = bench('schedules: {hourly: {cron: "0 * * * *", run: [first]}}\n')
    one.clock.now = NOON + timedelta(days=900)
    with one.serving() as server:
        one.at(server, NOON + timedelta(days=900, hours=1))
        eventually(lambda: said(caplog, "schedule hourly: done") == 1)
        one.at(server, NOON)
        assert said(caplog, "schedule hourly: the clock was set back") == 1
        one.at(server, NOON + timedelta(hours=1))
        eventually(lambda: said(caplog, "schedule hourly: done") == 2)
        eventually(lambda: server._tidied < NOON + timedelta(days=1))


@pytest.mark.slow
def test_what_went_wrong_is_tried_again_where_the_clock_was_set_back(bench, caplog):
    one = bench('schedules: {hourly: {cron: "0 * * * *", run: [first]}}\n')
    with one.serving() as server:
        with one.state.lease("route first"):
            one.at(server, NOON + timedelta(days=900))
            eventually(lambda: said(caplog, "schedule hourly: failed") == 1)
        one.at(server, NOON + timedelta(minutes=1))
        one.at(server, NOON + timedelta(hours=1))
        eventually(lambda: said(caplog, "schedule hourly: done") == 1)


@pytest.mark.slow
def test_a_webhook_that_is_always_busy_keeps_no_schedule_from_running(bench, caplog):
    one = bench("  changes: {incoming: changes, outgoing: second, realtime: true}\n"
                'schedules: {hourly: {cron: "0 * * * *", run: [first]}}\n')  # fmt: skip
    busy = threading.Event()

    def tell(event):
        if isinstance(event, Delivered) and event.queue == "changes":
            Inbox(lambda: one.state, "changes").put([Event({"ticket": {"id": 7}})])
            busy.set()

    with one.serving(most_parallel=1, tell=tell) as server:
        Inbox(lambda: one.state, "changes").put([Event({"ticket": {"id": 7}})])
        server.arrived("changes")
        assert busy.wait(30)
        one.clock.now = NOON + timedelta(minutes=66)
        eventually(lambda: said(caplog, "schedule hourly: done") == 1)


def test_what_arrives_while_a_webhook_is_read_is_for_the_next_reading(bench):
    one = bench("  changes: {incoming: changes, outgoing: second}\n")
    with Pipeline.load(one.folder / "halo.yaml", state=one.place) as pipeline:
        inbox = Inbox(lambda: pipeline.assembly.state, "changes")
        inbox.put([Event({"ticket": {"id": number}}) for number in range(3)])
        for read in pipeline.assembly.incoming("changes").slices(None):
            assert len(read.entities) == 3
            inbox.put([Event({"ticket": {"id": 9}})])
        assert inbox.last() == 4


@pytest.mark.parametrize(("retention", "left"), [("{days: 1}", 1), ("{tasks: 2}", 2), ("{}", 4)])
def test_what_arrives_for_no_route_is_kept_as_long_as_retention_says(bench, retention, left):
    one = bench(f"retention: {retention}\n")
    with Pipeline.load(one.folder / "halo.yaml", state=one.place) as pipeline:
        for days in (9, 5, 3, 0):
            earlier = time.time() - days * 86_400
            Inbox(lambda: pipeline.assembly.state, "changes", now=lambda at=earlier: at).put([Event({}, str(days))])
        tidy(pipeline.assembly)
        inbox = Inbox(lambda: pipeline.assembly.state, "changes")
        assert [number for number, _ in inbox.after(0, 10)] == [1, 2, 3, 4][-left:]
