"""What is known about Halo beyond its document, kept by hand in ``data/curated.json`` and ``data/lists.json``."""

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
    """Facts that survive a new document; ``data/lists.json`` has the ``lists``, ``data/curated.json`` the others.

    - ``lists`` by path: key, paging and date filters (halo-api-facts 2.1 to 2.4).
    - ``aliases`` another name to a first path segment (halo-api-facts 8); ``nouns`` a segment to its noun.
    - ``labels`` by operation name, where method and path do not make a good one.
    - ``keys`` by first segment: what identifies a record, if not its id (halo-api-facts 4.3 and 8).
    - ``records`` by path, where the document does not show the schema.
    - ``requires`` by operation name: a list answers no rows without one of these (halo-api-facts 2.4, 4.5 and 8).
    - ``query`` by operation name, or method and body: parameters in use that the document lacks
      (halo-api-facts 2.2, 2.3 and 4.1).
    - ``undocumented`` operation name to tag: in use, but not in the document (halo-api-facts 10).
    - ``types`` by parameter name: dates that the document calls booleans (halo-api-facts 2.4).
    - ``singles`` GETs of one object though their path has no parameter; ``binaries`` answer bytes
      (halo-api-facts 3 and 4.5).
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
    singles: list[str]
    binaries: list[str]


def bundled() -> Facts:
    """Return the facts that come with the package."""
    lists, curated = (json.loads((DATA / name).read_text("utf-8")) for name in ("lists.json", "curated.json"))
    return Facts(**lists, **curated)
