"""Compare contenders that each live in a process of their own and run in turn, so that nothing hangs on one moment.

A machine's speed drifts by a factor of two within minutes. So a ratio is taken inside each cycle, in which every
contender ran once, and the median of all cycles counts; beside it stand its quartiles.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Result = dict[str, Any]
HERE = Path(__file__).parent


class Contender:
    """A process that does what a line of standard input tells it, and answers with a line."""

    def __init__(self, script: str, name: str, python: Path | str = sys.executable) -> None:
        self.name = name
        self._process = subprocess.Popen(
            [python, HERE / script, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, task: Mapping[str, Any]) -> Result:
        """Let it do one task, and return what it says of it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(task) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} ended early")
        result: Result = json.loads(line)
        return result

    def end(self) -> None:
        """Let it end."""
        self._process.communicate()


@contextmanager
def contenders(script: str, pythons: Mapping[str, Path | str]) -> Iterator[dict[str, Contender]]:
    """Start one contender for each name, with its Python."""
    with ExitStack() as stack:
        started = {}
        for name, python in pythons.items():
            started[name] = Contender(script, name, python)
            stack.callback(started[name].end)
        yield started


def cycles(number: int, tasks: Mapping[str, tuple[Contender, Mapping[str, Any]]]) -> dict[str, list[Result]]:
    """Run every task once to warm up, then ``number`` times in turn, each time beginning with another one."""
    for contender, task in tasks.values():
        contender.run(task)
    results: dict[str, list[Result]] = {name: [] for name in tasks}
    names = list(tasks)
    for cycle in range(number):
        for name in names[cycle % len(names) :] + names[: cycle % len(names)]:
            contender, task = tasks[name]
            results[name].append(contender.run(task))
    return results


@dataclass(frozen=True)
class Ratio:
    """A median with its quartiles."""

    low: float
    middle: float
    high: float

    @classmethod
    def of(cls, above: Iterable[float], below: Iterable[float]) -> Ratio:
        """Divide cycle by cycle."""
        return cls(*statistics.quantiles([a / b for a, b in zip(above, below, strict=True)], n=4))

    def __str__(self) -> str:
        return f"{self.middle:.2f} ({self.low:.2f}..{self.high:.2f})"


def speed(results: Mapping[str, list[Result]], one: str, other: str, what: str = "rows") -> Ratio:
    """Return how many times as fast one is as the other."""
    rates = {name: [each[what] / each["seconds"] for each in results[name]] for name in (one, other)}
    return Ratio.of(rates[one], rates[other])


@dataclass(frozen=True)
class Bar:
    """What a figure must reach: at least ``least``, or at most ``most``."""

    words: str
    value: float
    least: float | None = None
    most: float | None = None
    spread: str = ""

    @property
    def met(self) -> bool:
        """Whether it is reached."""
        return (self.least is None or self.value >= self.least) and (self.most is None or self.value <= self.most)

    def __str__(self) -> str:
        limit = f">= {self.least:g}" if self.least is not None else f"<= {self.most:g}"
        verdict = "met   " if self.met else "MISSED"
        return f"  {verdict}  {self.words:<66} {self.spread or f'{self.value:.1f}':>22}  {limit}"


def told(bars: list[Bar]) -> int:
    """Print all bars; return the exit status: 1 when one is missed."""
    print("\nBars")
    print(*bars, sep="\n")
    return int(not all(bar.met for bar in bars))
