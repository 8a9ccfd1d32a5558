"""JSON Schemas, compiled: whether they are schemas, what they refer to, and a check that takes microseconds.

Nothing is fetched: a reference leads to a part of the schema itself. Patterns take time in proportion to the text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from haloitsm_transformers.errors import NodePath, StepProblem, StepsError

if TYPE_CHECKING:
    from jsonschema_rs import Draft202012Validator, ValidationError

_PATTERNS = "Look-around (?=...) and back-references \\1 are not taken: they could keep a run busy for ever."


def parsed_schema(written: bytes) -> Any:
    """Read a schema from the bytes of a JSON file; StepsError when it is none."""
    try:
        return json.loads(written)
    except (ValueError, RecursionError) as error:
        raise StepsError.of(f"the file holds no JSON: {error}") from None


def schema_validator(schema: Any) -> Draft202012Validator:
    """Compile a JSON Schema of draft 2020-12; StepsError says where it is none."""
    from jsonschema_rs import Draft202012Validator, RegexOptions, ValidationError

    if problems := [*_bad_references(schema, schema, ()), *_bad_company(schema)]:
        raise StepsError(problems)
    try:
        return Draft202012Validator(schema, offline=True, validate_formats=False, pattern_options=RegexOptions())
    except ValidationError as error:
        raise StepsError([_problem(error)]) from None
    except (ValueError, RecursionError) as error:
        raise StepsError.of(f"is not a JSON Schema: {error}") from None


def _problem(error: ValidationError) -> StepProblem:
    path = tuple(error.instance_path)
    if error.kind.name == "format":
        return StepProblem(path, f"'{str(error.instance)[:80]}' is not a regular expression", _PATTERNS)
    return StepProblem(path, f"is not a JSON Schema: {error.message}")


_NAMED = frozenset({"properties", "patternProperties", "dependentSchemas", "$defs", "definitions"})
"""The keywords that hold schemas by names of the user's own."""
_DATA = frozenset({"const", "enum", "default", "examples"})
"""The keywords that hold values, in which nothing means anything."""


def _bad_references(part: Any, whole: Any, path: NodePath, *, named: bool = False) -> Iterator[StepProblem]:
    """Yield the references to other documents, and those to parts that are not there; each with its place."""
    if isinstance(part, list):
        for number, item in enumerate(part):
            yield from _bad_references(item, whole, (*path, number))
    if not isinstance(part, dict):
        return
    for name, value in part.items():
        if named or name not in {"$ref", "$dynamicRef", *_DATA}:
            yield from _bad_references(value, whole, (*path, name), named=not named and name in _NAMED)
        elif name in {"$ref", "$dynamicRef"} and isinstance(value, str):
            if not value.startswith("#"):
                what = "refers to another document; only references inside the schema are followed"
                yield StepProblem((*path, name), what)
            elif value.startswith("#/") and not _is_there(whole, value):
                yield StepProblem((*path, name), f"'{value}' leads nowhere in this schema")


def _bad_company(schema: Any) -> Iterator[StepProblem]:
    written = json.dumps(schema, default=str)
    if '"patternProperties"' in written and '"unevaluatedProperties"' in written:
        what = "'patternProperties' and 'unevaluatedProperties' are not taken together"
        yield StepProblem((), what, "Write 'additionalProperties' beside 'patternProperties'.")


def _is_there(whole: Any, pointer: str) -> bool:
    from urllib.parse import unquote

    for part in unquote(pointer).split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(whole, list):
            whole = dict(zip(map(str, range(len(whole))), whole, strict=True))
        if not isinstance(whole, dict) or key not in whole:
            return False
        whole = whole[key]
    return True
