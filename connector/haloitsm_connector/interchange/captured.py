"""A request as a browser sent it, and what it was answered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson

from haloitsm_connector.interchange.halo_address import Pairs


@dataclass(frozen=True, slots=True)
class Captured:
    """One request; ``status`` is None where no answer is on record, 0 where there was none.

    ``where`` names it in messages, ``headers`` are in the order sent, ``answer`` is the text of the answer's body.
    """

    where: str
    method: str
    url: str
    headers: Pairs = field(default_factory=list, repr=False)
    body: str | None = None
    status: int | None = None
    answer: str | None = field(default=None, repr=False)

    @property
    def payload(self) -> Any:
        """The JSON that was sent, None where it is none."""
        return _decoded(self.body)

    @property
    def answered(self) -> Any:
        """The JSON that came back, None where it is none."""
        return _decoded(self.answer)


def _decoded(text: str | None) -> Any:
    try:
        return orjson.loads(text or "null")
    except ValueError:
        return None
