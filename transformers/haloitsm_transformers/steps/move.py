"""``move``: put values elsewhere in the entity."""

from __future__ import annotations

from pydantic import Field, RootModel, field_validator

from haloitsm_transformers.contract import Builder, EntityFunction, Example, Transformer
from haloitsm_transformers.fields import Pattern, checked_targets
from haloitsm_transformers.patterns import relocation


class Move(RootModel[dict[Pattern, str]]):
    """Move values to other places; $1 in the target is what the first * of the pattern stood for.

    Missing path: nothing happens. Null and empty lists are moved as any value; a list or object that has become empty
    stays. All is read first, then removed (a list closes up), then written as `set` does; what stands at a target is
    replaced. Wrong type: fails where a text, a number, true or false stands on the way to a target, and when two values
    would land on the same place.
    """

    root: dict[Pattern, str] = Field(min_length=1, description="Pattern of the values to their target.")

    _targets = field_validator("root")(checked_targets)


def build(params: Move, builder: Builder) -> EntityFunction:
    """Compile patterns and targets."""
    return relocation(params.root.items(), keep=False)


TRANSFORMER = Transformer(
    "move",
    "entity",
    Move,
    build,
    examples=(
        Example(
            "From each item to the line at the same position",
            {"items.*.qty": "lines.$1.quantity"},
            {"items": [{"qty": 1}, {"qty": 2}]},
            {"items": [{}, {}], "lines": [{"quantity": 1}, {"quantity": 2}]},
        ),
        Example(
            "All fields below one", {"*": "payload.$1"}, {"id": 1, "note": "x"}, {"payload": {"id": 1, "note": "x"}}
        ),
        Example("And back", {"payload.*": "$1"}, {"payload": {"id": 1}}, {"payload": {}, "id": 1}),
        Example(
            "Rows and columns exchanged",
            {"prices.*.*": "prices.$2.$1"},
            {"prices": {"A": {"eur": 1, "usd": 2}}},
            {"prices": {"A": {}, "eur": {"A": 1}, "usd": {"A": 2}}},
        ),
        Example("A missing path is fine, null is a value", {"x": "y", "a": "b.c"}, {"a": None}, {"b": {"c": None}}),
        Example(
            "An empty list is a value, and has no items",
            {"a": "b", "c.*": "$1"},
            {"a": [], "c": []},
            {"c": [], "b": []},
        ),
        Example(
            "Two values for one place fail",
            {"lines.*.qty": "qty"},
            {"lines": [{"qty": 1}, {"qty": 2}]},
            fails="qty: two values would land here",
        ),
        Example(
            "A text on the way fails", {"id": "client.id"}, {"id": 1, "client": "Acme"}, fails="client: holds text"
        ),
    ),
    json=True,
)
