"""Conditions: a JMESPath text, or a mapping of paths to named tests, joined by ``and``, ``or``, ``not``.

    "status == 'open' && length(lines) > `2`"
    {status: {one_of: [open, new]}, closed: {empty: true}}      # all of them
    {or: [{priority: {at_most: 2}}, "contains(tags, 'vip')"]}

A condition never fails on an entity: what cannot be read or compared does not hold.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from haloitsm_transformers.errors import StepsError, TransformError, compile_each, kind_of, suggest
from haloitsm_transformers.expressions import expression
from haloitsm_transformers.paths import MISSING, parse_path, reader

Holds = Callable[[Any], bool]


def condition(value: Any) -> Holds:
    """Compile a condition; what comes back takes an entity and says whether it holds. StepsError has all problems."""
    if isinstance(value, str):
        return _expression_holds(value)
    if isinstance(value, dict) and value:
        return _all(compile_each(value, _part).values())
    if isinstance(value, dict):
        raise StepsError.of("an empty condition says nothing")
    raise StepsError.of(
        f"a condition is a JMESPath text or a mapping, not {kind_of(value)}",
        "For example: status == 'open', or {status: {equals: open}}.",
    )


def _expression_holds(text: str) -> Holds:
    read = expression(text)

    def holds(entity: Any) -> bool:
        try:
            found = read(entity)
        except TransformError:
            return False
        return not _is_nothing(found) and found is not False

    return holds


def _part(key: str, value: Any) -> Holds:
    if key == "not":
        inner = condition(value)
        return lambda entity: not inner(entity)
    if key in ("and", "or"):
        if not isinstance(value, list) or not value:
            raise StepsError.of(f"'{key}' takes a list of conditions, not {_got(value)}")
        compiled = compile_each(dict(enumerate(value)), lambda _, item: condition(item)).values()
        return _all(compiled) if key == "and" else _any(compiled)
    return _tests_hold(key, value)


def _all(conditions: Iterable[Holds]) -> Holds:
    first, *rest = conditions
    if not rest:
        return first
    return lambda entity: first(entity) and all(holds(entity) for holds in rest)


def _any(conditions: Iterable[Holds]) -> Holds:
    listed = list(conditions)
    return lambda entity: any(holds(entity) for holds in listed)


def _tests_hold(path: str, tests: Any) -> Holds:
    read = reader(parse_path(path))
    if not isinstance(tests, dict) or not tests:
        raise StepsError.of(
            f"a path is followed by tests, not {_got(tests)}", f"For example: {{{path}: {{equals: open}}}}."
        )
    holds = _all(compile_each(tests, _test).values())
    return lambda entity: holds(read(entity))


def _got(value: Any) -> str:
    return "an empty one" if value in ([], {}) else kind_of(value)


def _test(name: str, option: Any) -> Holds:
    if name not in TESTS:
        raise StepsError.of(f"there is no test '{name}'", suggest(name, TESTS) or f"There are: {', '.join(TESTS)}.")
    test = TESTS[name]
    if not test.accepts(option):
        raise StepsError.of(f"'{name}' takes {test.option}, not {_got(option)}")
    return test.build(option)


class Test(NamedTuple):
    """A named test: what its option is, in words and as JSON Schema, and how to make the test from it."""

    summary: str
    option: str
    schema: Mapping[str, Any]
    accepts: Callable[[Any], bool]
    build: Callable[[Any], Holds]


def same(left: Any, right: Any) -> bool:
    """Tell whether two JSON values are equal; unlike in Python, true is not 1."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(value, right[key]) for key, value in left.items())
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


def _is_nothing(value: Any) -> bool:
    return value is MISSING or value is None or value in ("", [], {})


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _equals(option: Any) -> Holds:
    return lambda value: same(None if value is MISSING else value, option)


def _one_of(options: list[Any]) -> Holds:
    return lambda value: any(same(None if value is MISSING else value, option) for option in options)


def _comparison(compare: Callable[[Any, Any], bool], words: str) -> Test:
    def build(option: Any) -> Holds:
        if isinstance(option, str):
            return lambda value: isinstance(value, str) and compare(value, option)
        return lambda value: _is_number(value) and compare(value, option)

    return Test(
        f"{words}: numbers with numbers, texts with texts (so ISO dates with ISO dates)",
        "a number or a text",
        {"anyOf": [{"type": "number"}, {"type": "string"}]},
        lambda option: _is_number(option) or isinstance(option, str),
        build,
    )


_TYPES: Mapping[str, Holds] = {
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: _is_number(value) and value == value // 1,
    "list": lambda value: isinstance(value, list),
    "null": lambda value: value is None,
    "number": _is_number,
    "object": lambda value: isinstance(value, dict),
    "text": lambda value: isinstance(value, str),
}

_TRUTH: Mapping[str, Any] = {"type": "boolean"}

TESTS: Mapping[str, Test] = {
    "equals": Test("the same value and type; a missing path is null", "any value", {}, lambda _: True, _equals),
    "one_of": Test(
        "equals one of these",
        "a list",
        {"type": "array", "minItems": 1},
        lambda v: isinstance(v, list) and v != [],
        _one_of,
    ),
    "exists": Test(
        "whether the path is there, be it null",
        "true or false",
        _TRUTH,
        lambda option: isinstance(option, bool),
        lambda option: lambda value: (value is not MISSING) is option,
    ),
    "empty": Test(
        "whether it is missing, null, an empty text, list or object",
        "true or false",
        _TRUTH,
        lambda option: isinstance(option, bool),
        lambda option: lambda value: _is_nothing(value) is option,
    ),
    "type": Test(
        "the JSON type",
        f"one of {', '.join(_TYPES)}",
        {"enum": list(_TYPES)},
        lambda option: isinstance(option, str) and option in _TYPES,
        _TYPES.__getitem__,
    ),
    "less_than": _comparison(operator.lt, "less than"),
    "at_most": _comparison(operator.le, "at most"),
    "more_than": _comparison(operator.gt, "more than"),
    "at_least": _comparison(operator.ge, "at least"),
}
