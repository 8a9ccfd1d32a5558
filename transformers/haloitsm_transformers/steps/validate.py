"""``validate``: hold entities against a JSON Schema."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, Field

from haloitsm_transformers.contract import Builder, Entity, EntityFunction, Example, Params, Transformer
from haloitsm_transformers.errors import StepProblem, TransformError, kind_of
from haloitsm_transformers.fields import problems_found

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator, ValidationError

REFUSED = frozenset({"pattern", "patternProperties"})

NAMED_SCHEMAS = frozenset({"properties", "dependentSchemas", "$defs", "definitions"})
"""The keywords that hold schemas by names of the user's own."""
SHOWN_ERRORS = 3
_ENDLESS = "a regular expression in a schema could keep a run busy for ever"


def _checked(schema: dict[str, Any]) -> dict[str, Any]:
    from jsonschema import Draft202012Validator, SchemaError

    problems = list(_unusable(schema, ()))
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        problems.append(StepProblem(tuple(error.absolute_path), f"is not a JSON Schema: {error.message}"))
    if problems := problems or list(_unresolved(schema)):
        raise problems_found(problems)
    return schema


def _unresolved(schema: dict[str, Any]) -> Iterator[StepProblem]:
    """Yield the references inside a schema that lead nowhere."""
    from referencing import Registry
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import DRAFT202012

    resolver = Registry().resolver_with_root(DRAFT202012.create_resource(schema))
    for path, reference in _references(schema, ()):
        try:
            resolver.lookup(reference)
        except Unresolvable:
            yield StepProblem(path, f"'{reference}' leads nowhere in this schema")


def _references(part: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    members = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    for name, value in members:
        if name in {"$ref", "$dynamicRef"} and isinstance(value, str):
            yield (*path, name), value
        else:
            yield from _references(value, (*path, name))


def _unusable(part: Any, path: tuple[str | int, ...], *, of_names: bool = False) -> Iterator[StepProblem]:
    """Yield what a schema may not hold: patterns, and references to anywhere but itself.

    ``of_names`` says that the keys of ``part`` are the user's names of schemas, not keywords.
    """
    if isinstance(part, list):
        for number, item in enumerate(part):
            yield from _unusable(item, (*path, number))
    if not isinstance(part, dict):
        return
    for name, value in part.items():
        if of_names:
            yield from _unusable(value, (*path, name))
        elif name in REFUSED:
            yield StepProblem((*path, name), f"'{name}' is not taken here: {_ENDLESS}")
        elif name in {"$ref", "$dynamicRef"} and isinstance(value, str) and not value.startswith("#"):
            yield StepProblem(
                (*path, name), "refers to another document; only references inside the schema are followed"
            )
        elif name not in {"const", "enum", "default", "examples"}:
            yield from _unusable(value, (*path, name), of_names=name in NAMED_SCHEMAS)


class Validate(Params):
    """Fail the entities that do not fit a JSON Schema (draft 2020-12).

    Missing path, null, wrong type, empty list: as the schema says; nothing is changed. Patterns and references to other
    documents are refused when the configuration is checked. A failure names the first misfits by their path.
    """

    # Named `schema` in YAML; pydantic's own models have a method of that name.
    rules: Annotated[dict[str, Any], AfterValidator(_checked)] = Field(alias="schema", description="The JSON Schema.")


def build(params: Validate, builder: Builder) -> EntityFunction:
    """Compile the schema."""
    from jsonschema import Draft202012Validator
    from referencing import Registry

    validator = Draft202012Validator(params.rules, registry=Registry())

    def validate(entity: Entity) -> Entity:
        try:
            if not validator.is_valid(entity):
                raise _misfit(validator, entity)
        except RecursionError:
            raise TransformError("the schema refers to itself without end") from None
        return entity

    return validate


def _misfit(validator: Draft202012Validator, entity: Entity) -> TransformError:
    errors = sorted(validator.iter_errors(entity), key=lambda error: (len(error.absolute_path), error.json_path))
    shown = "; ".join(_words(error) for error in errors[:SHOWN_ERRORS])
    more = f"; and {len(errors) - SHOWN_ERRORS} more" if len(errors) > SHOWN_ERRORS else ""
    return TransformError(f"{shown}{more}")


def _words(error: ValidationError) -> str:
    """Say what does not fit: names and types, never the value itself."""
    place = ".".join(map(str, error.absolute_path))
    at = f"{place}: " if place else ""
    if error.validator == "required":
        return f"{at}{error.message}"  # names the property, holds no value
    if error.validator == "additionalProperties":
        return f"{at}has fields that the schema does not know"
    return (
        f"{at}is {kind_of(error.instance)}, and the schema wants {error.validator}: {str(error.validator_value)[:80]}"
    )


TRANSFORMER = Transformer(
    "validate",
    "entity",
    Validate,
    build,
    examples=(
        Example(
            "An entity that fits goes on as it is",
            {"schema": {"required": ["id"], "properties": {"id": {"type": "integer"}}}},
            {"id": 7, "note": None},
            {"id": 7, "note": None},
        ),
        Example(
            "A missing field fails, null is a value of its own type",
            {"schema": {"required": ["id"]}},
            {"note": None},
            fails="'id' is a required property",
        ),
        Example(
            "A wrong type fails",
            {"schema": {"properties": {"tags": {"type": "array", "minItems": 1}}}},
            {"tags": "x"},
            fails="tags: is text, and the schema wants type: array",
        ),
        Example(
            "An empty list fails where the schema wants items",
            {"schema": {"properties": {"tags": {"type": "array", "minItems": 1}}}},
            {"tags": []},
            fails="minItems: 1",
        ),
    ),
)
