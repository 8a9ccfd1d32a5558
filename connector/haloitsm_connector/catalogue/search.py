"""Finds operations by words, best first."""

from __future__ import annotations

from collections.abc import Iterable

from haloitsm_connector.catalogue.model import METHODS, Operation
from haloitsm_connector.catalogue.words import split, stem


def search(words: str, operations: Iterable[Operation]) -> list[Operation]:
    """Return the operations in which every word occurs: in the path, tag, label, record or an alias; best first."""
    wanted = [stem(word) for word in words.replace("/", " ").split()]
    ranked = [(score, operation) for operation in operations if (score := _score(wanted, operation)) is not None]
    return [operation for _, operation in sorted(ranked, key=lambda each: (-each[0], *_order(each[1])))]


def _score(wanted: list[str], operation: Operation) -> int | None:
    first, *rest = operation.path.strip("/").split("/")
    names = {stem(name) for name in (first, operation.method, *operation.aliases)}
    label = {stem(word) for word in operation.label.split()}
    parts = {stem(word) for name in (first, *rest, *operation.aliases) for word in (name, *split(name))}
    everything = " ".join((operation.path, operation.tag, operation.label, operation.record or "", *operation.aliases))
    everything = everything.casefold()
    total = 0
    for word in wanted:
        places = (word in names, word in label, word in parts, word in everything)
        if not any(places):
            return None
        total += 8 * places[0] + 4 * places[1] + 2 * places[2] + places[3]
    return total


def _order(operation: Operation) -> tuple[int, int, str, int]:
    """Collections before what stands under them, short paths before long ones."""
    path = operation.path
    return path.count("/"), len(path), path, METHODS.index(operation.method)
