"""Change the values at the places that patterns find, each where it stands."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, cast

from haloitsm_transformers.contract import Entity, EntityFunction
from haloitsm_transformers.errors import TransformError
from haloitsm_transformers.paths import ANY, MISSING, parse_pattern
from haloitsm_transformers.patterns import Pattern

Change = Callable[[Any, Entity], Any]
"""Makes a new value of a value, or MISSING to have it removed; also given the entity, which it only reads.

Raises TransformError without a path, or with one that begins at the value.
"""


def in_place(changes: Iterable[tuple[str, Change]]) -> EntityFunction:
    """Compile pairs of a pattern and what becomes of each value that it finds.

    Each pattern sees what those before it have done. TransformError names the place of the value.
    """
    return one_after_the_other(changing(parse_pattern(pattern), change) for pattern, change in changes)


def one_after_the_other(changes: Iterable[EntityFunction]) -> EntityFunction:
    """Make one function of several."""
    first, *rest = changes
    if not rest:
        return first

    def change_all(entity: Entity) -> Entity:
        entity = first(entity)
        for change in rest:
            entity = change(entity)
        return entity

    return change_all


def changing(pattern: Pattern, change: Change) -> EntityFunction:
    """Compile what becomes of each value that one pattern finds; an empty pattern finds the entity itself."""
    if pattern and pattern[0] is not ANY:
        return _at_top(str(pattern[0]), _rewriter(pattern[1:], change))
    rewrite = _rewriter(pattern, change)
    return lambda entity: cast(Entity, rewrite(entity, entity))


def _at_top(name: str, inner: Change) -> EntityFunction:
    def change_name(entity: Entity) -> Entity:
        if name in entity:
            try:
                new = inner(entity[name], entity)
            except TransformError as error:
                raise below(name, error) from None
            if new is MISSING:
                del entity[name]
            else:
                entity[name] = new
        return entity

    return change_name


def _rewriter(pattern: Pattern, change: Change) -> Change:
    """Make a function of a value that copies what lies on the way to the places below it, and nothing else."""
    if not pattern:
        return change
    segment, inner = pattern[0], _rewriter(pattern[1:], change)
    return in_all(inner) if segment is ANY else _in_one(segment, inner)


def _in_one(segment: str | int, inner: Change) -> Change:
    name = str(segment)

    def rewrite(value: Any, entity: Entity) -> Any:
        key: Any = name
        if isinstance(value, list):
            if not isinstance(segment, int) or segment >= len(value):
                return value
            key = segment
        elif not isinstance(value, dict) or name not in value:
            return value
        try:
            new = inner(value[key], entity)
        except TransformError as error:
            raise below(key, error) from None
        if new is value[key]:
            return value
        changed = value.copy()
        if new is MISSING:
            del changed[key]
        else:
            changed[key] = new
        return changed

    return rewrite


def in_all(inner: Change) -> Change:
    """Compile what becomes of each member of a list or an object; other values stay."""

    def rewrite(value: Any, entity: Entity) -> Any:
        members: Iterable[tuple[Any, Any]] = ()
        if isinstance(value, list):
            members = enumerate(value)
        elif isinstance(value, dict):
            members = value.items()
        else:
            return value
        made: list[tuple[Any, Any]] = []
        key: Any = None
        try:
            for key, member in members:
                if (new := inner(member, entity)) is not MISSING:
                    made.append((key, new))
        except TransformError as error:
            raise below(key, error) from None
        return [new for _, new in made] if isinstance(value, list) else dict(made)

    return rewrite


def below(key: str | int, error: TransformError) -> TransformError:
    """Return the same error seen from further out: its path begins with ``key``."""
    path = f"{key}.{error.path}".removesuffix(".")
    return TransformError(error.what, path, error.failure and replace(error.failure, path=path))


def unless_null(change: Change) -> Change:
    """Let null stay null; everything else is changed."""
    return lambda value, entity: None if value is None else change(value, entity)
