"""How far a route is: which cursor may be stored, because the outcomes of all before it are told."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from typing import Literal

from haloitsm_connector.publisher import Outcome
from haloitsm_connector.subscriber import Cursor, Slice
from haloitsm_transformers import Entity, Failure

Fail = Callable[[Failure], None]
Kind = Literal["entity", "failure"]


class Progress:
    """Counts what has to come out of one run, and what did; hands a cursor to ``store`` when nothing lies before it.

    Every entity that is published ends in one outcome, in their order, and so does every failure on the way there.
    """

    def __init__(self, store: Callable[[Cursor], None]) -> None:
        self._store = store
        self._wanted: Counter[Kind] = Counter()
        self._told: Counter[Kind] = Counter()
        self._cursors: deque[tuple[Counter[Kind], Cursor]] = deque()
        self._coming: dict[int, tuple[Outcome, Kind]] = {}  # by identity, which keeping the outcome preserves

    def through(self, slices: Iterable[Slice]) -> Iterator[Entity]:
        """Yield the entities of slices as the publisher takes them."""
        for one in slices:
            for entity in one.entities:
                self._wanted["entity"] += 1
                yield entity
            if one.cursor is not None:
                self._cursors.append((self._wanted.copy(), one.cursor))
                self._store_reached()

    def noting(self, fail: Fail) -> Fail:
        """Return ``fail``, and count every failure as something that has to come out."""

        def noted(failure: Failure) -> None:
            self._wanted["failure"] += 1
            fail(failure)

        return noted

    def expecting(self, kind: Kind, outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
        """Yield outcomes on their way to whoever is told; those that are not of another kind already are of this."""
        for outcome in outcomes:
            self._coming.setdefault(id(outcome), (outcome, kind))
            yield outcome

    def told(self, outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
        """Yield outcomes, expected ones among others; one is told when the next is asked for."""
        for outcome in outcomes:
            yield outcome
            if coming := self._coming.pop(id(outcome), None):
                self._told[coming[1]] += 1
                self._store_reached()

    def _store_reached(self) -> None:
        """Store the last cursor that has nothing before it which was not told."""
        reached = None
        while self._cursors and self._cursors[0][0] <= self._told:
            reached = self._cursors.popleft()[1]
        if reached is not None:
            self._store(reached)
