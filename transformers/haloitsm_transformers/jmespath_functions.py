"""JMESPath's functions, the library's own, called with little around them where their arguments are fine."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jmespath.functions import REVERSE_TYPES_MAP, Functions

Read = Callable[[Any], Any]
FUNCTIONS: Mapping[str, Any] = Functions.FUNCTION_TABLE
"""JMESPath's functions by name."""
LONGEST_JOINED = 10_000_000
"""Characters that ``join`` may come to, the one function whose result grows with the product of its arguments."""
_LIBRARY = Functions()


def function(name: str, readers: Sequence[Read]) -> Read:
    """Make one that calls a function of JMESPath with what each reader finds."""
    call = _call(name, readers)
    if name not in {"avg", "sum", "to_number"}:
        return call

    def read(value: Any) -> Any:
        found = call(value)
        # The library reads 'nan' and '1e999', and adds up to infinity: of these JSON has no numbers.
        return None if isinstance(found, float) and not math.isfinite(found) else found

    return read


def _call(name: str, readers: Sequence[Read]) -> Read:
    if own := _OWN.get(name):
        return own(*readers)
    work, arguments = FUNCTIONS[name]["function"], FUNCTIONS[name]["signature"]
    if len(readers) > 2 or not all(_is_simple(argument) for argument in arguments):
        return lambda value: _LIBRARY.call_function(name, [read(value) for read in readers])
    taken = [_python_types(argument["types"]) for argument in arguments]
    if len(readers) == 1:
        return _of_one(name, work, readers[0], taken[0])
    return _of_two(name, work, readers, taken)


def _is_simple(argument: Mapping[str, Any]) -> bool:
    """Tell whether a look at its type shows that an argument is fine; lists of numbers need more than that."""
    return not argument.get("variadic") and all(name in REVERSE_TYPES_MAP for name in argument["types"])


def _python_types(names: Sequence[str]) -> frozenset[str] | None:
    """Return the names of the Python types that an argument may have; None for any."""
    return frozenset(python for name in names for python in REVERSE_TYPES_MAP[name]) if names else None


def _of_one(name: str, work: Callable[..., Any], read: Read, types: frozenset[str] | None) -> Read:
    if types is None:
        return lambda value: work(_LIBRARY, read(value))

    def call(value: Any) -> Any:
        argument = read(value)
        if type(argument).__name__ in types:
            return work(_LIBRARY, argument)
        return _LIBRARY.call_function(name, [argument])  # which says what is wrong

    return call


def _of_two(
    name: str, work: Callable[..., Any], readers: Sequence[Read], taken: Sequence[frozenset[str] | None]
) -> Read:
    (first, second), (first_types, second_types) = readers, taken

    def call(value: Any) -> Any:
        one, two = first(value), second(value)
        if first_types and type(one).__name__ not in first_types:
            return _LIBRARY.call_function(name, [one, two])
        if second_types and type(two).__name__ not in second_types:
            return _LIBRARY.call_function(name, [one, two])
        return work(_LIBRARY, one, two)

    return call


def _not_null(*readers: Read) -> Read:
    def read(value: Any) -> Any:
        found = [read(value) for read in readers]
        return next((one for one in found if one is not None), None)

    return read


def _join(separator: Read, texts: Read) -> Read:
    def read(value: Any) -> Any:
        between, listed = separator(value), texts(value)
        if isinstance(between, str) and isinstance(listed, list):
            if len(between) * len(listed) > LONGEST_JOINED:
                raise OverflowError
            try:
                return between.join(listed)
            except TypeError:
                pass
        return _LIBRARY.call_function("join", [between, listed])  # which says what is wrong

    return read


def _to_string(read: Read) -> Read:
    work = FUNCTIONS["to_string"]["function"]

    def call(value: Any) -> Any:
        found = read(value)
        return str(found) if type(found) is int else work(_LIBRARY, found)

    return call


_OWN: Mapping[str, Callable[..., Read]] = {
    "join": _join,
    "not_null": _not_null,
    "to_string": _to_string,
}
