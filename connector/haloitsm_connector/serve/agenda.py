"""What is to be done and what of it begins now, as pure functions."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from haloitsm_connector.config.schedules import Priority

PRIORITIES: tuple[Priority, ...] = ("high", "medium", "low")
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

    Those of a higher priority come first, then those that have waited longest. None begins while a job of its own name,
    or one with a route in common, is running.
    """
    begun: list[Job] = []
    for job in sorted(waiting, key=lambda job: (PRIORITIES.index(job.priority), job.since, str(job))):
        under_way = [*running, *begun]
        if len(under_way) >= most:
            break
        if not any(str(one) == str(job) or one.routes & job.routes for one in under_way):
            begun.append(job)
    return begun
