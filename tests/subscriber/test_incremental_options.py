"""What the catalogue says against the options of an incremental read, and of one with a parent."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from haloitsm_connector.catalogue import Catalogue
from haloitsm_connector.errors import Finding, InputError
from haloitsm_connector.subscriber import Subscriber
from haloitsm_connector.subscriber.cursor import Rows
from haloitsm_connector.subscriber.haloitsm import HALOITSM


def findings(catalogue: Catalogue, entity: str, **fields: Any) -> list[Finding]:
    given = HALOITSM.fields.model_validate({"client": "halo", "entity": entity, **fields})
    return list(HALOITSM.check(given, catalogue))


@pytest.mark.parametrize(
    ("entity", "incremental", "lower"),
    [
        ("GET /Tickets", {}, "lastupdatefromdate"),
        ("GET /Tickets", {"by": {"dates": "dateoccured"}}, "startdate"),
        ("GET /Asset", {"by": "lastupdatefromdate", "sweep_hours": 24}, "lastupdatefromdate"),
        ("GET /Appointment", {}, "start_date"),
        ("GET /Appointment", {"by": {"dates": "start_date", "days_ahead": 60}, "since": "2026-01-01T12:00:00+02:00"},
         "start_date"),
        ("GET /Invoice", {}, "invoicedatestart"),
        ("GET /Invoice", {"by": {"field": "last_modified"}}, None),
        ("GET /Actions", {"since": "2026-01-01"}, "startdate"),
    ],
)  # fmt: skip
def test_the_way_fits_the_operation(
    catalogue: Catalogue, entity: str, incremental: dict[str, Any], lower: str | None
) -> None:
    assert findings(catalogue, entity, incremental=incremental) == []
    subscriber = Subscriber(None, entity, incremental=incremental, catalogue=catalogue)
    assert subscriber.plan is not None
    assert subscriber.plan.lower == lower
    assert subscriber.resumes


@pytest.mark.parametrize(
    ("entity", "fields", "path", "said"),
    [
        ("GET /Tickets/{id}", {"incremental": {}, "request_parameters": {"path": {"id": 1}}}, ("incremental",),
         "answers one record"),
        ("GET /Status", {"incremental": {}}, ("incremental",), "has no filter by date"),
        ("GET /Status", {"incremental": {"by": "lastupdatefromdate"}}, ("incremental", "by"), "has no 'lastupdate"),
        ("GET /Status", {"incremental": {"by": {"dates": "created"}}}, ("incremental", "by", "dates"), "no filter by"),
        ("GET /Invoice", {"incremental": {"by": {"field": "last_modifed"}}}, ("incremental", "by", "field"),
         "no documented field"),
        ("GET /Actions", {"incremental": {}}, ("incremental",), "begin somewhere"),
        ("GET /Actions", {"incremental": {"since": "2026-01-01", "window_days": 2}}, ("incremental", "window_days"),
         "more than 1 day"),
        ("GET /Tickets", {"incremental": {"since": "2026-02-01", "until": "2026-01-01"}}, ("incremental", "until"),
         "ends before it begins"),
        ("GET /Invoice", {"incremental": {"by": {"field": "last_modified"}, "window_days": 2}},
         ("incremental", "window_days"), "no windows by a field"),
        ("GET /Actions", {"incremental": {"since": "2026-01-01", "sweep_hours": 1}}, ("incremental", "sweep_hours"),
         "cannot be listed whole"),
        ("GET /Tickets", {"incremental": {"sweep_hours": 1}, "consistency": "fast"}, ("incremental", "sweep_hours"),
         "by a verified read only"),
        ("GET /Tickets", {"incremental": {}, "limit": 5}, ("limit",), "leave out entities for good"),
        ("GET /Tickets", {"incremental": {}, "parent": "clients"}, ("incremental",), "a subscriber with a parent"),
        ("GET /Tickets", {"incremental": {}, "request_parameters": {"query": {"lastupdatefromdate": "2026-01-01"}}},
         ("request_parameters", "query", "lastupdatefromdate"), "narrows the list by"),
        ("GET /Actions", {"parent": "tickets", "request_parameters": {"query": {"ticket_id": "{{ id"}}},
         ("request_parameters", "query"), "no closing"),
        ("GET /Tickets", {"from_parent": {"a": "{{ b }}"}}, ("from_parent",), "no parent to take fields from"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_found_where_it_stands(
    catalogue: Catalogue, entity: str, fields: dict[str, Any], path: tuple[str, ...], said: str
) -> None:
    found = findings(catalogue, entity, **fields)
    assert any(each.path[: len(path)] == path and said in each.what for each in found), found
    assert {each.path[: len(path)] for each in found} == {path}


def test_python_is_told_the_same(catalogue: Catalogue) -> None:
    with pytest.raises(InputError, match="has no filter by date"):
        Subscriber(None, "GET /Status", incremental={}, catalogue=catalogue)
    with pytest.raises(InputError, match=r"since: .*not a date"):
        Subscriber(None, "GET /Tickets", incremental={"since": "last week"}, catalogue=catalogue)


@pytest.mark.parametrize(
    "since",
    ["2026-01-31", "2026-01-31T02:00:00+02:00", date(2026, 1, 31), datetime(2026, 1, 31, tzinfo=UTC)],
    ids=str,
)
def test_moments_are_read_from_text_and_from_python(catalogue: Catalogue, since: Any) -> None:
    subscriber = Subscriber(None, "GET /Tickets", incremental={"since": since}, catalogue=catalogue)
    assert subscriber.plan is not None
    assert subscriber.plan.since == datetime(2026, 1, 31, tzinfo=UTC)


def test_a_row_that_changes_back_is_delivered_again() -> None:
    rows = Rows({}, {}, ("id",))
    assert rows.is_new({"id": 1, "name": "a"}, comes_again=True)
    assert not rows.is_new({"id": 1, "name": "a"}, comes_again=True)
    assert rows.is_new({"id": 1, "name": "b"}, comes_again=False)
    assert rows.is_new({"id": 1, "name": "a"}, comes_again=True)


def test_a_row_without_its_key_is_always_delivered() -> None:
    rows = Rows({}, {}, ("ticket_id", "id"))
    assert rows.is_new({"id": 1}, comes_again=True)
    assert rows.is_new({"id": 1}, comes_again=True)
