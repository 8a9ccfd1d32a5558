"""Cursors: how far something has been read, by name, as any JSON value."""

from __future__ import annotations

import time
from typing import Any

import orjson

from haloitsm_connector.errors import StateError
from haloitsm_connector.store.database import Database

STORE = (
    "INSERT INTO cursors (name, value, stored) VALUES (?, ?, ?)"
    " ON CONFLICT (name) DO UPDATE SET value = excluded.value, stored = excluded.stored"
)


class Cursors:
    """The cursors in a state. Every call stands by itself, and is kept when it returns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, name: str) -> Any:
        """Return a cursor, None when there is none; StateError when what is stored cannot be read."""
        found = self._database.rows("SELECT value FROM cursors WHERE name = ?", (name,))
        return self._read(name, found[0][0]) if found else None

    def set(self, name: str, value: Any) -> None:
        """Store a cursor in place of the one before; TypeError for what JSON cannot hold."""
        text = orjson.dumps(value).decode()
        with self._database.transaction() as connection:
            connection.execute(STORE, (name, text, time.time()))

    def delete(self, name: str) -> None:
        """Forget a cursor; nothing happens when there is none."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM cursors WHERE name = ?", (name,))

    def list(self) -> dict[str, Any]:
        """Return all cursors by name, sorted."""
        found = self._database.rows("SELECT name, value FROM cursors ORDER BY name")
        return {name: self._read(name, value) for name, value in found}

    def _read(self, name: str, text: str) -> Any:
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            what = f"the cursor '{name}' in {self._database.place} is damaged"
            raise StateError(what, "Delete it to read everything anew.") from None
