"""The source and the destination in real pipelines with DuckDB; run in their environment, see test_dlt.py."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import dlt
import duckdb
import pyarrow
import pytest
from dlt.pipeline.exceptions import PipelineStepFailed

from haloitsm_connector import ClientCredentials, HttpClient, Sandbox, Subscriber
from haloitsm_connector.catalogue import Catalogue
from haloitsm_connector.errors import ConfigError, InputError
from haloitsm_connector.hosts.dlt import HaloITSMCredentials, haloitsm, haloitsm_source

CATALOGUE = Catalogue.load()
FILE = Path(__file__).with_name("halo.yaml")
CLIENTS = FILE.read_text("utf-8").partition("transformers:")[0]


@pytest.fixture(autouse=True)
def quiet(monkeypatch, tmp_path):
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    monkeypatch.setenv("RUNTIME__LOG_LEVEL", "CRITICAL")
    monkeypatch.setenv("HALOITSM_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def sandbox():
    with Sandbox(catalogue=CATALOGUE) as running:
        yield running


@pytest.fixture
def halo(sandbox):
    credentials = ClientCredentials(client_id=sandbox.client_id, client_secret=sandbox.client_secret)
    with HttpClient(sandbox.base_uri, credentials, tenant=sandbox.tenant) as client:
        yield client


@pytest.fixture
def credentials(sandbox):
    names = ("base_uri", "tenant", "client_id", "client_secret")
    return {name: getattr(sandbox, name) for name in names}


@pytest.fixture
def source(credentials):
    """Make the source, of some of its resources."""
    return lambda *names, **more: haloitsm_source(credentials, **more).with_resources(*names)


@pytest.fixture
def tickets(source):
    """Make the source of new tickets, of few columns and 50 a page."""
    return lambda: source("new_tickets", config=FILE)


@pytest.fixture
def into_duckdb(tmp_path):
    """Make a pipeline that loads into a file of DuckDB; ``folder`` is where it keeps its state."""

    def into_duckdb(folder="working"):
        duck = dlt.destinations.duckdb(str(tmp_path / "loaded.duckdb"))
        return dlt.pipeline("reads", pipelines_dir=str(tmp_path / folder), destination=duck, dataset_name="halo")

    return into_duckdb


@pytest.fixture
def to_halo(tmp_path, credentials):
    """Make a pipeline that publishes; more are settings of the destination."""

    def to_halo(**more):
        destination = haloitsm(**{"credentials": credentials, "config": str(FILE), **more})
        return dlt.pipeline("publishes", pipelines_dir=str(tmp_path / "working"), destination=destination)

    return to_halo


@pytest.fixture
def yaml(tmp_path):
    def written(text):
        (tmp_path / "own.yaml").write_text(CLIENTS + text, "utf-8")
        return str(tmp_path / "own.yaml")

    return written


def asked(pipeline, sql):
    with pipeline.sql_client() as client:
        return client.execute_sql(sql)


def counted(pipeline):
    counts = pipeline.last_trace.last_normalize_info.row_counts
    return {name: count for name, count in counts.items() if not name.startswith("_dlt")}


def made(sandbox, prefix):
    return Counter(each["summary"] for each in sandbox.tables["Tickets"].values() if each["summary"].startswith(prefix))


def test_a_second_load_merges_what_is_new(source, into_duckdb, halo):
    names = ("tickets", "actions", "agents")
    pipeline = into_duckdb()
    pipeline.run(source(*names))
    tickets = {row["id"]: row["summary"] for row in Subscriber(halo, "GET /Tickets")}
    assert dict(asked(pipeline, "SELECT id, summary FROM tickets")) == tickets
    assert asked(pipeline, "SELECT count(*), count(DISTINCT (ticket_id, id)) FROM actions") == [(758, 758)]
    ((teams,),) = asked(
        pipeline, "SELECT count(*) FROM agents JOIN agents__teams t ON t._dlt_parent_id = agents._dlt_id"
    )
    assert teams == sum(len(row["teams"]) for row in Subscriber(halo, "GET /Agent")) > 0
    halo.post("/Tickets", [{"id": 2003, "summary": "Changed meanwhile"}])
    pipeline.run(source(*names))
    assert counted(pipeline) == {"tickets": 1, "actions": 1, "agents": 11, "agents__teams": 11}
    assert dict(asked(pipeline, "SELECT id, summary FROM tickets")) == tickets | {2003: "Changed meanwhile"}
    assert asked(pipeline, "SELECT count(*) FROM agents") == [(11,)]
    pipeline.run(source("tickets"))
    assert counted(pipeline) == {}


def test_columns_have_the_types_of_the_catalogue_unless_somebody_wants_others(source, into_duckdb):
    tickets = source("tickets")
    tickets.tickets.apply_hints(columns={"estimate": {"data_type": "text"}})
    pipeline = into_duckdb()
    pipeline.run(tickets)
    columns = pipeline.default_schema.tables["tickets"]["columns"]
    types = {name: columns[name]["data_type"] for name in ("id", "summary", "estimate", "flagged", "last_update")}
    assert types == {
        "id": "bigint", "summary": "text", "estimate": "text", "flagged": "bool", "last_update": "timestamp"
    }  # fmt: skip
    assert columns["id"]["nullable"] is False
    assert columns["summary"]["nullable"] is True
    assert not [name for name, column in columns.items() if column.get("variant")]
    assert len(columns) < 120  # those that come, not all that Halo's document knows


def test_no_usual_entity_has_a_value_outside_its_type(source, into_duckdb, sandbox):
    pipeline = into_duckdb()
    pipeline.extract(source(*haloitsm_source(HaloITSMCredentials(base_uri="x", api_key="k")).resources).parallelize())
    counts = pipeline.normalize().row_counts
    assert len(counts) >= 30
    assert counts["actions"] == len(sandbox.tables["Actions"])
    tables = pipeline.default_schema.tables.values()
    assert [(table["name"], name) for table in tables for name in table["columns"] if "__v_" in name] == []


def test_a_load_that_fails_midway_leaves_the_cursor_with_the_rows(tickets, into_duckdb, halo):
    pipeline = into_duckdb()
    pipeline.run(tickets())
    halo.post("/Tickets", [{"id": 2003, "summary": "Changed meanwhile"}])
    asked(pipeline, "ALTER TABLE new_tickets RENAME COLUMN label TO mislaid")
    with pytest.raises(PipelineStepFailed, match="label"):
        pipeline.run(tickets())
    elsewhere = into_duckdb("another machine")  # which knows what DuckDB has, and that is not yet the new cursor
    asked(pipeline, "ALTER TABLE new_tickets RENAME COLUMN mislaid TO label")
    elsewhere.run(tickets())
    assert counted(elsewhere) == {"new_tickets": 1}
    asked(elsewhere, "UPDATE new_tickets SET label = 'as it was' WHERE id = 2003")
    here = into_duckdb()
    here.run()  # the package that was left, with its rows and its cursor
    assert asked(here, "SELECT label FROM new_tickets WHERE id = 2003") == [("#2003 Changed meanwhile",)]
    here.run(tickets())
    assert counted(here) == {}


def test_rows_of_a_load_that_is_aborted_come_again(tickets, into_duckdb, halo):
    pipeline = into_duckdb()
    pipeline.run(tickets())
    halo.post("/Tickets", [{"id": 2003, "summary": "Changed meanwhile"}])
    pipeline.extract(tickets())
    pipeline.normalize()
    pipeline.abort_packages()
    pipeline.run(tickets())
    assert counted(pipeline) == {"new_tickets": 1}


def test_a_reading_that_fails_midway_leaves_the_cursor_where_it_was(source, tickets, into_duckdb):
    pipeline = into_duckdb()
    pipeline.run(tickets().add_limit(2))
    before = pipeline.state["sources"]
    assert before["haloitsm"]["resources"]["new_tickets"]
    with pytest.raises(PipelineStepFailed, match="ticket 2060 is the bad one"):
        pipeline.run(source("new_tickets", "bad_ticket", config=str(FILE)))
    assert pipeline.state["sources"] == before
    assert not pipeline.has_pending_data


def test_a_limited_load_goes_on_where_it_ended(tickets, into_duckdb):
    pipeline = into_duckdb()
    pipeline.run(tickets().add_limit(3).parallelize())
    assert counted(pipeline) == {"new_tickets": 150}
    pipeline.run(tickets())
    assert counted(pipeline) == {"new_tickets": 220}  # the last page comes again
    assert asked(pipeline, "SELECT count(*), count(DISTINCT id) FROM new_tickets") == [(320, 320)]


def test_replace_reads_everything_each_time(tickets, into_duckdb):
    pipeline = into_duckdb()
    for _ in range(2):
        pipeline.run(tickets(), write_disposition="replace")
        assert counted(pipeline) == {"new_tickets": 320}
    assert asked(pipeline, "SELECT count(*) FROM new_tickets") == [(320,)]


def test_records_that_are_gone_go_from_the_table(source, into_duckdb, halo, yaml):
    config = yaml("""incoming:
  kept:
    subscriber: {prototype: haloitsm, client: halo, entity: GET /Tickets, incremental: {sweep_hours: 0}}
    transformers:
      - keep: [id, summary, last_update, _deleted]
