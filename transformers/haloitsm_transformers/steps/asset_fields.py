"""``asset_fields``: the fields of an asset's type by name, and back to the list that Halo takes."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from haloitsm_transformers.contract import Builder, Entity, EntityFunction, Example, Params, Transformer
from haloitsm_transformers.errors import TransformError
from haloitsm_transformers.fields import Pattern
from haloitsm_transformers.in_place import in_place
from haloitsm_transformers.named_fields import Take, as_fields, by_name, id_in


class AssetFields(Params):
    """Make an object, name to value, of the list of fields that an asset's type has; or that list of such an object.

    Halo takes `{id, value}` (halo-api-facts 4.4), so back to the list each name needs its id. What is in the wanted
    form already stays. Missing path: nothing happens. Null stays null; a field without a value has null. Wrong type:
    text, a number, true or false fails, and so does a field without name and id. Empty list: an empty object.
    """

    to: Literal["object", "list"] = Field(description="`object` to read and change them, `list` for Halo.")
    at: Pattern = Field("fields", description="Pattern of the list, or of the object.")
    take: Take = Field("value", description="`display` takes the text that Halo shows, where there is one.")
    ids: dict[str, int] = Field(
        {}, description="Name of a field to its id, for `list`; a name that is a number is one."
    )


def build(params: AssetFields, builder: Builder) -> EntityFunction:
    """Compile the pattern."""

    def field_of(name: str) -> Entity:
        if name in params.ids:
            return {"id": params.ids[name]}
        if found := id_in(name):
            return found
        raise TransformError("has no id; name it in 'ids'", f'"{name}"' if "." in name else name)

    return in_place([(params.at, by_name(params.take) if params.to == "object" else as_fields(field_of))])


_ROWS = [
    {"id": 51, "name": "Serial Number", "value": "SN-0001", "lookup": 0},
    {"id": 52, "name": "Memory", "value": "2", "display": "16 GB", "lookup": 41},
]

TRANSFORMER = Transformer(
    "asset_fields",
    "entity",
    AssetFields,
    build,
    examples=(
        Example(
            "By name, with the texts that Halo shows",
            {"to": "object", "take": "display"},
            {"id": 7, "fields": _ROWS},
            {"id": 7, "fields": {"Serial Number": "SN-0001", "Memory": "16 GB"}},
        ),
        Example(
            "Back to what Halo takes",
            {"to": "list", "ids": {"Serial Number": 51}},
            {"fields": {"Serial Number": "SN-0002", "52": 3}},
            {"fields": [{"id": 51, "value": "SN-0002"}, {"id": 52, "value": 3}]},
        ),
        Example(
            "A name without an id fails",
            {"to": "list"},
            {"fields": {"Memory": 3}},
            fails="fields.Memory: has no id; name it in 'ids'",
        ),
        Example(
            "A missing path is fine, null stays null, an empty list is an empty object",
            {"to": "object", "at": "*.fields"},
            {"a": {}, "b": {"fields": None}, "c": {"fields": []}},
            {"a": {}, "b": {"fields": None}, "c": {"fields": {}}},
        ),
        Example("A text is no list", {"to": "object"}, {"fields": "x"}, fails="fields: is text, not a list of fields"),
    ),
    json=True,
)
