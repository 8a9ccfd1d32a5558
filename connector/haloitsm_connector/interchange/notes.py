"""What could not be carried over: said once for everything that it holds for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

SHOWN = 3
"""Places that are named in one line."""


@dataclass(frozen=True, slots=True)
class Note:
    """Something left out, changed or to be done: where, and what in plain words."""

    where: str
    what: str


def gathered(notes: Iterable[Note]) -> list[str]:
    """Return a line per thing that is said, with the first places it holds for: ``a, b, c and 4 more: …``."""
    places: dict[str, list[str]] = {}
    for note in notes:
        found = places.setdefault(note.what, [])
        if note.where not in found:
            found.append(note.where)
    return [f"{_listed(found)}: {what}." for what, found in places.items()]


def _listed(places: list[str]) -> str:
    rest = len(places) - SHOWN
    return ", ".join(places[:SHOWN]) + (f" and {rest} more" if rest > 0 else "")
