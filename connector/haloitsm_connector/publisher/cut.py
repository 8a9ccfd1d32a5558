"""How many records go in one array: pure decisions, so that few requests find the records that are to blame."""

from __future__ import annotations

from dataclasses import dataclass

GROWTH = 10
"""An array that was taken lets the next ones grow by this part of the most that is allowed."""


@dataclass(slots=True)
class Size:
    """How many records the server takes at once: halved where it has had enough, grown slowly where it has not."""

    most: int
    now: int

    def passed(self, count: int) -> None:
        """Note that so many went well."""
        if count >= self.now:
            self.now = min(self.most, self.now + max(1, self.most // GROWTH))

    def heavy(self, count: int) -> None:
        """Note that so many were too many."""
        self.now = max(1, min(self.now, count // 2))


@dataclass(slots=True)
class Cut:
    """Where to cut records of which not all were taken; ``whole`` is how many there were at first.

    ``suspects``: among so many of the next, one at least is to blame. Halving them finds it with few requests. After
    each that was found the next cut is smaller than the last, so that where all are to blame little is tried in vain.
    """

    whole: int
    suspects: int = 0
    found: int = 0
    _next: int = 0
    _named: bool = False

    def __post_init__(self) -> None:
        self._next = self.whole

    def count(self, left: int) -> int:
        """Return how many of those that are left to send next."""
        return max(1, min(self._next, left))

    def passed(self, count: int) -> None:
        """Note that so many of the next records are done."""
        self.suspects = max(0, self.suspects - count)
        if self.suspects:
            self._next = 1 if self._named else (self.suspects + 1) // 2
        else:
            self._next = 2 * self._next
        self._named = False

    def failed(self, count: int, named: int | None = None) -> None:
        """Note that so many of the next were not taken; ``named`` is the index that the answer blames, if it does."""
        self.suspects = count
        self._named = named is not None and 0 < named < count
        self._next = max(1, count // 2)
        if named is not None and named < count:
            self._next = named or 1

    def judged(self) -> None:
        """Note that the next single record is through with it: it was to blame."""
        self.suspects, self._named = 0, False
        self.found += 1
        self._next = self.whole >> self.found
