"""Change the values at the places that patterns find, each where it stands."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, cast

from haloitsm_transformers.contract import Entity, EntityFunction
from haloitsm_transformers.errors import TransformError
from haloitsm_transformers.paths import ANY, MISSING, Edit, Place, dotted, parse_pattern
from haloitsm_transformers.patterns import Pattern, find, without

Change = Callable[[Any, Entity], Any]
"""Makes a new value of a value, or MISSING to have it removed; also given the entity, which it only reads.

Raises TransformError without a path, or with one that begins at the value.
"""


def in_place(changes: Iterable[tuple[str, Change]]) -> EntityFunction:
    """Compile pairs of a pattern and what becomes of each value that it finds.

    Each pattern sees what those before it have done. TransformError names the place of the value.
    """
    functions = [changing(parse_pattern(pattern), change) for pattern, change in changes]
    if len(functions) == 1:
        return functions[0]

    def change_all(entity: Entity) -> Entity:
        for function in functions:
            entity = function(entity)
        return entity

    return change_all


def changing(pattern: Pattern, change: Change) -> EntityFunction:
    """Compile what becomes of each value that one pattern finds; an empty pattern finds the entity itself."""
    if not pattern:
        return lambda entity: cast(Entity, change(entity, entity))
    if len(pattern) == 1 and pattern[0] is not ANY:
        return _changing_name(str(pattern[0]), change)

    def change_places(entity: Entity) -> Entity:
        edit = Edit(entity)
        gone = []
        for place, _, value in find(entity, pattern):
            new = _changed(change, value, entity, place)
            if new is MISSING:
                gone.append(place)
            elif new is not value:
                edit.put(place, new)
        return without(entity, gone)

    return change_places


def _changing_name(name: str, change: Change) -> EntityFunction:
    def change_name(entity: Entity) -> Entity:
        if name in entity:
            new = _changed(change, entity[name], entity, (name,))
            if new is MISSING:
                del entity[name]
            else:
                entity[name] = new
        return entity

    return change_name


def _changed(change: Change, value: Any, entity: Entity, place: Place) -> Any:
    try:
        return change(value, entity)
    except TransformError as error:
        path = f"{dotted(place)}.{error.path}".removesuffix(".")
        failure = error.failure and replace(error.failure, path=path)
        raise TransformError(error.what, path, failure) from None


def unless_null(change: Change) -> Change:
    """Let null stay null; everything else is changed."""
    return lambda value, entity: None if value is None else change(value, entity)
