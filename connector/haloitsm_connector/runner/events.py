"""What a runner tells while it works: values, for whoever shows progress, counts, or writes a log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from haloitsm_connector.errors import ConnectorError
from haloitsm_connector.publisher import Outcome
from haloitsm_connector.store.statuses import Status


@dataclass(frozen=True, slots=True)
class Held:
    """Another process is at it (``who``), and this one waits for its turn; told once."""

    name: str
    who: str


@dataclass(frozen=True, slots=True)
class Began:
    """A route, or an incoming by itself, begins; ``left`` is how many of its tasks an earlier run left behind."""

    name: str
    left: int = 0


@dataclass(frozen=True, slots=True)
class Stored:
    """What was read for a route is in the store, in one transaction with the cursor behind it.

    ``read`` counts what came out of the incoming, ``new`` the tasks that were made of it. ``rejected`` are the outcomes
    of what failed on the way; ``known`` counts what an earlier run, which was cut off, had stored already.
    """

    name: str
    read: int
    new: int
    rejected: tuple[Outcome, ...] = ()
    known: int = 0


@dataclass(frozen=True, slots=True)
class FetchEnded:
    """No more is read for a route; ``complete`` unless it was stopped or failed."""

    name: str
    complete: bool


class Done(NamedTuple):
    """What became of one attempt at a task: its status now, and one outcome for each entity that was made of it."""

    number: int
    key: str | None
    status: Status
    attempts: int
    outcomes: tuple[Outcome, ...]


@dataclass(frozen=True, slots=True)
class Delivered:
    """Tasks of a queue have been tried, in their order, and the store says what became of them."""

    queue: str
    tasks: tuple[Done, ...]


@dataclass(frozen=True, slots=True)
class QueueEnded:
    """Nothing more is delivered from a queue.

    ``left`` counts its tasks that are not done with, by status; the first ``retry`` is due at ``retry_at``, in seconds
    since 1970.
    """

    queue: str
    left: Counter[Status]
    retry_at: float | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """Something ended a fetch or a delivery before its time; what is stored stays, and the next run goes on with it."""

    name: str
    error: ConnectorError


Event = Held | Began | Stored | FetchEnded | Delivered | QueueEnded | Failed
Tell = Callable[[Event], None]
"""Is told every event, from several threads, one at a time."""


@dataclass(slots=True)
class Summary:
    """What a run came to. ``statuses`` counts attempts by queue and the status that each led to."""

    statuses: dict[str, Counter[Status]] = field(default_factory=dict)
    ended: dict[str, QueueEnded] = field(default_factory=dict)
    errors: list[Failed] = field(default_factory=list)
    stopped: bool = False

    def add(self, event: Event) -> None:
        """Count an event."""
        match event:
            case Stored(name=name, rejected=rejected) if rejected:
                self.statuses.setdefault(name, Counter())["rejected"] += len(rejected)
            case Delivered(queue=queue, tasks=tasks):
                self.statuses.setdefault(queue, Counter()).update(task.status for task in tasks)
            case QueueEnded(queue=queue):
                self.ended[queue] = event
            case Failed():
                self.errors.append(event)

    @property
    def exit_status(self) -> int:
        """0 when all went well, 4 when single tasks did not, else that of the first error that ended something."""
        if self.errors:
            return self.errors[0].error.exit_status
        return 4 if any(counts[status] for counts in self.statuses.values() for status in LOOK_AT) else 0


LOOK_AT: tuple[Status, ...] = ("failed", "retry", "rejected", "waiting")
"""The statuses of tasks that did not go well."""
