"""The inbox of a webhook: events that arrived, on disk before their sender is told so, each of them once."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from haloitsm_connector.errors import StateError
from haloitsm_connector.store.database import Database


@dataclass(frozen=True, slots=True)
class Event:
    """An event, and the ``id`` that tells it from others, remembered until ``ends``, by the clock.

    An event without an id is always taken for a new one.
    """

    content: dict[str, Any]
    id: str | None = None
    ends: float = 0.0


class Inbox:
    """The events of one incoming, numbered in the order of their arrival; ``state`` opens their file.

    Threads and processes may put and read at the same time: numbers are given one transaction after the other, so that
    who has read up to a number has missed none before it.
    """

    def __init__(self, state: Callable[[], Database], incoming: str, *, now: Callable[[], float] = time.time) -> None:
        self._state = state
        self._incoming = incoming
        self._now = now

    def put(self, events: Sequence[Event]) -> int:
        """Keep events, those that are not known yet, and return how many; they are on disk when this returns."""
        if not events:
            return 0
        now = self._now()
        with self._state().transaction() as connection:
            sql = "INSERT INTO inboxes (incoming, last) VALUES (?, 0) ON CONFLICT (incoming) DO NOTHING"
            connection.execute(sql, (self._incoming,))
            # Whoever else puts into this inbox waits here for our commit.
            sql = "UPDATE inboxes SET last = last + 0 WHERE incoming = ? RETURNING last"
            ((last,),) = connection.execute(sql, (self._incoming,)).fetchall()
            sql = "INSERT INTO inbox (incoming, number, id, event, arrived, ends) VALUES (?, ?, ?, ?, ?, ?)"
            sql += " ON CONFLICT DO NOTHING"
            new = 0
            for one in events:  # what is known gets no number, so that who has read all has read up to the last
                row = (last + new + 1, one.id, orjson.dumps(one.content).decode(), now, one.ends)
                new += connection.execute(sql, (self._incoming, *row)).rowcount
            connection.execute("UPDATE inboxes SET last = ? WHERE incoming = ?", (last + new, self._incoming))
            return new

    def after(self, number: int, most: int) -> list[tuple[int, dict[str, Any]]]:
        """Return at most so many events behind a number, with their numbers."""
        sql = "SELECT number, event FROM inbox WHERE incoming = ? AND number > ? AND event IS NOT NULL"
        found = self._state().rows(f"{sql} ORDER BY number LIMIT ?", (self._incoming, number, most))
        return [(number, self._read(number, text)) for number, text in found]

    def last(self) -> int:
        """Return the number of the last event that arrived, 0 before the first."""
        found = self._state().rows("SELECT last FROM inboxes WHERE incoming = ?", (self._incoming,))
        return int(found[0][0]) if found else 0

    def too_many(self, *, older_than_seconds: float | None = None, most: int | None = None) -> int:
        """Return the number up to which events are older than that, or more than so many; 0 where none are."""
        last = self.last()
        number = 0 if most is None else max(0, last - most)
        if older_than_seconds is not None:
            sql = "SELECT number FROM inbox WHERE incoming = ? AND event IS NOT NULL AND number > ? AND arrived >= ?"
            young = self._now() - older_than_seconds
            found = self._state().rows(f"{sql} ORDER BY number LIMIT 1", (self._incoming, number, young))
            number = found[0][0] - 1 if found else last
        return number

    def forget(self, number: int) -> None:
        """Drop the events up to a number, which nobody needs any more; ids are kept until their time is over."""
        with self._state().transaction(durable=False) as connection:
            sql = "UPDATE inbox SET event = NULL WHERE incoming = ? AND number <= ? AND event IS NOT NULL"
            connection.execute(sql, (self._incoming, number))
            sql = "DELETE FROM inbox WHERE incoming = ? AND ends <= ? AND event IS NULL"
            connection.execute(sql, (self._incoming, self._now()))

    def _read(self, number: int, text: str) -> dict[str, Any]:
        try:
            event: dict[str, Any] = orjson.loads(text)
        except orjson.JSONDecodeError:
            what = f"event {number} of '{self._incoming}' in {self._state().place} is damaged"
            raise StateError(what, "Restore the file from a copy.") from None
        return event
