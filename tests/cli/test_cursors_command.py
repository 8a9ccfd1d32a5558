"""``haloitsm cursors`` shows how far routes have read, and has one go on from elsewhere."""

from __future__ import annotations

import json

import pytest

from haloitsm_connector.runner import cursor_name, reading_lease
from haloitsm_connector.store import Event, Inbox, open_state


@pytest.fixture
def routes(project):
    text = (project / "halo.yaml").read_text("utf-8")
    text = text.replace("entity: GET /Tickets\n", "entity: GET /Tickets\n      incremental: {}\n")
    (project / "halo.yaml").write_text(text, "utf-8")
    return project


def test_a_route_that_never_ran_has_read_nothing(haloitsm, routes):
    ended = haloitsm("cursors", "halo.yaml")
    assert [line.split() for line in ended.out.splitlines()[1:]] == [["tickets", "never"]]


def test_a_run_moves_the_cursor_and_reset_forgets_it(haloitsm, routes):
    assert haloitsm("run", "halo.yaml", "tickets").err == "tickets: 90 sent\n"
    assert haloitsm("run", "halo.yaml", "tickets").err == "tickets: nothing to do\n"
    cursor = json.loads(haloitsm("cursors", "halo.yaml", "tickets", "--json").out)["tickets"]
    assert cursor["read_until"] > "2026"
    assert haloitsm("cursors", "halo.yaml", "tickets", "--reset").status == 0
    assert haloitsm("run", "halo.yaml", "tickets").err == "tickets: 90 sent\n"


def test_a_route_goes_on_from_a_moment(haloitsm, routes):
    assert "2100-01-01" in haloitsm("cursors", "halo.yaml", "tickets", "--from", "2100-01-01").out
    assert haloitsm("run", "halo.yaml", "tickets").err == "tickets: nothing to do\n"


def test_an_incoming_that_is_run_by_itself_has_a_cursor_of_its_own(haloitsm, routes):
    assert haloitsm("cursors", "halo.yaml", "tickets", "--from", "2100-01-01").status == 0
    text = (routes / "halo.yaml").read_text("utf-8").replace("incoming:\n  tickets:", "incoming:\n  alone:")
    (routes / "alone.yaml").write_text(text.replace("incoming: tickets", "incoming: alone"), "utf-8")
    assert "incoming alone" not in haloitsm("cursors", "alone.yaml").out
    assert "never" in haloitsm("cursors", "alone.yaml", "alone").out
    assert haloitsm("run", "alone.yaml", "alone").status == 0
    rows = [line.split()[:2] for line in haloitsm("cursors", "alone.yaml").out.splitlines()[1:]]
    assert rows == [["tickets", "2100-01-01T00:00:00.000Z"], ["incoming", "alone"]]
    assert haloitsm("cursors", "alone.yaml", "alone", "--from", "2100-01-02").status == 0
    assert "incoming alone  2100-01-02" in haloitsm("cursors", "alone.yaml").out
    assert haloitsm("cursors", "alone.yaml", "alone", "--reset").status == 0
    assert "incoming alone" not in haloitsm("cursors", "alone.yaml").out


def test_the_state_file_may_be_named(haloitsm, routes):
    assert haloitsm("cursors", "halo.yaml", "tickets", "--from", "2100-01-01", "--state", "a.sqlite").status == 0
    assert haloitsm("run", "halo.yaml", "tickets", "--state", "a.sqlite").err == "tickets: nothing to do\n"
    assert "never" in haloitsm("cursors", "halo.yaml").out


def test_the_state_may_be_named_where_all_variables_are(haloitsm, routes):
    with (routes / ".env").open("a") as variables:
        variables.write("HALOITSM_STATE=b.sqlite\n")
    assert haloitsm("cursors", "halo.yaml", "tickets", "--from", "2100-01-01").status == 0
    assert "2100-01-01" in haloitsm("cursors", "halo.yaml", "--state", "b.sqlite").out
    assert "never" in haloitsm("cursors", "halo.yaml", "--state", "a.sqlite").out


@pytest.mark.parametrize(
    "address", ["postgresql://halo:hunter2@127.0.0.1:1/x", "postgresql://halo:hunter2%@127.0.0.1:1/x"]
)
def test_a_state_that_cannot_be_reached_is_told_without_its_password(haloitsm, routes, address):
    ended = haloitsm("-vvv", "cursors", "halo.yaml", "--state", address)
    assert ended.status == 1
    assert "state" in ended.err
    assert "hunter2" not in ended.out + ended.err


def test_a_route_that_is_being_read_for_cannot_be_moved(haloitsm, routes):
    with open_state("a.sqlite") as state, state.lease(reading_lease(cursor_name("tickets"))):
        ended = haloitsm("cursors", "halo.yaml", "tickets", "--reset", "--state", "a.sqlite")
        assert haloitsm("cursors", "halo.yaml", "--state", "a.sqlite").status == 0
    assert ended.status == 1
    assert "is running already" in ended.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("ticket", "--reset"), "there is no route 'ticket'. Did you mean 'tickets'?"),
        (("laptops", "--reset"), "route 'laptops' has no cursor: it reads everything each time"),
        (("laptop", "--reset"), "there is no route 'laptop'. Did you mean 'laptops'?"),
        (("tickets", "--from", "yesterday"), "--from: this is text that is not a date"),
        (("--reset",), "it is not said which route is meant"),
        (("tickets", "--reset", "--from", "2026-01-01"), "--from and --reset contradict each other"),
    ],
)
def test_what_cannot_be_done_is_told(haloitsm, routes, arguments, said):
    ended = haloitsm("cursors", "halo.yaml", *arguments)
    assert ended.status == 1
    assert said in ended.err


def test_a_configuration_without_incremental_routes_has_none(haloitsm, project):
    assert "No route reads what is new" in haloitsm("cursors", "halo.yaml").err


def test_the_cursor_of_a_webhook_is_the_number_of_an_event(haloitsm, routes):
    (routes / "changes.yaml").write_text(
        "incoming: {changes: {subscriber: {prototype: webhook, path: /t, authentication: {type: none}}}}\n"
        "routes: {changes: {incoming: changes, outgoing: lines}}\n"
    )
    with open_state(routes / "state.sqlite") as state:
        Inbox(lambda: state, "changes").put([Event({"id": 7})])
    assert haloitsm("run", ".", "changes", "--state", "state.sqlite").err == "changes: 1 sent\n"
    assert "changes  event 1" in haloitsm("cursors", ".", "--state", "state.sqlite").out
    moved = haloitsm("cursors", ".", "changes", "--from", "2026-01-01", "--state", "state.sqlite")
    assert moved.status == 1
    assert "they have numbers, and no moment to begin from. --reset reads all that are kept." in moved.err
