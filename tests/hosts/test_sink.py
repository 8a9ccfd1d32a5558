"""The destination that hosts hand batches to: what is confirmed, and what is not."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from haloitsm_connector.errors import AuthenticationError, InputError, StateError
from haloitsm_connector.hosts.settings import Settings
from haloitsm_connector.hosts.sink import Sinks

FILE = str(Path(__file__).with_name("halo.yaml"))
ROWS = [{"subject": f"Row {number}", "client": 1} for number in range(6)]


@pytest.fixture
def sinks(settings, tmp_path, monkeypatch):
    monkeypatch.setenv("HALOITSM_STATE_DIR", str(tmp_path))
    return lambda: Sinks(Settings.of({**settings, "config": FILE}))


def made(sandbox):
    names = Counter(ticket["summary"] for ticket in sandbox.tables["Tickets"].values())
    return [names[row["subject"]] for row in ROWS]


def sent(sinks, *batches, confirm):
    with sinks() as opened:
        sink = opened.open("tickets", "a job")
        statuses = [outcome.status for batch in batches for outcome in sink.send(batch)]
        if confirm:
            sink.confirm()
    return statuses


def test_what_was_not_confirmed_is_not_created_again(sinks, sandbox):
    assert sent(sinks, ROWS[:2], ROWS[2:4], confirm=False) == ["created"] * 4
    assert sent(sinks, ROWS[:3], ROWS[3:], confirm=True) == ["skipped"] * 4 + ["created"] * 2
    assert made(sandbox) == [1] * 6


def test_what_was_confirmed_is_created_anew(sinks, sandbox):
    assert sent(sinks, ROWS, confirm=True) == ["created"] * 6
    assert sent(sinks, ROWS, confirm=True) == ["created"] * 6
    assert made(sandbox) == [2] * 6


def test_jobs_that_are_done_with_are_forgotten_by_their_names(sinks, sandbox):
    for job in ("load 1 a", "load 1 b", "load 2 a"):
        with sinks() as opened:
            list(opened.open("tickets", job).send(ROWS[:1]))
    with sinks() as opened:
        opened.forget("load ", but="load 2 ")
        statuses = [next(opened.open("tickets", job).send(ROWS[:1])).status for job in ("load 1 a", "load 2 a")]
    assert statuses == ["created", "skipped"]
    assert made(sandbox)[0] == 4


def test_a_sink_goes_on_after_it_confirmed(sinks, sandbox):
    with sinks() as opened:
        sink = opened.open("tickets", "a job")
        for batch in (ROWS[:3], ROWS[3:]):
            assert {outcome.status for outcome in sink.send(batch)} == {"created"}
            sink.confirm()
    assert sent(sinks, ROWS[:1], confirm=True) == ["created"]


def test_a_record_that_no_transformer_takes_fails_alone(sinks):
    with sinks() as opened:
        sink = opened.open("tickets", "a job")
        outcomes = list(sink.send([ROWS[0], {"client": 1}, ROWS[1]]))
        sink.confirm()
    assert sorted(outcome.status for outcome in outcomes) == ["created", "created", "failed"]
    assert "no subject" in next(outcome.reason for outcome in outcomes if outcome.status == "failed")


def test_an_unknown_outgoing_and_a_missing_file_are_told(sinks, settings):
    with sinks() as opened, pytest.raises(InputError, match="Did you mean 'tickets'"):
        opened.open("ticket", "a job")
    with pytest.raises(InputError, match="config is missing"):
        Sinks(Settings.of(settings))


def test_a_check_signs_in_and_says_why_it_may_not(sinks, settings):
    with sinks() as opened:
        opened.check()
    wrong = Settings.of({**settings, "client_secret": "not-this-one", "config": FILE})
    with Sinks(wrong) as opened, pytest.raises(AuthenticationError, match="secret is wrong"):
        opened.check()


@pytest.mark.parametrize("place", ["/dev/null/state", "mysql://user:very-secret@host/state"])
def test_a_check_says_where_no_state_can_be(place, settings, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    nowhere = Sinks(Settings.of({**settings, "config": FILE}), environ={"HALOITSM_STATE": place})
    with nowhere as opened, pytest.raises(StateError) as told:
        opened.check()
    assert "secret" not in str(told.value)
    assert not list(tmp_path.iterdir())
