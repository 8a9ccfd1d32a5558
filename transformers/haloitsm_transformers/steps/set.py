"""``set``: write values into the entity."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import Field, RootModel

from haloitsm_transformers.contract import Builder, Entity, EntityFunction, Example, Transformer
from haloitsm_transformers.fields import Path, Template
from haloitsm_transformers.paths import Edit, parse_path
from haloitsm_transformers.placeholders import is_constant


class Set(RootModel[dict[Path, Template]]):
    """Set fields to values, which may hold {{ placeholders }}; a later field sees the earlier ones.

    Missing path: objects and lists on the way are made, a list where the next name is a position. Null on the way
    counts as missing. Wrong type: text, a number, true or false on the way fails. A position at the end of a list, an
    empty one too, appends.
    """

    root: dict[Path, Template] = Field(min_length=1, description="Path to the value that it gets.")


def build(params: Set, builder: Builder) -> EntityFunction:
    """Compile paths and templates."""
    fields = [(parse_path(path), builder.template(value)) for path, value in params.root.items()]
    if all(len(place) == 1 for place, _ in fields):
        names = [(str(place[0]), fill) for place, fill in fields]
        if len(names) == 1:
            return _set_one(*names[0], *params.root.values())

        def set_names(entity: Entity) -> Entity:
            for name, fill in names:
                entity[name] = fill(entity)
            return entity

        return set_names

    def set_places(entity: Entity) -> Entity:
        edit = Edit(entity)
        for place, fill in fields:
            value = fill(entity)
            if isinstance(value, (dict, list)):
                edit = Edit(entity)  # it may be what was written before, and then stands in two places
            edit.put(place, value)
        return entity

    return set_places


def _set_one(name: str, fill: Callable[[Entity], Any], written: Any) -> EntityFunction:
    def set_constant(entity: Entity) -> Entity:
        entity[name] = written
        return entity

    def set_name(entity: Entity) -> Entity:
        entity[name] = fill(entity)
        return entity

    return set_constant if is_constant(written) else set_name


TRANSFORMER = Transformer(
    "set",
    "entity",
    Set,
    build,
    examples=(
        Example(
            "Placeholders keep the type when they stand alone",
            {"payload": {"inventory_number": "{{ serial }}", "assettype_id": 130, "key": "{{ client }}/{{ serial }}"}},
            {"serial": 4711, "client": "acme"},
            {
                "serial": 4711,
                "client": "acme",
                "payload": {"inventory_number": 4711, "assettype_id": 130, "key": "acme/4711"},
            },
        ),
        Example("A missing path alone is null", {"b": "{{ a }}"}, {}, {"b": None}),
        Example("A missing path inside a text fails", {"b": "no {{ a }}"}, {}, fails="null, which cannot stand inside"),
        Example("unless something is said for it", {"b": "no {{ a || '' }}"}, {}, {"b": "no "}),
        Example("Lists and objects inside a text fail", {"b": "x{{ a }}"}, {"a": []}, fails="a list, which cannot"),
        Example("What is missing on the way is made", {"a.list.0.b": 1}, {"a": None}, {"a": {"list": [{"b": 1}]}}),
        Example(
            "The end of a list appends",
            {"tags.1": "new", "none.0": 1},
            {"tags": ["a"], "none": []},
            {"tags": ["a", "new"], "none": [1]},
        ),
        Example("A text on the way fails", {"client.id": 5}, {"client": "Acme"}, fails="client: holds text"),
        Example(
            "A value that is written twice stays two",
            {"a.x": 1, "b": "{{ a }}", "b.x": 2},
            {},
            {"a": {"x": 1}, "b": {"x": 2}},
        ),
        Example("A name with a dot stands in quotes", {'"a.b"': 1}, {}, {"a.b": 1}),
    ),
    json=True,
)
