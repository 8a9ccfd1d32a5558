"""Places that a pattern may write to: those that are there and, behind its last ``*``, those that could be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, cast

from haloitsm_transformers.contract import Entity
from haloitsm_transformers.paths import ANY, Place, parse_pattern, reader
from haloitsm_transformers.patterns import find


class Opening(NamedTuple):
    """A place to write to, and the value that is there by now: MISSING when there is none."""

    place: Place
    value: Any


def openings(text: str) -> Callable[[Entity], list[Opening]]:
    """Compile a pattern; what comes back finds its openings in an entity.

    ``client.name`` is always one opening; ``lines.*.qty`` is one for each line, whether it has a ``qty`` or not.
    """
    pattern = parse_pattern(text)
    stars = [index for index, segment in enumerate(pattern) if segment is ANY]
    cut = stars[-1] + 1 if stars else 0
    inner, rest = pattern[:cut], cast(Place, pattern[cut:])
    read = reader(rest)
    return lambda entity: [Opening((*match.place, *rest), read(match.value)) for match in find(entity, inner)]
