"""What faults do to a sandbox and to what it answers, before anything goes out on the socket."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import orjson

from haloitsm_connector.sandbox.answers import Answer, Asked
from haloitsm_connector.sandbox.errors import shaped
from haloitsm_connector.sandbox.faults import (
    Change,
    Due,
    Duplicate,
    Fault,
    Latency,
    OtherAnswer,
    Partial,
    Revoke,
    Switch,
    When,
    items_of,
    undone,
)  # fmt: skip
from haloitsm_connector.sandbox.halo import Halo
from haloitsm_connector.sandbox.quirks import changed


def surround(halo: Halo, found: Iterable[Due]) -> None:
    """Do what goes on around a request: rows change, switches turn, tokens die."""
    for fault, chance in found:
        match fault:
            case Change():
                halo.change(fault, chance)
            case Switch():
                halo.quirks = changed(halo.quirks, fault.switches)
            case Revoke():
                halo.tokens.revoke()


def waiting_seconds(found: Iterable[Due], when: When) -> float:
    """Return how long to wait before the request is carried out, or after it."""
    slow = ((fault, chance) for fault, chance in found if isinstance(fault, Latency) and fault.when == when)
    return sum(fault.seconds + chance.random() * fault.jitter_seconds for fault, chance in slow)


def carried_out(halo: Halo, asked: Asked, work: Fault | None, answering: Fault | None) -> Answer:
    """Carry the request out as far as the faults let it, and return what is to be answered."""
    answered = Answer(503) if undone(answering) else _worked(halo, asked, work)
    if not isinstance(answering, OtherAnswer):
        return answered
    other = shaped(answering.body, answering.text, answering.status)
    wait = {} if answering.retry_after is None else {"Retry-After": str(answering.retry_after)}
    return replace(other, headers=wait)


def _worked(halo: Halo, asked: Asked, work: Fault | None) -> Answer:
    match work:
        case Duplicate():
            for _ in range(work.copies - 1):
                halo.answer(asked)
        case Partial():
            items = items_of(asked)
            kept = items[: min(max(1, int(len(items) * work.part)), len(items) - 1)]
            answered = halo.answer(replace(asked, body=orjson.dumps(kept)))
            return answered if work.status is None else shaped("html", "Something went wrong", work.status)
    return halo.answer(asked)
