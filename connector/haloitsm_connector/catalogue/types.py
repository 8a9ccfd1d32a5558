"""Turns the document's many ways to say a type into the catalogue's few (halo-api-facts 10)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

_BY_FORMAT = {
    "date-time": "date-time",
    "date": "date",
    "date-span": "time",
    "time": "time",
    "uuid": "uuid",
    "int32": "integer",
    "int64": "integer",
    "double": "number",
    "float": "number",
}
_BY_NAME = {
    "int": "integer",
    "integer": "integer",
    "bool": "boolean",
    "boolean": "boolean",
    "double": "number",
    "number": "number",
    "decimal": "number",
    "string": "string",
    "datetime": "date-time",
    "array": "array",
    "object": "object",
}
_PREFIX = re.compile(r"\s*\(\s*(\w+)")


def parameter_type(parameter: Schema) -> str:
    """Return the type of a parameter; what its description starts with counts where the schema is silent.

    Halo writes "(array of int)" before the purpose of 98 parameters that its schema calls strings: those take several
    values, joined with commas (halo-api-facts 2.3 and 10).
    """
    schema = mapping(parameter.get("schema"))
    type_, _ = field_type(schema, {})
    prefix = _PREFIX.match(str(parameter.get("description", "")))
    said = _BY_NAME.get(prefix[1].lower(), "any") if prefix else "any"
    if said == "array" or type_ == "any":
        type_ = said
    return "any" if type_ == "object" else type_


def field_type(schema: Schema, schemas: Mapping[str, Schema]) -> tuple[str, str | None]:
    """Return the type of a property and the schema nested in it, if any."""
    if name := reference(schema):
        target = mapping(schemas.get(name))
        return ("object", name) if "properties" in target else field_type({**target, "$ref": ""}, {})
    name = str(schema.get("type", "")).lower()
    if name == "array" or name.startswith("list<"):
        nested = reference(mapping(schema.get("items")))
        return "array", nested or None
    return _BY_FORMAT.get(str(schema.get("format", "")), _BY_NAME.get(name, "any")), None


def reference(schema: Schema) -> str:
    """Return the name a ``$ref`` points to, or an empty string."""
    return str(schema.get("$ref", "")).rpartition("/")[2]


def mapping(value: object) -> Schema:
    """Return ``value`` if it is a JSON object, else an empty one: documents differ, and none may break a refresh."""
    return value if isinstance(value, Mapping) else {}


def sequence(value: object) -> list[Any]:
    """Return ``value`` if it is a JSON array, else an empty one."""
    return value if isinstance(value, list) else []
