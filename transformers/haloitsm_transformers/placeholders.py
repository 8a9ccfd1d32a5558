"""Templates: any JSON value whose texts may hold ``{{ expression }}`` placeholders.

A text that is one placeholder gives the value as it is, of any type; a missing path gives null. Inside a longer text
a placeholder must give text, a number, true or false; write ``{{ name || '' }}`` where nothing is fine too.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from operator import itemgetter
from typing import Any

from haloitsm_transformers.errors import StepsError, TransformError, compile_each, kind_of
from haloitsm_transformers.expressions import expression, top_names

Reader = Callable[[Any], Any]


def template(value: Any) -> Reader:
    """Compile a template; what comes back takes an entity and returns the filled value, in new lists and objects.

    Raises StepsError with every bad placeholder. The compiled one raises TransformError where a placeholder inside a
    longer text gives null, a list or an object.
    """
    if isinstance(value, str):
        return _text_template(value)
    if isinstance(value, dict):
        items = list(compile_each(value, _member).items())
        names = [(key, _bare_name(text)) for key, text in value.items()]
        if all(name for _, name in names):
            return _fields(names)
        return lambda entity: {key: read(entity) for key, read in items}
    if isinstance(value, list):
        readers = list(compile_each(dict(enumerate(value)), lambda _, item: template(item)).values())
        return lambda entity: [read(entity) for read in readers]
    return lambda entity: value


def _fields(names: list[tuple[str, str]]) -> Reader:
    """Read members that are all fields of the entity itself, as in most payloads, without a call for each."""

    def fill(entity: Any) -> Any:
        get = entity.get if isinstance(entity, dict) else _nothing
        return {key: get(name) for key, name in names}

    return fill


def _nothing(name: str) -> None:
    return None


def _bare_name(value: Any) -> str:
    """Return the name that is all a text asks for (``{{ name }}``); an empty text for anything else."""
    found = _BARE_NAME.fullmatch(value) if isinstance(value, str) else None
    return found[1] if found else ""


def names_read(text: str) -> frozenset[str]:
    """Return the names at the top of an entity that the placeholders in a text read; StepsError for a bad one."""
    return frozenset(name for is_expression, part in _split(text) if is_expression for name in top_names(part.strip()))


def is_constant(value: Any) -> bool:
    """Tell whether a template gives the same text, number, truth value or null whatever the entity is."""
    return not isinstance(value, (dict, list)) and not (isinstance(value, str) and "{{" in value)


def _member(key: str, value: Any) -> Reader:
    if "{{" in key:
        raise StepsError.of("placeholders stand in values, not in names")
    return template(value)


def _text_template(text: str) -> Reader:
    parts = _split(text)
    if not any(is_expression for is_expression, _ in parts):
        return lambda entity: text
    if len(parts) == 1:
        return _alone(parts[0][1].strip())
    layout = "".join("%s" if is_expression else part.replace("%", "%%") for is_expression, part in parts)
    texts = [part.strip() for is_expression, part in parts if is_expression]
    readers = [(expression(text), text) for text in texts]

    def fill(entity: Any) -> str:
        return layout % tuple([_written(read(entity), text) for read, text in readers])

    return _with_names(texts, layout, fill) if all(map(_NAME.fullmatch, texts)) else fill


def _with_names(names: list[str], layout: str, otherwise: Callable[[Any], str]) -> Reader:
    """Fill in names of the entity itself at once; ``otherwise`` does where one is not there, or no text or integer."""
    take = itemgetter(*names)
    one = len(names) == 1

    def fill(entity: Any) -> Any:
        try:
            values = (take(entity),) if one else take(entity)
            for value in values:
                if type(value) is not str and type(value) is not int:
                    return otherwise(entity)
            return layout % values
        except (LookupError, TypeError, ValueError):  # a path that is not there, no object, a number too long to write
            return otherwise(entity)

    return fill


def _alone(text: str) -> Reader:
    read = expression(text)
    if "@" not in text:
        return read
    # It may give the entity itself, and what a step then writes into the entity must not stand inside itself.
    return lambda entity: read(entity.copy() if isinstance(entity, dict) else entity)


_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BARE_NAME = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")


def _written(value: Any, text: str) -> str:
    written = as_text(value)
    if written is None:
        hint = f"; write {{{{ {text} || '' }}}} if that is fine" if value is None else ""
        raise TransformError(f"gives {kind_of(value)}, which cannot stand inside a text{hint}", text)
    return written


def as_text(value: Any) -> str | None:
    """Write a text, number or truth value as text: ``true``, ``5``, ``0.5``; None for null, lists and objects.

    A number without a fraction is written without one: Halo answers some ids as ``12.0`` (halo-api-facts 8).
    """
    if isinstance(value, str):
        return value
    if type(value) is int:
        try:
            return str(value)
        except ValueError:  # Python refuses to write out numbers of more than 4,300 digits
            return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and math.isfinite(value):
        return format(value, ".0f") if value.is_integer() and abs(value) < _EXACT else repr(value)
    return None


_EXACT = 2.0**53


def _split(text: str) -> list[tuple[bool, str]]:
    """Cut a text into (is expression, part) pairs."""
    parts: list[tuple[bool, str]] = []
    position = 0
    while (start := text.find("{{", position)) >= 0:
        if start > position:
            parts.append((False, text[position:start]))
        end = _end(text, start + 2)
        parts.append((True, text[start + 2 : end]))
        position = end + 2
    if position < len(text):
        parts.append((False, text[position:]))
    return parts


def _end(text: str, start: int) -> int:
    """Find the ``}}`` that closes a placeholder: not one inside quotes, nor one of the expression's own braces."""
    depth = 0
    position = start
    while position < len(text):
        character = text[position]
        if character in "'\"`":
            position = _closing_quote(text, position)
        elif character == "{":
            depth += 1
        elif character == "}":
            if not depth and text.startswith("}}", position):
                return position
            depth -= 1
        position += 1
    raise StepsError.of("'{{' has no closing '}}'", "Write {{ '{{' }} for two braces that are meant as text.")


def _closing_quote(text: str, opening: int) -> int:
    """Return where the quoted part that opens at ``opening`` closes; the end of the text if it never does."""
    position = opening + 1
    while position < len(text) and text[position] != text[opening]:
        position += 2 if text[position] == "\\" else 1
    return position