""")
    pipeline = into_duckdb()
    pipeline.run(source("kept", config=config))
    halo.delete("/Tickets/2003")
    halo.post("/Tickets", [{"id": 2005, "summary": "Changed meanwhile"}])
    pipeline.run(source("kept", config=config))
    assert asked(pipeline, "SELECT count(*), count_if(id = 2003) FROM kept") == [(319, 0)]


def test_resources_of_a_file_have_the_key_that_their_rows_have(source, sandbox, yaml):
    found = source("all_tickets", "new_tickets", config=str(FILE)).resources
    how = {name: (each.write_disposition, each.compute_table_schema()["columns"]) for name, each in found.items()}
    assert how["new_tickets"][0] == "merge"
    assert how["new_tickets"][1]["id"]["primary_key"]
    assert how["all_tickets"] == ("replace", {})
    config = yaml("""incoming:
  keyless:
    subscriber: {prototype: haloitsm, client: halo, entity: GET /Tickets, incremental: {}}
    transformers:
      - select: {subject: summary}
""")
    assert source("keyless", config=config).keyless.write_disposition == "append"


def test_nothing_is_asked_for_before_it_is_read(source, sandbox):
    source("tickets")
    assert not sandbox.requests


def test_resources_are_plain_iterables_too(source):
    assert len(list(source("agents").agents)) == 11


def test_settings_come_from_the_environment(credentials, monkeypatch, tmp_path, sandbox):
    for name, value in credentials.items():
        monkeypatch.setenv(f"SOURCES__HALOITSM__CREDENTIALS__{name.upper()}", value)
        monkeypatch.setenv(f"DESTINATION__HALOITSM__CREDENTIALS__{name.upper()}", value)
    monkeypatch.setenv("SOURCES__HALOITSM__ENTITIES", '["GET /TicketArea"]')
    monkeypatch.setenv("SOURCES__HALOITSM__START_DATE", "2999-01-01")
    monkeypatch.setenv("DESTINATION__HALOITSM__CONFIG", str(FILE))
    monkeypatch.setenv("SOURCES__HALOITSM__CONFIG", json.dumps([str(FILE)]))
    monkeypatch.setenv("DESTINATION__HALOITSM__OUTGOING", "tickets")
    found = haloitsm_source()
    assert found.resources.keys() >= {"ticket_area", "new_tickets"}
    assert list(found.tickets) == []
    assert len(list(found.agents)) == 11
    pipeline = dlt.pipeline("published", pipelines_dir=str(tmp_path / "working"), destination=haloitsm())
    pipeline.run([{"subject": "By settings", "client": 1}], table_name="anything")
    assert made(sandbox, "By settings").total() == 1


def test_wrong_settings_are_told_in_a_sentence(credentials, tmp_path):
    with pytest.raises(InputError, match="base_uri is missing"):
        haloitsm_source()
    with pytest.raises(InputError, match="Did you mean 'GET /Tickets'"):
        haloitsm_source(credentials, entities=["GET /Tickts"])
    (tmp_path / "broken.yaml").write_text("incoming: {a: {subscriber: {prototype: haloitm}}}", "utf-8")
    with pytest.raises(ConfigError, match=r"broken\.yaml:1:"):
        haloitsm_source(credentials, config=str(tmp_path / "broken.yaml"))


def test_a_table_is_published(source, into_duckdb, to_halo, sandbox, yaml):
    reads = into_duckdb()
    reads.run(source("outcomes"))
    config = yaml("""outgoing:
  copies:
    transformers:
      - set: {payload: {summary: "Outcome {{ outcome }}", client_id: 1, tickettype_id: 1, details: "{{ id }}"}}
    publisher: {prototype: haloitsm, client: halo, entity: POST /Tickets}
