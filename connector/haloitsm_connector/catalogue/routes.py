"""Which operation a path of a real request means: any case, fixed segments before placeholders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from haloitsm_connector.catalogue.model import Operation


@dataclass(slots=True)
class _Node:
    """A point in the tree of path segments; placeholders stand under ``{}``, two joined ones under ``{}&{}``."""

    below: dict[str, _Node] = field(default_factory=dict)
    operations: dict[str, Operation] = field(default_factory=dict)


class Routes:
    """Every path of the catalogue as a tree of segments."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._root = _Node()
        for operation in operations:
            node = self._root
            for segment in operation.path.strip("/").split("/"):
                pattern = _pattern(segment)
                if pattern not in node.below:
                    node.below[pattern] = _Node()
                node = node.below[pattern]
            node.operations[operation.method] = operation

    def find(self, path: str) -> tuple[Mapping[str, Operation], tuple[str, ...]]:
        """Return the operations of a raw path by method, and its decoded path values; nothing when there is none."""
        found = _walk(self._root, path.strip("/").split("/"), ())
        return (found[0].operations, found[1]) if found else ({}, ())


def _pattern(segment: str) -> str:
    if "{" not in segment:
        return segment.casefold()
    return "{}&{}" if "}&{" in segment else "{}"


def _walk(node: _Node, segments: list[str], values: tuple[str, ...]) -> tuple[_Node, tuple[str, ...]] | None:
    if not segments:
        return (node, values) if node.operations else None
    segment, rest = segments[0], segments[1:]
    ways: list[tuple[str, tuple[str, ...]]] = [(unquote(segment).casefold(), ())]
    if "&" in segment:
        first, _, second = segment.partition("&")
        ways.append(("{}&{}", (unquote(first), unquote(second))))
    if segment:
        ways.append(("{}", (unquote(segment),)))
    for name, taken in ways:
        if name in node.below and (found := _walk(node.below[name], rest, values + taken)):
            return found
    return None
