from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haloitsm_connector.client.fields import Retry
from haloitsm_connector.client.request import Request, Response
from haloitsm_connector.client.retry import (
    CONNECT_PHASE_SECONDS,
    TABLE,
    Decision,
    Event,
    Progress,
    decide,
    event_of,
    perhaps_done,
    retry_after,
)

POLICY = Retry(attempts=4, total_seconds=600, longest_wait_seconds=60)
NOW = datetime(2026, 2, 10, 9, 15, tzinfo=UTC)


def decision(
    event: Event, *, attempts=1, elapsed=0.0, may_repeat=True, policy=POLICY, chance=1.0, after=None
) -> Decision:
    return decide(
        event,
        Progress(attempts, elapsed, policy.total_seconds - elapsed),
        may_repeat=may_repeat,
        policy=policy,
        connect_seconds=5,
        chance=chance,
        retry_after_seconds=after,
    )


@pytest.mark.parametrize(
    ("event", "read_repeats", "create_repeats"),
    [
        (Event.NAME_NOT_FOUND, True, True),
        (Event.REFUSED, True, True),
        (Event.CONNECT_TIMEOUT, True, True),
        (Event.NO_CONNECTION, True, True),
        (Event.PROXY, True, True),
        (Event.TLS, False, False),
        (Event.NO_BUDGET, False, False),
        (Event.TIMEOUT, True, False),
        (Event.DISCONNECTED, True, False),
        (Event.TRUNCATED, True, False),
        (Event.GARBLED, False, False),
        (Event.UNAUTHORISED, True, True),
        (Event.REQUEST_TIMEOUT, True, False),
        (Event.RATE_LIMIT, True, True),
        (Event.SERVER_ERROR, True, False),
        (Event.BAD_GATEWAY, True, False),
        (Event.REFUSED_FOR_NOW, True, True),
        (Event.UNAVAILABLE, True, False),
        (Event.GATEWAY_TIMEOUT, True, False),
        (Event.SLOW_REPORT, False, False),
    ],
)
def test_what_is_repeated(event, read_repeats, create_repeats):
    assert (decision(event).wait_seconds is not None) is read_repeats
    assert (decision(event, may_repeat=False).wait_seconds is not None) is create_repeats


def test_the_table_has_a_row_with_a_reason_for_every_event():
    assert set(TABLE) == set(Event)
    assert all(row.why for row in TABLE.values())


def test_waits_double_up_to_the_longest():
    waits = [decision(Event.RATE_LIMIT, attempts=n).wait_seconds for n in range(1, 6)]
    assert waits == [10, 20, 40, 60, 60]
    assert decision(Event.RATE_LIMIT, chance=0.25).wait_seconds == 2.5


def test_attempts_end_the_repeats_but_not_those_of_a_rate_limit():
    assert decision(Event.BAD_GATEWAY, attempts=3).wait_seconds is not None
    assert decision(Event.BAD_GATEWAY, attempts=4) == Decision(None, "tried 4 times")
    assert decision(Event.SERVER_ERROR, attempts=2).wait_seconds is None
    assert decision(Event.RATE_LIMIT, attempts=40).wait_seconds == 60


def test_one_attempt_means_no_repeat_at_all():
    policy = Retry(attempts=1)
    assert all(decision(event, policy=policy).wait_seconds is None for event in Event)


def test_retry_after_is_kept_to_even_beyond_the_longest_wait():
    assert decision(Event.RATE_LIMIT, after=120.0).wait_seconds == 120
    assert decision(Event.RATE_LIMIT, after=700.0).wait_seconds is None
    assert decision(Event.RATE_LIMIT, after=0.0).wait_seconds == 10  # else a tight loop


def test_a_dead_host_is_given_up_within_ten_seconds():
    assert decision(Event.CONNECT_TIMEOUT, elapsed=5.0).wait_seconds is None
    assert decision(Event.REFUSED, elapsed=0.01).wait_seconds is not None


@given(
    event=st.sampled_from(Event),
    attempts=st.integers(1, 10_000),
    elapsed=st.floats(0, 1e6),
    may_repeat=st.booleans(),
    chance=st.floats(0, 1),
    after=st.none() | st.floats(0, 1e9),
    policy=st.builds(
        Retry,
        attempts=st.integers(1, 50),
        total_seconds=st.floats(0.1, 1e5),
        longest_wait_seconds=st.floats(0.1, 1e5),
    ),
)
def test_no_wait_ever_passes_the_deadline(event, attempts, elapsed, may_repeat, chance, after, policy):
    found = decision(
        event, attempts=attempts, elapsed=elapsed, may_repeat=may_repeat, chance=chance, after=after, policy=policy
    )
    assert found.why
    if found.wait_seconds is not None:
        assert found.wait_seconds >= 0
        assert elapsed + found.wait_seconds <= policy.total_seconds
        assert may_repeat or not TABLE[event].perhaps_done
        if TABLE[event].within_seconds:
            assert elapsed + found.wait_seconds + 5 <= CONNECT_PHASE_SECONDS


@pytest.mark.parametrize(
    ("status", "headers", "path", "event"),
    [
        (200, {}, "/Tickets", None),
        (404, {}, "/Tickets", None),
        (429, {}, "/Tickets", Event.RATE_LIMIT),
        (503, {}, "/Tickets", Event.UNAVAILABLE),
        (503, {"retry-after": "5"}, "/Tickets", Event.REFUSED_FOR_NOW),
        (504, {}, "/Tickets", Event.GATEWAY_TIMEOUT),
        (504, {}, "/Report/5?loadreport=true", Event.SLOW_REPORT),
        (504, {}, "https://acme.example/api/report", Event.SLOW_REPORT),
        (504, {}, "https://report.example/api/Tickets", Event.GATEWAY_TIMEOUT),
    ],
)
def test_an_answer_finds_its_row(status, headers, path, event):
    assert event_of(path, Response(status, headers, b"")) is event


def test_an_error_answer_tells_whether_a_write_may_have_taken_effect():
    def unclear(status, **headers):
        return perhaps_done(Request("POST", "/Asset"), Response(status, headers, b""))

    assert [status for status in (400, 401, 404, 429, 500, 502, 503, 504) if unclear(status)] == [500, 502, 503, 504]
    assert not perhaps_done(Request("POST", "/Asset"), Response(503, {"retry-after": "1"}, b""))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        (" 0 ", 0),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        (format_datetime(NOW - timedelta(days=9), usegmt=True), 0),
        ("Tue, 10 Feb 2026 09:16:00", 60),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("²", None),
        ("Mon, 01 Jan 2024 00:00:00 +99999999999999999999", None),
        ("Mon, 99999999999999999999999 Jan 2024 00:00:00", None),
    ],
)
def test_retry_after_is_read_in_both_forms(text, seconds):
    assert retry_after({"retry-after": text}, NOW) == seconds


@given(st.text(max_size=60))
def test_any_retry_after_is_a_time_or_nothing(text):
    assert (retry_after({"retry-after": text}, NOW) or 0) >= 0
