"""Patterns: paths with ``*`` that match many places, and targets that say with ``$1`` where each one goes.

``items.*.qty`` with the target ``lines.$1.quantity`` moves the ``qty`` of each item to the line at the same position.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Collection, Iterable
from typing import Any, NamedTuple

from haloitsm_transformers.errors import StepsError, TransformError
from haloitsm_transformers.paths import ANY, Edit, Place, dotted, parse_pattern, split, unquote

Pattern = tuple[str | int | None, ...]
Relocation = Callable[[dict[str, Any]], dict[str, Any]]
_CAPTURE = re.compile(r"\$([1-9][0-9]?)")


class Match(NamedTuple):
    """One place that a pattern matched: what each ``*`` stood for, and the value there."""

    place: Place
    captures: Place
    value: Any


def find(entity: dict[str, Any], pattern: Pattern) -> list[Match]:
    """Return every match of a pattern, in the entity's own order; none for a path that is not there."""
    matches = [Match((), (), entity)]
    for segment in pattern:
        matches = [further for match in matches for further in _further(match, segment)]
    return matches


def _further(match: Match, segment: str | int | None) -> Iterable[Match]:
    place, captures, value = match
    if segment is ANY:
        members: Iterable[tuple[Any, Any]] = ()
        if isinstance(value, dict):
            members = value.items()
        elif isinstance(value, list):
            members = enumerate(value)
        return [Match((*place, key), (*captures, key), inner) for key, inner in members]
    if isinstance(value, dict) and str(segment) in value:
        return [Match((*place, str(segment)), captures, value[str(segment)])]
    if isinstance(value, list) and isinstance(segment, int) and segment < len(value):
        return [Match((*place, segment), captures, value[segment])]
    return ()


def without(entity: dict[str, Any], places: Collection[Place]) -> dict[str, Any]:
    """Return the entity without these places; a list closes up. Only what lies on the way is copied."""
    doomed: dict[str | int, Any] = {}
    for place in places:
        branch = doomed
        for segment in place[:-1]:
            branch = branch.setdefault(segment, {})
            if branch is _GONE:
                break
        else:
            branch[place[-1]] = _GONE
    return _pruned(entity, doomed) if doomed else entity


_GONE: dict[str | int, Any] = {}


def _pruned(container: Any, doomed: dict[str | int, Any]) -> Any:
    if isinstance(container, list):
        return [
            _kept(inner, doomed.get(index)) for index, inner in enumerate(container) if doomed.get(index) is not _GONE
        ]
    rest = container.copy()
    for name, inner in doomed.items():
        if inner is _GONE:
            del rest[name]
        else:
            rest[name] = _pruned(rest[name], inner)
    return rest


def _kept(inner: Any, doomed: dict[str | int, Any] | None) -> Any:
    return inner if doomed is None else _pruned(inner, doomed)


def target(text: str, pattern: Pattern) -> Callable[[Place], Place]:
    """Compile a target; what comes back takes the captures of a match and returns the place it goes to.

    ``$1`` alone between dots stays a list position where the ``*`` stood for one; glued to other text it makes a name.
    Raises StepsError for a ``*``, or a ``$3`` where the pattern has only two ``*``.
    """
    stars = sum(segment is ANY for segment in pattern)
    parts = [_target_part(part, stars) for part in split(text)]
    return lambda captures: tuple([part(captures) for part in parts])


def _target_part(part: str, stars: int) -> Callable[[Place], str | int]:
    if part.startswith('"'):
        name = unquote(part)
        return lambda captures: name
    used = [int(number) for number in _CAPTURE.findall(part)]
    if beyond := [number for number in used if number > stars]:
        raise StepsError.of(f"'${beyond[0]}' stands for nothing: the pattern has {stars or 'no'} '*'")
    if not used:
        (segment,) = parse_pattern(part)
        if segment is ANY:
            raise StepsError.of("a target says with '$1' what the first '*' stood for; it cannot hold '*'")
        return lambda captures: segment
    if _CAPTURE.fullmatch(part):
        index = used[0] - 1
        return lambda captures: captures[index]
    return lambda captures: _CAPTURE.sub(lambda match: str(captures[int(match[1]) - 1]), part)


def relocation(pairs: Iterable[tuple[str, str]], *, keep: bool) -> Relocation:
    """Compile a move (``keep=False``) or copy from patterns to targets.

    All is read first, then removed, then written, so two names can be exchanged. A value that stands at a target is
    replaced. TransformError when two values would land on the same place; StepsError for a bad pattern or target.
    """
    compiled = [(pattern, target(to, pattern)) for pattern, to in ((parse_pattern(of), to) for of, to in pairs)]
    if names := _plain_names(compiled):
        return _between_names(names, keep)

    def relocate(entity: dict[str, Any]) -> dict[str, Any]:
        found = [(go(match.captures), match) for pattern, go in compiled for match in find(entity, pattern)]
        if not found:
            return entity
        _refuse_collisions([to for to, _ in found])
        if not keep:
            entity = without(entity, [match.place for _, match in found])
        edit = Edit(entity)
        for to, match in found:
            edit.put(to, match.value)
        return entity

    return relocate


def _plain_names(compiled: list[tuple[Pattern, Callable[[Place], Place]]]) -> list[tuple[str, str]]:
    """Return (old, new) names when all happens at the top of the entity and no two can meet; else nothing."""
    if any(ANY in pattern or len(pattern) > 1 or len(go(())) > 1 for pattern, go in compiled):
        return []
    names = [(str(pattern[0]), str(go(())[0])) for pattern, go in compiled]
    return names if len({new for _, new in names}) == len({old for old, _ in names}) == len(names) else []


def _between_names(names: list[tuple[str, str]], keep: bool) -> Relocation:
    if len(names) == 1:
        return _copied(*names[0]) if keep else _moved(*names[0])
    take = operator.getitem if keep else dict.pop

    def relocate(entity: dict[str, Any]) -> dict[str, Any]:
        entity.update([(new, take(entity, old)) for old, new in names if old in entity])
        return entity

    return relocate


def _copied(name: str, to: str) -> Relocation:
    def copy_one(entity: dict[str, Any]) -> dict[str, Any]:
        if name in entity:
            entity[to] = entity[name]
        return entity

    return copy_one


def _moved(name: str, to: str) -> Relocation:
    def move_one(entity: dict[str, Any]) -> dict[str, Any]:
        if name in entity:
            entity[to] = entity.pop(name)
        return entity

    return move_one


def _refuse_collisions(targets: list[Place]) -> None:
    seen = set()
    for place in targets:
        written = tuple(map(str, place))
        if written in seen:
            raise TransformError("two values would land here; $1 in the target keeps them apart", dotted(place))
        seen.add(written)
