"""What was asked of the sandbox, for tests and print-outs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import orjson

from haloitsm_connector.sandbox.faults import Fault

Did = Literal["created", "updated", "deleted"]


class Effect(NamedTuple):
    """What happened to one record, and whether the request did it or a fault that came with it.

    What follows from it elsewhere is not told: a ticket's ``last_update`` after an action, for one.
    """

    did: Did
    table: str
    key: Any
    by: Literal["request", "fault"] = "request"


@dataclass(frozen=True, slots=True)
class Recorded:
    """One request as it came, the status it was answered with, and what it did.

    ``target`` is the raw path with its query, ``headers`` have lower-case names, ``status`` is 0 when no answer was
    sent, ``at`` is when it came, in seconds of a monotonic clock. ``faults`` are those it met. Bodies and headers may
    hold secrets and stay out of the repr.
    """

    method: str
    target: str
    status: int
    headers: Mapping[str, str] = field(repr=False)
    raw_body: bytes = field(repr=False)
    at: float = 0.0
    effects: tuple[Effect, ...] = ()
    faults: tuple[Fault, ...] = ()

    @property
    def path(self) -> str:
        """The raw path, percent-encoding and all, without the query."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> dict[str, str]:
        """The query parameters, names in their own case; the last of equal names wins."""
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @property
    def body(self) -> Any:
        """The body: a mapping for a form, the value of a JSON text, otherwise the bytes."""
        if self.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            return dict(parse_qsl(self.raw_body.decode("utf-8", "replace"), keep_blank_values=True))
        try:
            return orjson.loads(self.raw_body)
        except orjson.JSONDecodeError:
            return self.raw_body

    def __str__(self) -> str:
        return f"{self.method} {self.target} {self.status}"
