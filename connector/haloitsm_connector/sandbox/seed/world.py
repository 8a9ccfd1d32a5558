"""What a table builder may look at: the seed, the clock, and the first records of other tables."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

Record = dict[str, Any]

NO_DATE = "1900-01-01T00:00:00"
OLDER_NO_DATE = "1899-12-30T00:00:00"
CONTENT = "_content"
"""Where an attachment keeps its bytes; never shown."""


@dataclass(frozen=True, slots=True)
class World:
    """The made-up world: ``scale`` multiplies the number of clients, tickets and so on; ``now`` is naive UTC."""

    seed: int
    scale: float
    now: datetime
    rows: Callable[[str], list[Record]]
    """The first records of another table, built when needed; what was written since does not show."""

    def chance(self, table: str) -> Random:
        """Return this table's own source of chance, so that tables may be built in any order."""
        return Random(f"{self.seed}/{table}")  # noqa: S311 - made-up data, no secrets

    def many(self, number: int) -> int:
        """Scale a number of records, to at least one."""
        return max(1, round(number * self.scale))

    def ago(self, chance: Random, days: float) -> datetime:
        """Return a moment at most ``days`` before now."""
        return self.now - timedelta(days=chance.random() * days)


def stamp(moment: datetime) -> str:
    """Write a moment as Halo does: naive, with as many fraction digits as it needs (halo-api-facts 8)."""
    text = moment.isoformat(timespec="microseconds")
    return text.rstrip("0").rstrip(".")


def uneven(chance: Random, moment: datetime) -> str:
    """Write a moment with zero to seven fraction digits, as Halo's columns have."""
    digits = chance.choice((0, 0, 0, 2, 3, 3, 6, 7))
    whole = moment.isoformat(timespec="seconds")
    return f"{whole}.{chance.randrange(10 ** (digits - 1), 10**digits)}" if digits else whole


def guid(chance: Random) -> str:
    """Make up a GUID."""
    return str(uuid.UUID(int=chance.getrandbits(128), version=4))


def custom_field(number: int, name: str, label: str, value: object, kind: int = 0) -> Record:
    """Make one row of ``customfields`` (halo-api-facts 4.4)."""
    return {"id": number, "name": name, "label": label, "type": kind, "value": value, "display": str(value)}
