"""Write to the places that a pattern names, be they there or not: behind its last ``*`` what is missing is made."""

from __future__ import annotations

from typing import Any, cast

from haloitsm_transformers.contract import Entity, EntityFunction
from haloitsm_transformers.errors import TransformError
from haloitsm_transformers.in_place import Change, changing
from haloitsm_transformers.paths import ANY, MISSING, Edit, Place, parse_pattern, reader


def writing(text: str, change: Change) -> EntityFunction:
    """Compile what is written where a pattern says; ``change`` gets MISSING where there is nothing yet.

    ``client.name`` is always one place; ``lines.*.qty`` is one in each line, whether it has a ``qty`` or not. What it
    returns unchanged is not written. TransformError where text, a number, true or false stands on the way.
    """
    pattern = parse_pattern(text)
    stars = [index for index, segment in enumerate(pattern) if segment is ANY]
    if not stars:
        return _on_entity(cast(Place, pattern), change)
    cut = stars[-1] + 1
    return changing(pattern[:cut], _at(cast(Place, pattern[cut:]), change))


def _on_entity(place: Place, change: Change) -> EntityFunction:
    read, name = reader(place), str(place[0])

    def write_place(entity: Entity) -> Entity:
        old = read(entity)
        try:
            new = change(old, entity)
        except TransformError as error:
            raise _below(place, error) from None
        if new is not old:
            Edit(entity).put(place, new)
        return entity

    def write_name(entity: Entity) -> Entity:
        old = entity.get(name, MISSING)
        try:
            new = change(old, entity)
        except TransformError as error:
            raise _below(place, error) from None
        if new is not old:
            entity[name] = new
        return entity

    return write_name if len(place) == 1 else write_place


def _below(place: Place, error: TransformError) -> TransformError:
    path = ".".join([*map(str, place), error.path]).removesuffix(".")
    return TransformError(error.what, path, error.failure)


def _at(place: Place, change: Change) -> Change:
    if not place:
        return change
    read = reader(place)
    name = str(place[0]) if len(place) == 1 else None

    def write(value: Any, entity: Entity) -> Any:
        old = read(value)
        try:
            new = change(old, entity)
        except TransformError as error:
            raise _below(place, error) from None
        if new is old:
            return value
        return {**value, name: new} if name is not None and isinstance(value, dict) else _put(value, place, new)

    return write


def _put(value: Any, place: Place, new: Any) -> Any:
    around = {"": value}
    try:
        Edit(around).put(("", *place), new)
    except TransformError as error:
        raise TransformError(error.what, error.path.removeprefix(".")) from None
    return around[""]
