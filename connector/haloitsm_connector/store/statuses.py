"""The statuses of a task, and every way from one to another: the one table that code, page and diagram are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from haloitsm_connector.errors import InputError

Status = Literal["new", "processing", "finished", "failed", "skipped", "retry", "rejected", "waiting"]
STATUSES: tuple[Status, ...] = get_args(Status)
Action = Literal["retry", "reopen", "skip", "delete"]
"""What people may do to tasks."""

MEANINGS: dict[Status, str] = {
    "new": "stored, and not delivered yet",
    "processing": "under way to the target at this moment",
    "finished": "delivered: the target took it",
    "failed": "refused, or failed for good or as often as the route allows; it stays until somebody mends the cause",
    "skipped": "there was nothing to send, or somebody decided not to send it",
    "retry": "failed, and will be tried again by itself when it is due",
    "rejected": "never came to be delivered: it failed on its way into the store, or is too large",
    "waiting": "it left, and nobody knows whether it took effect; `haloitsm waiting` settles that",
}


@dataclass(frozen=True, slots=True)
class Transition:
    """One way: from a status (None: from outside) by an event to a status (None: it is gone); who does it, and when."""

    before: Status | None
    event: str
    after: Status | None
    who: str
    meaning: str


_ROUTE, _RUN, _STORE, _PERSON = "fetching", "delivery", "the store", "a person"

TRANSITIONS = (
    Transition(None, "store", "new", _ROUTE, "an entity came through the chains of incoming and route"),
    Transition(None, "reject", "rejected", _ROUTE, "it failed in one of them, or is larger than the route allows"),
    Transition("new", "claim", "processing", _RUN, "it is its turn"),
    Transition("retry", "claim", "processing", _RUN, "it is due"),
    Transition("processing", "finish", "finished", _RUN, "created, updated, deleted or sent"),
    Transition("processing", "drop", "skipped", _RUN, "the outgoing's chain left nothing, or nothing had changed"),
    Transition("processing", "fail", "failed", _RUN, "refused, failed for good, or no attempt is left"),
    Transition("processing", "postpone", "retry", _RUN, "it failed, and the route's rule allows another attempt"),
    Transition("processing", "doubt", "waiting", _RUN, "the answer was lost"),
    Transition("processing", "release", "new", _RUN, "the run was stopped before it was sent"),
    Transition("processing", "repair", "new", _STORE, "the process that had it is gone"),
    Transition("waiting", "decide", "new", _PERSON, "`haloitsm waiting created` or `again`: the next attempt heeds it"),
    Transition("failed", "retry", "new", _PERSON, "the cause is mended"),
    Transition("skipped", "retry", "new", _PERSON, "it shall be sent after all"),
    Transition("retry", "retry", "new", _PERSON, "now, and not when it is due"),
    Transition("finished", "reopen", "new", _PERSON, "it shall be delivered once more"),
    Transition("new", "skip", "skipped", _PERSON, "it shall not be sent"),
    Transition("failed", "skip", "skipped", _PERSON, "it is settled in another way"),
    Transition("retry", "skip", "skipped", _PERSON, "it shall not be tried again"),
    Transition("waiting", "skip", "skipped", _PERSON, "somebody looked, and nothing is left to do"),
    *(
        Transition(status, "delete", None, _PERSON, "it shall be forgotten, with its entity")
        for status in STATUSES
        if status != "processing"
    ),
    *(
        Transition(status, "prune", None, _STORE, "it is older than is kept, or one too many")
        for status in ("finished", "skipped", "failed", "rejected")
    ),
)

_AFTER = {(one.event, one.before): one.after for one in TRANSITIONS}
EVENT_OF_OUTCOME = {one.after: one.event for one in TRANSITIONS if one.before == "processing" and one.who == _RUN}
"""Which event of a delivery leads to a status."""


def before(event: str) -> tuple[Status, ...]:
    """Return the statuses from which an event is possible."""
    return tuple(status for status in STATUSES if (event, status) in _AFTER)


def after(status: Status, action: Action) -> Status | None:
    """Return where an action leads, None where the task is gone; InputError names from where it is possible."""
    if (action, status) in _AFTER:
        return _AFTER[action, status]
    hint = f"Only what is {listed(before(action))} can be {_DONE[action]}."
    raise InputError(f"what is {status} cannot be {_DONE[action]}", f"{hint}{_INSTEAD.get((action, status), '')}")


def listed(words: tuple[str, ...]) -> str:
    """Write words as a list: ``failed, retry or skipped``."""
    return f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else "".join(words)


_DONE: dict[Action, str] = {"retry": "retried", "reopen": "reopened", "skip": "skipped", "delete": "deleted"}
_INSTEAD: dict[tuple[Action, Status], str] = {
    ("retry", "finished"): " What is finished is delivered once more by reopening it.",
    ("retry", "waiting"): " Look the record up and say what you found: haloitsm waiting.",
    (
        "retry",
        "rejected",
    ): " Mend the chain or the record, and let it be read again; or export it, mend it and import it.",
}
