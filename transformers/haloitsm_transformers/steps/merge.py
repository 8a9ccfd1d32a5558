"""``merge``: put the fields of an object into objects inside the entity."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import Field, RootModel

from haloitsm_transformers.contract import Builder, Entity, EntityFunction, Example, Transformer
from haloitsm_transformers.errors import TransformError, kind_of
from haloitsm_transformers.fields import Pattern, Template
from haloitsm_transformers.in_place import Change, one_after_the_other
from haloitsm_transformers.paths import MISSING
from haloitsm_transformers.targets import writing


class Merge(RootModel[dict[Pattern, Template]]):
    """Put the fields of an object into other objects: into every one that a pattern finds.

    Objects inside are merged in turn; of two other values the new one stays, lists are not joined. Missing path: the
    object is made, as `set` does; behind a * in everything that the * finds. Null counts as missing, and as nothing to
    put in. Empty list on the way of a *: nothing happens. Wrong type: fails, as the object that is put in, and where it
    is put.
    """

    root: dict[Pattern, Template] = Field(
        min_length=1, description="Pattern of the objects to what is put in; {{ placeholders }} read the entity."
    )


def build(params: Merge, builder: Builder) -> EntityFunction:
    """Compile patterns and templates."""
    return one_after_the_other(
        writing(pattern, _putting_in(builder.template(value))) for pattern, value in params.root.items()
    )


def _putting_in(fill: Callable[[Entity], Any]) -> Change:
    def change(value: Any, entity: Entity) -> Any:
        added = fill(entity)
        if added is None:
            return value
        if not isinstance(added, dict):
            raise TransformError(f"gets {kind_of(added)}, not an object")
        if value is None or value is MISSING:
            return added
        if not isinstance(value, dict):
            raise TransformError(f"is {kind_of(value)}, not an object")
        return _merged(value, added)

    return change


def _merged(old: Entity, new: Entity) -> Entity:
    return {**old, **{name: _either(old.get(name), value) for name, value in new.items()}}


def _either(old: Any, new: Any) -> Any:
    return _merged(old, new) if isinstance(old, dict) and isinstance(new, dict) else new


TRANSFORMER = Transformer(
    "merge",
    "entity",
    Merge,
    build,
    examples=(
        Example(
            "What belongs to the whole is copied to its parts",
            {"lines.*": {"order_id": "{{ id }}", "currency": "EUR"}},
            {"id": 7, "lines": [{"sku": "A"}, {"sku": "B", "currency": "USD"}]},
            {
                "id": 7,
                "lines": [
                    {"sku": "A", "order_id": 7, "currency": "EUR"},
                    {"sku": "B", "currency": "EUR", "order_id": 7},
                ],
            },
        ),
        Example(
            "Objects inside are merged, lists replaced",
            {"payload": "{{ change }}"},
            {"payload": {"a": {"x": 1, "y": [1]}, "n": 0}, "change": {"a": {"y": [2], "z": 3}}},
            {"payload": {"a": {"x": 1, "y": [2], "z": 3}, "n": 0}, "change": {"a": {"y": [2], "z": 3}}},
        ),
        Example(
            "What is missing or null is made",
            {"a.b": {"n": 1}, "c": {"n": 1}},
            {"c": None},
            {"c": {"n": 1}, "a": {"b": {"n": 1}}},
        ),
        Example("Null puts nothing in", {"a": "{{ x }}"}, {"a": {"n": 1}}, {"a": {"n": 1}}),
        Example("An empty list has no items to merge into", {"lines.*": {"n": 1}}, {"lines": []}, {"lines": []}),
        Example(
            "A text is no object", {"client": {"id": 1}}, {"client": "Acme"}, fails="client: is text, not an object"
        ),
        Example(
            "Nor can one be put in",
            {"client": "{{ name }}"},
            {"name": "Acme"},
            fails="client: gets text, not an object",
        ),
    ),
    json=True,
)
