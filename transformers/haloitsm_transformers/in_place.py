"""Change the values at the places that patterns find, each where it stands."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from haloitsm_transformers.contract import Entity, EntityFunction
from haloitsm_transformers.errors import TransformError
from haloitsm_transformers.paths import ANY, Edit, Place, dotted, parse_pattern
from haloitsm_transformers.patterns import find

Change = Callable[[Any, Entity], Any]
"""Makes a new value of a value; also given the entity, which it only reads. Raises TransformError without a path."""


def in_place(changes: Iterable[tuple[str, Change]]) -> EntityFunction:
    """Compile pairs of a pattern and what becomes of each value that it finds.

    Each pattern sees what those before it have done. TransformError names the place of the value.
    """
    functions = [_at(parse_pattern(pattern), change) for pattern, change in changes]
    if len(functions) == 1:
        return functions[0]

    def change_all(entity: Entity) -> Entity:
        for function in functions:
            entity = function(entity)
        return entity

    return change_all


def _at(pattern: tuple[str | int | None, ...], change: Change) -> EntityFunction:
    if len(pattern) == 1 and pattern[0] is not ANY:
        name = str(pattern[0])

        def change_name(entity: Entity) -> Entity:
            if name in entity:
                entity[name] = _changed(change, entity[name], entity, (name,))
            return entity

        return change_name

    def change_places(entity: Entity) -> Entity:
        edit = Edit(entity)
        for place, _, value in find(entity, pattern):
            new = _changed(change, value, entity, place)
            if new is not value:
                edit.put(place, new)
        return entity

    return change_places


def _changed(change: Change, value: Any, entity: Entity, place: Place) -> Any:
    try:
        return change(value, entity)
    except TransformError as error:
        if error.path or error.failure:
            raise
        raise TransformError(error.what, dotted(place)) from None


def unless_null(change: Change) -> Change:
    """Let null stay null; everything else is changed."""
    return lambda value, entity: None if value is None else change(value, entity)
