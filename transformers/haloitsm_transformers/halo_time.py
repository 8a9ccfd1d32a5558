"""Halo's way of writing dates (halo-api-facts 8), and everybody else's."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta, timezone, tzinfo
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from haloitsm_transformers.errors import StepsError, TransformError, kind_of, suggest

NO_DATE_YEAR = 1900
"""A date of this year or an earlier one means that there is none (halo-api-facts 8)."""

_DAY = r"(\d{4})-(\d\d)-(\d\d)"
_CLOCK = r"(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?"
_OFFSET = r"([Zz])|([+-])(\d\d):?(\d\d)(?::(\d\d))?"
_ISO = re.compile(f"{_DAY}(?:[T ]{_CLOCK}(?: ?(?:{_OFFSET}))?)?", re.ASCII)
_NOON = time(12)


class Moment(NamedTuple):
    """A moment to the second, naive where its text names no zone; the digits of its fraction; or a day as a whole."""

    at: datetime
    fraction: str = ""
    whole_day: bool = False

    def iso(self) -> str:
        """Write it as ISO 8601; UTC as ``Z``."""
        if self.whole_day:
            return self.at.date().isoformat()
        text = self.at.isoformat()
        seconds, zone = text[:19], text[19:]
        return f"{seconds}{'.' if self.fraction else ''}{self.fraction}{'Z' if zone == '+00:00' else zone}"

    def of(self, zone: tzinfo) -> Moment:
        """Return a naive moment as one of that zone, a day as its first second; others stay as they are."""
        return self if self.at.tzinfo else Moment(self.at.replace(tzinfo=zone), self.fraction)

    def within(self, zone: tzinfo) -> Moment:
        """Return the same moment as a clock in that zone shows it; a naive one is of that zone already."""
        try:
            return Moment(self.of(zone).at.astimezone(zone), self.fraction)
        except (OverflowError, ValueError):
            raise TransformError("is a date at the end of time") from None


def read_moment(value: Any) -> Moment:
    """Read an ISO date, with or without a time; TransformError for anything else. A date alone is its first second."""
    if not isinstance(value, str):
        raise TransformError(f"is {kind_of(value)}, not a date")
    found = _ISO.fullmatch(value.strip())
    if not found:
        raise TransformError("is text that is not a date such as 2025-01-31 or 2025-01-31T12:00:00Z")
    parts = found.groups()
    numbers, (fraction, zulu, sign), offset = parts[:6], parts[6:9], parts[9:]
    try:
        at = datetime(*(int(number or 0) for number in numbers))  # type: ignore[arg-type]
        if zulu:
            at = at.replace(tzinfo=UTC)
        elif sign:
            hours, minutes, seconds = (int(number or 0) for number in offset)  # before 1930 zones had odd seconds
            east = timedelta(hours=hours, minutes=minutes, seconds=seconds)
            at = at.replace(tzinfo=timezone(-east if sign == "-" else east))
    except ValueError as error:
        raise TransformError(f"is no date: {error}") from None
    return Moment(at, fraction or "", numbers[3] is None)


def from_halo_moment(value: Any, zone: tzinfo) -> str | None:
    """Read a moment as Halo writes it, UTC without saying so, and write it as a clock in ``zone`` shows it."""
    moment = _there(read_moment(value))
    return moment and moment.within(UTC).within(zone).iso()


def to_halo_moment(value: Any, zone: tzinfo) -> str:
    """Write a moment as Halo does; one without a zone is taken to be of ``zone``."""
    moment = read_moment(value).within(zone).within(UTC)
    return Moment(moment.at.replace(tzinfo=None), moment.fraction).iso()


def from_halo_date(value: Any, zone: tzinfo) -> str | None:
    """Read a date without time as Halo writes it: a moment on that day in ``zone``."""
    moment = _there(read_moment(value))
    return moment and moment.within(UTC).within(zone).at.date().isoformat()


def to_halo_date(value: Any, zone: tzinfo) -> str:
    """Write a date without time as Halo takes it: noon in ``zone``, in UTC."""
    day = read_moment(value).within(zone).at.date()
    return to_halo_moment(datetime.combine(day, _NOON).isoformat(), zone)


def _there(moment: Moment) -> Moment | None:
    return moment if moment.at.year > NO_DATE_YEAR else None


def zone_named(name: str) -> tzinfo:
    """Return a time zone by its name, such as ``Europe/London``; StepsError when there is none."""
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        hint = suggest(name, available_timezones()) or "For example Europe/London, or UTC."
        raise StepsError.of(f"there is no time zone '{name}'", hint) from None
