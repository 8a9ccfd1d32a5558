"""``validate``: hold entities against a JSON Schema."""

from __future__ import annotations

from typing import Any, Self

from pydantic import Field, ValidationInfo, model_validator

from haloitsm_transformers.contract import Builder, Entity, EntityFunction, Example, Params, Transformer
from haloitsm_transformers.errors import StepProblem, StepsError, TransformError
from haloitsm_transformers.fields import asked, problems_found
from haloitsm_transformers.json_schemas import parsed_schema, schema_validator
from haloitsm_transformers.misfits import misfits
from haloitsm_transformers.world import World


class Validate(Params):
    """Fail the entities that do not fit a JSON Schema (draft 2020-12).

    Missing path, null, wrong type, empty list: as the schema says; nothing is changed. A failure names the first
    misfits by their path. `pattern` takes no look-around and no back-references, which could take for ever. `format` is
    a remark and is not checked, as the draft says. References lead to the schema's own parts only.
    """

    # Named `schema` in YAML; pydantic's own models have a method of that name.
    rules: dict[str, Any] | None = Field(None, alias="schema", description="The JSON Schema, written out.")
    file: str | None = Field(None, description="A file below the configuration's folder that holds it, as JSON.")
    operation: str | None = Field(
        None,
        description="An operation of the catalogue, such as POST /Tickets: what one record of its payload must be.",
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        if [self.rules, self.file, self.operation].count(None) != 2:
            raise ValueError("takes exactly one of 'schema', 'file' and 'operation'")
        return self

    @model_validator(mode="after")
    def _sound(self, info: ValidationInfo) -> Self:
        for name, capability, value in (("file", "files", self.file), ("operation", "schemas", self.operation)):
            if value is not None and (found := asked(info, capability, value, name)) is not None:
                _elsewhere(found, name)
        if self.rules is not None:
            _compiled(self.rules, "schema")
        return self


def _compiled(schema: Any, *at: str) -> None:
    try:
        schema_validator(schema)
    except StepsError as error:
        raise problems_found([problem.under(*at) for problem in error.problems]) from None


def _elsewhere(found: Any, at: str) -> None:
    """Check a schema that stands elsewhere: a place inside it is no place in the configuration."""
    try:
        schema_validator(parsed_schema(found) if isinstance(found, bytes) else found)
    except StepsError as error:
        raise problems_found([StepProblem((at,), str(problem).rstrip(".")) for problem in error.problems]) from None


def _needs(params: Validate) -> tuple[str, ...]:
    if params.file is not None:
        return ("files",)
    return ("schemas",) if params.operation is not None else ()


def build(params: Validate, builder: Builder) -> EntityFunction:
    """Compile the schema."""
    if params.file is not None:
        schema = parsed_schema(builder.capability("files")(params.file))
    elif params.operation is not None:
        schema = builder.capability("schemas")(params.operation)
    else:
        schema = params.rules
    fits = schema_validator(schema).is_valid

    def validate(entity: Entity) -> Entity:
        if not fits(entity):
            raise TransformError(misfits(schema, entity))
        return entity

    return validate


_TICKET = {"type": "object", "properties": {"summary": {"type": "string"}, "client_id": {"type": "integer"}}}

TRANSFORMER = Transformer(
    "validate",
    "entity",
    Validate,
    build,
    needs=_needs,
    own_copy=False,
    examples=(
        Example(
            "An entity that fits goes on as it is",
            {"schema": {"required": ["id"], "properties": {"id": {"type": "integer"}}}},
            {"id": 7, "note": None},
            {"id": 7, "note": None},
        ),
        Example(
            "A missing field fails, null is a value of its own type",
            {"schema": {"required": ["id"], "properties": {"note": {"type": "string"}}}},
            {"note": None},
            fails="the field 'id' is missing; note: is null, and the schema wants string",
        ),
        Example(
            "A wrong type fails",
            {"schema": {"properties": {"tags": {"type": "array", "minItems": 1}}}},
            {"tags": "x"},
            fails="tags: is text, and the schema wants array",
        ),
        Example(
            "An empty list fails where the schema wants items",
            {"schema": {"properties": {"tags": {"type": "array", "minItems": 1}}}},
            {"tags": []},
            fails="tags: is a list, and the schema wants minItems: 1",
        ),
        Example(
            "Patterns, numbers of any size, fractions that are whole",
            {"schema": {"properties": {"code": {"pattern": "^[A-Z]{2}-[0-9]+$"}, "n": {"type": "integer"}}}},
            [{"code": "AB-1", "n": 10**30}, {"code": "ÄB-1", "n": 1.0}],
            fails="code: is text, and the schema wants pattern: ^[A-Z]{2}-[0-9]+$",
        ),
        Example(
            "The schema in a file of its own",
            {"file": "schemas/ticket.json"},
            {"client_id": "12"},
            fails="client_id: is text, and the schema wants integer",
            world=World(files={"schemas/ticket.json": '{"properties": {"client_id": {"type": "integer"}}}'}),
        ),
        Example(
            "What the catalogue knows of an operation's payload",
            {"operation": "POST /Tickets"},
            {"summary": ["Printer"]},
            fails="summary: is a list, and the schema wants string",
            world=World(schemas={"POST /Tickets": _TICKET}),
        ),
    ),
    json=True,
)
