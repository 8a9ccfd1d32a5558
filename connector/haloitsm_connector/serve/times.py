"""When what is due, as pure functions over time. All moments are aware; what is returned is in UTC.

Where clocks change, a time of day that is left out comes right after the gap, one that there is twice comes once, and
what is meant for every hour or every few minutes comes so in real time.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim

from haloitsm_connector.config.schedules import MaintenanceFields, ScheduleFields, Timed

GRACE = timedelta(seconds=60)
"""How late a moment may be for a schedule that skips what it missed."""


def next_moment(timed: Timed, after: datetime) -> datetime | None:
    """Return the first moment of an expression after another, None when there is none in the next fifty years."""
    found = (one.astimezone(UTC) for one in CronSim(timed.cron, after.astimezone(ZoneInfo(timed.time_zone))))
    # In an hour that there is twice, the first that is found may lie in the one before.
    return next((moment for moment in found if moment > after), None)


def due_since(schedule: ScheduleFields, handled: datetime, now: datetime) -> datetime | None:
    """Return since when a schedule is due, None when it is not; up to ``handled`` everything is dealt with."""
    after = handled if schedule.missed == "once" else max(handled, now - GRACE)
    moment = next_moment(schedule, after)
    return moment if moment is not None and moment <= now else None


def is_over(began: datetime, length: timedelta, now: datetime) -> bool:
    """Whether so much time has passed since a moment; so it has where the clock was set back to before that."""
    return not began <= now < began + length


def closed_until(window: MaintenanceFields, now: datetime) -> datetime | None:
    """Return when a maintenance window ends that is open now, None when it is not open."""
    length = timedelta(minutes=window.minutes)
    start, last = next_moment(window, now - length), None
    while start is not None and start <= now:
        last, start = start, next_moment(window, start)
    return last + length if last else None
