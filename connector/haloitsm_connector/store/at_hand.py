"""What this process has stored a moment ago and is about to deliver: it need not be read and decoded again."""

from __future__ import annotations

import threading

from haloitsm_transformers import Entity

MOST_BYTES = 4_000_000
"""Bytes of JSON up to which entities are kept; as Python's objects they take some four times as much."""


class AtHand:
    """The entities of stored batches, by the number of the batch; for two threads, one that puts and one that takes."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._kept: dict[int, tuple[int, list[Entity]]] = {}
        self._taken = threading.Condition()

    def put(self, batch: int, entities: list[Entity], size: int) -> None:
        """Keep the entities of a batch, as far as there is room; ``size`` is the length of their JSON."""
        with self._taken:
            if self._bytes < self._most_bytes:
                self._bytes += size - self._kept.get(batch, (0, None))[0]
                self._kept[batch] = size, entities

    def take(self, batch: int) -> list[Entity] | None:
        """Return the entities of a batch and keep them no longer; None where they are not here."""
        with self._taken:
            size, entities = self._kept.pop(batch, (0, None))
            self._bytes -= size
            self._taken.notify_all()
            return entities

    def make_room(self, seconds: float) -> None:
        """Wait until there is room for more; where nobody makes any in time, let go of all that is kept."""
        with self._taken:
            if not self._taken.wait_for(lambda: not self._kept or self._bytes < self._most_bytes, seconds):
                self._kept.clear()
                self._bytes = 0
