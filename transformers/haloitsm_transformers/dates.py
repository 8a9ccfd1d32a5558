"""Points in time as JSON has them: ISO 8601 texts."""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from haloitsm_transformers.errors import StepsError, TransformError, kind_of, suggest

_ISO = re.compile(
    r"\d{4}-\d\d-\d\d(?P<time>[T ]\d\d:\d\d(?::\d\d(?:\.(?P<fraction>\d{1,9}))?)?(?:Z|[+-]\d\d[\d:]*)?)?", re.ASCII
)


def moment(value: Any) -> datetime | None:
    """Read ``2025-01-31`` or ``2025-01-31T10:00:00Z`` as an aware point in time; None for anything else.

    Without an offset it is UTC, without a time it is midnight.
    """
    if not isinstance(value, str) or not _ISO.fullmatch(value):
        return None
    try:
        read = datetime.fromisoformat(value)
    except ValueError:
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


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
    """Read an ISO date, with or without a time, every digit of it; TransformError for anything else."""
    if not isinstance(value, str):
        raise TransformError(f"is {kind_of(value)}, not a date")
    text = value.strip()
    found = _ISO.fullmatch(text)
    if not found:
        raise TransformError("is text that is not a date such as 2025-01-31 or 2025-01-31T12:00:00Z")
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise TransformError(f"is no date: {error}") from None
    return Moment(at.replace(microsecond=0), found["fraction"] or "", found["time"] is None)


def zone_named(name: str) -> tzinfo:
    """Return a time zone by its name, such as ``Europe/London``; StepsError when there is none."""
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        hint = suggest(name, available_timezones()) or "For example Europe/London, or UTC."
        raise StepsError.of(f"there is no time zone '{name}'", hint) from None
