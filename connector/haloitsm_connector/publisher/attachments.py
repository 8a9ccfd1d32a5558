"""Files that travel with a write: read from a folder, sent inside the payload or as parts of a form."""

from __future__ import annotations

import base64
import binascii
import mimetypes
from pathlib import Path
from typing import Any

from haloitsm_connector.client.request import File
from haloitsm_connector.errors import InputError

DEFAULT_TYPE = "application/octet-stream"


def with_file(record: Any, folder: Path) -> Any:
    """Replace ``file`` in a record by ``filename`` and ``data_base64``, the form that Halo wants (halo-api-facts 4.5).

    Names that the record gives itself stay. Raises InputError for a file that cannot be read.
    """
    if not isinstance(record, dict) or not record.get("file"):
        return record
    path = inside(folder, record["file"])
    data = base64.b64encode(_bytes(path)).decode()
    made = {"filename": path.name, "data_base64": f"data:{_media_type(path.name)};base64,{data}"}
    return made | {name: value for name, value in record.items() if name != "file"}


def parts(files: Any, folder: Path) -> tuple[File, ...]:
    """Make the parts of a form from ``{field, path or data_base64, filename, media_type}``, one or a list of them.

    ``field`` is "file" unless given. Raises InputError for anything else, and for a file that cannot be read.
    """
    if files is None:
        return ()
    return tuple(_part(each, folder) for each in (files if isinstance(files, list) else [files]))


def inside(folder: Path, name: Any) -> Path:
    """Return the path of a file below ``folder``; InputError for one outside, which data must not reach."""
    if not isinstance(name, str):
        raise InputError(f"a file is given by its name, not by {type(name).__name__}")
    root = folder.resolve()
    try:
        path = (root / name).resolve()
    except (OSError, ValueError) as error:
        raise InputError(f"{name!r} is not a file name: {error}") from error
    if not path.is_relative_to(root):
        raise InputError(f"file {name} lies outside {root}", "Set `folder:` to the folder that files are taken from.")
    return path


def _part(file: Any, folder: Path) -> File:
    if not isinstance(file, dict) or ("path" in file) == ("data_base64" in file):
        raise InputError("a file is an object with either 'path' or 'data_base64'", "Like files: [{path: photo.png}].")
    if "path" in file:
        path = inside(folder, file["path"])
        name, content = str(file.get("filename") or path.name), _bytes(path)
    else:
        name, content = str(file.get("filename") or "file"), _decoded(file["data_base64"])
    return File(str(file.get("field") or "file"), name, content, str(file.get("media_type") or _media_type(name)))


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"file {path} cannot be read: {error.strerror or error}") from error


def _decoded(text: Any) -> bytes:
    data = str(text).partition(";base64,")[2] or str(text)
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InputError(f"data_base64 is not base64: {error}") from error


def _media_type(name: str) -> str:
    return mimetypes.guess_type(name)[0] or DEFAULT_TYPE
