"""The catalogue's files: how facts are written down, and how they are read back.

``operations.json`` has two sections. ``aliases`` maps another name to a first path segment (``"Area": "Client"``).
``paths`` maps a path to its ``tag``, its ``path`` parameters and one object per method, whose members are left out
when they say nothing: ``label``, ``query``, ``body``, ``record``, ``list`` (the members of `Listing`), ``key``,
``requires``, ``binary``, ``undocumented``. ``schemas.json`` has one section, ``schemas``: schema name to its fields.

Parameters and fields are written name to type, in the order of Halo's document. A type is one letter (see `CODES`),
then the nested schema's name, if any, then ``!`` for a required parameter or a read-only field: ``"id": "i"``,
``"attachments": "aAttachment"``, ``"guid": "u!"``. Every row stands on a line of its own, sorted, so that two versions
of a file can be compared.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from haloitsm_connector.catalogue.model import Field, Listing, Operation, Parameter

CODES = {
    "integer": "i",
    "number": "n",
    "string": "s",
    "boolean": "b",
    "date-time": "t",
    "date": "d",
    "time": "c",
    "uuid": "u",
    "array": "a",
    "object": "o",
    "any": "x",
}
_TYPES = {code: name for name, code in CODES.items()}
_PAGE_SIZE = 100
_KEY = ["id"]


def code(type_: str, schema: str | None = None, mark: bool = False) -> str:
    """Write a type as the files do: ``code("array", "Attachment")`` is ``aAttachment``."""
    return f"{CODES[type_]}{schema or ''}{'!' if mark else ''}"


def field(name: str, text: str) -> Field:
    """Read one field back from its encoded type."""
    return Field(name, _TYPES[text[0]], text[1:].rstrip("!") or None, text.endswith("!"))


def operation(method: str, path: str, row: Mapping[str, Any], aliases: tuple[str, ...]) -> Operation:
    """Read one operation back from its path's row."""
    facts = row[method]
    return Operation(
        method=method,
        path=path,
        tag=row["tag"],
        label=facts["label"],
        path_parameters=tuple(Parameter(name, _TYPES[text], True) for name, text in row.get("path", {}).items()),
        query_parameters=tuple(
            Parameter(name, _TYPES[text[0]], text.endswith("!")) for name, text in facts.get("query", {}).items()
        ),
        body=facts.get("body"),
        record=facts.get("record"),
        listing=_listing(facts["list"]) if "list" in facts else None,
        binary=facts.get("binary", False),
        key=tuple(facts.get("key", _KEY)),
        aliases=aliases,
        requires=tuple(facts.get("requires", ())),
        documented=not facts.get("undocumented", False),
    )


def _listing(facts: Mapping[str, Any]) -> Listing:
    return Listing(
        key=facts.get("key"),
        paged=facts.get("paged", False),
        page_size=facts.get("page_size", _PAGE_SIZE),
        incremental=tuple(facts.get("incremental", ())),
        sure=facts.get("sure", False),
    )


def compact(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what `operation` assumes anyway; an empty ``key`` stays, because nothing identifies such a record."""
    nothing: tuple[object, ...] = (None, False, [], {})
    return {
        name: value
        for name, value in facts.items()
        if (name, value) == ("key", []) or (value not in nothing and (name, value) != ("key", _KEY))
    }


def text(sections: Mapping[str, Mapping[str, Any]]) -> str:
    """Write sections of rows as JSON, one sorted row to a line."""
    return "{\n" + ",\n".join(f"{_json(name)}: {_rows(rows.items())}" for name, rows in sections.items()) + "\n}\n"


def _rows(rows: Iterable[tuple[str, Any]]) -> str:
    lines = ",\n".join(f" {_json(name)}: {_json(value)}" for name, value in sorted(rows))
    return f"{{\n{lines}\n}}"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
