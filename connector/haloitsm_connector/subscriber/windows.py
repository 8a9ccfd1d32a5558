"""Which part of a list a page shows, and which page to ask for to see a given part.

Halo knows pages by number and size only: page ``n`` of size ``m`` shows ``m`` rows from row ``(n - 1) * m`` on,
counted from 0. A page that shows a certain row and its neighbour is found by varying the size a little.
"""

from __future__ import annotations

from dataclasses import dataclass

SMALLEST = 2
"""Rows that a page must have to show a row and the one before it."""


@dataclass(frozen=True, slots=True)
class Window:
    """Page ``number`` (from 1) of ``size`` rows."""

    number: int
    size: int

    @property
    def offset(self) -> int:
        """The first row that it shows, counted from 0."""
        return (self.number - 1) * self.size

    @property
    def end(self) -> int:
        """The row after the last one that it shows."""
        return self.number * self.size


def forward(row: int, size: int, overlap: int) -> Window | None:
    """Return the page of at most ``size`` rows that shows ``row``, ``overlap`` rows before it, and most after it.

    None where there is no such page, which only happens for very small pages.
    """
    start, best = row - overlap, None
    for rows in range(size, 0, -1):
        if best and start + rows <= best.end:
            break
        window = Window(start // rows + 1, rows)
        if window.end > row and (best is None or window.end > best.end):
            best = window
    return best


def backward(row: int, size: int) -> Window | None:
    """Return the page of at most ``size`` rows that shows ``row`` and most of the rows before it, at least one."""
    best = None
    for rows in range(size, 0, -1):
        if best and row - best.offset >= rows - 1:
            break
        window = Window(row // rows + 1, rows)
        if window.offset < row and (best is None or window.offset < best.offset):
            best = window
    return best
