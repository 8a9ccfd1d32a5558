"""``map_values``: put other values in the place of known ones."""

from __future__ import annotations

import re
from typing import Annotated, Any, Self

from pydantic import Field, RootModel, WithJsonSchema, model_validator

from haloitsm_transformers.contract import Builder, Entity, EntityFunction, Example, Params, Transformer
from haloitsm_transformers.errors import StepsError, TransformError, kind_of
from haloitsm_transformers.fields import Pattern, Template, compiles
from haloitsm_transformers.in_place import Change, in_place
from haloitsm_transformers.placeholders import as_text, is_constant, template
from haloitsm_transformers.value_tests import TESTS_SCHEMA, value_tests


def _case(written: Any) -> tuple[Any, Any]:
    if not isinstance(written, dict) or "value" not in written or len(written) < 2:
        raise StepsError.of(
            "a case has tests and the value that it gives", "For example: {less_than: 18, value: child}."
        )
    tests = {name: option for name, option in written.items() if name != "value"}
    return value_tests(tests), template(written["value"])


Case = Annotated[
    dict[str, Any],
    compiles(_case),
    WithJsonSchema(
        {
            "type": "object",
            "properties": {**TESTS_SCHEMA, "value": {"description": "The value that it gives."}},
            "required": ["value"],
            "minProperties": 2,
            "additionalProperties": False,
        }
    ),
]


class Mapping(Params):
    """What becomes of the values at one pattern."""

    values: dict[str, Template] = Field({}, description="Value to new value: 1: new, true: active, null: none.")
    cases: list[Case] = Field(
        [], description="Tests with the value for what meets them all, asked in order where `values` has nothing."
    )
    otherwise: Template = Field(
        None, description="The value for everything else but null. Without it, everything else fails."
    )

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.values and not self.cases:
            raise ValueError("neither 'values' nor 'cases' says what becomes of a value")
        return self


class MapValues(RootModel[dict[Pattern, Mapping]]):
    """Put other values in the place of known ones: by a dictionary, by ranges and other tests, and for all the rest.

    In a dictionary 12, 12.0 and "12" are one value, and so are true and "true". New values may hold {{ placeholders }},
    which read the entity: `otherwise: "{{ status }}"` lets the rest be. Missing path: nothing happens. Null stays null
    unless `values` or a case has it. Wrong type, empty list: a list or object is in no dictionary; a case may take it.
    """

    root: dict[Pattern, Mapping] = Field(min_length=1, description="Pattern of the values to what becomes of them.")


def build(params: MapValues, builder: Builder) -> EntityFunction:
    """Compile patterns, tests and templates."""
    return in_place((pattern, _change(mapping, builder)) for pattern, mapping in params.root.items())


def _change(mapping: Mapping, builder: Builder) -> Change:
    constants = _with_numbers({known: new for known, new in mapping.values.items() if is_constant(new)})
    templates = {known: builder.template(new) for known, new in mapping.values.items() if not is_constant(new)}
    fills = _with_numbers(templates)
    cases = [_case(written) for written in mapping.cases]
    otherwise = builder.template(mapping.otherwise) if "otherwise" in mapping.model_fields_set else None
    has_constant = otherwise is not None and is_constant(mapping.otherwise)
    constant = mapping.otherwise

    def change(value: Any, entity: Entity) -> Any:
        kind = type(value)
        known = value if kind is str or kind is int else "null" if value is None else as_text(value)
        if known in constants:
            return constants[known]
        if known in fills:
            return fills[known](entity)
        for holds, fill in cases:
            if holds(value):
                return fill(entity)
        if value is None:
            return None
        if has_constant:
            return constant
        if otherwise is None:
            shown = kind_of(value) if known is None else f"'{str(known)[:_SHOWN]}'"
            raise TransformError(f"is {shown}, for which no value is given; 'otherwise' would be for it")
        return otherwise(entity)

    return change


def _with_numbers(values: dict[str, Any]) -> dict[str | int, Any]:
    """Add whole numbers beside their texts, so that none need be written to be looked up."""
    return values | {int(text): value for text, value in values.items() if _WHOLE.fullmatch(text)}


_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,30}")
_SHOWN = 40

TRANSFORMER = Transformer(
    "map_values",
    "entity",
    MapValues,
    build,
    examples=(
        Example(
            "By a dictionary, where numbers and their texts are one",
            {
                "status": {"values": {"1": "new", "2": "open"}, "otherwise": "closed"},
                "lines.*.vat": {"values": {"true": 20, "false": 0}},
            },
            [{"status": 1}, {"status": "2"}, {"status": 9}, {"lines": [{"vat": True}, {"vat": "false"}]}],
            [{"status": "new"}, {"status": "open"}, {"status": "closed"}, {"lines": [{"vat": 20}, {"vat": 0}]}],
        ),
        Example(
            "By ranges and other tests, asked in order",
            {
                "age": {
                    "cases": [{"less_than": 18, "value": "child"}, {"less_than": 65, "value": "adult"}],
                    "otherwise": "senior",
                },
                "day": {"cases": [{"at_least": "2026-01-01", "value": "this year"}], "otherwise": "earlier"},
            },
            [{"age": 17}, {"age": 18.5}, {"age": 65}, {"day": "2025-12-31"}],
            [{"age": "child"}, {"age": "adult"}, {"age": "senior"}, {"day": "earlier"}],
        ),
        Example(
            "What is not listed may stay",
            {"status": {"values": {"opened": "open"}, "otherwise": "{{ status }}"}},
            {"status": "closed"},
            {"status": "closed"},
        ),
        Example(
            "A missing path is fine, null stays null unless it is listed",
            {"x": {"values": {"a": 1}}, "a": {"values": {"a": 1}, "otherwise": 2}, "b": {"values": {"null": "none"}}},
            {"a": None, "b": None},
            {"a": None, "b": "none"},
        ),
        Example(
            "An empty list may be taken by a test",
            {"tags": {"cases": [{"empty": True, "value": None}], "otherwise": "{{ tags }}"}},
            [{"tags": []}, {"tags": ["a"]}],
            [{"tags": None}, {"tags": ["a"]}],
        ),
        Example(
            "What is not listed fails otherwise",
            {"status": {"values": {"1": "new"}}},
            {"status": 3},
            fails="status: is '3', for which no value is given",
        ),
        Example("A list is in no dictionary", {"a": {"values": {"1": 2}}}, {"a": [1]}, fails="a: is a list, for which"),
    ),
    json=True,
)
