"""Builds the bundled catalogue: ``python -m haloitsm_connector.catalogue.build --openapi halo-openapi.json.gz``.

With ``--entities`` and ``--list-shapes`` the facts about lists are read again from their tables of evidence; without
them the ones already bundled stay. The same input always writes the same files.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from . import facts, tables
from .derive import derive
from .encoding import text
from .refresh import read_document, write


def build(openapi: Path, entities: Path | None = None, shapes: Path | None = None, folder: Path = facts.DATA) -> None:
    """Write ``operations.json`` and ``schemas.json``, and ``lists.json`` when both tables are given."""
    lists = None
    if entities and shapes:
        lists = tables.lists(entities.read_text("utf-8"), shapes.read_text("utf-8"))
        (folder / "lists.json").write_text(text({"lists": lists}), "utf-8")
    write(derive(read_document(openapi.read_bytes()), facts.bundled(lists)), folder)


def main() -> None:
    """Read the arguments and build."""
    parser = argparse.ArgumentParser(description="Build the bundled catalogue of Halo's operations.")
    parser.add_argument("--openapi", type=Path, required=True, help="OpenAPI document, .json or .json.gz")
    parser.add_argument("--entities", type=Path, help="table of list keys, paging and filters (TSV)")
    parser.add_argument("--list-shapes", type=Path, help="table of list shapes and record schemas (TSV)")
    given = parser.parse_args()
    build(given.openapi, given.entities, given.list_shapes)


if __name__ == "__main__":
    main()
