"""What differs between two JSON values, as lines that a person reads: ``- path: value`` and ``+ path: value``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Any

from haloitsm_transformers.conditions import same
from haloitsm_transformers.keys import fingerprint


def differences(before: Any, after: Any, path: str = "") -> Iterator[str]:
    """Yield one line for every value that is gone, and one for every value that is new; nothing for equal values.

    Unlike in Python, true is not 1.
    """
    if same(before, after):
        return
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _of_objects(before, after, path)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _of_lists(before, after, path)
    else:
        yield _line("-", path, before)
        yield _line("+", path, after)


def _of_objects(before: dict[str, Any], after: dict[str, Any], path: str) -> Iterator[str]:
    for name in before | after:
        place = f"{path}.{name}".removeprefix(".")
        if name not in after:
            yield _line("-", place, before[name])
        elif name not in before:
            yield _line("+", place, after[name])
        else:
            yield from differences(before[name], after[name], place)


def _of_lists(before: list[Any], after: list[Any], path: str) -> Iterator[str]:
    """Compare lists item by item, after those that are in both have found each other."""
    old, new = ([fingerprint(item) for item in items] for items in (before, after))
    for tag, start, end, new_start, new_end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        paired = min(end - start, new_end - new_start)
        for offset in range(paired):
            yield from differences(before[start + offset], after[new_start + offset], f"{path}[{new_start + offset}]")
        for position in range(start + paired, end):
            yield _line("-", f"{path}[{position}]", before[position])
        for position in range(new_start + paired, new_end):
            yield _line("+", f"{path}[{position}]", after[position])


def _line(sign: str, path: str, value: Any) -> str:
    text = written(value)
    return f"{sign} {path}: {text}" if path else f"{sign} {text}"


def written(value: Any) -> str:
    """Write a JSON value on one line, as a person reads it."""
    return json.dumps(value, ensure_ascii=False, default=str)
