"""Write a form with files (multipart/form-data)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from haloitsm_connector.client.request import File


def multipart(fields: Mapping[str, str], files: Iterable[File]) -> tuple[str, bytes]:
    """Return content type and body."""
    import httpx

    parts = [(file.field, (file.name, file.content, file.media_type)) for file in files]
    request = httpx.Request("POST", "http://localhost/", data=dict(fields), files=parts)
    return request.headers["content-type"], request.read()
