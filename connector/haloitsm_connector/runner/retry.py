"""What follows from the outcomes of an attempt: the status of its task, and when it is tried again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from haloitsm_connector.config import RetryFields
from haloitsm_connector.publisher import Outcome
from haloitsm_connector.publisher.base import Status as OutcomeStatus
from haloitsm_connector.store.statuses import Status
from haloitsm_connector.store.tasks_claimed import Claimed
from haloitsm_connector.store.tasks_settled import Settled
from haloitsm_transformers.conditions import condition

STATUS_OF: dict[OutcomeStatus, Status] = {
    "created": "finished",
    "updated": "finished",
    "deleted": "finished",
    "sent": "finished",
    "skipped": "skipped",
    "refused": "failed",
    "failed": "failed",
    "waiting": "waiting",
}
"""The status of a task by the outcome of what was made of it, unless it is tried again."""
NOT_DONE = frozenset({"failed", "waiting"})
"""The statuses of which some are tried again instead."""
WORST: tuple[OutcomeStatus, ...] = ("waiting", "failed", "refused", "created", "updated", "deleted", "sent", "skipped")
"""Which outcome decides where several belong to one task."""


@dataclass(frozen=True)
class Rule:
    """When a task is tried again. ``looks_up``: its publisher can find out what became of a create in doubt."""

    fields: RetryFields
    looks_up: bool = False

    def settled(self, task: Claimed, outcome: Outcome, now: float) -> Settled:
        """Say what became of a task by the outcome of one more attempt."""
        status = STATUS_OF[outcome.status]
        if status in NOT_DONE:
            return self._not_done(task, outcome, _doubts([outcome]), now)
        return Settled(task.number, status, outcome.reason, None, (), _answer(outcome))

    def shared(self, tasks: Sequence[Claimed], outcomes: Sequence[Outcome], now: float) -> list[Settled]:
        """Say what became of tasks that share the outcomes of one more attempt: the worst decides."""
        worst = outcomes[0] if len(outcomes) == 1 else min(outcomes, key=_badness)
        if STATUS_OF[worst.status] not in NOT_DONE:
            return [self.settled(task, worst, now) for task in tasks]
        doubts = _doubts(outcomes)
        return [self._not_done(task, worst, doubts, now) for task in tasks]

    def _not_done(self, task: Claimed, outcome: Outcome, doubts: Sequence[int], now: float) -> Settled:
        due = self._due(outcome, task.attempts + 1, now)
        status = STATUS_OF[outcome.status] if due is None else "retry"
        return Settled(task.number, status, outcome.reason, due, doubts, _answer(outcome))

    def _due(self, outcome: Outcome, attempts: int, now: float) -> float | None:
        """Return when to try again after so many attempts, None where a person has to look."""
        again = attempts < self.fields.attempts and self._again(outcome, attempts)
        return now + self._wait_seconds(attempts) if again else None

    def _again(self, outcome: Outcome, attempts: int) -> bool:
        if outcome.status == "waiting" and not self.looks_up:
            return False  # only a person can tell
        if self._holds is None:
            return outcome.status != "refused" and not outcome.lasting
        names = ("status", "reason", "response", "lasting")
        return self._holds({"attempts": attempts} | {name: getattr(outcome, name) for name in names})

    def _wait_seconds(self, attempts: int) -> float:
        fields = self.fields
        return min(fields.wait_seconds * fields.factor ** min(attempts - 1, 64), fields.most_seconds)

    @cached_property
    def _holds(self) -> Callable[[Any], bool] | None:
        return condition(self.fields.when) if self.fields.when is not None else None


def _doubts(outcomes: Sequence[Outcome]) -> list[int]:
    return [one.intent for one in outcomes if one.status == "waiting" and one.intent]


def _answer(outcome: Outcome) -> dict[str, Any]:
    """Return what is kept of an outcome with its task."""
    answer: dict[str, Any] = {"outcome": outcome.status, "id": outcome.id, "request": outcome.request}
    if outcome.response is not None:
        answer["response"] = outcome.response
    return answer


def _badness(outcome: Outcome) -> tuple[int, bool]:
    """Order outcomes, the worst first: of those that failed, one that will fail again."""
    return WORST.index(outcome.status), not outcome.lasting
