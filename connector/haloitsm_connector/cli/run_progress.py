"""How far a run is: counted from what the runner tells, and shown live at a terminal."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from haloitsm_connector.cli import output
from haloitsm_connector.runner import Began, Delivered, Event, FetchEnded, QueueEnded, Stored

if TYPE_CHECKING:
    from rich.console import RenderableType

    from haloitsm_connector.publisher import Outcome
    from haloitsm_connector.runner import Done

GOOD = ("created", "updated", "deleted", "sent", "skipped")
BAD = ("to be retried", "failed", "refused", "rejected", "waiting")
"""What somebody has to look at, and what is therefore written last."""
REFRESH_PER_SECOND = 4
BUDGET_SECONDS = 2.0


@dataclass
class Line:
    """What one queue has come to. ``settled`` counts attempts at tasks, ``counts`` what became of entities."""

    began: float
    left: int = 0
    read: int = 0
    new: int = 0
    known: int = 0
    settled: int = 0
    failed: int = 0
    complete: bool = False
    retry_at: float | None = None
    counts: Counter[str] = field(default_factory=Counter)

    def told(self) -> str:
        """Write what became of the entities: ``90 sent, 1 failed``; empty for none."""
        return ", ".join(f"{self.counts[word]} {word}" for word in (*GOOD, *BAD) if self.counts[word])

    def rate(self, now: float) -> float:
        """Return attempts per second since it began."""
        return self.settled / (now - self.began) if now > self.began else 0.0

    @property
    def rest(self) -> int:
        """How many tasks are stored and were not tried yet."""
        return max(0, self.left + self.new - self.settled)

    def remaining_seconds(self, now: float) -> float | None:
        """Return how long the rest takes at this rate; None while it is not known how much there is."""
        rate = self.rate(now)
        return self.rest / rate if self.complete and rate else None


class Progress:
    """What a run has come to so far, queue by queue, in the order of ``routes``; incomings by themselves come last."""

    def __init__(self, routes: Iterable[str], clock: Callable[[], float] = time.monotonic) -> None:
        self.lines: dict[str, Line] = {}
        self._places = {name: place for place, name in enumerate(routes)}
        self._clock = clock

    def ordered(self) -> list[tuple[str, Line]]:
        """Return the queues in their order, and what each has come to."""

        def place(item: tuple[str, Line]) -> int:
            return self._places.get(item[0].removesuffix(" results"), len(self._places))

        lines = list(self.lines.items())  # at once: another thread may add to them
        lines.sort(key=place)
        return lines

    def line(self, queue: str) -> Line:
        """Return what one queue has come to."""
        if queue not in self.lines:
            self.lines[queue] = Line(self._clock())
        return self.lines[queue]

    def count(self, event: Event) -> None:
        """Count what an event tells."""
        match event:
            case Began(name=name, left=left):
                self.line(name).left += left
            case Stored(name=name, read=read, new=new, rejected=rejected, known=known):
                line = self.line(name)
                line.read, line.new, line.known = line.read + read, line.new + new, line.known + known
                line.failed += len(rejected)
                line.counts += Counter(rejected=len(rejected))
            case FetchEnded(name=name, complete=complete):
                self.line(name).complete = complete
            case Delivered(queue=queue, tasks=tasks):
                line = self.line(queue)
                line.settled += len(tasks)
                line.failed += sum(task.status not in ("finished", "skipped") for task in tasks)
                line.counts.update(became(task, outcome) for task in tasks for outcome in task.outcomes)
            case QueueEnded(queue=queue, retry_at=retry_at) if queue in self.lines:
                self.lines[queue].retry_at = retry_at

    def total(self, *words: str) -> int:
        """Return how many entities came to this."""
        return sum(line.counts[word] for line in self.lines.values() for word in words)


def became(task: Done, outcome: Outcome) -> str:
    """Return in a word what became of an entity."""
    again = task.status == "retry" and outcome.status in ("failed", "refused", "waiting")
    return "to be retried" if again else outcome.status


@contextmanager
def live(progress: Progress, budgets: Callable[[], str], stopping: Callable[[], bool]) -> Iterator[None]:
    """Show progress at the terminal as long as the block lasts; lines that are said meanwhile come above it."""
    from rich.console import Console, Group
    from rich.live import Live
    from rich.text import Text

    asked, known = 0.0, ""

    def shown() -> RenderableType:
        nonlocal asked, known
        now = time.monotonic()
        if now - asked > BUDGET_SECONDS:
            asked, known = now, budgets()
        below = [Text(known, style="dim")] if known else []
        if stopping():
            below.append(
                Text("Finishing what is in flight … once more stops at once; nothing is lost.", style="yellow")
            )
        return Group(_table(progress, now), *below)

    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    with Live(
        get_renderable=shown,
        console=console,
        refresh_per_second=REFRESH_PER_SECOND,
        transient=True,
        redirect_stdout=False,
    ):
        yield


def _table(progress: Progress, now: float) -> Any:
    from rich.table import Table

    table = Table("route", box=None, pad_edge=False, header_style="bold")
    for name in ("read", "new", "done", "failed", "rate", "remaining"):
        table.add_column(name, justify="right")
    for queue, line in progress.ordered():
        table.add_row(*(output.harmless(cell) for cell in row(queue, line, now)))
    return table


def row(queue: str, line: Line, now: float) -> tuple[str, ...]:
    """Write one line of the live table."""
    remaining = line.remaining_seconds(now)
    return (
        queue,
        f"{line.read}{'' if line.complete else ' …'}",
        str(line.new),
        str(line.settled),
        str(line.failed),
        f"{line.rate(now):.1f}/s" if line.settled else "",
        output.span(remaining) if remaining is not None else "",
    )
