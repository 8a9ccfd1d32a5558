"""``keep``: take everything away but some fields."""

from __future__ import annotations

from typing import Any

from pydantic import Field, RootModel

from haloitsm_transformers.contract import Builder, EntityFunction, Example, Transformer
from haloitsm_transformers.fields import Pattern
from haloitsm_transformers.paths import ANY, MISSING, parse_pattern

Tree = dict[str | int | None, Any]
"""Segments of patterns, one below the other; what ends here is kept whole and holds None."""


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
    trees: list[Tree] = [{pattern[0]: _tree(pattern[1:])} for pattern in patterns]
    return lambda entity: _kept(entity, trees)


def _tree(pattern: tuple[str | int | None, ...]) -> Tree | None:
    return {pattern[0]: _tree(pattern[1:])} if pattern else None


def _kept(value: Any, trees: list[Tree]) -> Any:
    """Return what the patterns, each as a tree, keep of a list or object."""
    if isinstance(value, dict):
        members = ((name, _member(inner, _below(trees, name))) for name, inner in value.items())
        return {name: inner for name, inner in members if inner is not MISSING}
    items = (_member(inner, _below(trees, index)) for index, inner in enumerate(value))
    return [inner for inner in items if inner is not MISSING]


def _below(trees: list[Tree], key: str | int) -> list[Tree | None]:
    return [rest for tree in trees for segment, rest in tree.items() if segment is ANY or _names(segment, key)]


def _names(segment: str | int, key: str | int) -> bool:
    return segment == key if isinstance(key, int) else str(segment) == key


def _member(value: Any, trees: list[Tree | None]) -> Any:
    if None in trees:
        return value
    if trees and isinstance(value, (dict, list)):
        return _kept(value, [tree for tree in trees if tree is not None])
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
)