""")
    outcomes = {outcome for (outcome,) in asked(reads, "SELECT outcome FROM outcomes")}
    table = duckdb.connect(str(Path("loaded.duckdb"))).sql("SELECT id, outcome FROM halo.outcomes").to_arrow_table()
    to_halo(config=config).run(table, table_name="copies")
    assert made(sandbox, "Outcome ") == Counter(f"Outcome {outcome}" for outcome in outcomes)
    to_halo(config=config).run(table.to_pylist(), table_name="copies")
    assert made(sandbox, "Outcome ") == Counter(2 * [f"Outcome {outcome}" for outcome in outcomes])


VALUES = {
    "at": datetime(2026, 3, 2, 9, 30, tzinfo=UTC), "day": date(2026, 3, 2), "money": Decimal("1.50"), "none": None,
    "nested": [{"a": 1}],
}  # fmt: skip


@pytest.mark.parametrize("rows", [[VALUES], pyarrow.Table.from_pylist([VALUES])], ids=["rows", "arrow"])
def test_values_come_as_json(rows, to_halo, yaml, tmp_path):
    config = yaml("outgoing:\n  lines: {publisher: {prototype: file, path: lines.jsonl}}\n")
    to_halo(config=config).run(rows, table_name="lines")
    (row,) = map(json.loads, (tmp_path / "lines.jsonl").read_text("utf-8").splitlines())
    assert row["at"] == "2026-03-02T09:30:00Z"
    assert (row["day"], row["money"], row["nested"]) == ("2026-03-02", 1.5, [{"a": 1}])
    assert row.get("none") is None


def test_values_of_several_types_come_as_they_are(to_halo, yaml, tmp_path):
    config = yaml("outgoing:\n  lines: {publisher: {prototype: file, path: lines.jsonl}}\n")
    to_halo(config=config).run([{"client": 1}, {"client": "nobody"}, {"client": None}], table_name="lines")
    rows = [json.loads(line) for line in (tmp_path / "lines.jsonl").read_text("utf-8").splitlines()]
    assert [row.get("client") for row in rows] == [1, "nobody", None]


def test_once_what_refuses_a_row_is_mended_the_load_comes_to_its_end(to_halo, sandbox, yaml):
    outgoing = """outgoing:
  tickets:
    transformers:
      - set: {payload: {summary: "{{ subject }}", client_id: "%s", tickettype_id: 1, details: from a table}}
    publisher: {prototype: haloitsm, client: halo, entity: POST /Tickets}
