"""``custom_fields``: Halo's custom fields by name, and back to the list that Halo takes."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from haloitsm_transformers.contract import Builder, Entity, EntityFunction, Example, Params, Transformer
from haloitsm_transformers.fields import Pattern
from haloitsm_transformers.in_place import in_place
from haloitsm_transformers.named_fields import Take, as_fields, by_name, id_in


class CustomFields(Params):
    """Make an object, name to value, of Halo's list of custom fields; or that list of such an object.

    Halo takes `{name, value}`, or `{id, value}` for a name that is a number (halo-api-facts 4.4). What is in the wanted
    form already stays. Missing path: nothing happens. Null stays null; a field without a value has null. Wrong type:
    text, a number, true or false fails, and so does a field without name and id. Empty list: an empty object.
    """

    to: Literal["object", "list"] = Field(description="`object` to read and change them, `list` for Halo.")
    at: Pattern = Field("customfields", description="Pattern of the list, or of the object.")
    take: Take = Field("value", description="`display` takes the text that Halo shows, where there is one.")


def build(params: CustomFields, builder: Builder) -> EntityFunction:
    """Compile the pattern."""
    return in_place([(params.at, by_name(params.take) if params.to == "object" else as_fields(_field))])


def _field(name: str) -> Entity:
    return id_in(name) or {"name": name}


_ROWS = [
    {"id": 101, "name": "CFWarranty", "label": "Warranty", "type": 4, "value": "2026-02-10T12:00:00"},
    {"id": 102, "name": "CFColour", "label": "Colour", "type": 2, "value": 3, "display": "Blue"},
    {"id": 103, "name": "CFNote", "label": "Note", "type": 0},
]

TRANSFORMER = Transformer(
    "custom_fields",
    "entity",
    CustomFields,
    build,
    examples=(
        Example(
            "By name",
            {"to": "object"},
            {"id": 7, "customfields": _ROWS},
            {"id": 7, "customfields": {"CFWarranty": "2026-02-10T12:00:00", "CFColour": 3, "CFNote": None}},
        ),
        Example(
            "With the texts that Halo shows, in every ticket of a list",
            {"to": "object", "at": "tickets.*.customfields", "take": "display"},
            {"tickets": [{"customfields": _ROWS[1:]}, {"id": 8}]},
            {"tickets": [{"customfields": {"CFColour": "Blue", "CFNote": None}}, {"id": 8}]},
        ),
        Example(
            "Back to what Halo takes",
            {"to": "list"},
            {"customfields": {"CFColour": 3, "103": "ünïcode"}},
            {"customfields": [{"name": "CFColour", "value": 3}, {"id": 103, "value": "ünïcode"}]},
        ),
        Example(
            "What is a list already stays", {"to": "list"}, {"customfields": _ROWS[:1]}, {"customfields": _ROWS[:1]}
        ),
        Example(
            "A missing path is fine, null stays null, an empty list is an empty object",
            {"to": "object", "at": "*.customfields"},
            {"a": {}, "b": {"customfields": None}, "c": {"customfields": []}},
            {"a": {}, "b": {"customfields": None}, "c": {"customfields": {}}},
        ),
        Example(
            "A text is no list", {"to": "object"}, {"customfields": "x"}, fails="customfields: is text, not a list"
        ),
        Example(
            "A field needs a name or an id",
            {"to": "object"},
            {"customfields": [{"value": 1}]},
            fails="customfields.0: has neither",
        ),
    ),
    json=True,
)
