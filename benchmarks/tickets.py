"""The rows of the benchmarks: tickets of exactly 2,000 bytes, 60 fields with the names that Halo gives them."""

from __future__ import annotations

import random
from typing import Any

import orjson

FIRST_ID = 1_000_000
"""Ids have seven digits, so that a row's id can be written over without moving anything."""
ROW_BYTES = 2_000
"""Of one row as JSON, the comma after it included."""
LARGEST_PAGE = 1_100
"""Verified reading may ask for a few rows more than a page holds."""

_PATTERN_ROWS = 1_000
_ID_AT = len(b'{"id":')


def _names(text: str) -> list[str]:
    return text.split()


_NUMBERS = _names(
    "tickettype_id status_id priority_id client_id site_id user_id agent_id team_id sla_id impact urgency source "
    "child_count attachment_count organisation_id department_id workflow_id workflow_step parent_id supplier_id"
)
_FLOATS = _names("estimate estimatedays timetaken ticketage slatimeleft cost")
_TEXTS = _names(
    "client_name site_name user_name team agent_name tickettype_name status_name priority_name sla_name "
    "category_1 category_2 category_3 category_4 reportedby emailtolist userdef1"
)
_DATES = _names("dateoccurred last_update lastactiondate dateassigned respondbydate fixbydate dateclosed")
_FLAGS = _names("flagged read onhold inactive is_vip excludefromsla hasbeenclosed")
_WORDS = _names("printer laptop cannot connect network office slow account locked screen update request access")


def id_of(number: int, gap: float) -> int:
    """Return the id of the row at this place of a table in which one id is missing for every ``gap`` rows."""
    return FIRST_ID + number + int(number / gap)


def ticket(number: int) -> dict[str, Any]:
    """Make one ticket; the same number makes the same ticket."""
    chance = random.Random(number)
    return {
        "id": FIRST_ID + number,
        "summary": " ".join(chance.choices(_WORDS, k=6)),
        **{name: chance.randrange(1_000) for name in _NUMBERS},
        **{name: round(chance.random() * 99, 3) for name in _FLOATS},
        **{name: " ".join(chance.choices(_WORDS, k=2)) for name in _TEXTS},
        **{name: f"2026-{chance.randrange(1, 13):02}-{chance.randrange(1, 29):02}T09:26:53.117" for name in _DATES},
        **{name: chance.random() < 0.5 for name in _FLAGS},
        "customfields": [{"id": 200 + each, "name": f"CFNumber{each}", "value": str(each)} for each in range(3)],
        "details": "",
    }


def row(number: int) -> bytes:
    """Write one ticket as a row of a page: its details fill it up."""
    short = ticket(number)
    room = ROW_BYTES - len(orjson.dumps(short)) - 1
    return orjson.dumps(short | {"details": " ".join(random.Random(number).choices(_WORDS, k=room))[:room]}) + b","


class Rows:
    """Pages of a table of any size, cut out of rows that are written once."""

    def __init__(self) -> None:
        pattern = b"".join(row(number % _PATTERN_ROWS) for number in range(_PATTERN_ROWS + LARGEST_PAGE))
        self._pattern = memoryview(pattern)

    def page(self, first: int, count: int, gap: float) -> bytes:
        """Return rows ``first`` (from 0) to ``first + count``, joined by commas; ``gap`` as in `id_of`."""
        start = first % _PATTERN_ROWS * ROW_BYTES
        rows = bytearray(self._pattern[start : start + count * ROW_BYTES])
        for number in range(count):
            at = number * ROW_BYTES + _ID_AT
            rows[at : at + 7] = b"%d" % id_of(first + number, gap)
        del rows[-1:]
        return bytes(rows)
