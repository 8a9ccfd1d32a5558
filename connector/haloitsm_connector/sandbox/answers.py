"""What the sandbox is asked and what it answers, as values without a socket."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import orjson

JSON = "application/json; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Asked:
    """One HTTP request; header and query names are lower-case, the path is raw and without its query."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)

    @property
    def content_type(self) -> str:
        """The media type of the body, lower-case and without its parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().casefold()


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer, body ready to send."""

    status: int
    body: bytes = b""
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


def answer(value: Any, status: int = 200) -> Answer:
    """Answer with a JSON value."""
    return Answer(status, orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS))


def read_query(text: str) -> dict[str, str]:
    """Read a query string; names in lower case (Halo ignores their case), the last of equal names wins."""
    return {name.casefold(): value for name, value in parse_qsl(text, keep_blank_values=True, errors="replace")}


def flag(query: Mapping[str, str], name: str) -> bool:
    """Tell whether a query switch is on; ``True`` and ``1`` work as well as ``true`` (halo-api-facts 8)."""
    return query.get(name, "").casefold() in ("true", "1")


def whole(text: str) -> int:
    """Read a 32-bit integer, as Halo's ids and counts are; ValueError for anything else."""
    number = int(text)
    if not -(2**31) <= number < 2**31:
        raise ValueError(text)
    return number
