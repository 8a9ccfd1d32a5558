"""Conditions: a JMESPath text, or a mapping of paths to named tests, joined by ``and``, ``or``, ``not``.

    "status == 'open' && length(lines) > `2`"
    {status: {one_of: [open, new]}, closed: {empty: true}}      # all of them
    {due: {between: [2025-01-01, 2025-03-31]}, code: {matches: "^[A-Z]{2}-"}}
    {or: [{priority: {at_most: 2}}, "contains(tags, 'vip')"]}

A condition never fails on an entity: what cannot be read or compared does not hold.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from haloitsm_transformers.dates import moment
from haloitsm_transformers.errors import StepsError, TransformError, compile_each, kind_of, suggest
from haloitsm_transformers.expressions import expression
from haloitsm_transformers.paths import MISSING, parse_path, reader
from haloitsm_transformers.regexes import regex

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
    place = parse_path(path)
    if not isinstance(tests, dict) or not tests:
        example = tests if isinstance(tests, str) else "open"
        raise StepsError.of(
            f"a path is followed by tests, not {_got(tests)}", f"For example: {{{path}: {{equals: {example}}}}}."
        )
    holds = _all(compile_each(tests, _test).values())
    if len(place) == 1 and isinstance(place[0], str):
        name = place[0]
        return lambda entity: holds(entity.get(name, MISSING) if isinstance(entity, dict) else MISSING)
    read = reader(place)
    return lambda entity: holds(read(entity))


def _got(value: Any) -> str:
    return "an empty one" if value in ([], {}) else kind_of(value)


def _test(name: str, option: Any) -> Holds:
    if name not in TESTS:
        raise StepsError.of(f"there is no test '{name}'", suggest(name, TESTS) or f"There are: {', '.join(TESTS)}.")
    test = TESTS[name]
    if not test.option.accepts(option):
        raise StepsError.of(f"'{name}' takes {test.option.words}, not {_got(option)}")
    if any(
        isinstance(part, str) and "{{" in part and "}}" in part
        for part in (option if isinstance(option, list) else [option])
    ):
        raise StepsError.of(
            "a test takes no placeholders", "Two values of an entity are compared by JMESPath: due < closed."
        )
    return test.build(option)


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
    if isinstance(option, str):
        return lambda value: bool(value == option)  # nothing but the same text equals a text
    return lambda value: same(None if value is MISSING else value, option)


def _not_equals(option: Any) -> Holds:
    return lambda value: not same(None if value is MISSING else value, option)


def _one_of(options: list[Any]) -> Holds:
    return lambda value: any(same(None if value is MISSING else value, option) for option in options)


def _contains(option: Any) -> Holds:
    def contains(value: Any) -> bool:
        if isinstance(value, str):
            return isinstance(option, str) and option in value
        return isinstance(value, list) and any(same(item, option) for item in value)

    return contains


def _affix(test: Callable[[str, str], bool]) -> Callable[[str], Holds]:
    return lambda option: lambda value: isinstance(value, str) and test(value, option)


Compare = Callable[[Any, Any], bool]


def _compared(compare: Compare) -> Callable[[Any], Holds]:
    """Compare numbers with numbers, dates with dates as points in time, other texts with texts."""

    def build(option: Any) -> Holds:
        if not isinstance(option, str):
            return lambda value: _is_number(value) and compare(value, option)
        if (point := moment(option)) is None:
            return lambda value: isinstance(value, str) and compare(value, option)

        def compares(value: Any) -> bool:
            read = moment(value)
            return read is not None and compare(read, point)

        return compares

    return build


_at_least, _at_most = _compared(operator.ge), _compared(operator.le)


def _between(bounds: list[Any]) -> Holds:
    return _all([_at_least(bounds[0]), _at_most(bounds[1])])


_TYPES: Mapping[str, Holds] = {
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: _is_number(value) and value == value // 1,
    "list": lambda value: isinstance(value, list),
    "null": lambda value: value is None,
    "number": _is_number,
    "object": lambda value: isinstance(value, dict),
    "text": lambda value: isinstance(value, str),
}


class Option(NamedTuple):
    """What a test takes: in words, as JSON Schema, and as a function that tells."""

    words: str
    schema: Mapping[str, Any]
    accepts: Callable[[Any], bool]


class Test(NamedTuple):
    """A named test: when it holds, what it takes, and how to make it from that."""

    summary: str
    option: Option
    build: Callable[[Any], Holds]


def _is_bound(option: Any) -> bool:
    return _is_number(option) or isinstance(option, str)


def _are_bounds(option: Any) -> bool:
    if not isinstance(option, list) or len(option) != 2 or not all(map(_is_bound, option)):
        return False
    low, high = option
    return isinstance(low, str) == isinstance(high, str) and (moment(low) is None) == (moment(high) is None)


_BOUND_SCHEMA: Mapping[str, Any] = {"anyOf": [{"type": "number"}, {"type": "string"}]}
_ANY = Option("any value", {}, lambda option: True)
_TEXT = Option("text", {"type": "string"}, lambda option: isinstance(option, str))
_TRUTH = Option("true or false", {"type": "boolean"}, lambda option: isinstance(option, bool))
_LIST = Option("a list", {"type": "array", "minItems": 1}, lambda option: isinstance(option, list) and option != [])
_BOUND = Option("a number, a date or a text", _BOUND_SCHEMA, _is_bound)
_BOUNDS = Option(
    "a list of two numbers, two dates or two texts",
    {"type": "array", "minItems": 2, "maxItems": 2, "items": _BOUND_SCHEMA},
    _are_bounds,
)
_TYPE = Option(
    f"one of {', '.join(_TYPES)}",
    {"enum": list(_TYPES)},
    lambda option: isinstance(option, str) and option in _TYPES,
)

TESTS: Mapping[str, Test] = {
    "equals": Test("the same value and type; a missing path is null", _ANY, _equals),
    "not_equals": Test("another value or type; a missing path is null", _ANY, _not_equals),
    "one_of": Test("equals one of these", _LIST, _one_of),
    "exists": Test(
        "whether the path is there, be it null", _TRUTH, lambda option: lambda value: (value is not MISSING) is option
    ),
    "empty": Test(
        "whether it is missing, null, an empty text, list or object",
        _TRUTH,
        lambda option: lambda value: _is_nothing(value) is option,
    ),
    "type": Test("the JSON type", _TYPE, _TYPES.__getitem__),
    "contains": Test("a text that has this text in it, or a list that has this item", _ANY, _contains),
    "starts_with": Test("a text that begins so", _TEXT, _affix(str.startswith)),
    "ends_with": Test("a text that ends so", _TEXT, _affix(str.endswith)),
    "matches": Test("a text in which this regular expression is found", _TEXT, regex),
    "less_than": Test("less than: numbers, dates, texts", _BOUND, _compared(operator.lt)),
    "at_most": Test("at most: numbers, dates, texts", _BOUND, _at_most),
    "more_than": Test("more than: numbers, dates, texts", _BOUND, _compared(operator.gt)),
    "at_least": Test("at least: numbers, dates, texts", _BOUND, _at_least),
    "between": Test("from the first to the second, both included: numbers, dates, texts", _BOUNDS, _between),
}
