"""What steps that call other systems share: calls under way ahead of their entities, answers remembered and put."""

from __future__ import annotations

import re
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from typing import Any

from haloitsm_transformers.capabilities import Call, Entity, Http
from haloitsm_transformers.contract import Builder, StreamFunction
from haloitsm_transformers.errors import TransformError, kind_of, suggest
from haloitsm_transformers.keys import fingerprint
from haloitsm_transformers.paths import Edit, parse_path

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
IN_FLIGHT = 8
REMEMBERED = 1_000
"""Answers that a step with ``cache`` keeps; then the one goes that was not asked for longest."""

Put = Callable[[Entity, Any], Entity]


def calling(builder: Builder, call_of: Callable[[Entity], Call], put: Put, *, cache: bool) -> StreamFunction:
    """Make a stream function that calls for each entity and puts the answer into it, in the order of the entities.

    Calls that may be repeated are under way for some entities ahead; any other begins when the one before has ended.
    """
    start: Http = builder.capability("http")
    if cache:
        start = _remembering(start)
    coming: Iterator[Future[Any]] = iter(())

    def begin(entity: Entity) -> tuple[Future[Any], bool]:
        try:
            call = call_of(entity)
            return start(call), call.method == "GET" or call.repeatable
        except Exception as error:
            future: Future[Any] = Future()
            future.set_exception(error)  # raised where the entity's turn has come
            return future, True

    def begun(entities: list[Entity]) -> Iterator[Future[Any]]:
        ahead: deque[Future[Any]] = deque()
        for entity in entities:
            future, may_overlap = begin(entity)
            ahead.append(future)
            while len(ahead) >= IN_FLIGHT or (ahead and not may_overlap):
                yield ahead.popleft()
        yield from ahead

    settle = builder.each(lambda entity: [put(entity, next(coming).result())])

    def push(entities: list[Entity]) -> list[Entity]:
        nonlocal coming
        coming = begun(entities)
        return settle(entities)

    return push


def _remembering(start: Http) -> Http:
    answers: OrderedDict[str, Future[Any]] = OrderedDict()

    def remembered(call: Call) -> Future[Any]:
        key = fingerprint([call.client, call.method, call.uri, dict(call.path), dict(call.query), call.payload])
        if key in answers and not (answers[key].done() and answers[key].exception()):
            answers.move_to_end(key)
        else:
            answers[key] = start(call)
        if len(answers) > REMEMBERED:
            answers.popitem(last=False)
        return answers[key]

    return remembered


def check_uri(uri: str, path: Mapping[str, Any]) -> None:
    """Check that every placeholder of a URI has its value, and every value its placeholder; ValueError if not."""
    names = _PLACEHOLDER.findall(uri)
    if "{{" in uri:
        raise ValueError("uri takes {name}, and path the value of that name, so that it can be encoded")
    for name in path:
        if name not in names:
            raise ValueError(f"uri has no placeholder {{{name}}}. {suggest(name, names)}".rstrip())
    for name in names:
        if name not in path:
            raise ValueError(f"path gives no value for {{{name}}} in uri")


def putting(into: str | None) -> Put:
    """Return what puts an answer into an entity: at a path or, without one, each of its fields over the entity's."""
    if into is None:
        return _merged
    place = parse_path(into)

    def put(entity: Entity, value: Any) -> Entity:
        changed = entity.copy()
        Edit(changed).put(place, value)
        return changed

    return put


def _merged(entity: Entity, value: Any) -> Entity:
    if value is None:
        return entity
    if not isinstance(value, dict):
        raise TransformError(f"the answer is {kind_of(value)}, which has no fields; say with 'into' where to put it")
    return {**entity, **value}
