"""The file formats that entities are read from and written to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Literal

from haloitsm_connector.errors import InputError, suggest

Format = Literal["csv", "json", "jsonl", "xlsx"]
STANDARD_STREAM = "-"
"""The path that means standard input or output."""

EXTENSIONS: Mapping[str, Format] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".xlsx": "xlsx",
}


def format_of(path: str, given: Format | None = None) -> Format:
    """Return the format given, else the one that the path's extension says; InputError when it says none."""
    if "\0" in path:
        raise InputError(f"{path!r} is not a file name")
    if given is not None:
        return given
    extension = Path(path).suffix.lower()
    if extension not in EXTENSIONS:
        hint = (extension and suggest(extension, EXTENSIONS)) or "Set format: csv, json, jsonl or xlsx."
        raise InputError(f"{path}: the format cannot be told from the name", hint)
    return EXTENSIONS[extension]


def openpyxl_for(path: str) -> ModuleType:
    """Import openpyxl; InputError says how to install it where it is missing."""
    try:
        import openpyxl
    except ImportError as error:
        hint = "Install the extra: pip install 'haloitsm-connector[xlsx]'."
        raise InputError(f"{path}: XLSX files need openpyxl, which is not installed", hint) from error
    module: ModuleType = openpyxl
    return module
