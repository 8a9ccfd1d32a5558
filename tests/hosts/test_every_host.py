"""What every host must do with the same YAML on the same sandbox."""

from __future__ import annotations

from collections import Counter

import pytest
from adapters.airbyte import Airbyte
from adapters.airflow import Airflow
from adapters.arrow import Arrow
from adapters.dlt import Dlt
from adapters.singer import Singer
from adapters.spark import Spark

from haloitsm_connector import Subscriber
from haloitsm_connector.client import ClientCredentials, HttpClient

HOSTS = [Singer(), Airbyte(), Arrow(), Airflow(), Dlt(), Spark()]
BAD = 2060
pytestmark = pytest.mark.slow


@pytest.fixture(params=HOSTS, ids=lambda host: type(host).__name__)
def host(request):
    if prepare := getattr(request.param, "prepare", None):
        prepare(request)
    return request.param


@pytest.fixture
def read(host, environment, tmp_path, settings):
    def read(incoming, state=None, **other):
        return host.read(environment(host.environment).run, tmp_path, settings | other, incoming, state)

    return read


@pytest.fixture
def publish(host, environment, tmp_path, settings):
    def publish(rows, **other):
        return host.publish(environment(host.environment).run, tmp_path, settings | other, "tickets", rows)

    return publish


@pytest.fixture
def client(sandbox):
    credentials = ClientCredentials(client_id=sandbox.client_id, client_secret=sandbox.client_secret)
    with HttpClient(sandbox.base_uri, credentials, tenant=sandbox.tenant) as client:
        yield client


def test_it_reads_every_row_once_and_transformed(read, client):
    tickets = list(Subscriber(client, "GET /Tickets"))
    run = read("all_tickets")
    assert run.succeeded, run.output
    assert Counter(row["id"] for row in run.rows) == {ticket["id"]: 1 for ticket in tickets}
    expected = {ticket["id"]: f"#{ticket['id']} {ticket['summary']}" for ticket in tickets}
    assert {row["id"]: row["label"] for row in run.rows} == expected


def test_its_second_run_brings_what_is_new(read, client):
    first = read("new_tickets")
    assert len(first.rows) > 100, first.output
    client.post("/Tickets", [{"id": 2003, "summary": "Changed meanwhile"}])
    second = read("new_tickets", first.state)
    assert [row["label"] for row in second.rows] == ["#2003 Changed meanwhile"], second.output
    third = read("new_tickets", second.state)
    assert third.succeeded, third.output
    assert third.rows == []


def test_a_record_that_cannot_go_on_stops_the_run_in_front_of_it_and_says_where(read, host):
    run = read("bad_ticket")
    assert not run.succeeded
    assert f"ticket {BAD} is the bad one" in run.output
    assert "halo.yaml:" in run.output
    delivered = [row["id"] for row in run.rows]
    assert BAD not in delivered
    assert bool(delivered) == host.keeps_what_came_before_a_bad_record
    again = read("bad_ticket", run.state)
    assert not again.succeeded


def test_a_record_that_cannot_go_on_is_left_out_where_the_file_says_so(read, client):
    run = read("without_bad_ticket")
    assert run.succeeded, run.output
    ids = {ticket["id"] for ticket in Subscriber(client, "GET /Tickets")}
    assert {row["id"] for row in run.rows} == ids - {BAD}


def test_it_publishes_every_row_once(publish, sandbox):
    run = publish([{"subject": f"From a host {number}", "client": 1} for number in range(25)])
    assert run.succeeded, run.output
    assert run.state
    made = Counter(ticket["summary"] for ticket in sandbox.tables["Tickets"].values())
    assert {name: count for name, count in made.items() if "From a host" in name} == {
        f"From a host {number}": 1 for number in range(25)
    }


def test_a_record_that_is_refused_is_named_and_does_not_hold_up_the_others(publish, sandbox):
    run = publish(
        [{"subject": "Good", "client": 1}, {"subject": "Bad", "client": "nobody"}, {"subject": "Last", "client": 1}]
    )
    assert not run.succeeded
    assert "refused" in run.output
    assert not run.state
    made = {ticket["summary"] for ticket in sandbox.tables["Tickets"].values()}
    assert made >= {"Good", "Last"}
    assert "Bad" not in made


@pytest.mark.parametrize("way", ["read", "publish"])
def test_wrong_credentials_are_told_in_a_sentence(way, read, publish):
    wrong = {"client_secret": "a-wrong-secret"}
    run = read("all_tickets", **wrong) if way == "read" else publish([{"subject": "x", "client": 1}], **wrong)
    assert not run.succeeded
    assert "the client id is unknown or the client secret is wrong" in run.output
    assert "a-wrong-secret" not in run.output


def test_no_secret_is_in_anything_that_it_shows_or_keeps(read, publish, settings):
    runs = [read("new_tickets"), read("bad_ticket"), publish([{"subject": "Quiet", "client": 1}])]
    for run in runs:
        assert settings["client_secret"] not in f"{run.output}{run.rows}{run.state}"
