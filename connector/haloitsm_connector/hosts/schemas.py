"""The JSON Schema of what a stream brings: from the catalogue, and from the records themselves where they have more.

Loosened where Halo's document cannot be relied on: all but the key may be null or missing, and records have fields that
it does not declare (halo-api-facts 8). What a record has besides, or has of another type, widens the schema.
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
_OF_VALUE: Mapping[type, str] = {
    bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object",
}  # fmt: skip

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
    """Return a schema that takes the records; the same object where it does already.

    A field that is new gets the type of its values, any where they differ or are all null. One whose values are of
    another type than declared gets that type too. Those of the ``key`` are never null.
    """
    known: Mapping[str, Schema] = schema["properties"]
    found: dict[str, set[str]] = {}
    settled: set[tuple[str, type]] = set()  # names with types of values that need no second look
    for record in records:
        if settled.issuperset(zip(record, map(type, record.values()), strict=True)):
            continue
        for name, value in record.items():
            kind = known.get(name)
            if kind is None or _is_other(kind, value):
                found.setdefault(name, set()).update(_type_of(value))
            if kind is None or type(value) is not float or "number" in _types(kind):
                settled.add((name, type(value)))
    if not found:
        return schema
    made = {name: _joined(known[name], types) if name in known else _of_types(types) for name, types in found.items()}
    return _schema({**known, **made}, key)


def _is_other(kind: Schema, value: Any) -> bool:
    types = _types(kind)
    if value is None or not types:
        return False
    if isinstance(value, float) and value.is_integer() and "integer" in types:  # 12.0 is a whole number to JSON
        return False
    return not _type_of(value) <= types and not (type(value) is int and "number" in types)


def _type_of(value: Any) -> set[str]:
    return set() if value is None else {_OF_VALUE.get(type(value), "string")}


def _types(kind: Schema) -> frozenset[str]:
    """Return the types that a schema allows, none where it does not say so plainly."""
    types = kind.get("type", ())
    return frozenset((types,) if isinstance(types, str) else types)


def _joined(kind: Schema, types: set[str]) -> Schema:
    return dict(_ANY) if types & {"array", "object"} else {**kind, "type": sorted(_types(kind) | types)}


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
