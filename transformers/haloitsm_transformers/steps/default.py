"""``default``: give fields that are missing or null a value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import Field, RootModel

from haloitsm_transformers.contract import Builder, Entity, EntityFunction, Example, Transformer
from haloitsm_transformers.fields import Pattern, Template
from haloitsm_transformers.in_place import Change, one_after_the_other
from haloitsm_transformers.paths import ANY, MISSING, parse_pattern
from haloitsm_transformers.placeholders import is_constant
from haloitsm_transformers.targets import writing


class Default(RootModel[dict[Pattern, Template]]):
    """Give fields that are missing or null a value, which may hold {{ placeholders }}; others stay as they are.

    Missing path: is made, as `set` does; behind a * in everything that the * finds. Null counts as missing; an empty
    text, list or object does not. Empty list on the way of a *: nothing happens. Wrong type: text, a number, true or
    false on the way fails. A later field sees the earlier ones.
    """

    root: dict[Pattern, Template] = Field(min_length=1, description="Pattern of the field to its value.")


def build(params: Default, builder: Builder) -> EntityFunction:
    """Compile patterns and templates."""
    return one_after_the_other(
        _default(pattern, builder.template(value), value) for pattern, value in params.root.items()
    )


def _default(pattern: str, fill: Callable[[Entity], Any], written: Any) -> EntityFunction:
    first, *below = parse_pattern(pattern)
    if below or first is ANY:
        return writing(pattern, _unless_there(fill))
    name = str(first)

    def default_constant(entity: Entity) -> Entity:
        if entity.get(name) is None:
            entity[name] = written
        return entity

    def default_of_name(entity: Entity) -> Entity:
        if entity.get(name) is None:
            entity[name] = fill(entity)
        return entity

    return default_constant if is_constant(written) else default_of_name


def _unless_there(fill: Callable[[Entity], Any]) -> Change:
    return lambda value, entity: fill(entity) if value is MISSING or value is None else value


TRANSFORMER = Transformer(
    "default",
    "entity",
    Default,
    build,
    examples=(
        Example(
            "Only where there is nothing",
            {"priority_id": 3, "team": "1st Line", "client.name": "{{ site_name }}"},
            {"priority_id": 1, "team": None, "site_name": "Acme/Main"},
            {"priority_id": 1, "team": "1st Line", "site_name": "Acme/Main", "client": {"name": "Acme/Main"}},
        ),
        Example(
            "In every item of a list",
            {"lines.*.qty": 1},
            {"lines": [{"sku": "A"}, {"sku": "B", "qty": 0}, {"qty": None}]},
            {"lines": [{"sku": "A", "qty": 1}, {"sku": "B", "qty": 0}, {"qty": 1}]},
        ),
        Example(
            "An empty text, list or object, 0 and false are values",
            {"a": "x", "b": "x", "c": "x", "d": "x", "e": "x"},
            {"a": "", "b": [], "c": {}, "d": 0, "e": False},
            {"a": "", "b": [], "c": {}, "d": 0, "e": False},
        ),
        Example("An empty list has no items to fill", {"lines.*.qty": 1}, {"lines": []}, {"lines": []}),
        Example("Nor has a list that is missing", {"lines.*.qty": 1}, {}, {}),
        Example("A text on the way fails", {"client.name": "x"}, {"client": "Acme"}, fails="client: holds text"),
    ),
    json=True,
)
