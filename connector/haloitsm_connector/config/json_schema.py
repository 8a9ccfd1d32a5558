"""The JSON Schema of a configuration, for editors: it completes what can be written and refuses what ``load`` refuses.

References between parts (the name of a client, of an outgoing) are beyond a schema; ``load`` checks them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from haloitsm_connector.catalogue import Catalogue
from haloitsm_connector.config.load import PrototypeSource, PrototypeSources, installed_prototypes
from haloitsm_connector.config.models import IncomingFields, OutgoingFields, PythonFields, RouteConfig, StorageFields
from haloitsm_connector.config.schedules import MaintenanceFields, RetentionFields, ScheduleFields
from haloitsm_connector.config.sources import PYTHON, RETENTION, SECTIONS, STRICT
from haloitsm_connector.errors import InputError
from haloitsm_transformers import PluginError, Registry, SchemaGenerator
from haloitsm_transformers import json_schema as steps_schema

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
VARIABLE: Schema = {"type": "string", "pattern": r"\$\{", "description": "A variable: ${NAME}, ${NAME:-default}."}
METHODS = {"subscribers": ("GET",), "publishers": ("POST", "DELETE")}
"""The methods of the operations that ``entity`` completes, by kind of prototype."""

SCHEMAS = {"items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames"}
SCHEMA_LISTS = {"anyOf", "oneOf", "allOf", "prefixItems"}
NAMED_SCHEMAS = {"properties", "patternProperties", "$defs"}
"""The keywords that hold a schema, a list of schemas, or names with a schema each."""


def json_schema(
    registry: Registry | None = None,
    catalogue: Catalogue | None = None,
    prototypes: PrototypeSources | None = None,
) -> Schema:
    """Return the schema (draft 2020-12) of a file, with the steps and prototypes that are installed or given.

    Raises InputError that names a plugin which cannot be loaded.
    """
    try:
        steps = steps_schema(registry or Registry.installed())
    except PluginError as error:
        raise InputError(error.what, error.hint) from error
    known = prototypes or installed_prototypes()
    operations = list((catalogue or Catalogue.load()).operations())
    defs: Schema = dict(steps["$defs"])
    for kind, source in known.items():
        names = sorted(each.name for each in operations if each.method in METHODS.get(kind, ()))
        defs[kind] = _prototyped(source, kind, names, defs)
    parts = {
        "clients": {"$ref": "#/$defs/clients"},
        "transformers": {"$ref": "#/$defs/steps"},
        "incoming": _with_part(IncomingFields, "subscriber", "subscribers"),
        "outgoing": _with_part(OutgoingFields, "publisher", "publishers"),
        "routes": _lifted(RouteConfig, defs),
        "schedules": _lifted(ScheduleFields, defs),
        "maintenance": _lifted(MaintenanceFields, defs),
        "storages": {"anyOf": [StorageFields.model_json_schema(), {"type": "null"}]},
    }
    sections: Schema = {
        name: {"type": "object", "description": SECTIONS[name], "additionalProperties": part}
        for name, part in parts.items()
    }
    sections["strict"] = {"type": "boolean", "description": STRICT, "default": False}
    sections["retention"] = {**RetentionFields.model_json_schema(), "description": RETENTION}
    sections["python"] = {**PythonFields.model_json_schema(), "description": PYTHON}
    _require_tags({"$defs": defs}, defs)
    document = {"type": "object", "properties": sections, "additionalProperties": False, "$defs": defs}
    return {"$schema": DIALECT, "title": "HaloITSM connector configuration", **_finished(document)}


def _lifted(model: type[BaseModel], defs: Schema) -> Schema:
    """Return the schema of a model; the schemas of models in it go to ``defs``, where its references look."""
    schema = model.model_json_schema(schema_generator=SchemaGenerator)
    defs.update(schema.pop("$defs", {}))
    return schema


def _prototyped(source: PrototypeSource, kind: str, operations: list[str], defs: Schema) -> Schema:
    """Return "one of the prototypes"; each one's schema is added to ``defs``."""
    names = source.names()
    for name in names:
        prototype = source.get(name)
        prefix = f"{kind}.{name}"
        schema = prototype.fields.model_json_schema(
            ref_template=f"#/$defs/{prefix}.{{model}}", schema_generator=SchemaGenerator
        )
        nested = schema.pop("$defs", {})
        defs.update({f"{prefix}.{model}": each for model, each in nested.items()})
        fields = {"prototype": {"const": name, "description": prototype.summary}, **schema.get("properties", {})}
        if "entity" in fields and operations and name == "haloitsm":
            fields["entity"] = _completed(fields["entity"], operations)
        required = ["prototype", *schema.get("required", [])]
        defs[prefix] = {**schema, "description": prototype.summary, "properties": fields, "required": required}
    return {
        "type": "object",
        "required": ["prototype"],
        "properties": {"prototype": {"enum": names}},
        "oneOf": [{"$ref": f"#/$defs/{kind}.{name}"} for name in names],
    }


def _completed(entity: Schema, operations: list[str]) -> Schema:
    """Let an editor offer the names of operations; other ways to name one stay allowed."""
    return {**entity, "anyOf": [{"enum": operations}, {"type": "string"}]}


def _with_part(model: type[BaseModel], part: str, kind: str) -> Schema:
    schema = model.model_json_schema(schema_generator=SchemaGenerator)
    schema["properties"][part] = {
        "$ref": f"#/$defs/{kind}",
        "description": schema["properties"][part]["description"],
    }
    return schema


def _require_tags(schema: Any, defs: Schema) -> None:
    """Require what tells the members of a union apart, also where its model has a default: so does the loader."""
    for each in _all_schemas(schema):
        union = each.get("discriminator", {})
        for reference in union.get("mapping", {}).values():
            member = defs[reference.removeprefix("#/$defs/")]
            member["required"] = sorted({*member.get("required", []), union["propertyName"]})


def _all_schemas(schema: Any) -> Iterator[Schema]:
    """Yield a schema and every schema in it."""
    if isinstance(schema, dict):
        yield schema
        for keyword, value in schema.items():
            if keyword in NAMED_SCHEMAS:
                nested = value.values()
            else:
                nested = value if keyword in SCHEMA_LISTS else [value] if keyword in SCHEMAS else ()
            for each in nested:
                yield from _all_schemas(each)


def _finished(schema: Any) -> Any:
    """Drop what no editor needs; accept ``${NAME}`` where a number, true or false, or one of certain texts stands."""
    if not isinstance(schema, dict):
        return schema
    result: Schema = {}
    for keyword, value in schema.items():
        if keyword in SCHEMAS:
            result[keyword] = _finished(value)
        elif keyword in SCHEMA_LISTS:
            result[keyword] = [_finished(each) for each in value]
        elif keyword in NAMED_SCHEMAS:
            result[keyword] = {name: _finished(each) for name, each in value.items()}
        elif keyword not in {"title", "discriminator"}:
            result[keyword] = value
    if not _is_narrow(result):
        return result
    described = {key: result.pop(key) for key in ("description", "default") if key in result}
    return {"anyOf": [result, VARIABLE], **described}


def _is_narrow(schema: Schema) -> bool:
    """Whether a text that holds a variable would be refused although its value may be right."""
    if schema.get("type") == "string":
        return bool({"enum", "pattern", "minLength"} & schema.keys())
    return schema.get("type") in {"integer", "number", "boolean"}
