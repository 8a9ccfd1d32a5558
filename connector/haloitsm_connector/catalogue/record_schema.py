"""The JSON Schema of a record that an operation takes, as far as the catalogue knows it.

It refuses what Halo would misread, and nothing else: null fits everything, numbers and dates may be text, unknown names
are allowed, since Halo's own document is incomplete. It says the same as `usage.fits`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haloitsm_connector.catalogue.load import Catalogue
from haloitsm_connector.errors import InputError

Schema = dict[str, Any]

_NUMBER = r"^\s*[+-]?\d+(\.\d*)?\s*$"
_BOOLEAN = "^([Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee])$"
_DATE = r"^\d{4}-?\d{2}-?\d{2}([T ].*)?$"
_UUID = "^[{]?[0-9A-Fa-f]{8}-?([0-9A-Fa-f]{4}-?){3}[0-9A-Fa-f]{12}[}]?$"


def _or_text(pattern: str, *types: str) -> Schema:
    return {"anyOf": [{"type": [*types, "null"]}, {"type": "string", "pattern": pattern}]}


_OF_TYPE: Mapping[str, Schema] = {
    "integer": _or_text(_NUMBER, "number"),
    "number": _or_text(_NUMBER, "number"),
    "boolean": _or_text(_BOOLEAN, "boolean"),
    "date": _or_text(_DATE),
    "date-time": _or_text(_DATE),
    "uuid": _or_text(_UUID),
    "object": {"type": ["object", "null"]},
    "array": {"not": {"type": "object"}},
}
"""Types of the catalogue that exclude anything."""


def record_schema(catalogue: Catalogue, entity: str) -> Schema:
    """Return the schema (draft 2020-12) of one record of an operation's payload.

    Raises InputError for an unknown operation, and for one that takes no record.
    """
    operation = catalogue.find(entity, ("POST", "DELETE"))
    fields = catalogue.fields(operation.record) if operation.record else {}
    if not fields:
        raise InputError(
            f"nothing is known of the payload of {operation.name}", "Write the schema out, or name a file."
        )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"A record of {operation.name}",
        "type": "object",
        "properties": {name: _OF_TYPE[field.type] for name, field in fields.items() if field.type in _OF_TYPE},
    }
