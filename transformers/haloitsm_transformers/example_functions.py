"""Functions that the examples of the ``python`` step call; no configuration can."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Entity = dict[str, Any]


def add_total(entity: Entity, rate: float) -> Entity:
    """Add what something costs with tax."""
    entity["total"] = entity["net"] * (1 + rate)
    return entity


def each_line(entity: Entity) -> list[Entity] | None:
    """Make an entity of each line; none where there are no lines."""
    return entity.get("lines")


EXAMPLES: Mapping[str, Callable[..., Any]] = {
    "examples.add_total": add_total,
    "examples.each_line": each_line,
}
