"""``to_rows``: make a list of rows of an object, the names in one of their fields."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import Field, RootModel

from haloitsm_transformers.contract import Builder, Entity, EntityFunction, Example, Params, Transformer
from haloitsm_transformers.errors import TransformError, kind_of
from haloitsm_transformers.fields import Path, Pattern
from haloitsm_transformers.in_place import Change, in_place, unless_null
from haloitsm_transformers.paths import MISSING, Edit, Place, parse_path, reader


class Rows(Params):
    """How an object becomes rows."""

    key: Path = Field(description="Path, inside a row, at which its name is put; a row that has it already keeps it.")
    value: Path | None = Field(
        None, description="Path, inside a row, at which the value is put; else the value is the row."
    )
    many: bool = Field(False, description="Under each name stands a list of rows: ungroup them.")


class ToRows(RootModel[dict[Pattern, Rows]]):
    """Make a list of rows of an object, with the names in one of their fields; with `many`, ungroup them.

    The opposite of `key_by`. Missing path: nothing happens. Null stays null; as a value it is put at `value`. Wrong
    type: anything but an object fails, so does a value that is no row when `value` is not given, and one that is no
    list with `many`. Empty list: stays one, for some systems write an empty object so.
    """

    root: dict[Pattern, Rows] = Field(min_length=1, description="Pattern of the objects to how they become lists.")


def build(params: ToRows, builder: Builder) -> EntityFunction:
    """Compile patterns and paths."""
    return in_place((pattern, unless_null(_change(rows))) for pattern, rows in params.root.items())


def _change(rows: Rows) -> Change:
    key = parse_path(rows.key)
    value_at = parse_path(rows.value) if rows.value else ()

    def change(named: Any, entity: Entity) -> list[Entity]:
        if named == []:
            return []
        if not isinstance(named, dict):
            raise TransformError(f"is {kind_of(named)}, not an object")
        return [_row(name, value, key, value_at) for name, value in _members(named, rows.many)]

    return change


def _members(named: Entity, many: bool) -> Iterator[tuple[str, Any]]:
    for name, value in named.items():
        if not many:
            yield name, value
        elif isinstance(value, list):
            yield from ((name, item) for item in value)
        else:
            raise TransformError(f"is {kind_of(value)}, not a list", name)


def _row(name: str, value: Any, key: Place, value_at: Place) -> Entity:
    if value_at:
        row: Entity = {}
        edit = Edit(row)
        edit.put(key, name)
        edit.put(value_at, value)
        return row
    if not isinstance(value, dict):
        raise TransformError(f"is {kind_of(value)}, which is no row; say with 'value' where to put it", name)
    row = value.copy()
    if reader(key)(row) is MISSING:
        Edit(row).put(key, name)
    return row


TRANSFORMER = Transformer(
    "to_rows",
    "entity",
    ToRows,
    build,
    examples=(
        Example(
            "Names and values",
            {"labels": {"key": "locale", "value": "text"}},
            {"labels": {"en": "Printer", "de": None}},
            {"labels": [{"locale": "en", "text": "Printer"}, {"locale": "de", "text": None}]},
        ),
        Example(
            "Objects that become rows; one has its name already",
            {"by_id": {"key": "id"}},
            {"by_id": {"7": {"qty": 1}, "8": {"id": 8, "qty": 2}}},
            {"by_id": [{"qty": 1, "id": "7"}, {"id": 8, "qty": 2}]},
        ),
        Example(
            "Ungrouped",
            {"lines": {"key": "warehouse", "many": True}},
            {"lines": {"N": [{"sku": "A"}, {"sku": "B"}], "S": [{"sku": "C"}], "W": []}},
            {
                "lines": [
                    {"sku": "A", "warehouse": "N"},
                    {"sku": "B", "warehouse": "N"},
                    {"sku": "C", "warehouse": "S"},
                ]
            },
        ),
        Example(
            "A missing path is fine, null stays null, an empty list stays one",
            {"x": {"key": "k"}, "a": {"key": "k"}, "b": {"key": "k"}, "c": {"key": "k"}},
            {"a": None, "b": [], "c": {}},
            {"a": None, "b": [], "c": []},
        ),
        Example("A list is no object", {"a": {"key": "k"}}, {"a": [1]}, fails="a: is a list, not an object"),
        Example("A text is no row", {"a": {"key": "k"}}, {"a": {"en": "x"}}, fails="a.en: is text, which is no row"),
        Example(
            "Nor a group", {"a": {"key": "k", "many": True}}, {"a": {"N": {}}}, fails="a.N: is an object, not a list"
        ),
    ),
    json=True,
)
