"""The JSON Schema of what a stream brings: from the catalogue, and from the records themselves where they have more.

Loosened where Halo's document cannot be relied on: all but the key may be null or missing, whole numbers may come with
decimals where the document says so for some lists only, and records have fields that it does not declare
(halo-api-facts 8).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from haloitsm_connector.catalogue import Catalogue, Operation
from haloitsm_transformers import Entity

Schema = dict[str, Any]

_ANY: Schema = {
    "type": ["array", "boolean", "number", "object", "string", "null"],
    "properties": {},  # which Singer's SDK looks for where there may be an object
    "additionalProperties": True,
}
_TYPES: Mapping[str, Schema] = {
    "integer": {"type": ["integer", "null"]},
    "number": {"type": ["number", "null"]},
    "boolean": {"type": ["boolean", "null"]},
    "date-time": {"type": ["string", "null"], "format": "date-time"},
    "array": {"type": ["array", "null"], "items": _ANY},
    "object": {"type": ["object", "null"], "properties": {}, "additionalProperties": True},
    "any": _ANY,
}
_TEXT: Schema = {"type": ["string", "null"]}
_OF_VALUE: Mapping[type, str] = {bool: "boolean", int: "integer", float: "number", list: "array", dict: "object"}

UNDECLARED: Mapping[str, Mapping[str, str]] = {
    "Actions": {"who": "string"},
    "Area": {"is_account": "boolean", "key": "integer", "last_modified": "date-time", "table": "integer"},
    "Faults_List": {"team_id": "integer"},
}
"""Fields that rows are known to have although Halo's document does not declare them, with their types, by record."""


def schema_of(catalogue: Catalogue, operation: Operation) -> Schema:
    """Return the schema (draft 7) of the rows of a GET operation, as far as the catalogue knows them."""
    record = operation.record or ""
    types = {name: field.type for name, field in catalogue.fields(record).items()} | dict(UNDECLARED.get(record, {}))
    return _schema({name: dict(_TYPES.get(kind, _TEXT)) for name, kind in types.items()}, operation.key)


def widened(schema: Schema, records: Iterable[Entity], key: Collection[str] = ()) -> Schema:
    """Return a schema that has all fields of the records; the same object where it has them already.

    A field that is new gets the type of its values, any where they differ or are all null; those of the ``key`` are
    never null.
    """
    known = schema["properties"]
    new: dict[str, set[str]] = {}
    for record in records:
        if not known.keys() >= record.keys():
            for name in record.keys() - known.keys():
                found = new.setdefault(name, set())
                if record[name] is not None:
                    found.add(_OF_VALUE.get(type(record[name]), "string"))
    if not new:
        return schema
    return _schema(known | {name: _of_types(types) for name, types in sorted(new.items())}, key)


def _of_types(types: set[str]) -> Schema:
    if types == {"integer", "number"}:
        types = {"number"}
    return dict(_TYPES.get(types.pop(), _TEXT)) if len(types) == 1 else dict(_ANY)


def _schema(properties: dict[str, Schema], key: Collection[str]) -> Schema:
    for name in key:
        kind = properties.get(name, {})
        if "type" in kind:
            properties[name] = {**kind, "type": [each for each in kind["type"] if each != "null"]}
    return {"type": "object", "properties": properties, "additionalProperties": True}
