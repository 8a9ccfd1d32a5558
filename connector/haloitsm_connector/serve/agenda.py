"""What is to be done and what of it begins now, as pure functions."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from haloitsm_connector.config.schedules import Priority

LATER: dict[Priority, timedelta] = {"high": timedelta(0), "medium": timedelta(minutes=5), "low": timedelta(minutes=10)}
"""By how much a priority comes later than who waits since the same time: so nobody waits for ever."""
Kind = Literal["schedule", "arrived", "due", "housekeeping"]


@dataclass(frozen=True, slots=True)
class Job:
    """Something to do: groups of routes, one after the other, and since when it waits.

    ``arrived`` is for routes whose webhook has something for them, ``due`` for tasks that are to be delivered now; both
    name what they are for.
    """

    kind: Kind
    name: str
    since: datetime
    groups: tuple[tuple[str, ...], ...] = ()
    priority: Priority = "medium"
    routes: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "routes", frozenset(route for group in self.groups for route in group))

    def __str__(self) -> str:
        return self.name if self.kind == "housekeeping" else f"{self.kind} {self.name}"


def beginning(waiting: Iterable[Job], running: Collection[Job], most: int) -> list[Job]:
    """Return which of the waiting jobs begin now, where at most so many run at once.

    Those that have waited longest come first, where a lower priority counts as having waited less. None begins while a
    job of its own name, or one with a route in common, is running, or waits and comes first.
    """
    begun: list[Job] = []
    ahead = list(running)
    for job in sorted(waiting, key=lambda job: (job.since + LATER[job.priority], str(job))):
        if len(running) + len(begun) >= most:
            break
        if not any(str(one) == str(job) or one.routes & job.routes for one in ahead):
            begun.append(job)
        ahead.append(job)
    return begun
