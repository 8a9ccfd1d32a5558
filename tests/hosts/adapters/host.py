"""What the suite of all hosts asks of each of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

CONFIGURATION = Path(__file__).parents[1] / "halo.yaml"
Row = dict[str, Any]


@dataclass(frozen=True)
class Result:
    """What came of one run of a host: rows read, the state to go on from, and all that could be seen of it."""

    succeeded: bool
    output: str
    rows: list[Row] = field(default_factory=list)
    state: Any = None


class Host(Protocol):
    """One host, run as people run it; ``settings`` lead to the sandbox."""

    environment: str
    """The environment of ``make hosts`` that it runs in."""
    keeps_what_came_before_a_bad_record: bool
    """Whether rows in front of a record that cannot go on are delivered."""

    def read(self, run: Any, folder: Path, settings: Row, incoming: str, state: Any = None) -> Result:
        """Read an incoming of the file, from a state on."""

    def publish(self, run: Any, folder: Path, settings: Row, outgoing: str, rows: list[Row]) -> Result:
        """Publish rows through an outgoing of the file."""
