"""What follows from the outcomes of an attempt: the status of its task, and when it is tried again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from haloitsm_connector.config import RetryFields
from haloitsm_connector.publisher import Outcome
from haloitsm_connector.publisher.base import Status as OutcomeStatus
from haloitsm_connector.store.statuses import Status
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
WORST: tuple[OutcomeStatus, ...] = ("waiting", "failed", "refused", "created", "updated", "deleted", "sent", "skipped")
"""Which outcome decides where several belong to one task."""


class Attempted(NamedTuple):
    """A task that was tried, and how often that was until now."""

    number: int
    attempts: int


@dataclass(frozen=True)
class Rule:
    """When a task is tried again. ``looks_up``: its publisher can find out what became of a create in doubt."""

    fields: RetryFields
    looks_up: bool = False

    def settled(self, tasks: Sequence[Attempted], outcomes: Sequence[Outcome], now: float) -> list[Settled]:
        """Say what became of tasks that share these outcomes."""
        outcome = outcomes[0] if len(outcomes) == 1 else min(outcomes, key=_badness)
        doubts = [one.intent for one in outcomes if one.status == "waiting" and one.intent]
        return [self._settled(*task, outcome, doubts, now) for task in tasks]

    def _settled(self, number: int, attempts: int, outcome: Outcome, doubts: list[int], now: float) -> Settled:
        status, due = STATUS_OF[outcome.status], None
        if status in ("failed", "waiting") and attempts < self.fields.attempts and self._again(outcome, attempts):
            status, due = "retry", now + self._wait_seconds(attempts)
        answer: dict[str, Any] = {"outcome": outcome.status, "id": outcome.id, "request": outcome.request}
        if outcome.response is not None:
            answer["response"] = outcome.response
        return Settled(number, status, outcome.reason, due, doubts, answer)

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


def _badness(outcome: Outcome) -> tuple[int, bool]:
    """Order outcomes, the worst first: of those that failed, one that will fail again."""
    return WORST.index(outcome.status), not outcome.lasting
