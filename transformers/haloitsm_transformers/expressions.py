"""JMESPath, the language in which steps read entities: parsed by the library, checked, compiled to closures.

A path that is not there gives null, as JMESPath says.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import chain
from typing import Any

import jmespath
from jmespath.exceptions import EmptyExpressionError, JMESPathError, JMESPathTypeError, ParseError

from haloitsm_transformers.errors import StepsError, TransformError, suggest
from haloitsm_transformers.expression_bounds import too_costly
from haloitsm_transformers.expression_slips import parse_hint, silent_slips
from haloitsm_transformers.jmespath_closures import Node, closure
from haloitsm_transformers.jmespath_functions import FUNCTIONS, Read

_TAKE_REFERENCES = {"map", "max_by", "min_by", "sort_by"}
_TYPE_WORDS = {
    "array": "a list",
    "array-number": "a list of numbers",
    "array-string": "a list of texts",
    "boolean": "true or false",
    "number": "a number",
    "object": "an object",
    "string": "text",
}
_ITEM_WORDS = {
    "NoneType": "one with null",
    "bool": "one with true or false",
    "dict": "one with objects",
    "float": "one with numbers",
    "int": "one with numbers",
    "list": "one with lists",
    "str": "one with texts",
}
"""Of lists the library names the Python type of the item that does not fit."""
_CAN_FAIL = frozenset({"comparator", "function_expression"})
LONGEST_EXPRESSION = 20_000


@lru_cache(maxsize=2048)
def expression(text: str) -> Read:
    """Compile a JMESPath expression; what comes back takes a value and returns what the expression finds in it.

    A missing path is None. Raises StepsError when ``text`` is no expression, or one that could take very long. The
    compiled one raises TransformError when a function gets a value of a type that it does not take: ``length(number)``.
    """
    parsed = _parse(text)
    tree: Node = parsed.parsed
    try:
        read = closure(tree)
    except KeyError:  # a type of node that only a later version of the library knows
        return _guarded(text, parsed.search)
    except OverflowError:
        raise StepsError.of(f"'{text}' holds a number that cannot be carried by JSON") from None
    return _guarded(text, read) if _can_fail(tree) else read


def top_names(text: str) -> Iterator[str]:
    """Yield the names that an expression reads of the value itself: ``a`` and ``b`` in ``a.x || b[?c]``.

    Raises StepsError when ``text`` is no expression.
    """
    yield from _top_names(_parse(text).parsed)


def _top_names(node: Node) -> Iterator[str]:
    children = [child for child in node["children"] if isinstance(child, dict)]
    kind = node["type"]
    if kind == "field":
        yield node["value"]
    elif kind in _STEP_DOWN:
        itself = children[0]["type"] in ("current", "identity") and kind in ("subexpression", "pipe")
        yield from _top_names(children[1] if itself else children[0])
    elif kind != "expref":  # it reads the items of a list
        for child in children:
            yield from _top_names(child)


_STEP_DOWN = frozenset(
    {"subexpression", "pipe", "index_expression", "projection", "value_projection", "filter_projection", "flatten"}
)
"""Nodes of which only the first child reads the value itself, and the others what that one gives."""


def _parse(text: str) -> Any:
    shown = text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."
    if len(text) > LONGEST_EXPRESSION:
        raise StepsError.of(f"'{shown}' is longer than {LONGEST_EXPRESSION:,} characters")
    try:
        parsed: Any = jmespath.compile(text)
        for what, hint in chain(_misuses({"type": "root", "children": [parsed.parsed]}), silent_slips(text)):
            raise StepsError.of(f"'{shown}': {what}", hint)
        if why := too_costly(parsed.parsed):
            raise StepsError.of(why)
    except EmptyExpressionError:
        raise StepsError.of("the expression is empty") from None
    except ParseError as error:
        what = f"'{shown}' is not a JMESPath expression: {_parse_words(error)}"
        raise StepsError.of(what, parse_hint(text)) from None
    except JMESPathError as error:
        raise StepsError.of(f"'{shown}' is not a JMESPath expression: {error}") from None
    except RecursionError:
        raise StepsError.of("the expression is nested too deeply") from None
    return parsed


_LONGEST_SHOWN = 80


def _parse_words(error: ParseError) -> str:
    if not error.token_value:
        return "it ends too early"
    return f"unexpected '{error.token_value}' at character {error.lex_position + 1}"


def _misuses(node: Node) -> Iterator[tuple[str, str]]:
    """Find what the library only notices while evaluating: unknown functions, wrong counts, stray references."""
    arguments = node["children"]
    if node["type"] == "function_expression":
        name = node["value"]
        if name not in FUNCTIONS:
            yield f"there is no function {name}()", suggest(name, FUNCTIONS)
            return
        signature = FUNCTIONS[name]["signature"]
        variadic = bool(signature) and signature[-1].get("variadic", False)
        if len(arguments) < len(signature) or (len(arguments) > len(signature) and not variadic):
            takes = "1 value" if len(signature) == 1 else f"{len(signature)} values"
            yield f"{name}() takes {takes}, not {len(arguments)}", ""
    elif node["type"] == "slice":
        if arguments[2] == 0:
            yield "a slice cannot have step 0", ""
        return
    for child in arguments:
        if child["type"] == "expref" and node.get("value") not in _TAKE_REFERENCES:
            yield "'&' is for the last value of sort_by(), max_by(), min_by() and the first of map()", ""
        yield from _misuses(child)


def _can_fail(node: Node) -> bool:
    return node["type"] in _CAN_FAIL or any(_can_fail(child) for child in node["children"] if isinstance(child, dict))


def _guarded(text: str, search: Read) -> Read:
    def read(value: Any) -> Any:
        try:
            return search(value)
        except JMESPathTypeError as error:
            wanted = " or ".join(_TYPE_WORDS.get(name, name) for name in error.expected_types)
            got = _TYPE_WORDS.get(error.actual_type) or _ITEM_WORDS.get(error.actual_type, error.actual_type)
            raise TransformError(f"{error.function_name}() takes {wanted}, not {got}", text) from None
        except RecursionError:
            raise TransformError("the value is nested too deeply", text) from None
        except Exception as error:  # the library lets Python's own errors out: 'a' < 1, sums beyond a float
            raise TransformError(f"cannot be evaluated ({type(error).__name__})", text) from None

    return read
