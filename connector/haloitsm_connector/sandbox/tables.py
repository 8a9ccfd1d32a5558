"""The tables behind the operations: one per collection path, filled when first looked at."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from haloitsm_connector.catalogue import Operation
from haloitsm_connector.sandbox.seed.world import Record

Key = Any
"""What identifies a record: a number, a text, or a tuple such as ``(ticket_id, id)``."""

_KEYS = {"lookup": ("lookupid", "id"), "ticketapproval": ("ticket_id", "seq")}
"""Keys of tables whose operations do not tell."""
_SAME_TABLE = {"tickets/object": "Tickets"}


@dataclass(frozen=True, slots=True)
class Shape:
    """One table: the schema of its list rows and of its details, and the fields that identify a record."""

    name: str
    row: str | None
    detail: str | None
    key: tuple[str, ...]
    textual: bool
    """Ids are text (a GUID) that the server makes up."""


def collection(path: str) -> str:
    """Return the table a path is about: ``/Actions/{id}`` → ``Actions``."""
    name = path.partition("/{")[0].strip("/")
    return _SAME_TABLE.get(name.casefold(), name)


def shapes(operations: Iterable[Operation]) -> dict[str, Shape]:
    """Return the shape of every table that the operations speak of, by its name in small letters."""
    found: dict[str, dict[str, Any]] = {}
    for operation in operations:
        name = collection(operation.path)
        entry = found.setdefault(name.casefold(), {"name": name, "key": operation.key, "textual": False})
        if operation.listing is not None and not operation.path_parameters:
            entry["row"] = operation.record
        elif operation.record and (operation.method == "GET" or "detail" not in entry):
            entry["detail"] = operation.record
        if operation.path_parameters and operation.method != "POST":
            entry["key"] = operation.key
            entry["textual"] = operation.path_parameters[0].type in ("string", "uuid")
    return {
        name: Shape(
            entry["name"],
            entry.get("row"),
            entry.get("detail") or entry.get("row"),
            _KEYS.get(name, entry["key"]),
            entry["textual"],
        )
        for name, entry in found.items()
    }


class Tables(Mapping[str, dict[Key, Record]]):
    """All tables by name in any case: ``tables["Tickets"][2001]`` a ticket, ``tables["Actions"][2001, 1]`` an action.

    ``build`` gives a table its first records. What is deleted softly waits in ``bin`` (halo-api-facts 4.2).
    """

    def __init__(self, shapes_by_name: Mapping[str, Shape], build: Callable[[Shape], Iterable[Record]]) -> None:
        self.shapes = shapes_by_name
        self.bin: dict[str, dict[Key, Record]] = {}
        self._build = build
        self._tables: dict[str, dict[Key, Record]] = {}
        self._highest: dict[tuple[str, Key], int] = {}
        self._first: dict[str, list[Record]] = {}
        self._building = threading.RLock()

    def __getitem__(self, name: str) -> dict[Key, Record]:
        shape = self.shapes[name.casefold()]
        with self._building:
            if shape.name not in self._tables:
                self._tables[shape.name] = table = {}
                for number, record in enumerate(self._build(shape), 1):
                    table[self.key_of(shape, record, number)] = record
                self._first[shape.name] = list(table.values())
        return self._tables[shape.name]

    def __iter__(self) -> Iterator[str]:
        return (shape.name for shape in self.shapes.values())

    def __len__(self) -> int:
        return len(self.shapes)

    def first(self, name: str) -> list[Record]:
        """Return the records that a table began with, whatever was written since."""
        self[name]
        return self._first[self.shapes[name.casefold()].name]

    def key_of(self, shape: Shape, record: Record, number: int) -> Key:
        """Return the key of a record; ``number`` stands in where it has none, and is given to it as its id."""
        if not shape.key:
            return number
        if not shape.textual and isinstance(record.get("id"), str) and shape.key == ("id",):
            return number  # the document gives a GUID to the record and a number to its path
        if shape.key[-1] not in record:
            record[shape.key[-1]] = number
        parts = tuple(_plain(record.get(name)) for name in shape.key)
        return parts if len(parts) > 1 else parts[0]

    def next_id(self, shape: Shape, group: Key = None) -> int:
        """Return the next free number, never one twice; counted per ``group`` (for actions, the ticket)."""
        table, column = self[shape.name], shape.key[-1] if shape.key else "id"
        at = (shape.name, group)
        if at not in self._highest:
            rows = [*table.values(), *self.bin.get(shape.name, {}).values()]
            taken = [row.get(column) for row in rows if group is None or row.get(shape.key[0]) == group]
            self._highest[at] = max((abs(number) for number in taken if isinstance(number, int)), default=0)
        self._highest[at] += 1
        return self._highest[at]

    def find(self, shape: Shape, text: str) -> Key:
        """Return the key of the record whose id was written as ``text`` in a path; None when there is none."""
        table = self[shape.name]
        if text.lstrip("-").isascii() and text.lstrip("-").isdigit() and int(text) in table:
            return int(text)
        wanted = text.casefold()
        column = "id" if "id" in shape.key or not shape.key or shape.textual else shape.key[0]
        return next((key for key, row in table.items() if str(row.get(column, key)).casefold() == wanted), None)


def _plain(value: Any) -> Any:
    """Read 21.0 as 21: keys compare as whole numbers."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
