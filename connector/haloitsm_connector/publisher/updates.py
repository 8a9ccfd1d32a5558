"""Send what may be repeated: updates in arrays, cut smaller where not all of an array is taken."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from haloitsm_connector.publisher.answer import last_segment, records_done
from haloitsm_connector.publisher.base import Outcome, Status
from haloitsm_connector.publisher.cut import Cut, Size
from haloitsm_connector.publisher.side_by_side import Exchange
from haloitsm_connector.publisher.verdict import Verdict, exchanged
from haloitsm_connector.publisher.write import Write, joined

if TYPE_CHECKING:
    from haloitsm_connector.client import HttpClient

Settle = Callable[[Write, Any, int], tuple[Status, Any]]
"""Tells what an accepted write did, and the record's id, from what was answered for it and the status of HTTP."""
SICK = 2
"""When so many single records in a row get no proper answer, the server is to blame, and the rest is not sent."""
_NAMED = re.compile(r"\[(\d{1,6})\]\.")


def updated(
    client: HttpClient, writes: Sequence[Write], size: Size, settle: Settle, key: Sequence[str], *, all_answers: bool
) -> Exchange:
    """Send writes that may be repeated, several of them in one array, until each has its outcome."""
    outcomes: list[Outcome] = []
    cut, troubles = Cut(len(writes)), 0
    while left := writes[len(outcomes) :]:
        part = left[: min(cut.count(len(left)), size.now)]
        verdict = yield from exchanged(client, joined(part, all_answers=all_answers))
        if verdict.status == "done" and (answers := _answers(part, verdict.value, key)):
            called = part[0].called  # of what joins, all are called the same
            for write, answer in zip(part, answers, strict=False):
                status, id_ = settle(write, answer, verdict.http_status)
                outcomes.append(Outcome(write.entity, status, id_, "", called, answer))
            cut.passed(len(answers))
            size.passed(len(answers))
            troubles = 0
            continue
        if verdict.heavy:
            size.heavy(len(part))
        if len(part) > 1 and (verdict.divisible or verdict.status == "done"):
            cut.failed(len(part), named(verdict))
            continue
        outcomes += [failed(write, verdict) for write in part]
        cut.judged()
        troubles = troubles + 1 if verdict.heavy and verdict.status == "failed" else 0
        if troubles == SICK:
            reason = f"not sent by itself, because those before it got no answer: {verdict.reason}"
            verdict = replace(verdict, reason=reason, value=None)
            outcomes += [failed(write, verdict) for write in writes[len(outcomes) :]]
    return outcomes


def settled(
    settle: Settle, write: Write, answer: Any, http_status: int, *, reason: str = "", intent: int = 0
) -> Outcome:
    """Return the outcome of an accepted write."""
    status, id_ = settle(write, answer, http_status)
    return Outcome(write.entity, status, id_, reason, write.called, answer, intent=intent)


def failed(write: Write, verdict: Verdict) -> Outcome:
    """Return the outcome of a write that was not done, or of a delete that needs no answer of its own."""
    status = "sent" if verdict.status == "done" else verdict.status
    id_ = last_segment(write.request.path) if status == "deleted" else None
    return Outcome(write.entity, status, id_, verdict.reason, write.called, verdict.value)


def named(verdict: Verdict) -> int | None:
    """Return the index of the record that a refusal blames, as in ``[3].client_id: …`` (halo-api-facts 5)."""
    found = _NAMED.search(verdict.reason) if verdict.status == "refused" else None
    return int(found[1]) if found else None


def _answers(part: Sequence[Write], value: Any, key: Sequence[str]) -> list[Any]:
    if len(part) == 1:
        return [value]
    return records_done(value, [write.id for write in part], key)