"""
    rows = [{"subject": f"Row {number % 4}", "client": "nobody" if number == 2 else "1"} for number in range(6)]
    with pytest.raises(PipelineStepFailed, match=r"1 rows of 'tickets' not published: refused"):
        to_halo(config=yaml(outgoing % "{{ client }}")).run(rows, table_name="tickets")
    assert made(sandbox, "Row ").total() == 5
    to_halo(config=yaml(outgoing % "1")).run()
    assert made(sandbox, "Row ") == {"Row 0": 2, "Row 1": 2, "Row 2": 1, "Row 3": 1}


def test_a_refused_row_may_stay_behind(to_halo, sandbox):
    rows = [{"subject": "Row 1", "client": "1"}, {"subject": "Row 2", "client": "nobody"}]
    pipeline = to_halo(on_failed="log")
    pipeline.run(rows, table_name="tickets")
    assert not pipeline.has_pending_data
    assert made(sandbox, "Row ") == {"Row 1": 1}


@pytest.mark.parametrize("given", [{"outgoing": "tiket"}, {"on_failed": "x"}, {"config": None}, {"batch_size": 5}])
def test_wrong_settings_of_the_destination_are_told(given, to_halo):
    words = {
        "outgoing": "Did you mean 'tickets'",
        "on_failed": "on_failed is 'stop' or 'log'",
        "config": "config is missing",
        "batch_size": "batch_size is 0",
    }
    with pytest.raises(PipelineStepFailed, match=words[next(iter(given))]):
        to_halo(**given).run([{"subject": "x", "client": 1}], table_name="tickets")


def test_the_same_rows_are_created_anew_by_another_load(to_halo, sandbox, tmp_path):
    for count in (1, 2, 3):
        to_halo().run([{"subject": "Row 1", "client": 1}] * 2, table_name="tickets")
        assert made(sandbox, "Row ") == {"Row 1": 2 * count}
    (state,) = (tmp_path / "state").rglob("*.sqlite")
    with sqlite3.connect(state) as database:
        assert database.execute("SELECT count(*) FROM intents").fetchone() == (2,)


KILLED = """
import json, sys
import dlt
from haloitsm_connector.hosts.dlt import haloitsm

