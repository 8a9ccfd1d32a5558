"""``remove``: take fields and items away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import Field, RootModel, WithJsonSchema

from haloitsm_transformers.contract import Builder, Entity, EntityFunction, Example, Transformer
from haloitsm_transformers.errors import StepsError, compile_each, kind_of
from haloitsm_transformers.fields import compiles
from haloitsm_transformers.paths import ANY, parse_pattern
from haloitsm_transformers.patterns import Pattern, find, without
from haloitsm_transformers.value_tests import TESTS_SCHEMA, value_tests

Removal = tuple[Pattern, Callable[[Any], bool]]
"""A pattern, and whether a value that it finds goes."""


def _removals(written: Any) -> list[Removal]:
    """Compile a list of patterns, or a mapping of patterns to tests; StepsError has all problems."""
    if not isinstance(written, (list, dict)) or not written:
        got = kind_of(written) if written else "an empty one"
        raise StepsError.of(f"must be a list of patterns, or a mapping of patterns to tests, not {got}")
    if isinstance(written, list):
        return list(compile_each(dict(enumerate(written)), lambda _, text: (_pattern(text), _any)).values())
    return list(compile_each(written, lambda text, tests: (_pattern(text), value_tests(tests))).values())


def _pattern(text: Any) -> Pattern:
    if not isinstance(text, str):
        raise StepsError.of(f"a pattern is text, not {kind_of(text)}")
    return parse_pattern(text)


def _any(value: Any) -> bool:
    return True


_PATTERN = {"type": "string"}
_TESTS = {"type": "object", "properties": dict(TESTS_SCHEMA), "minProperties": 1, "additionalProperties": False}
_SCHEMA = {
    "anyOf": [
        {"type": "array", "minItems": 1, "items": _PATTERN},
        {"type": "object", "minProperties": 1, "additionalProperties": _TESTS},
    ]
}


class Remove(RootModel[Annotated[Any, compiles(_removals), WithJsonSchema(_SCHEMA)]]):
    """Remove fields and list items: all that patterns name, or those of them whose value meets tests.

    Missing path: nothing happens. Null and empty lists are removed as any value. Wrong type on the way: the path is
    not there; a test never fails. Positions count in the list as it was; a list closes up, and stays when it has become
    empty.
    """

    root: Annotated[Any, compiles(_removals), WithJsonSchema(_SCHEMA)] = Field(
        description="Patterns of what is removed, or a mapping of patterns to the tests that its value has to meet."
    )


def build(params: Remove, builder: Builder) -> EntityFunction:
    """Compile patterns and tests."""
    removals = _removals(params.root)
    if all(len(pattern) == 1 and pattern[0] is not ANY and goes is _any for pattern, goes in removals):
        names = [str(pattern[0]) for pattern, _ in removals]
        if len(names) == 1:
            return _without_one(names[0])

        def remove_names(entity: Entity) -> Entity:
            for name in names:
                entity.pop(name, None)
            return entity

        return remove_names

    def remove(entity: Entity) -> Entity:
        gone = [match.place for pattern, goes in removals for match in find(entity, pattern) if goes(match.value)]
        return without(entity, gone)

    return remove


def _without_one(name: str) -> EntityFunction:
    def remove_name(entity: Entity) -> Entity:
        entity.pop(name, None)
        return entity

    return remove_name


TRANSFORMER = Transformer(
    "remove",
    "entity",
    Remove,
    build,
    examples=(
        Example(
            "Fields, here and in every item",
            ["note", "lines.*.tmp"],
            {"id": 1, "note": "x", "lines": [{"sku": "A", "tmp": 1}, {"sku": "B"}]},
            {"id": 1, "lines": [{"sku": "A"}, {"sku": "B"}]},
        ),
        Example(
            "What is empty, and what is of another kind",
            {"*": {"empty": True}, "lines.*": {"not_equals": "A"}},
            {"id": 0, "note": "", "tags": [], "client": None, "lines": ["A", "B", None, "A"]},
            {"id": 0, "lines": ["A", "A"]},
        ),
        Example("Items of a list, counted as it was", ["tags.0", "tags.2"], {"tags": ["a", "b", "c"]}, {"tags": ["b"]}),
        Example("A missing path is fine, null is a value", ["x.y", "a"], {"a": None, "x": "text"}, {"x": "text"}),
        Example(
            "A list that becomes empty stays",
            ["tags.*", "none.*"],
            {"tags": ["a"], "none": []},
            {"tags": [], "none": []},
        ),
    ),
    json=True,
)
