"""New tasks as they are put into a store: encoded, and cut into batches."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from math import isfinite
from typing import Any, NamedTuple

import orjson

from haloitsm_transformers import Entity
from haloitsm_transformers.keys import to_json

PLACES = 100
"""How many tasks a batch has at most."""
BATCH_BYTES = 4_000_000
"""Bytes of JSON after which a batch is full, however few its tasks are."""
_SCALARS = {str, int, bool, type(None)}


class NewTask(NamedTuple):
    """An entity that becomes a task; ``rejected`` is the reason why it will never be delivered."""

    entity: Entity
    key: str | None = None
    rejected: str = ""


class Cut(NamedTuple):
    """New tasks as they lie in a batch; ``rejected`` are reasons by place.

    ``plain`` are the very entities, where reading ``entities`` would give nothing else.
    """

    size: int
    keys: bytes | None
    entities: bytes
    rejected: dict[int, tuple[str | None, str]]
    plain: list[Entity] | None = None


def dump(value: Any) -> bytes:
    """Write JSON; ValueError when it is none.

    What begins with a space was written by Python's own library and is read by it again: it alone knows whole numbers
    of more than 64 bits and halves of surrogate pairs.
    """
    try:
        return orjson.dumps(value)
    except TypeError:
        return b" " + to_json(value).encode()


def dump_anything(value: Any) -> bytes:
    """Write what is only looked at: what is no JSON, as Python shows it."""
    try:
        return orjson.dumps(value, default=repr)
    except TypeError:
        return b" " + json.dumps(value, default=repr, skipkeys=True).encode()


def storable(text: str) -> str:
    """Return a text as every database takes it: without NUL and halves of surrogate pairs."""
    return text if text.isprintable() else text.replace("\0", "\ufffd").encode(errors="replace").decode()


def load(text: bytes | None) -> Any:
    """Read what ``dump`` wrote; None for nothing."""
    if text is None:
        return None
    return json.loads(text) if bytes(text[:1]) == b" " else orjson.loads(text)


def cut(tasks: Iterable[NewTask], *, plain: bool = False) -> Iterator[Cut]:
    """Cut new tasks into batches, in their order; ``plain`` says that JSON gives back all their values as they are."""
    left = iter(tasks)
    while some := list(islice(left, PLACES)):
        whole = _whole(some, plain)
        if whole:
            yield whole
        else:
            yield from _one_by_one(some)


def _whole(tasks: list[NewTask], plain: bool) -> Cut | None:
    """Make one batch of tasks, as nearly always; None where one is rejected, is no plain JSON, or all are too large."""
    entities = [task.entity for task in tasks]
    try:
        text = orjson.dumps(entities)
    except TypeError:
        return None
    if len(text) > BATCH_BYTES or any(task.rejected for task in tasks):
        return None
    plain = plain or _plain(entities)
    return Cut(len(tasks), _keys([task.key for task in tasks]), text, {}, entities if plain else None)


def _plain(values: Iterable[Any]) -> bool:
    """Whether JSON gives all of this back as it is: no dates, no tuples, no numbers without an end."""
    for value in values:
        kind = type(value)
        if kind in _SCALARS:
            continue
        if kind is float:
            if not isfinite(value):
                return False
        elif kind is dict:
            if not _plain(value.values()):
                return False
        elif kind is not list or not _plain(value):
            return False
    return True


def _one_by_one(tasks: list[NewTask]) -> Iterator[Cut]:
    keys: list[str | None] = []
    texts: list[bytes] = []
    rejected: dict[int, tuple[str | None, str]] = {}
    size = 0
    for task in tasks:
        text, reason = _text(task)
        if texts and (len(texts) == PLACES or size + len(text) > BATCH_BYTES):
            yield _batch(keys, texts, rejected)
            keys, texts, rejected, size = [], [], {}, 0
        if reason:
            rejected[len(texts)] = (None if task.key is None else storable(task.key), storable(reason))
        keys.append(task.key)
        texts.append(text)
        size += len(text)
    if texts:
        yield _batch(keys, texts, rejected)


def _text(task: NewTask) -> tuple[bytes, str]:
    try:
        return dump(task.entity), task.rejected
    except ValueError as error:
        return dump({"repr": repr(task.entity)}), task.rejected or f"the entity is no JSON: {error}"


def _batch(keys: list[str | None], texts: list[bytes], rejected: dict[int, tuple[str | None, str]]) -> Cut:
    odd = b" " if any(text.startswith(b" ") for text in texts) else b""
    return Cut(len(texts), _keys(keys), odd + b"[" + b",".join(texts) + b"]", rejected)


def _keys(keys: list[str | None]) -> bytes | None:
    if all(key is None for key in keys):
        return None
    return dump([None if key is None else storable(key) for key in keys])
