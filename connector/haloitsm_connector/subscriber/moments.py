"""Moments: what time it is at Halo, and how moments are read from texts and written into queries."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from math import ceil
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from haloitsm_connector.client.request import Response
from haloitsm_connector.errors import AnswerError
from haloitsm_transformers import TransformError
from haloitsm_transformers.dates import read_moment


def moment(value: Any) -> datetime:
    """Read an ISO date or moment, or one of Python's, UTC unless it names a zone; ValueError for anything else."""
    try:
        read = read_moment(value.isoformat() if isinstance(value, date) else value).within(UTC)
    except TransformError as error:
        raise ValueError(f"this {error.what}") from None
    return read.at.replace(microsecond=int(read.fraction[:6].ljust(6, "0")))


Moment = Annotated[
    datetime,
    BeforeValidator(moment),
    WithJsonSchema({"type": "string", "pattern": r"^\d{4}-\d\d-\d\d"}),
]
"""A field that takes an ISO date or moment, UTC unless it names a zone."""


def moment_in(row: dict[str, Any], name: str) -> datetime | None:
    """Return the moment in a field of a row, UTC unless it names a zone; None where there is none to be read."""
    value = row.get(name)
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def to_the_millisecond(at: datetime) -> str:
    """Write a moment as ``2026-03-02T09:30:00.000Z``, as change filters take it (halo-api-facts 2.4)."""
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"


def to_the_second(at: datetime) -> str:
    """Write a moment as ``2026-03-02T09:30:00``, in UTC, as date filters take it (halo-api-facts 2.4)."""
    return f"{at:%Y-%m-%dT%H:%M:%S}"


def time_there(response: Response, not_before: datetime | None = None) -> datetime:
    """Return a moment by the clock of the server at which it had certainly not begun to answer.

    It has whole milliseconds, as a filter takes it: else the filter would begin before what is remembered. It is
    ``not_before`` such a moment of an earlier answer, so that a slow answer takes nothing back, unless the clock there
    was set back since. Raises AnswerError where the answer does not say what time it is.
    """
    try:
        answered = parsedate_to_datetime(response.headers.get("date", "")).astimezone(UTC)
    except ValueError:
        what = f"{response.url} does not say what time it is there: its answer has no Date header"
        hint = "Without it, what changes during the read could be missed. Something in between may remove it."
        raise AnswerError(what, hint, url=response.url) from None
    began = answered - timedelta(milliseconds=ceil(response.seconds * 1000))
    the_same_clock = not_before is not None and not_before < answered + timedelta(seconds=1)  # Date has no fractions
    return max(began, not_before) if not_before and the_same_clock else began


def seconds_ahead(there: datetime, response: Response) -> int:
    """Return how far the clock there is ahead of ours, in seconds, 0 where the two may be the same."""
    ours = datetime.now(UTC) - timedelta(seconds=response.seconds)
    ahead = (there - ours).total_seconds()  # the Date header has no fractions: up to a second less than it is
    return 0 if -2.0 - response.seconds < ahead < 1.0 + response.seconds else round(ahead)
