"""What the catalogue knows of an operation's payload, as JSON Schema."""

from __future__ import annotations

from typing import Any

from haloitsm_connector.catalogue.load import Catalogue
from haloitsm_connector.catalogue.model import Operation

_TYPES: dict[str, dict[str, Any]] = {
    "integer": {"type": ["integer", "null"]},
    "number": {"type": ["number", "null"]},
    "boolean": {"type": ["boolean", "null"]},
    "array": {"type": ["array", "null"]},
    "object": {"type": ["object", "null"]},
    "any": {},
}
_TEXT = {"type": ["string", "null"]}


def payload_schema(catalogue: Catalogue, operation: Operation) -> dict[str, Any] | None:
    """Return the JSON Schema of one record that an operation takes, records inside it included; None if unknown.

    Every field may be null or missing, and there may be others: Halo's document says nothing of what is required, and
    records have fields that it does not declare (halo-api-facts 8).
    """
    if not operation.record or not catalogue.fields(operation.record):
        return None
    definitions: dict[str, Any] = {}
    _define(catalogue, operation.record, definitions)
    return {"$ref": f"#/$defs/{operation.record}", "$defs": definitions}


def _define(catalogue: Catalogue, record: str, definitions: dict[str, Any]) -> None:
    properties: dict[str, Any] = {}
    definitions[record] = {"type": "object", "properties": properties}
    for name, field in catalogue.fields(record).items():
        properties[name] = dict(_TYPES.get(field.type, _TEXT))
        if field.schema is None or not catalogue.fields(field.schema):
            continue
        if field.schema not in definitions:
            _define(catalogue, field.schema, definitions)
        inner = {"$ref": f"#/$defs/{field.schema}"}
        properties[name] = (
            {**properties[name], "items": inner} if field.type == "array" else {"anyOf": [inner, {"type": "null"}]}
        )
