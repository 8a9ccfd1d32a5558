"""Files below the folder of a configuration, which steps may read; no path leads out of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from haloitsm_transformers import TransformError


def path_below(folder: Path, name: str) -> Path:
    """Return the path of a file below a folder; TransformError when it is outside of it."""
    base = folder.resolve()
    path = (base / name).resolve()
    if not path.is_relative_to(base):
        raise TransformError(f"the file '{name}' is outside of the configuration's folder, {base}")
    return path


def reader_below(folder: Path) -> Callable[[str], bytes]:
    """Return what reads the files below a folder; it raises TransformError for one that cannot be read."""

    def read(name: str) -> bytes:
        try:
            return path_below(folder, name).read_bytes()
        except OSError as error:
            raise TransformError(f"the file '{name}' cannot be read: {error.strerror or error}") from error

    return read
