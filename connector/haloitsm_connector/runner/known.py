"""What a fetch that was cut off had stored already: the next one reads it again, and leaves out exactly that."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from haloitsm_transformers import Entity
from haloitsm_transformers.keys import fingerprint


class Known:
    """Entities that are in the store, each to be left out once; their marks lie on disk, so any number may be there.

    For one thread. ``left`` is how many have not come again.
    """

    def __init__(self, entities: Iterable[Entity]) -> None:
        self.left = 0
        self._marks = sqlite3.connect("", isolation_level=None)  # a file of its own, which is gone with the connection
        self._marks.execute("CREATE TABLE marks (mark TEXT PRIMARY KEY, times INTEGER NOT NULL) WITHOUT ROWID")
        self._marks.execute("BEGIN")
        sql = "INSERT INTO marks VALUES (?, 1) ON CONFLICT (mark) DO UPDATE SET times = times + 1"
        for entity in entities:
            self._marks.execute(sql, (fingerprint(entity),))
            self.left += 1

    def take(self, entity: Entity) -> bool:
        """Whether an entity is known, and has not come as often yet."""
        if not self.left:
            return False
        sql = "UPDATE marks SET times = times - 1 WHERE mark = ? AND times > 0"
        found = self._marks.execute(sql, (fingerprint(entity),)).rowcount == 1
        self.left -= found
        return found

    def close(self) -> None:
        """Forget all marks."""
        self._marks.close()
