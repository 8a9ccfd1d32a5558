"""``key_by``: make an object of a list of rows, by the value of one of their fields."""

from __future__ import annotations

from typing import Any

from pydantic import Field, RootModel

from haloitsm_transformers.contract import Builder, Entity, EntityFunction, Example, Params, Transformer
from haloitsm_transformers.errors import TransformError, kind_of
from haloitsm_transformers.fields import Path, Pattern
from haloitsm_transformers.in_place import Change, in_place, unless_null
from haloitsm_transformers.paths import MISSING, parse_path, reader
from haloitsm_transformers.placeholders import as_text


class Keys(Params):
    """How rows become an object."""

    key: Path = Field(description="Path, inside a row, of the value that names it.")
    value: Path | None = Field(None, description="Path, inside a row, of what stands under the name; else the row.")
    many: bool = Field(False, description="Put a list of all rows that have the name: group them.")


class KeyBy(RootModel[dict[Pattern, Keys]]):
    """Make an object of a list of rows, named by one of their fields; with `many`, group them.

    The opposite of `to_rows`. Missing path: nothing happens; without its value a row is null, without its key it fails.
    Null stays null. Wrong type: anything but a list of objects fails, and so does a key that is null, a list or an
    object, or that two rows have without `many`. Numbers, true and false are written as text. Empty list: an empty
    object.
    """

    root: dict[Pattern, Keys] = Field(min_length=1, description="Pattern of the lists to how they become objects.")


def build(params: KeyBy, builder: Builder) -> EntityFunction:
    """Compile patterns and paths."""
    return in_place((pattern, unless_null(_change(keys))) for pattern, keys in params.root.items())


def _change(keys: Keys) -> Change:
    read_key = reader(parse_path(keys.key))
    read_value = reader(parse_path(keys.value) if keys.value else ())

    def change(rows: Any, entity: Entity) -> Entity:
        if not isinstance(rows, list):
            raise TransformError(f"is {kind_of(rows)}, not a list")
        named: Entity = {}
        for index, row in enumerate(rows):
            name, value = _name(row, read_key(row), keys.key, index), read_value(row)
            value = None if value is MISSING else value
            if keys.many:
                named.setdefault(name, []).append(value)
            elif name in named:
                raise TransformError(f"a row before it has the same {keys.key}; 'many' would group them", str(index))
            else:
                named[name] = value
        return named

    return change


def _name(row: Any, key: Any, path: str, index: int) -> str:
    if not isinstance(row, dict):
        raise TransformError(f"is {kind_of(row)}, not an object", str(index))
    name = as_text(None if key is MISSING else key)
    if name is None:
        raise TransformError(
            f"is {'missing' if key is MISSING else kind_of(key)}, which names nothing", f"{index}.{path}"
        )
    return name


TRANSFORMER = Transformer(
    "key_by",
    "entity",
    KeyBy,
    build,
    examples=(
        Example(
            "Names and values of rows",
            {"labels": {"key": "locale", "value": "text"}},
            {"labels": [{"locale": "en", "text": "Printer"}, {"locale": "de", "text": "Drucker"}]},
            {"labels": {"en": "Printer", "de": "Drucker"}},
        ),
        Example(
            "Whole rows, with a number as their name",
            {"orders.*.lines": {"key": "item.id"}},
            {"orders": [{"lines": [{"item": {"id": 7.0}, "qty": 1}]}, {}]},
            {"orders": [{"lines": {"7": {"item": {"id": 7.0}, "qty": 1}}}, {}]},
        ),
        Example(
            "Grouped",
            {"lines": {"key": "warehouse", "many": True}},
            {"lines": [{"warehouse": "N", "sku": "A"}, {"warehouse": "S"}, {"warehouse": "N", "sku": "B"}]},
            {
                "lines": {
                    "N": [{"warehouse": "N", "sku": "A"}, {"warehouse": "N", "sku": "B"}],
                    "S": [{"warehouse": "S"}],
                }
            },
        ),
        Example(
            "A row without a value has null", {"l": {"key": "k", "value": "v"}}, {"l": [{"k": "a"}]}, {"l": {"a": None}}
        ),
        Example(
            "A missing path is fine, null stays null, an empty list is an empty object",
            {"x": {"key": "k"}, "a": {"key": "k"}, "b": {"key": "k", "many": True}},
            {"a": None, "b": []},
            {"a": None, "b": {}},
        ),
        Example("A text is no list", {"a": {"key": "k"}}, {"a": "x"}, fails="a: is text, not a list"),
        Example("Nor an object", {"a.*": {"key": "k"}}, {"a": [{"k": 1}]}, fails="a.0: is an object, not a list"),
        Example("A row needs its key", {"a": {"key": "k"}}, {"a": [{"k": 1}, {}]}, fails="a.1.k: is missing, which"),
        Example(
            "Two rows need two", {"a": {"key": "k"}}, {"a": [{"k": 1}, {"k": "1"}]}, fails="a.1: a row before it has"
        ),
    ),
    json=True,
)
