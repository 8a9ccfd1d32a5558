"""The user's own data for a sandbox: ``{"Tickets": [{...}, ...], "Client": [...]}``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson

from haloitsm_connector.errors import InputError, suggest
from haloitsm_connector.sandbox.seed.world import Record


def own_data(source: Path | str | Mapping[str, Any] | None, tables: Iterable[str]) -> Mapping[str, list[Record]]:
    """Read and check a user's data, given as a mapping or a JSON file; InputError says what is wrong with it."""
    if source is None:
        return {}
    content, where = (source, "The data") if isinstance(source, Mapping) else (_read(Path(source)), str(source))
    if not isinstance(content, Mapping):
        raise InputError(f"{where}: an object is wanted, table name to list of records", '{"Tickets": [{"id": 1}]}')
    names = {name.casefold(): name for name in tables}
    for name, rows in content.items():
        if str(name).casefold() not in names:
            raise InputError(f"{where}: Halo has no table '{name}'", suggest(str(name), names.values()))
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise InputError(f"{where}: '{name}' is not a list of objects")
    return content


def _read(path: Path) -> Any:
    try:
        return orjson.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except orjson.JSONDecodeError as error:
        raise InputError(f"{path}:{error.lineno}:{error.colno}: not valid JSON: {error.msg}") from None
