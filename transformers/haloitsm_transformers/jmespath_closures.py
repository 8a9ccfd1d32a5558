"""JMESPath's parsed tree compiled to closures: the results of the library's interpreter, several times faster.

The library parses, and its own functions do their work and check their types; only walking the tree is done here.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Mapping
from typing import Any

from haloitsm_transformers.jmespath_functions import Read, function

Node = dict[str, Any]


def closure(node: Node) -> Read:
    """Compile a node; KeyError for one of a type that this module does not know.

    OverflowError for a literal with a number that is larger than any of JSON's.
    """
    return _COMPILE[node["type"]](node)


def plain_names(node: Node) -> tuple[str, ...]:
    """Return the names of a path that consists of names alone (``a.b``); nothing for any other node."""
    if node["type"] == "field":
        return (node["value"],)
    if node["type"] == "subexpression":
        children = [plain_names(child) for child in node["children"]]
        return sum(children, ()) if all(children) else ()
    return ()


def _names(names: tuple[str, ...]) -> Read:
    if len(names) == 1:
        name = names[0]
        return lambda value: value.get(name) if isinstance(value, dict) else None

    def read(value: Any) -> Any:
        for name in names:
            if not isinstance(value, dict):
                return None
            value = value.get(name)
        return value

    return read


def _sequence(node: Node) -> Read:
    """Compile nodes of which each is given what the one before it gives."""
    if names := plain_names(node):
        return _names(names)
    first, *rest = [closure(child) for child in node["children"]]
    for second in rest:
        first = _composed(first, second)
    return first


def _composed(first: Read, second: Read) -> Read:
    return lambda value: second(first(value))


def _identity(node: Node) -> Read:
    return lambda value: value


def _literal(node: Node) -> Read:
    constant = node["value"]
    try:
        json.dumps(constant, allow_nan=False)
    except ValueError:
        raise OverflowError from None
    return lambda value: constant


def _index(node: Node) -> Read:
    index: int = node["value"]

    def read(value: Any) -> Any:
        if not isinstance(value, list):
            return None
        return value[index] if -len(value) <= index < len(value) else None

    return read


def _slice(node: Node) -> Read:
    part = slice(*node["children"])
    return lambda value: value[part] if isinstance(value, list) else None


def _flatten(node: Node) -> Read:
    base = closure(node["children"][0])

    def read(value: Any) -> Any:
        found = base(value)
        if not isinstance(found, list):
            return None
        merged: list[Any] = []
        for item in found:
            if isinstance(item, list):
                merged += item
            else:
                merged.append(item)
        return merged

    return read


def _each(right: Node) -> Callable[[Any], list[Any]]:
    """Compile the right side of a projection: applied to every item, results that are null left out."""
    if right["type"] == "identity":
        return lambda items: [item for item in items if item is not None]
    if right["type"] == "field":
        name = right["value"]
        return lambda items: [
            found for item in items if isinstance(item, dict) and (found := item.get(name)) is not None
        ]
    read = closure(right)
    return lambda items: [found for item in items if (found := read(item)) is not None]


def _projection(node: Node) -> Read:
    base, each = closure(node["children"][0]), _each(node["children"][1])

    def read(value: Any) -> Any:
        found = base(value)
        return each(found) if isinstance(found, list) else None

    return read


def _value_projection(node: Node) -> Read:
    base, each = closure(node["children"][0]), _each(node["children"][1])

    def read(value: Any) -> Any:
        found = base(value)
        return each(found.values()) if isinstance(found, dict) else None

    return read


def _filter_projection(node: Node) -> Read:
    left, right, condition = node["children"]
    base, each, holds = closure(left), _each(right), _truth(condition)

    def read(value: Any) -> Any:
        found = base(value)
        return each([item for item in found if holds(item)]) if isinstance(found, list) else None

    return read


def is_true(value: Any) -> bool:
    """Tell whether JMESPath counts a value as true: not null, false, nor an empty text, list or object; 0 is true."""
    return bool(value) or (value == 0 and value is not False)


def _truth(node: Node) -> Read:
    """Compile a node whose result is only asked for its truth in Python."""
    read = closure(node)
    if node["type"] in ("comparator", "not_expression"):
        return read
    return lambda value: is_true(read(value))


def _or(node: Node) -> Read:
    left, right = map(closure, node["children"])

    def read(value: Any) -> Any:
        found = left(value)
        return found if is_true(found) else right(value)

    return read


def _and(node: Node) -> Read:
    left, right = map(closure, node["children"])

    def read(value: Any) -> Any:
        found = left(value)
        return right(value) if is_true(found) else found

    return read


def _not(node: Node) -> Read:
    holds = _truth(node["children"][0])
    return lambda value: not holds(value)


def equal(left: Any, right: Any) -> bool:
    """Compare as ``==`` in JMESPath does: like Python, but true is not 1 and false not 0."""
    return isinstance(left, bool) is isinstance(right, bool) and bool(left == right)


def _comparator(node: Node) -> Read:
    left, right = node["children"]
    if node["value"] in ("eq", "ne"):
        return _equality(left, right, wanted=node["value"] == "eq")
    compare = _ORDER[node["value"]]
    first, second = closure(left), closure(right)
    if right["type"] == "literal" and _ordered(right["value"]):
        constant = right["value"]

        def read_one(value: Any) -> Any:
            found = first(value)
            return compare(found, constant) if type(found) in (int, str, float) else None

        return read_one

    def read(value: Any) -> Any:
        found, other = first(value), second(value)
        return compare(found, other) if _ordered(found) and _ordered(other) else None

    return read


_ORDER: Mapping[str, Callable[[Any, Any], bool]] = {
    "lt": operator.lt,
    "gt": operator.gt,
    "lte": operator.le,
    "gte": operator.ge,
}


def _ordered(value: Any) -> bool:
    return isinstance(value, (str, int, float)) and not isinstance(value, bool)


def _equality(left: Node, right: Node, *, wanted: bool) -> Read:
    if left["type"] == "literal":
        left, right = right, left
    read = closure(left)
    if right["type"] == "literal" and isinstance(right["value"], str):
        text = right["value"]  # nothing but the same text equals a text
        return (lambda value: read(value) == text) if wanted else (lambda value: read(value) != text)
    other = closure(right)
    return lambda value: equal(read(value), other(value)) is wanted


def _multi_select_list(node: Node) -> Read:
    readers = [closure(child) for child in node["children"]]
    return lambda value: None if value is None else [read(value) for read in readers]


def _multi_select_dict(node: Node) -> Read:
    members = [(child["value"], closure(child["children"][0])) for child in node["children"]]
    return lambda value: None if value is None else {name: read(value) for name, read in members}


class _Expression:
    """What stands for ``&expression`` among arguments; the library knows it by the name of its class."""

    expression: None = None

    def __init__(self, read: Read) -> None:
        self._read = read

    def visit(self, node: None, value: Any) -> Any:
        """Evaluate, as the library's functions ask for it."""
        return self._read(value)


def _expression_reference(node: Node) -> Read:
    reference = _Expression(closure(node["children"][0]))
    return lambda value: reference


def _function(node: Node) -> Read:
    return function(node["value"], [closure(child) for child in node["children"]])


_COMPILE: Mapping[str, Callable[[Node], Read]] = {
    "and_expression": _and,
    "comparator": _comparator,
    "current": _identity,
    "expref": _expression_reference,
    "field": _sequence,
    "filter_projection": _filter_projection,
    "flatten": _flatten,
    "function_expression": _function,
    "identity": _identity,
    "index": _index,
    "index_expression": _sequence,
    "literal": _literal,
    "multi_select_dict": _multi_select_dict,
    "multi_select_list": _multi_select_list,
    "not_expression": _not,
    "or_expression": _or,
    "pipe": _sequence,
    "projection": _projection,
    "slice": _slice,
    "subexpression": _sequence,
    "value_projection": _value_projection,
}
