"""When schedules are due: next moments, changes of the clocks, missed runs, maintenance."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from haloitsm_connector.config.schedules import MaintenanceFields, ScheduleFields
from haloitsm_connector.serve.times import GRACE, closed_until, due_since, next_moment

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
ZONES = ("UTC", "Europe/Amsterdam", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca")
MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))
NUMBERS = {"minute": 59, "hour": 23, "day": 28, "month": 12, "weekday": 6}


def field(highest: int, lowest: int = 0) -> st.SearchStrategy[str]:
    number = st.integers(lowest, highest)
    return st.one_of(
        st.just("*"),
        number.map(str),
        st.integers(1, max(2, highest // 2)).map(lambda step: f"*/{step}"),
        st.lists(number, min_size=2, max_size=3).map(lambda found: ",".join(map(str, found))),
        st.tuples(number, number).map(lambda pair: f"{min(pair)}-{max(pair)}"),
    )


CRONS = st.tuples(field(59), field(23), field(28, 1), field(12, 1), field(6)).map(" ".join)


def schedule(cron: str, zone: str = "UTC", **fields: object) -> ScheduleFields:
    return ScheduleFields.model_validate({"cron": cron, "time_zone": zone, "run": ["a"], **fields})


def moments(cron: str, zone: str, after: datetime, until: datetime) -> list[datetime]:
    found, at = [], next_moment(schedule(cron, zone), after)
    while at and at <= until:
        found.append(at)
        at = next_moment(schedule(cron, zone), at)
    return found


@settings(max_examples=12, deadline=None)
@given(cron=CRONS, zone=st.sampled_from(ZONES), after=MOMENTS)
def test_the_next_moment_is_later_and_none_lies_between(cron, zone, after):
    timed = schedule(cron, zone)
    found = next_moment(timed, after)
    assert found > after
    assert (found.second, found.microsecond) == (0, 0)
    assert next_moment(timed, found - timedelta(microseconds=1)) == found
    if found - after > timedelta(minutes=2):
        assert next_moment(timed, after + (found - after) / 2) == found


@pytest.mark.parametrize("cron", ["30 2 * * *", "15 1-3 * * *", "*/30 * * * *", "*/7 2 * * *"])
def test_the_next_moment_is_later_also_in_the_hour_that_there_is_twice(cron):
    begin = datetime(2026, 10, 24, 23, tzinfo=UTC)
    all_of_them = moments(cron, "Europe/Amsterdam", begin, begin + timedelta(hours=30))
    for minutes in range(4 * 60):
        after = begin + timedelta(minutes=minutes)
        assert next_moment(schedule(cron, "Europe/Amsterdam"), after) == next(at for at in all_of_them if at > after)


@settings(max_examples=12, deadline=None)
@given(minute=st.integers(0, 59), hour=st.integers(0, 23), zone=st.sampled_from(ZONES), year=st.integers(2024, 2029))
def test_what_is_daily_comes_once_a_day_whatever_the_clocks_do(minute, hour, zone, year):
    at = ZoneInfo(zone)
    found = moments(
        f"{minute} {hour} * * *", zone, datetime(year, 1, 1, tzinfo=at), datetime(year + 1, 1, 1, tzinfo=at)
    )
    days = [moment.astimezone(at).date() for moment in found]
    whole = [day for day in days if date(year, 1, 2) <= day <= date(year, 12, 30)]
    assert whole == [date(year, 1, 2) + timedelta(days=number) for number in range(len(whole))]
    assert len(whole) == (date(year, 12, 30) - date(year, 1, 1)).days


@pytest.mark.parametrize("zone", [zone for zone in ZONES if "Lord_Howe" not in zone])  # where summer is half an hour
@pytest.mark.parametrize(("cron", "every"), [("0 * * * *", 60), ("*/30 * * * *", 30)])
@pytest.mark.parametrize(("month", "days"), [(3, 36), (10, 33)])  # in which clocks change
def test_what_comes_every_hour_or_half_hour_comes_so_in_real_time(zone, cron, every, month, days):
    start = datetime(2026, month, 2, tzinfo=UTC)
    found = moments(cron, zone, start, start + timedelta(days=days))
    assert {later - earlier for earlier, later in pairwise(found)} == {timedelta(minutes=every)}


def test_a_time_that_the_clocks_leave_out_comes_right_after_and_one_that_comes_twice_comes_once():
    spring = moments("30 2 * * *", "Europe/Amsterdam", datetime(2026, 3, 28, 12, tzinfo=UTC),
                     datetime(2026, 3, 30, 12, tzinfo=UTC))  # fmt: skip
    assert [f"{at.astimezone(AMSTERDAM):%d %H:%M}" for at in spring] == ["29 03:00", "30 02:30"]
    autumn = moments("30 2 * * *", "Europe/Amsterdam", datetime(2026, 10, 24, 12, tzinfo=UTC),
                     datetime(2026, 10, 26, 12, tzinfo=UTC))  # fmt: skip
    assert [f"{at:%d %H:%M}" for at in autumn] == ["25 00:30", "26 01:30"]


@settings(max_examples=12, deadline=None)
@given(cron=CRONS, zone=st.sampled_from(ZONES), start=MOMENTS, looks=st.lists(
    st.integers(1, 200_000).map(lambda seconds: timedelta(seconds=seconds)), min_size=1, max_size=30))  # fmt: skip
def test_however_rarely_one_looks_all_that_was_missed_is_run_once(cron, zone, start, looks):
    timed = schedule(cron, zone)
    handled = now = start
    for step in looks:
        now += step
        passed = next_moment(timed, handled)
        since = due_since(timed, handled, now)
        assert since == (passed if passed <= now else None)
        if since:
            handled = now
            assert due_since(timed, handled, now) is None


@settings(max_examples=12, deadline=None)
@given(cron=CRONS, start=MOMENTS, looks=st.lists(
    st.integers(1, 300).map(lambda seconds: timedelta(seconds=seconds)), min_size=1, max_size=30))  # fmt: skip
def test_what_is_skipped_when_missed_never_begins_late(cron, start, looks):
    timed = schedule(cron, missed="skip")
    handled = now = start
    for step in looks:
        now += step
        if since := due_since(timed, handled, now):
            assert now - since <= GRACE
            assert since > handled
            handled = now
        else:
            recent = next_moment(timed, max(handled, now - GRACE))
            assert recent > now


@settings(max_examples=30, deadline=None)
@given(cron=CRONS, minutes=st.integers(1, 300), now=MOMENTS)
def test_a_window_is_open_for_its_minutes_from_each_start(cron, minutes, now):
    window = MaintenanceFields(cron=cron, minutes=minutes)
    until = closed_until(window, now)
    starts = moments(cron, "UTC", now - timedelta(minutes=minutes), now)
    assert until == (max(starts) + timedelta(minutes=minutes) if starts else None)
    start = next_moment(window, now)
    assert closed_until(window, start) == start + timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("cron", "why"),
    [
        ("* * * *", "write five fields"),
        ("0 * * * * *", "write five fields"),
        ("61 * * * *", "is no cron expression: bad minute"),
        ("0 0 31 2 *", "is no cron expression: bad day-of-month"),
        ("@daily", "write five fields"),
    ],
)
def test_what_is_no_cron_expression_is_said(cron, why):
    with pytest.raises(ValidationError, match=why):
        schedule(cron)


@pytest.mark.parametrize("zone", ["Europe/Amsterdan", "../etc/passwd", "/etc/passwd", "Europe", ""])
def test_what_is_no_time_zone_is_said(zone):
    with pytest.raises(ValidationError, match="there is no such time zone"):
        schedule("0 0 * * *", zone)
