"""Rebuilds the catalogue from the OpenAPI document of one's own instance."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from haloitsm_connector.catalogue.derive import Rows, derive
from haloitsm_connector.catalogue.encoding import text
from haloitsm_connector.catalogue.facts import bundled
from haloitsm_connector.catalogue.load import OPERATIONS, SCHEMAS, Catalogue
from haloitsm_connector.catalogue.model import METHODS
from haloitsm_connector.errors import InputError

_HINT = "Give the OpenAPI document of your instance: a JSON object with 'paths', plain or gzipped."


@dataclass(frozen=True, slots=True)
class Summary:
    """What a refresh found: how many operations there are now, and the names that came and went."""

    operations: int
    added: tuple[str, ...]
    removed: tuple[str, ...]


def refresh(document: bytes, folder: Path) -> Summary:
    """Write a catalogue made from ``document`` into ``folder``; load it with ``Catalogue.load(folder)``.

    Compares with the catalogue that was in ``folder``, else with the bundled one. Raises InputError when the document
    is not an OpenAPI document with operations; the folder is then left as it was.
    """
    before = _names(folder)
    write(derive(read_document(document), bundled()), folder)
    after = _names(folder)
    return Summary(len(after), tuple(sorted(after - before)), tuple(sorted(before - after)))


def _names(folder: Path) -> set[str]:
    try:
        catalogue = Catalogue.load(folder)
    except InputError:  # none there yet, or damaged: a refresh is how that is mended
        catalogue = Catalogue.load()
    return {operation.name for operation in catalogue.operations()}


def read_document(document: bytes) -> Mapping[str, Any]:
    """Decode an OpenAPI document, plain or gzipped; raises InputError when it is none."""
    try:
        openapi = orjson.loads(gzip.decompress(document) if document[:2] == b"\x1f\x8b" else document)
    except (ValueError, OSError, EOFError, zlib.error) as error:
        raise InputError(f"The document cannot be read: {error}", _HINT) from None
    paths = openapi.get("paths") if isinstance(openapi, dict) else None
    items = paths.values() if isinstance(paths, dict) else ()
    if not any(method.lower() in item for item in items if isinstance(item, dict) for method in METHODS):
        raise InputError("The document is not an OpenAPI document with operations", _HINT)
    return dict(openapi)


def write(rows: Mapping[str, Rows], folder: Path) -> None:
    """Write both files of a catalogue, each in one step, so that a reader never meets half a file."""
    sections = {SCHEMAS: ("schemas",), OPERATIONS: ("aliases", "paths")}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, parts in sections.items():
            unfinished = folder / f"{name}.part"
            unfinished.write_text(text({part: rows[part] for part in parts}), "utf-8")
            unfinished.replace(folder / name)
    except OSError as error:
        raise InputError(f"The catalogue cannot be written into {folder}: {error.strerror}") from None
