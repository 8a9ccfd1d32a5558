"""Storages: JSON values under keys, which steps keep between runs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

from haloitsm_connector.errors import StateError
from haloitsm_connector.store.database import Database
from haloitsm_transformers.keys import to_json

STORE = (
    "INSERT INTO storages (storage, key, value, ends) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (storage, key) DO UPDATE SET value = excluded.value, ends = excluded.ends"
)
PAGE = 500
"""Entries that are read at once."""


class KeptStorage:
    """One storage in a state. Every call stands by itself; what was put survives the end of this process.

    ``ttl_seconds`` is how long a value is kept that is put without a time of its own; None for ever.
    """

    def __init__(
        self,
        database: Database,
        name: str,
        ttl_seconds: float | None = None,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._name = name
        self._ttl_seconds = ttl_seconds
        self._now = now
        self._swept = False

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value under a key, or ``default`` where there is none or its time is over."""
        sql = "SELECT value FROM storages WHERE storage = ? AND key = ? AND (ends IS NULL OR ends > ?)"
        found = self._database.rows(sql, (self._name, key, self._now()))
        return self._read(key, found[0][0]) if found else default

    def put(self, key: str, value: Any, ttl_seconds: float | None = None) -> None:
        """Keep a value in place of the one before; ValueError when it is not JSON."""
        text = to_json(value)
        ttl = self._ttl_seconds if ttl_seconds is None else ttl_seconds
        ends = None if ttl is None else self._now() + ttl
        with self._database.transaction(durable=False) as connection:
            if not self._swept:
                connection.execute("DELETE FROM storages WHERE storage = ? AND ends <= ?", (self._name, self._now()))
                self._swept = True
            connection.execute(STORE, (self._name, key, text, ends))

    def delete(self, *keys: str) -> None:
        """Forget keys, all or none of them; those that are not there are fine."""
        with self._database.transaction(durable=False) as connection:
            rows = [(self._name, key) for key in keys]
            connection.executemany("DELETE FROM storages WHERE storage = ? AND key = ?", rows)

    def iterate(self, prefix: str = "") -> Iterator[tuple[str, Any]]:
        """Yield keys that begin with a prefix, and their values, sorted by key.

        What is put or deleted meanwhile may be seen or not.
        """
        compared, last = ">=", prefix
        while found := self._database.rows(
            f"SELECT key, value FROM storages WHERE storage = ? AND key {compared} ?"  # noqa: S608
            " AND (ends IS NULL OR ends > ?) ORDER BY key LIMIT ?",
            (self._name, last, self._now(), PAGE),
        ):
            for key, text in found:
                if not key.startswith(prefix):
                    return
                yield key, self._read(key, text)
            compared, last = ">", found[-1][0]

    def _read(self, key: str, text: str) -> Any:
        try:
            return json.loads(text)
        except ValueError:
            what = f"the value under '{key}' of the storage '{self._name}' in {self._database.place} is damaged"
            raise StateError(what, "Delete it, or restore the state from a copy.") from None


def storage_counts(database: Database, now: Callable[[], float] = time.time) -> dict[str, int]:
    """Return how many entries each storage holds whose time is not over, sorted by name."""
    sql = "SELECT storage, count(*) FROM storages WHERE ends IS NULL OR ends > ? GROUP BY storage ORDER BY storage"
    return dict(database.rows(sql, (now(),)))
