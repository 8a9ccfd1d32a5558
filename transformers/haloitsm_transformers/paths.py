"""Paths, the language in which steps write: ``lines.0.price``, ``customfields."a.b"``.

Names are joined by dots. A whole number is a position where there is a list and a name where there is an object; in
double quotes it is always a name, as is one that holds a dot. Patterns (``patterns.py``) add ``*``.

Nothing here changes a list or object that somebody else may hold: an `Edit` copies each one on its way, once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, Final

from haloitsm_transformers.errors import StepsError, TransformError, kind_of

Place = tuple[str | int, ...]
"""One place in an entity: names and list positions from the top."""

ANY: Final = None
"""What ``*`` is parsed to: any one name or position."""

MISSING: Final = object()
"""What `reader` gives for a path that is not there (null is a value)."""

_SEGMENT = re.compile(r'"(?:[^"\\]|\\.)*"|[^."]+')
_POSITION = re.compile(r"0|[1-9][0-9]{0,8}")
_LARGEST_GAP = 10_000


def parse_pattern(text: str) -> tuple[str | int | None, ...]:
    """Parse ``a.*."b.c".0`` into ``("a", ANY, "b.c", 0)``; StepsError says what is wrong with it."""
    return tuple(_segment(part) for part in split(text))


def parse_path(text: str) -> Place:
    """Parse a path without ``*``; StepsError says what is wrong with it."""
    place = tuple(part for part in parse_pattern(text) if part is not ANY)
    if len(place) < len(split(text)):
        raise StepsError.of(
            f"'{text}' holds '*', but one certain place is needed here",
            "For the items of a list there are 'for_each', 'merge', 'default', 'convert' and others.",
        )
    return place


def split(text: str) -> list[str]:
    """Cut at the dots that are not inside double quotes; quotes stay."""
    parts: list[str] = []
    position = 0
    while True:
        match = _SEGMENT.match(text, position)
        if not match:
            raise StepsError.of(f"'{text}' is not a path: {_why_not(text, position)}")
        parts.append(match[0])
        position = match.end() + 1
        if match.end() == len(text):
            return parts
        if text[match.end()] != ".":
            raise StepsError.of(f"'{text}' is not a path: a dot is missing before character {position}")


def _why_not(text: str, position: int) -> str:
    if not text:
        return "it is empty"
    if text.startswith('"', position):
        return "a double quote is not closed"
    return "a name is missing at " + ("the end" if position >= len(text) else f"character {position + 1}")


def _segment(part: str) -> str | int | None:
    if part == "*":
        return ANY
    if part.startswith('"'):
        return unquote(part)
    if "*" in part:
        raise StepsError.of(f"'*' stands for a whole name; '{part}' mixes it with others", _QUOTE)
    if "[" in part or "]" in part:
        raise StepsError.of(
            f"'{part}' is not a name", f"In a path, positions are written lines.0, not lines[0]. {_QUOTE}"
        )
    return int(part) if _POSITION.fullmatch(part) else part


_QUOTE = "A name that really holds this stands in double quotes."


def unquote(part: str) -> str:
    """Read a name in double quotes, with JSON's escapes."""
    try:
        return str(json.loads(part, strict=False))
    except ValueError:
        raise StepsError.of(
            f"{part} is not a name in double quotes", 'Write \\" and \\\\ for quotes and backslashes.'
        ) from None


def dotted(place: Place) -> str:
    """Write a place the way messages show it: ``lines.0.price``."""
    return ".".join(map(str, place))


def reader(place: Place) -> Callable[[Any], Any]:
    """Compile a place to a function that reads it from an entity; MISSING when it is not there."""
    if len(place) == 1 and isinstance(place[0], str):
        name = place[0]
        return lambda value: value.get(name, MISSING) if isinstance(value, dict) else MISSING

    def read(value: Any) -> Any:
        for segment in place:
            if isinstance(value, dict):
                value = value.get(str(segment), MISSING)
            elif isinstance(value, list) and isinstance(segment, int) and segment < len(value):
                value = value[segment]
            else:
                return MISSING
        return value

    return read


class Edit:
    """Writes into one entity, copying every list and object on the way that may be somebody else's.

    The entity itself must be the caller's own.
    """

    def __init__(self, entity: dict[str, Any]) -> None:
        self._entity = entity
        self._own: dict[int, Any] = {}  # by identity; the values keep the identities from being used again

    def put(self, place: Place, value: Any) -> None:
        """Set a value, making lists and objects that are missing on the way; null on the way counts as missing.

        TransformError where another value is in the way, or a position lies far behind the end of its list.
        """
        container: Any = self._entity
        for depth, segment in enumerate(place[:-1]):
            container = self._enter(container, segment, place, depth)
        key = _key(container, place[-1], place, len(place) - 1)
        _store(container, key, value)

    def _enter(self, container: Any, segment: str | int, place: Place, depth: int) -> Any:
        key = _key(container, segment, place, depth)
        inner = _peek(container, key)
        if inner is None:
            inner = [] if isinstance(place[depth + 1], int) else {}
        elif not isinstance(inner, (dict, list)):
            raise TransformError(f"holds {kind_of(inner)}, so nothing can be put below it", dotted(place[: depth + 1]))
        elif id(inner) in self._own:
            return inner
        else:
            inner = inner.copy()
        self._own[id(inner)] = inner
        _store(container, key, inner)
        return inner


def _key(container: Any, segment: str | int, place: Place, depth: int) -> Any:
    if isinstance(container, dict):
        return str(segment)
    if isinstance(segment, str):
        raise TransformError(f"is a list, which has no name '{segment}'", dotted(place[:depth]))
    if segment > len(container) + _LARGEST_GAP:
        raise TransformError(
            f"position is far behind the end of a list of {len(container)}", dotted(place[: depth + 1])
        )
    return segment


def _peek(container: Any, key: Any) -> Any:
    if isinstance(container, dict):
        return container.get(key)
    return container[key] if key < len(container) else None


def _store(container: Any, key: Any, value: Any) -> None:
    if isinstance(container, list) and key >= len(container):
        container.extend([None] * (key - len(container) + 1))
    container[key] = value
