"""Spark: read in partitions, stream what is new, publish from many machines, whatever happens to them."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
import sparks

from haloitsm_connector import Subscriber
from haloitsm_connector.client import ClientCredentials, HttpClient
from haloitsm_connector.store import Cursors, open_state

CONFIGURATION = Path(__file__).with_name("halo.yaml")
pytestmark = pytest.mark.slow


@pytest.fixture
def client(sandbox):
    credentials = ClientCredentials(client_id=sandbox.client_id, client_secret=sandbox.client_secret)
    with HttpClient(sandbox.base_uri, credentials, tenant=sandbox.tenant) as client:
        yield client


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    sparks.needs()
    with sparks.cluster(tmp_path_factory.mktemp("cluster")) as master:
        yield master


@pytest.fixture
def options(settings):
    return {**settings, "config": str(CONFIGURATION)}


def made(sandbox, prefix):
    return Counter(row["summary"] for row in sandbox.tables["Tickets"].values() if row["summary"].startswith(prefix))


def test_partitions_hold_every_row_once_in_the_types_of_the_catalogue(spark, settings, client):
    read = spark.ask("read", options={**settings, "entity": "GET /Tickets", "partitions": 3, "page_size": 50})
    assert read["partitions"] == 3, read
    tickets = {row["id"]: row for row in Subscriber(client, "GET /Tickets")}
    assert Counter(row["id"] for row in read["rows"]) == dict.fromkeys(tickets, 1)
    one = read["rows"][0]
    assert one["summary"] == tickets[one["id"]]["summary"]
    assert one["dateoccurred"].endswith("Z")
    assert isinstance(one["client_id"], int)


def test_filters_are_asked_of_halo_and_change_nothing(spark, settings, client, sandbox):
    before = len(sandbox.requests)
    where = "client_id = 3 and id > 2100 and last_update >= '2020-01-01T00:00:00Z'"
    read = spark.ask(
        "read",
        options={**settings, "entity": "GET /Tickets", "page_size": 20},
        where=where,
        columns=["id", "client_id"],
    )
    tickets = Subscriber(client, "GET /Tickets")
    expected = {row["id"] for row in tickets if row["client_id"] == 3 and row["id"] > 2100}
    assert {row["id"] for row in read["rows"]} == expected, read
    asked = [request for request in sandbox.requests[before:] if "page_size=20" in str(request)]
    assert asked
    assert all("client_id=3" in str(request) and "lastupdatefromdate=" in str(request) for request in asked)


def test_moments_without_a_zone_are_those_of_halo_in_filters_too(spark, settings, client):
    tickets = sorted(Subscriber(client, "GET /Tickets"), key=lambda row: row["last_update"])
    newest = [row["last_update"][:19] for row in tickets][-20:]
    read = spark.ask(
        "read",
        options={**settings, "entity": "GET /Tickets"},
        schema="id long, last_update timestamp_ntz",
        where=f"last_update >= timestamp_ntz'{newest[0]}'",
    )
    assert len(read["rows"]) >= len(newest), read


def test_windows_of_dates_are_partitions(spark, settings, client):
    told = {"entity": "GET /Tickets", "dates": "dateoccured", "since": "2020-01-01", "window_days": 1200}
    read = spark.ask("read", options={**settings, **told}, columns=["id"])
    assert read["partitions"] > 1, read
    assert Counter(row["id"] for row in read["rows"]) == dict.fromkeys(
        (row["id"] for row in Subscriber(client, "GET /Tickets")), 1
    )


def test_several_tenants_are_read_at_once(spark, options, client, tmp_path):
    text = CONFIGURATION.read_text("utf-8")
    one = text[text.index("  halo:\n") : text.index("transformers:\n")].rstrip() + "\n    budget: {requests: 2000}\n"
    both = tmp_path / "both.yaml"
    both.write_text("clients:\n" + one + one.replace("halo:", "other:", 1), "utf-8")
    told = {**options, "config": str(both), "entity": "GET /Tickets", "clients": "halo, other"}
    told |= {"partitions": "3", "page_size": "50", "at_once": "4"}
    del told["base_uri"]
    variables = {f"HALO_{name.upper()}": options[name] for name in ("base_uri", "tenant", "client_id", "client_secret")}
    told["secret_variables"] = json.dumps(variables)
    read = spark.ask("read", options=told, columns=["_source", "id", "source"])
    assert read["partitions"] == 4, read
    known = [row["id"] for row in Subscriber(client, "GET /Tickets")]
    assert Counter((row["_source"], row["id"]) for row in read["rows"]) == {
        (source, id): 1 for source in ("halo", "other") for id in known
    }


def test_a_stream_brings_every_row_once_in_micro_batches_then_what_is_new(spark, settings, client, tmp_path):
    told = {**settings, "entity": "GET /Tickets", "page_size": 50, "max_rows": 120}
    given = {"options": told, "checkpoint": str(tmp_path / "checkpoint")}
    first = spark.ask("stream", folder=str(tmp_path / "first"), **given)
    known = [row["id"] for row in Subscriber(client, "GET /Tickets")]
    assert Counter(row["id"] for row in first["rows"]) == dict.fromkeys(known, 1), first
    client.post("/Tickets", [{"id": 2003, "summary": "Changed meanwhile"}])
    second = spark.ask("stream", folder=str(tmp_path / "second"), **given)
    assert [row["summary"] for row in second["rows"]] == ["Changed meanwhile"], second


def test_a_stream_is_published_once(spark, options, sandbox, postgresql, tmp_path):
    told = {**options, "incoming": "new_tickets"}
    given = {"options": told, "where": "id < 2020", "columns": ["concat('Streamed ', id) as subject", "1 as client"]}
    given |= {"publish": {**options, "outgoing": "tickets", "state": postgresql.address()}}
    for _ in range(2):
        answer = spark.ask("stream", checkpoint=str(tmp_path / "checkpoint"), **given)
        assert "error" not in answer, answer["error"]
    assert made(sandbox, "Streamed") == {f"Streamed {number}": 1 for number in range(2001, 2020)}


def test_outcomes_are_a_table(spark, options, sandbox, postgresql, tmp_path):
    told = {**options, "outgoing": "tickets", "state": postgresql.address(), "outcomes": str(tmp_path / "outcomes")}
    columns = ["concat('Of a table ', id) as subject", "if(id = 3, 'nobody', '1') as client"]
    failed = spark.ask("write", options=told, range=10, partitions=2, columns=columns)
    assert "1 of 10 records were not published: refused" in failed["error"]
    found = spark.ask("outcomes", folder=str(tmp_path / "outcomes"))["rows"]
    assert Counter(row["status"] for row in found) == {"created": 9, "refused": 1}
    assert [json.loads(row["entity"])["subject"] for row in found if row["status"] == "refused"] == ["Of a table 3"]
    again = spark.ask("write", options=told, range=10, partitions=3, columns=[columns[0], "'1' as client"])
    assert "error" not in again, again
    assert made(sandbox, "Of a table") == {f"Of a table {number}": 1 for number in range(10)}


def test_outcomes_that_cannot_be_kept_are_told_in_a_sentence(spark, options, postgresql):
    told = {**options, "outgoing": "tickets", "state": postgresql.address(), "outcomes": "nowhere://outcomes"}
    failed = spark.ask("write", options=told, range=1, partitions=1, columns=["'Kept' as subject", "1 as client"])
    assert "InputError: outcomes cannot be kept in nowhere://outcomes" in failed["error"] + failed["log"]


def test_creates_need_a_journal_that_all_machines_share(spark, options, sandbox):
    columns = ["concat('Unrecorded ', id) as subject", "1 as client"]
    failed = spark.ask("write", options={**options, "outgoing": "tickets"}, range=4, partitions=2, columns=columns)
    assert "name a state that all machines share" in failed["error"]
    assert made(sandbox, "Unrecorded") == {}


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({}, "say what to read"),
        ({"entity": "GET /Tickts"}, "GET /Tickets"),
        ({"entity": "GET /Tickets", "partitons": "3"}, "partitions"),
        ({"entity": "GET /Tickets", "partitions": "many"}, "partitions"),
        ({"entity": "GET /Tickets", "since": "2026-01-01"}, "window_days"),
        ({"config": str(CONFIGURATION), "incoming": "bad_ticket"}, "ticket 2060 is the bad one"),
        ({"entity": "GET /Tickets", "client_secret": "a-wrong-secret"}, "the client secret is wrong"),
    ],
)
def test_mistakes_are_told_in_a_sentence(spark, settings, told, words):
    answer = spark.ask("read", options={**settings, **told})
    assert words in answer["error"]
    assert "haloitsm_connector/hosts" not in answer["error"], "the way through our code helps nobody"
    assert not {settings["client_secret"], "a-wrong-secret"} & set(json.dumps(answer).replace("'", '"').split('"'))


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ("id long, customfields array<string>", "customfields string"),
        ("id byte", "a value does not fit the schema"),
        ("id long, summary date", "a value of 'summary' is no date-time"),
    ],
)
def test_a_schema_that_does_not_fit_is_told_in_a_sentence(spark, settings, schema, words):
    answer = spark.ask("read", options={**settings, "entity": "GET /Tickets"}, schema=schema)
    assert words in answer["error"]


def test_rows_come_in_the_types_of_a_schema_and_what_is_missing_is_null(spark, settings):
    schema = "id decimal(12, 1), last_update date, client_id int, not_there long"
    read = spark.ask("read", options={**settings, "entity": "GET /Tickets"}, schema=schema, where="id = 2001")
    (row,) = read["rows"]
    assert row.keys() == {"id", "last_update", "client_id"}
    assert row["id"] == 2001.0
    assert len(row["last_update"]) == len("2026-11-22")


def test_a_worker_that_is_killed_in_the_middle_of_a_write_loses_and_doubles_nothing(
    cluster, options, sandbox, postgresql, tmp_path
):
    count = 160
    told = {**options, "config": str(written(tmp_path)), "outgoing": "looked_up", "state": postgresql.address()}
    told["outcomes"] = str(tmp_path / "outcomes")
    columns = ["concat('Killed ', id) as subject", "1 as client"]
    killed = []

    def kill() -> None:
        while len(made(sandbox, "Killed")) < count // 8:
            time.sleep(0.02)
        killed.extend(sparks.executors(cluster)[:1])
        os.kill(killed[0], signal.SIGKILL)

    with sparks.SparkProcess(tmp_path, MASTER=cluster) as spark:
        killer = threading.Thread(target=kill, daemon=True)
        killer.start()
        done = spark.ask("write", options=told, range=count, partitions=4, columns=columns)
        killer.join(10)
        assert "error" not in done, done["error"]
        found = spark.ask("outcomes", folder=str(tmp_path / "outcomes"))["rows"]
    assert killed
    assert "Lost executor" in done["log"], "it was over before a worker was killed"
    assert made(sandbox, "Killed") == {f"Killed {number}": 1 for number in range(count)}
    assert len(found) == count
    assert {row["status"] for row in found} <= {"created", "skipped"}


def test_routes_run_on_a_cluster_and_go_on_from_its_state(
    cluster, environment, settings, sandbox, postgresql, tmp_path
):
    variables = {f"HALO_{name.upper()}": value for name, value in settings.items()}
    state = postgresql.address()
    arguments = ("run", written(tmp_path), "--engine", "spark", "--master", cluster, "--state", state)
    ran = environment("spark").run(
        "haloitsm", *arguments, timeout_seconds=400, SPARK_LOCAL_IP="127.0.0.1", **sparks.FASTER, **variables
    )
    assert ran.status == 0, ran.log
    assert "copies: 7 finished" in ran.log
    assert "again: 5 finished" in ran.log
    assert made(sandbox, "On a cluster").total() == 12
    with open_state(state) as database:
        assert Cursors(database).get("route again")


def written(folder):
    """Write the configuration with an outgoing that looks up what it creates, and routes."""
    file = folder / "halo.yaml"
    file.write_text(CONFIGURATION.read_text("utf-8") + MORE, "utf-8")
    return file


MORE = """
  looked_up:
    transformers:
      - set: {payload: {summary: "{{ subject }}", client_id: "{{ client }}", tickettype_id: 1, details: from a host}}
    publisher:
      prototype: haloitsm
      client: halo
      entity: POST /Tickets
      once: {find: GET /Tickets, query: {search: "{{ payload.summary }}"}, match: summary}
      batch: 5
routes:
  copies:
    incoming: all_tickets
    transformers: [{limit: 7}, {set: {subject: "On a cluster {{ id }}", client: 1}}]
    outgoing: tickets
  again:
    incoming: new_tickets
    transformers: [{limit: 5}, {set: {subject: "On a cluster again {{ id }}", client: 1}}]
    outgoing: tickets
"""
