"""The catalogue in memory: read in a moment, its operations made when asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson

from haloitsm_connector.catalogue import encoding
from haloitsm_connector.catalogue.facts import DATA
from haloitsm_connector.catalogue.find import Index, find, index
from haloitsm_connector.catalogue.model import METHODS, Field, Operation
from haloitsm_connector.catalogue.routes import Routes
from haloitsm_connector.catalogue.search import search
from haloitsm_connector.errors import InputError

OPERATIONS = "operations.json"
SCHEMAS = "schemas.json"


class Catalogue:
    """Every operation of Halo's API, and the fields of its records.

    Get one with `Catalogue.load`. It never changes; share it between threads as you like.
    """

    def __init__(self, folder: Path, aliases: Mapping[str, str], paths: Mapping[str, Any]) -> None:
        self._folder = folder
        self._segments = aliases
        self._paths = paths
        self._made: dict[str, Operation] = {}

    @classmethod
    def load(cls, path: Path | None = None) -> Catalogue:
        """Read the bundled catalogue, or the refreshed one in the folder ``path``; raises InputError if it is none."""
        folder = DATA if path is None else path
        rows = _read(folder / OPERATIONS, "aliases", "paths")
        return cls(folder, rows["aliases"], rows["paths"])

    def operations(self) -> Iterator[Operation]:
        """Yield every operation, by path, then GET, POST, DELETE."""
        for path, row in self._paths.items():
            yield from (self._operation(method, path) for method in METHODS if method in row)

    def find(self, text: str, methods: Collection[str] = METHODS) -> Operation:
        """Return the operation that ``text`` names.

        Takes ``GET /Actions/{id}`` in any case, with any placeholder name; without a method, if only one of
        ``methods`` is there; Halo's schema names (``GET Faults``); singular and plural (``/Assets``); and a label
        (``get one action``). Raises UnknownOperation with a suggestion or the choices.
        """
        method, _, path = find(text, methods, self._index).partition(" ")
        return self._operation(method, path)

    def search(self, words: str = "", method: str | None = None) -> list[Operation]:
        """Return the operations in which all ``words`` occur, best first; without words all, in order."""
        operations = (each for each in self.operations() if method is None or each.method == method.upper())
        return search(words, operations) if words.strip() else list(operations)

    def fields(self, schema: str) -> Mapping[str, Field]:
        """Return the fields of a record by name, in Halo's order; empty when the schema is unknown."""
        encoded: Mapping[str, str] = self._schemas.get(schema, {})
        return {name: encoding.field(name, text) for name, text in encoded.items()}

    def _operation(self, method: str, path: str) -> Operation:
        name = f"{method} {path}"
        if name not in self._made:
            aliases = self._aliases.get(path.split("/")[1], ())
            self._made[name] = encoding.operation(method, path, self._paths[path], aliases)
        return self._made[name]

    @cached_property
    def routes(self) -> Routes:
        """Which operation the path of a request means."""
        return Routes(self.operations())

    @cached_property
    def _aliases(self) -> Mapping[str, tuple[str, ...]]:
        by_segment: dict[str, tuple[str, ...]] = {}
        for alias, segment in self._segments.items():
            by_segment[segment] = (*by_segment.get(segment, ()), alias)
        return by_segment

    @cached_property
    def _index(self) -> Index:
        labels = {
            f"{method} {path}": row[method]["label"]
            for path, row in self._paths.items()
            for method in METHODS
            if method in row
        }
        return index(labels, self._segments)

    @cached_property
    def _schemas(self) -> Mapping[str, Any]:
        rows: Mapping[str, Any] = _read(self._folder / SCHEMAS, "schemas")["schemas"]
        return rows


def _read(file: Path, *sections: str) -> Any:
    hint = "Run 'haloitsm catalogue refresh' again, or delete the file to use the bundled catalogue."
    try:
        rows = orjson.loads(file.read_bytes())
    except OSError as error:
        raise InputError(f"The catalogue {file} cannot be read: {error.strerror}", hint) from None
    except ValueError:
        raise InputError(f"The catalogue {file} is damaged: it is not JSON", hint) from None
    if not isinstance(rows, dict) or any(not isinstance(rows.get(section), dict) for section in sections):
        raise InputError(f"The catalogue {file} is damaged: a section is missing", hint)
    return rows
