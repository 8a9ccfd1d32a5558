"""``keep``: take everything away but some fields."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from pydantic import Field, RootModel

from haloitsm_transformers.contract import Builder, Entity, EntityFunction, Example, Transformer
from haloitsm_transformers.fields import Pattern
from haloitsm_transformers.paths import ANY, MISSING, parse_pattern
from haloitsm_transformers.patterns import Pattern as Segments


class Keep(RootModel[list[Pattern]]):
    """Keep these fields and list items, and no others.

    Missing path: nothing happens. Null and empty lists are kept as any value. The lists and objects on the way stay,
    even when they become empty; a list closes up over items that no pattern names. Wrong type: where a pattern goes
    on, a text, a number, true, false or null is not kept.
    """

    root: list[Pattern] = Field(min_length=1, description="Patterns of what is kept.")


def build(params: Keep, builder: Builder) -> EntityFunction:
    """Compile the patterns."""
    patterns = [parse_pattern(text) for text in params.root]
    if all(len(pattern) == 1 and pattern[0] is not ANY for pattern in patterns):
        names = {str(pattern[0]) for pattern in patterns}
        return lambda entity: {name: value for name, value in entity.items() if name in names}
    keeper = _keeper(patterns)
    return lambda entity: cast(Entity, keeper(entity))


Keeper = Callable[[Any], Any]
"""Returns what is kept of a value, MISSING when nothing is."""


def _keeper(patterns: list[Segments]) -> Keeper:
    """Compile what patterns keep of a value; an empty pattern keeps it whole."""
    if not all(patterns):
        return lambda value: value
    segments = {segment for pattern in patterns for segment in pattern[:1]}
    named = {segment: _keeper_below(patterns, segment) for segment in segments if segment is not ANY}
    names = {str(segment): _keeper_below(patterns, str(segment)) for segment in named}
    other = _keeper_below(patterns, ANY) if ANY in segments else _nothing

    def keep(value: Any) -> Any:
        if isinstance(value, dict):
            members = ((name, names.get(name, other)(member)) for name, member in value.items())
            return {name: kept for name, kept in members if kept is not MISSING}
        if isinstance(value, list):
            items = (named.get(index, other)(item) for index, item in enumerate(value))
            return [kept for kept in items if kept is not MISSING]
        return MISSING

    return keep


def _keeper_below(patterns: list[Segments], key: str | int | None) -> Keeper:
    """Compile what is kept of the member under a name or a position; ANY: under one that no pattern names."""
    return _keeper([pattern[1:] for pattern in patterns if pattern[0] is ANY or _names(pattern[0], key)])


def _names(segment: str | int, key: str | int | None) -> bool:
    return str(segment) == key if isinstance(key, str) else segment == key


def _nothing(value: Any) -> Any:
    return MISSING


TRANSFORMER = Transformer(
    "keep",
    "entity",
    Keep,
    build,
    own_copy=False,
    examples=(
        Example(
            "Fields, here and in every item",
            ["id", "lines.*.sku"],
            {"id": 7, "note": "x", "lines": [{"sku": "A", "qty": 1}, {"qty": 2}]},
            {"id": 7, "lines": [{"sku": "A"}, {}]},
        ),
        Example("Items of a list", ["tags.0", "tags.2"], {"tags": ["a", "b", "c"]}, {"tags": ["a", "c"]}),
        Example("A missing path is fine, null is a value", ["x", "a"], {"a": None, "b": 1}, {"a": None}),
        Example(
            "Lists and objects on the way stay",
            ["lines.*.sku", "client.name"],
            {"lines": [], "client": {"id": 1}, "id": 7},
            {"lines": [], "client": {}},
        ),
        Example("A text has nothing below it", ["client.name"], {"client": "Acme"}, {}),
    ),
    json=True,
)
