"""Types for the options of a step: each is checked when the configuration is loaded, and named in the editor schema.

The values stay as written (texts, mappings, lists); the step compiles them when it is built.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Annotated, Any, Protocol

from pydantic import AfterValidator, GetPydanticSchema, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError, core_schema

from haloitsm_transformers.conditions import condition
from haloitsm_transformers.errors import StepProblem, StepsError, TransformError, compile_each, kind_of, suggest
from haloitsm_transformers.expressions import expression
from haloitsm_transformers.keys import entity_key, key_reader
from haloitsm_transformers.paths import parse_path, parse_pattern
from haloitsm_transformers.patterns import target
from haloitsm_transformers.placeholders import template

PROBLEMS = "step_problems"
"""Type of the validation error whose context carries problems that know their own path."""


REFERENCE = "x-ref"
"""What stands for ``$ref`` in the schemas of these types until `SchemaGenerator` has done its work."""


class StepChecker(Protocol):
    """Given as the validation context, it has the steps inside a step checked too."""

    def steps(self, value: Any) -> list[StepProblem]:
        """Return what is wrong with a list of steps."""

    def names(self, capability: str) -> Collection[str] | None:
        """Return what a capability can be asked for by name; None where that is not known here."""

    def ask(self, capability: str) -> Callable[[str], Any] | None:
        """Return a capability that can be asked before anything runs; None where there is none."""


def problems_found(problems: list[StepProblem]) -> PydanticCustomError:
    """Wrap located problems so that they survive pydantic's own error collecting."""
    text = "; ".join(map(str, problems)).replace("{", "(").replace("}", ")")  # a message template of pydantic
    return PydanticCustomError(PROBLEMS, text, {"problems": problems})


def compiles(compile_value: Callable[[Any], Any]) -> AfterValidator:
    """Make a check of one that compiles a value: the problems of its StepsError are those of the option."""

    def validate(value: Any) -> Any:
        try:
            compile_value(value)
        except StepsError as error:
            raise problems_found(error.problems) from None
        return value

    return AfterValidator(validate)


def _declared(capability: str, word: str, section: str) -> AfterValidator:
    def validate(name: str, info: ValidationInfo) -> str:
        checker = info.context.get(StepChecker) if isinstance(info.context, dict) else None
        known = checker.names(capability) if checker else None
        if known is not None and name not in known:
            hint = suggest(name, known) or f"Declare it in '{section}:'."
            raise problems_found([StepProblem((), f"there is no {word} '{name}'", hint)])
        return name

    return AfterValidator(validate)


def asked(info: ValidationInfo, capability: str, name: str, *option: str) -> Any:
    """Return what a capability answers to a name, None where it cannot be asked before anything runs.

    Its TransformError is a problem with what is being validated or, in it, with ``option``.
    """
    checker = info.context.get(StepChecker) if isinstance(info.context, dict) else None
    ask = checker.ask(capability) if checker else None
    try:
        return ask(name) if ask else None
    except TransformError as error:
        raise problems_found([StepProblem(option, error.what)]) from None


class StepList(list[Any]):
    """Steps inside a step, as written; give it to the builder's ``chain``."""


def _steps(value: Any, info: ValidationInfo) -> StepList:
    if isinstance(info.context, dict) and (checker := info.context.get(StepChecker)):
        if problems := checker.steps(value):
            raise problems_found(problems)
    elif not isinstance(value, list):
        raise problems_found([StepProblem((), f"must be a list of steps, not {kind_of(value)}")])
    return StepList(value)


Steps = Annotated[
    list[Any],
    GetPydanticSchema(lambda source, handler: core_schema.with_info_plain_validator_function(_steps)),
    WithJsonSchema({REFERENCE: "#/$defs/steps"}),
]
"""A list of steps; several are run one after the other."""

Expression = Annotated[str, compiles(expression), WithJsonSchema({"type": "string", "format": "jmespath"})]
"""A JMESPath expression that reads from the entity."""

Template = Annotated[Any, compiles(template)]
"""Any JSON value; its texts may hold ``{{ expression }}``."""

Text = Annotated[str, compiles(template)]
"""A text that may hold ``{{ expression }}``."""

Condition = Annotated[Any, compiles(condition), WithJsonSchema({REFERENCE: "#/$defs/condition"})]
"""A JMESPath text, or a mapping of paths to tests."""

Path = Annotated[str, compiles(parse_path)]
"""One place in the entity: ``client.name``, ``lines.0``."""

Pattern = Annotated[str, compiles(parse_pattern)]
"""Many places in the entity: ``lines.*.price``."""

Key = Annotated[str, compiles(entity_key)]
"""A template that gives each entity its key, ``"{{ id }}"``; written as text, so 12 and "12" are one key."""

StorageKey = Annotated[str, compiles(key_reader)]
"""A template that gives a key in a storage; it may be the same for all entities."""

StorageName = Annotated[str, _declared("storage", "storage", "storages")]
"""The name of a declared storage."""

ClientName = Annotated[str, _declared("http", "client", "clients")]
"""The name of a declared client."""

IncomingName = Annotated[str, _declared("rows", "incoming", "incoming")]
"""The name of a declared incoming."""


def checked_targets(pairs: dict[str, str]) -> dict[str, str]:
    """Check patterns with their targets: a ``$2`` needs a second ``*``."""
    try:
        compile_each(pairs, lambda pattern, to: target(to, parse_pattern(pattern)))
    except StepsError as error:
        raise problems_found(error.problems) from None
    return pairs
