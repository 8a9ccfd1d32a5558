"""``remove``: take fields and items away."""

from __future__ import annotations

from pydantic import Field, RootModel

from haloitsm_transformers.contract import Builder, Entity, EntityFunction, Example, Transformer
from haloitsm_transformers.fields import Pattern
from haloitsm_transformers.paths import ANY, parse_pattern
from haloitsm_transformers.patterns import find, without


class Remove(RootModel[list[Pattern]]):
    """Remove fields and list items.

    Missing path: nothing happens. Null and empty lists are removed as any value. Wrong type on the way: the path is
    not there. Positions count in the list as it was; a list closes up, and stays when it has become empty.
    """

    root: list[Pattern] = Field(min_length=1, description="Patterns of what is removed.")


def build(params: Remove, builder: Builder) -> EntityFunction:
    """Compile the patterns."""
    patterns = [parse_pattern(text) for text in params.root]
    if all(len(pattern) == 1 and pattern[0] is not ANY for pattern in patterns):
        names = [str(pattern[0]) for pattern in patterns]

        def remove_names(entity: Entity) -> Entity:
            for name in names:
                entity.pop(name, None)
            return entity

        return remove_names
    return lambda entity: without(entity, [match.place for pattern in patterns for match in find(entity, pattern)])


TRANSFORMER = Transformer(
    "remove",
    "entity",
    Remove,
    build,
    examples=(
        Example(
            "Fields, here and in every item",
            ["note", "lines.*.tmp"],
            {"id": 1, "note": "x", "lines": [{"sku": "A", "tmp": 1}, {"sku": "B"}]},
            {"id": 1, "lines": [{"sku": "A"}, {"sku": "B"}]},
        ),
        Example("Items of a list, counted as it was", ["tags.0", "tags.2"], {"tags": ["a", "b", "c"]}, {"tags": ["b"]}),
        Example("A missing path is fine, null is a value", ["x.y", "a"], {"a": None, "x": "text"}, {"x": "text"}),
        Example(
            "A list that becomes empty stays",
            ["tags.*", "none.*"],
            {"tags": ["a"], "none": []},
            {"tags": [], "none": []},
        ),
    ),
)
