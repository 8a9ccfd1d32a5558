"""What this process has stored a moment ago and is about to deliver: it need not be decoded again."""

from __future__ import annotations

import threading

from haloitsm_transformers import Entity

MOST_BYTES = 4_000_000
"""Bytes of JSON up to which entities are kept; as Python's objects they take some four times as much."""


class AtHand:
    """The entities of stored batches, by the number of the batch; for threads that put and threads that take."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._kept: dict[int, tuple[list[Entity], int]] = {}
        self._taken = threading.Condition()
        self._somebody_takes = True

    def put(self, batch: int, entities: list[Entity], size_bytes: int) -> None:
        """Keep the entities of a batch, as far as there is room; ``size_bytes`` is what they take as JSON."""
        with self._taken:
            self._drop(batch)
            if self._bytes + size_bytes <= self._most_bytes:
                self._kept[batch] = entities, size_bytes
                self._bytes += size_bytes

    def take(self, batch: int) -> list[Entity] | None:
        """Return the entities of a batch as they were stored, and keep them no longer; None where they are not kept."""
        with self._taken:
            kept = self._drop(batch)
            if kept is None:
                return None
            self._somebody_takes = True
            self._taken.notify_all()
            return kept[0]

    def make_room(self, seconds: float) -> None:
        """Let go of all that is kept where half of the room is taken and nobody takes any of it in time.

        That is waited for once: not again before somebody takes something.
        """
        with self._taken:
            patience = seconds if self._somebody_takes else 0.0
            if not self._taken.wait_for(lambda: self._bytes <= self._most_bytes / 2, patience):
                self._kept.clear()
                self._bytes = 0
                self._somebody_takes = False

    def _drop(self, batch: int) -> tuple[list[Entity], int] | None:
        kept = self._kept.pop(batch, None)
        self._bytes -= kept[1] if kept else 0
        return kept
