"""What a queue's delivery waits for: that something was stored for it, or that nothing more comes."""

from __future__ import annotations

import threading

LOOK_SECONDS = 0.2
"""How often who waits looks whether it shall stop."""


class Feed:
    """Between those who store tasks of a queue and the one who delivers them."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._stored = 0
        self._ended = False
        self.left = False
        """Whether nobody delivers any more."""

    def came(self) -> None:
        """Say that something was stored."""
        with self._changed:
            self._stored += 1
            self._changed.notify_all()

    def end(self) -> None:
        """Say that nothing more comes."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def look(self) -> tuple[int, bool]:
        """Return how often something was stored, and whether nothing more comes."""
        with self._changed:
            return self._stored, self._ended

    def wait(self, seen: int) -> None:
        """Wait until more was stored than was seen, or nothing more comes; not for long."""
        with self._changed:
            if self._stored == seen and not self._ended:
                self._changed.wait(LOOK_SECONDS)
