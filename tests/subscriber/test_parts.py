"""Reading a list in parts, side by side."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from math import ceil

import pytest

from haloitsm_connector import Subscriber
from haloitsm_connector.client import ClientCredentials, HttpClient
from haloitsm_connector.errors import AnswerError
from haloitsm_connector.sandbox import Sandbox
from haloitsm_connector.subscriber.parts import Part


@pytest.fixture
def sandbox(catalogue):
    """One of its own for each test, which may change what is there."""
    with Sandbox(catalogue=catalogue) as running:
        yield running


@pytest.fixture
def client(sandbox):
    credentials = ClientCredentials(client_id=sandbox.client_id, client_secret=sandbox.client_secret)
    with HttpClient(sandbox.base_uri, credentials, tenant=sandbox.tenant) as client:
        yield client


def read(subscriber, parts):
    return [[row["id"] for page in subscriber.part_pages(part) for row in page] for part in parts]


@pytest.mark.parametrize("count", [1, 3, 7, 50])
def test_ranges_of_ids_hold_every_record_once(client, count):
    subscriber = Subscriber(client, "GET /Tickets", page_size=20)
    parts = subscriber.parts(count)
    ids = [row["id"] for row in subscriber]
    assert len(parts) == min(count, ceil(len(ids) / 20))  # no part is less than a page
    found = read(subscriber, parts)
    assert Counter(one for some in found for one in some) == Counter(ids)
    assert max(map(len, found)) - min(map(len, found)) <= 1


@pytest.mark.parametrize(("page_size", "count"), [(1, 1), (2, 1), (10, 32)])
def test_a_list_in_tiny_pages_is_one_part(client, page_size, count):
    subscriber = Subscriber(client, "GET /Tickets", page_size=page_size)
    parts = subscriber.parts(1000)
    assert len(parts) == count
    found = read(subscriber, parts)
    assert Counter(one for some in found for one in some) == Counter(row["id"] for row in subscriber)


def test_what_is_deleted_and_added_between_planning_and_reading_costs_nobody_else(client, sandbox):
    subscriber = Subscriber(client, "GET /Tickets", page_size=20)
    parts = subscriber.parts(4)
    ids = sorted(sandbox.tables["Tickets"])
    gone = {*ids[:30], *(part.last for part in parts if part.last)}
    for one in gone:
        del sandbox.tables["Tickets"][one]
    client.post("/Tickets", [{"summary": "New", "client_id": 1, "tickettype_id": 1, "details": "x"}])
    found = [one for some in read(subscriber, parts) for one in some]
    assert Counter(found) == Counter(dict.fromkeys(sandbox.tables["Tickets"], 1))


def test_several_lists_are_a_part_each(client, sandbox):
    subscriber = Subscriber(client, "GET /Tickets/{id}", path={"id": [2003, 2004]})
    parts = subscriber.parts(8)
    assert parts == [Part(0), Part(1)]
    assert read(subscriber, parts) == [[2003], [2004]]


def test_a_list_without_pages_is_one_part(client):
    subscriber = Subscriber(client, "GET /Status")
    assert subscriber.parts(8) == [Part()]
    assert len(read(subscriber, [Part()])[0]) == len(list(subscriber))


@pytest.mark.parametrize("by", ["lastupdatefromdate", {"dates": "dateoccured"}])
def test_windows_of_dates_hold_every_record_once(client, by):
    incremental = {"by": by, "since": "2020-01-01", "window_days": 30}
    subscriber = Subscriber(client, "GET /Tickets", incremental=incremental)
    parts = subscriber.parts(8)
    assert parts[0].since == datetime(2020, 1, 1, tzinfo=UTC)
    assert parts[-1].until is None
    ids = Counter(one for some in read(subscriber, parts) for one in some)
    assert ids == Counter(row["id"] for row in Subscriber(client, "GET /Tickets"))


def test_what_has_to_be_read_as_one_has_no_parts(client):
    tickets = Subscriber(client, "GET /Tickets")
    assert Subscriber(client, "GET /Actions", query={"ticket_id": "{{ id }}"}, parent=tickets).parts(8) == []
    assert Subscriber(client, "GET /Tickets", limit=10).parts(8) == []
    assert Subscriber(client, "GET /Tickets", incremental={}).parts(8) == []


def test_a_row_without_the_date_of_its_window_is_told(client, sandbox):
    number, ticket = next(iter(sandbox.tables["Tickets"].items()))
    sandbox.tables["Tickets"][number] = {**ticket, "dateoccurred": "long ago"}
    incremental = {"by": {"dates": "dateoccured"}, "since": "2020-01-01", "window_days": 3000}
    subscriber = Subscriber(client, "GET /Tickets", incremental=incremental)
    with pytest.raises(AnswerError, match="no date to tell its window by: dateoccurred"):
        read(subscriber, subscriber.parts(8))
