"""Write a form with files (multipart/form-data) the way browsers do."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping

from haloitsm_connector.client.request import File

_IN_NAMES = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})


def multipart(fields: Mapping[str, str], files: Iterable[File]) -> tuple[str, bytes]:
    """Return content type and body."""
    boundary = secrets.token_hex(16)
    parts = [(f'name="{_name(name)}"', value.encode()) for name, value in fields.items()]
    parts += [
        (
            f'name="{_name(file.field)}"; filename="{_name(file.name)}"\r\nContent-Type: {_name(file.media_type)}',
            file.content,
        )
        for file in files
    ]
    pieces = [
        f"--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + content + b"\r\n"
        for head, content in parts
    ]
    return f"multipart/form-data; boundary={boundary}", b"".join(pieces) + f"--{boundary}--\r\n".encode()


def _name(text: str) -> str:
    return text.translate(_IN_NAMES)
