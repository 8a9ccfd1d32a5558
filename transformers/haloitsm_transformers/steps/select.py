"""``select``: build a new entity from expressions."""

from __future__ import annotations

from pydantic import Field, RootModel

from haloitsm_transformers.contract import Builder, Entity, EntityFunction, Example, Transformer
from haloitsm_transformers.fields import Expression, Path
from haloitsm_transformers.paths import Edit, parse_path


class Select(RootModel[dict[Path, Expression]]):
    """Build a new entity that has these fields and no others.

    Missing path: the field is there and null. Null stays null. Any type is taken as it is. An empty list stays one.
    """

    root: dict[Path, Expression] = Field(
        min_length=1, description="New path to the JMESPath expression that finds its value in the entity."
    )


def build(params: Select, builder: Builder) -> EntityFunction:
    """Compile the expressions."""
    fields = [(parse_path(path), builder.expression(text)) for path, text in params.root.items()]
    if all(len(place) == 1 for place, _ in fields):
        names = [(str(place[0]), read) for place, read in fields]
        return lambda entity: {name: read(entity) for name, read in names}

    def select(entity: Entity) -> Entity:
        selected: Entity = {}
        edit = Edit(selected)
        for place, read in fields:
            edit.put(place, read(entity))
        return selected

    return select


TRANSFORMER = Transformer(
    "select",
    "entity",
    Select,
    build,
    own_copy=False,
    examples=(
        Example(
            "Take some fields under new names",
            {"id": "id", "title": "summary", "client.name": "client_name"},
            {"id": 7, "summary": "Printer", "client_name": "Acme", "note": "long"},
            {"id": 7, "title": "Printer", "client": {"name": "Acme"}},
        ),
        Example(
            "A missing path gives null", {"id": "id", "closed": "dateclosed"}, {"id": 7}, {"id": 7, "closed": None}
        ),
        Example(
            "Any JMESPath works, constants in backquotes",
            {"skus": "lines[?qty > `0`].sku", "count": "length(lines)", "type_id": "`130`"},
            {"lines": [{"sku": "A", "qty": 2}, {"sku": "B", "qty": 0}]},
            {"skus": ["A"], "count": 2, "type_id": 130},
        ),
        Example(
            "Null and empty lists stay what they are", {"a": "a", "b": "b"}, {"a": None, "b": []}, {"a": None, "b": []}
        ),
        Example("A function that gets the wrong type fails", {"n": "length(n)"}, {"n": 5}, fails="length() takes"),
    ),
    json=True,
)
