"""Halo's way of writing dates (halo-api-facts 8)."""

from __future__ import annotations

from datetime import UTC, datetime, time, tzinfo
from typing import Any

from haloitsm_transformers.dates import Moment, read_moment

NO_DATE_YEAR = 1900
"""A date of this year or an earlier one means that there is none (halo-api-facts 8)."""

_NOON = time(12)


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
    if moment and not moment.whole_day:
        moment = moment.within(UTC).within(zone)
    return moment and moment.at.date().isoformat()


def to_halo_date(value: Any, zone: tzinfo) -> str:
    """Write a date without time as Halo takes it: noon in ``zone``, in UTC."""
    day = read_moment(value).within(zone).at.date()
    return to_halo_moment(datetime.combine(day, _NOON).isoformat(), zone)


def _there(moment: Moment) -> Moment | None:
    return moment if moment.at.year > NO_DATE_YEAR else None
