"""What is known about Halo beyond its document: curated by hand, and read from tables of evidence."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DATA = Path(__file__).with_name("data")
"""Where the bundled catalogue and the facts stand."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts that survive a new document (the sources of each are in ``data/curated.json`` by section name).

    ``aliases``, ``nouns`` and ``keys`` go by first path segment; ``lists`` and ``records`` by path; ``labels``,
    ``requires``, ``query`` (parameters the document lacks) and ``undocumented`` by operation name; ``types`` by
    parameter name. ``singles`` are GETs without path parameter that answer one object, ``binaries`` answer bytes.
    """

    lists: Mapping[str, Mapping[str, Any]]
    aliases: Mapping[str, str]
    nouns: Mapping[str, str]
    labels: Mapping[str, str]
    keys: Mapping[str, list[str]]
    records: Mapping[str, str]
    requires: Mapping[str, list[str]]
    query: Mapping[str, Mapping[str, str]]
    undocumented: Mapping[str, str]
    types: Mapping[str, str]
    singles: frozenset[str]
    binaries: frozenset[str]


def bundled(lists: Mapping[str, Mapping[str, Any]] | None = None) -> Facts:
    """Return the facts that come with the package, with other ``lists`` if given."""
    curated = json.loads((DATA / "curated.json").read_text("utf-8"))
    if lists is None:
        lists = json.loads((DATA / "lists.json").read_text("utf-8"))["lists"]
    frozen = {name: frozenset(curated.pop(name)) for name in ("singles", "binaries")}
    return Facts(lists={**(lists or {}), **curated.pop("lists")}, **curated, **frozen)