given = json.load(sys.stdin)
destination = haloitsm(credentials=given["credentials"], config=given["config"])
pipeline = dlt.pipeline("publishes", pipelines_dir=given["folder"], destination=destination)
pipeline.run(given["rows"], table_name="tickets")
"""


def test_a_load_that_was_killed_creates_nothing_twice(to_halo, sandbox, credentials, yaml, tmp_path):
    config = yaml("""outgoing:
  tickets:
    transformers:
      - set: {payload: {summary: "{{ subject }}", client_id: 1, tickettype_id: 1, details: from a table}}
    publisher:
      prototype: haloitsm
      client: halo
      entity: POST /Tickets
      batch: 4
      once: {find: GET /Tickets, query: {search: "{{ payload.summary }}"}, match: summary, settle_seconds: 1}
""")
    sandbox.faults = {
        "faults": [{"kind": "latency", "match": {"path": "/api/Tickets", "method": "POST"}, "seconds": 0.1}]
    }
    rows = [{"subject": f"Row {number}"} for number in range(40)]
    given = {"credentials": credentials, "config": config, "rows": rows, "folder": str(tmp_path / "working")}
    process = subprocess.Popen([sys.executable, "-c", KILLED], stdin=subprocess.PIPE, text=True)
    process.stdin.write(json.dumps(given))
    process.stdin.close()
    while made(sandbox, "Row ").total() < 5:
        assert process.poll() is None, "the load came to its end"
        time.sleep(0.01)
    process.kill()
    process.wait()
    time.sleep(0.5)  # what is under way arrives
    assert made(sandbox, "Row ").total() < len(rows)
    pipeline = to_halo(config=config)
    assert pipeline.has_pending_data
    pipeline.load()
    assert made(sandbox, "Row ") == Counter(row["subject"] for row in rows)


def test_no_secret_is_in_what_dlt_keeps(source, into_duckdb, to_halo, credentials, tmp_path, monkeypatch):
    monkeypatch.setenv("RUNTIME__LOG_LEVEL", "DEBUG")
    for name in ("SOURCES", "DESTINATION"):
        monkeypatch.setenv(f"{name}__HALOITSM__CREDENTIALS__CLIENT_SECRET", credentials["client_secret"])
    into_duckdb().run(source("new_tickets", "agents", config=str(FILE)))
    with pytest.raises(PipelineStepFailed):
        into_duckdb().run(source("bad_ticket", config=str(FILE)))
    to_halo().run([{"subject": "Good", "client": 1}], table_name="tickets")
    with pytest.raises(PipelineStepFailed) as refused:
        to_halo().run([{"subject": "Bad", "client": "nobody"}], table_name="tickets")
    kept = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert any(file.name == "trace.pickle" for file in kept)
    secret = credentials["client_secret"].encode()
    assert [file for file in kept if secret in file.read_bytes()] == []
    assert credentials["client_secret"] not in f"{refused.value!r}{refused.value}"
