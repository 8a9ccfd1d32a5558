"""The user's own data for a sandbox: ``{"Tickets": [{...}, ...], "Client": [...]}``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from haloitsm_connector.catalogue import Catalogue, Field
from haloitsm_connector.errors import InputError, suggest
from haloitsm_connector.sandbox.errors import Refusal
from haloitsm_connector.sandbox.seed.world import Record
from haloitsm_connector.sandbox.tables import Shape
from haloitsm_connector.sandbox.values import converted


def own_data(
    source: Path | str | Mapping[str, Any] | None, shapes: Mapping[str, Shape], catalogue: Catalogue
) -> dict[str, list[Record]]:
    """Read a user's records by table, from a mapping or a JSON file; InputError says what is wrong with them."""
    if source is None:
        return {}
    content, where = (source, "The data") if isinstance(source, Mapping) else (_read(Path(source)), str(source))
    if not isinstance(content, Mapping):
        raise InputError(f"{where}: an object is wanted, table name to list of records", '{"Tickets": [{"id": 1}]}')
    found = {}
    for name, rows in content.items():
        shape = shapes.get(str(name).casefold())
        if shape is None:
            raise InputError(f"{where}: Halo has no table '{name}'", suggest(str(name), _names(shapes)))
        if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
            raise InputError(f"{where}: '{name}' is not a list of objects")
        fields = catalogue.fields(shape.detail) if shape.detail else {}
        found[shape.name] = [_typed(row, fields, f"{where}: {name}[{number}]") for number, row in enumerate(rows)]
    return found


def _names(shapes: Mapping[str, Shape]) -> list[str]:
    return [shape.name for shape in shapes.values()]


def _typed(row: Mapping[str, Any], fields: Mapping[str, Field], where: str) -> Record:
    """Give the values of a record the types of its fields; fields that Halo does not declare stay as they are."""
    try:
        return {name: converted(fields[name], value) if name in fields else value for name, value in row.items()}
    except Refusal as refusal:
        raise InputError(f"{where}.{refusal.field}: {refusal.text}") from None


def _read(path: Path) -> Any:
    try:
        return orjson.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except orjson.JSONDecodeError as error:
        raise InputError(f"{path}:{error.lineno}:{error.colno}: not valid JSON: {error.msg}") from None
