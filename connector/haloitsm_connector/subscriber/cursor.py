"""What the cursor of an incremental read holds, and what tells a row that was read before."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field

from haloitsm_connector.errors import InputError
from haloitsm_connector.subscriber.base import Cursor
from haloitsm_connector.subscriber.keys import Ids
from haloitsm_connector.subscriber.moments import Moment
from haloitsm_connector.validation import validated
from haloitsm_transformers import Entity

MOST_REMEMBERED = 10_000
"""Rows that a cursor remembers so as not to deliver them again; of more, the last ones."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Underway(_Part):
    """A run that has not come to its end: how far it is.

    ``began`` is when it began, by Halo's clock; ``since`` the time from which on it reads, frozen; ``window`` the
    beginning of the window being read; ``request`` the mark of the request being read, ``id`` and ``position`` how
    far; ``rows`` what it has read that the next run will see again.
    """

    began: Moment | None = None
    since: Moment | None = None
    window: Moment | None = None
    request: str = ""
    id: int | None = None
    position: int = 0
    rows: dict[str, str] = Field({}, repr=False)


class State(_Part):
    """What an incremental read remembers between runs.

    ``of`` tells which read it is of. Everything that changed before ``read_until``, by Halo's clock, was delivered.
    ``rows`` are those that the next run will see again, by key, with the mark of their content. ``ids`` and
    ``new_ids`` are the records known to be there, ``swept`` when that was looked at, by our clock.
    ``seconds_ahead`` is how far Halo's clock was ahead of ours.
    """

    of: str = ""
    read_until: Moment | None = None
    seconds_ahead: int = 0
    rows: dict[str, str] = Field({}, repr=False)
    swept: Moment | None = None
    ids: str = Field("", repr=False)
    new_ids: list[int] = Field([], repr=False)
    run: Underway | None = None

    @classmethod
    def read(cls, cursor: Cursor) -> State:
        """Read a cursor; InputError for what is none."""
        try:
            return validated(cls, cursor)
        except InputError as error:
            hint = "Give back what a slice came with, or none to read from the beginning."
            raise InputError(f"this is no cursor of an incremental read: {error!s:.300}", hint) from None

    def cursor(self) -> Cursor:
        """Write it as JSON data, without what is not set."""
        # What may be large is copied as it is, and quickly.
        cursor = self.model_dump(mode="json", exclude_defaults=True, exclude={"rows": True, "run": {"rows"}})
        if self.rows:
            cursor["rows"] = self.rows.copy()
        if self.run and self.run.rows:
            cursor["run"]["rows"] = self.run.rows.copy()
        return cursor

    def known(self) -> Ids:
        """Return the ids of the records known to be there; InputError where they are damaged."""
        try:
            return Ids([*(Ids.read(self.ids) if self.ids else ()), *self.new_ids])
        except ValueError:
            raise InputError("the ids in this cursor are damaged", "Reset it to read from the beginning.") from None


def mark(value: Any) -> str:
    """Return a short text that is the same for the same JSON value only, for all that can be expected."""
    text = orjson.dumps(value, default=str, option=orjson.OPT_SORT_KEYS)
    return base64.urlsafe_b64encode(hashlib.blake2b(text, digest_size=9).digest()).decode()


def key_of(row: Entity, key: Sequence[str]) -> str:
    """Return the key of a row as text, empty where it has none."""
    values = [row.get(name) for name in key]
    return "/".join(map(str, values)) if values and all(isinstance(each, int | str) for each in values) else ""


class Rows:
    """Tells rows that were delivered before from others, by key and content."""

    def __init__(self, before: dict[str, str], now: dict[str, str], key: Sequence[str]) -> None:
        self._before, self._now, self._key = before, now, key

    def is_new(self, row: Entity, *, comes_again: bool) -> bool:
        """Whether a row differs from what was delivered of its record last; remembered if it ``comes_again``."""
        if not (comes_again or self._now or self._before):
            return True
        key = key_of(row, self._key)
        known = self._now.get(key) or self._before.get(key)
        if not key or not (comes_again or known):
            return True
        content = mark(row)
        self.forget(key)
        if comes_again:
            self._now[key] = content
            if len(self._now) > MOST_REMEMBERED:
                del self._now[next(iter(self._now))]
        return content != known

    def forget(self, key: str) -> None:
        """Have the record delivered again, whatever it holds."""
        self._now.pop(key, None)
        self._before.pop(key, None)
