"""JSON Schema of steps, from which editors complete verbs and options."""

from __future__ import annotations

from typing import Any, cast

from pydantic.json_schema import GenerateJsonSchema

from haloitsm_transformers.conditions import TESTS
from haloitsm_transformers.contract import Transformer
from haloitsm_transformers.fields import REFERENCE
from haloitsm_transformers.plan import ON_ERROR, ON_ERRORS
from haloitsm_transformers.registry import Registry

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema(registry: Registry) -> dict[str, Any]:
    """Return a draft 2020-12 schema of a list of steps; ``$defs`` hold its parts.

    They are ``steps``, ``step``, ``condition`` and, for each verb, ``step.<verb>``.

    Loads every transformer; PluginError names the one that cannot be loaded.
    """
    transformers = [registry.get(name) for name in registry.names()]
    definitions: dict[str, Any] = {"steps": _STEPS, "step": _step(transformers), "condition": _condition()}
    for transformer in transformers:
        definitions |= _params(transformer)
    return {"$schema": DIALECT, "$ref": "#/$defs/steps", "$defs": dict(sorted(definitions.items()))}


_STEPS = {"type": "array", "description": "Steps, run one after the other.", "items": {"$ref": "#/$defs/step"}}


_ON_ERROR = {
    "enum": list(ON_ERRORS),
    "default": "fail",
    "description": "What becomes of an entity that cannot go on: it fails and is reported, it is left out silently, "
    "or it goes on as it was before the step.",
}


def _step(transformers: list[Transformer]) -> dict[str, Any]:
    verbs = {
        transformer.name: {"description": transformer.summary, "$ref": f"#/$defs/step.{transformer.name}"}
        for transformer in transformers
    }
    return {
        "anyOf": [
            {"type": "string", "description": "The name of a chain."},
            {
                "type": "object",
                "properties": verbs | {ON_ERROR: _ON_ERROR},
                "if": {"required": [ON_ERROR]},
                "then": {"minProperties": 2, "maxProperties": 2},
                "else": {"minProperties": 1, "maxProperties": 1},
                "additionalProperties": False,
            },
        ]
    }


def _params(transformer: Transformer) -> dict[str, Any]:
    own = f"step.{transformer.name}"
    schema = transformer.params.model_json_schema(
        ref_template=f"#/$defs/{own}.{{model}}", schema_generator=SchemaGenerator
    )
    inner = schema.pop("$defs", {})
    return {own: schema, **{f"{own}.{name}": definition for name, definition in inner.items()}}


class SchemaGenerator(GenerateJsonSchema):
    """Makes the JSON Schema of models that have steps, conditions or other types of `fields`.

    Pydantic follows every ``$ref`` while it works; these lead to definitions that it does not know.
    """

    def sort(self, value: dict[str, Any], parent_key: str | None = None) -> dict[str, Any]:
        """Put references in, which is the last thing done to a schema."""
        return cast(dict[str, Any], _referring(super().sort(value, parent_key)))


def _referring(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {"$ref" if key == REFERENCE else key: _referring(value) for key, value in schema.items()}
    return [_referring(item) for item in schema] if isinstance(schema, list) else schema


def _condition() -> dict[str, Any]:
    tests = {name: {"description": test.summary, **test.option.schema} for name, test in TESTS.items()}
    condition = {"$ref": "#/$defs/condition"}
    several = {"type": "array", "minItems": 1, "items": condition}
    return {
        "anyOf": [
            {"type": "string", "description": "A JMESPath expression."},
            {
                "type": "object",
                "minProperties": 1,
                "properties": {
                    "and": {"description": "All of these hold.", **several},
                    "or": {"description": "One of these holds.", **several},
                    "not": {"description": "This does not hold.", **condition},
                },
                "additionalProperties": {
                    "type": "object",
                    "description": "Tests of the value at this path; all must hold.",
                    "properties": tests,
                    "minProperties": 1,
                    "additionalProperties": False,
                },
            },
        ]
    }
