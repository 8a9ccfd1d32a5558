"""What is repeated, when and why: one table, and one pure function that reads it.

A write that must not happen twice (``Request.may_repeat`` is false) is repeated only where the table says that the
other side certainly did nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from urllib.parse import urlsplit

from haloitsm_connector.client.fields import Retry
from haloitsm_connector.client.request import Request, Response

CONNECT_PHASE_SECONDS = 9.0
"""Trying to connect ends within this time, so that a dead host is reported within ten seconds."""


class Event(StrEnum):
    """What can come of one attempt, besides an answer that needs no repeat."""

    NAME_NOT_FOUND = "host name not found"
    REFUSED = "connection refused"
    CONNECT_TIMEOUT = "no connection in time"
    NO_CONNECTION = "no connection"
    PROXY = "proxy failed"
    TLS = "TLS failed"
    NO_BUDGET = "no room in the request budget"
    TIMEOUT = "no answer in time"
    DISCONNECTED = "connection lost before the answer"
    TRUNCATED = "answer cut off"
    TOO_LARGE = "answer too large"
    GARBLED = "answer is not HTTP"
    UNAUTHORISED = "401"
    REQUEST_TIMEOUT = "408"
    RATE_LIMIT = "429"
    SERVER_ERROR = "500"
    BAD_GATEWAY = "502"
    REFUSED_FOR_NOW = "503 with Retry-After"
    UNAVAILABLE = "503"
    GATEWAY_TIMEOUT = "504"
    SLOW_REPORT = "504 of a report"


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table.

    ``tries`` bounds the attempts: 1 never repeats, None leaves it to `retry.attempts`, 0 counts none at all and only
    the total time ends it. ``first_wait_seconds`` is the upper bound of the first wait, doubled with every attempt.
    ``perhaps_done``: the other side may have done what was asked, so only what may be done twice is repeated.
    ``within_seconds`` bounds start of the first to end of the last attempt.
    """

    event: Event
    tries: int | None
    first_wait_seconds: float
    perhaps_done: bool
    why: str
    within_seconds: float | None = None


def _unconnected(event: Event, why: str) -> Row:
    return Row(event, None, 0.5, False, why, CONNECT_PHASE_SECONDS)


TABLE: Mapping[Event, Row] = {
    row.event: row
    for row in (
        _unconnected(Event.NAME_NOT_FOUND, "name servers stumble; nothing was sent"),
        _unconnected(Event.REFUSED, "a server that restarts refuses for a moment; nothing was sent"),
        _unconnected(Event.CONNECT_TIMEOUT, "a packet may be lost; nothing was sent"),
        _unconnected(Event.NO_CONNECTION, "a network may come back; nothing was sent"),
        _unconnected(Event.PROXY, "a proxy may come back; nothing reached the other side"),
        Row(Event.TLS, 1, 0, False, "a certificate does not get better by asking again"),
        Row(Event.NO_BUDGET, 1, 0, False, "it waited for its turn as long as all tries may take; nothing was sent"),
        Row(Event.TIMEOUT, 2, 1, True, "a slow server is not helped by many repeats"),
        Row(Event.DISCONNECTED, None, 0.5, True, "an idle connection was closed, or the server restarts"),
        Row(Event.TRUNCATED, None, 0.5, True, "the connection broke within the answer"),
        Row(Event.TOO_LARGE, 1, 0, True, "it would be as large again"),
        Row(Event.GARBLED, 1, 0, True, "whatever listens there does not speak HTTP"),
        Row(Event.UNAUTHORISED, 2, 0, False, "the token ran out or was withdrawn: once more with a new one"),
        Row(Event.REQUEST_TIMEOUT, None, 1, True, "the server gave up waiting for the request"),
        Row(Event.RATE_LIMIT, 0, 10, False, "refused by the rate limit, whose window is five minutes"),
        Row(Event.SERVER_ERROR, 2, 1, True, "mostly a lasting fault of that route; once more for the passing ones"),
        Row(Event.BAD_GATEWAY, None, 1, True, "the server behind the gateway restarts"),
        Row(Event.REFUSED_FOR_NOW, None, 5, False, "refused with a date to come back"),
        Row(Event.UNAVAILABLE, None, 2, True, "the server is overloaded or restarts"),
        Row(Event.GATEWAY_TIMEOUT, None, 2, True, "the gateway did not wait for the server"),
        Row(Event.SLOW_REPORT, 1, 0, True, "the report would run as long again and load the server twice"),
    )
}


_EVENT_OF_STATUS = {int(event): event for event in Event if event.isdecimal()}


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether to go on: ``wait_seconds`` before the next attempt, None to give up, and why."""

    wait_seconds: float | None
    why: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a request has come: attempts made, seconds since the first began, and until the total deadline."""

    attempts: int
    elapsed_seconds: float
    left_seconds: float


def event_of(target: str, response: Response) -> Event | None:
    """Return the row that an answer to a request for ``target`` (path or URL) belongs to; None when it is final."""
    if response.status == 503 and "retry-after" in response.headers:
        return Event.REFUSED_FOR_NOW
    if response.status == 504 and "report" in urlsplit(target).path.lower().split("/"):
        return Event.SLOW_REPORT
    return _EVENT_OF_STATUS.get(response.status)


def perhaps_done(request: Request, response: Response) -> bool:
    """Whether an error answer leaves open if the request took effect: 500, 502, 504 and the like (see TABLE)."""
    event = event_of(request.path, response)
    return event is not None and TABLE[event].perhaps_done


def decide(
    event: Event,
    progress: Progress,
    *,
    may_repeat: bool,
    policy: Retry,
    connect_seconds: float,
    chance: float,
    retry_after_seconds: float | None = None,
) -> Decision:
    """Decide what comes after an attempt that ended in ``event``.

    ``chance`` between 0 and 1 places the wait between nothing and its upper bound (full jitter).
    """
    row = TABLE[event]
    if row.perhaps_done and not may_repeat:
        return Decision(None, "it may have taken effect, and repeating could do it twice")
    if row.tries == 1:
        return Decision(None, row.why)
    limit = policy.attempts if row.tries is None else min(row.tries, policy.attempts)
    if policy.attempts == 1 or (row.tries != 0 and progress.attempts >= limit):
        return Decision(None, "tried once" if progress.attempts == 1 else f"tried {progress.attempts} times")
    bound = min(row.first_wait_seconds * 2 ** min(progress.attempts - 1, 30), policy.longest_wait_seconds)
    wait = retry_after_seconds or bound * chance  # a Retry-After of 0 would make a tight loop
    if wait >= progress.left_seconds:
        return Decision(None, f"the next try would be after the {policy.total_seconds:g} s of retry.total_seconds")
    if row.within_seconds is not None and progress.elapsed_seconds + wait + connect_seconds > row.within_seconds:
        return Decision(None, f"tried for {progress.elapsed_seconds:.1f} s")
    return Decision(wait, row.why)


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Read Retry-After, in seconds or as an HTTP date; None when it is absent or makes no sense."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())
