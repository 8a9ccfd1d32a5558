"""Lists of ``{id, name, value, display}``, as Halo keeps custom fields and the fields of assets, by name and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from haloitsm_transformers.contract import Entity
from haloitsm_transformers.errors import TransformError, kind_of
from haloitsm_transformers.in_place import Change, unless_null

Take = Literal["value", "display"]


def by_name(take: Take) -> Change:
    """Make an object of such a list: name to value or, with ``take="display"``, to the text that Halo shows for it.

    A field without a name goes by its id. An object stays as it is.
    """

    def change(fields: Any, entity: Entity) -> Entity:
        if isinstance(fields, dict):
            return fields
        named: Entity = {}
        for index, field in enumerate(_listed(fields)):
            name = _name(field, index)
            if name in named:
                raise TransformError(f"a field before it is named '{name}' too", str(index))
            shown = field.get("display") if take == "display" else None
            named[name] = field.get("value") if shown is None else shown
        return named

    return unless_null(change)


def as_fields(field_of: Callable[[str], Entity]) -> Change:
    """Make such a list of an object: each field is what ``field_of`` makes of its name, and the value.

    A list stays as it is.
    """

    def change(named: Any, entity: Entity) -> list[Entity]:
        if isinstance(named, list):
            return named
        if not isinstance(named, dict):
            raise TransformError(f"is {kind_of(named)}, not an object")
        return [{**field_of(name), "value": value} for name, value in named.items()]

    return unless_null(change)


def id_in(name: str) -> Entity | None:
    """Return ``{"id": 12}`` for the name "12", None for a name that is no number."""
    return {"id": int(name)} if name.isascii() and name.isdecimal() and len(name) < _LONGEST_ID else None


_LONGEST_ID = 19


def _listed(fields: Any) -> list[Any]:
    if not isinstance(fields, list):
        raise TransformError(f"is {kind_of(fields)}, not a list of fields")
    return fields


def _name(field: Any, index: int) -> str:
    if not isinstance(field, dict):
        raise TransformError(f"is {kind_of(field)}, not a field", str(index))
    if isinstance(name := field.get("name"), str) and name:
        return name
    if isinstance(number := field.get("id"), (int, float)) and not isinstance(number, bool):
        return format(number, ".0f")
    raise TransformError("has neither a name nor an id", str(index))
