"""The body of a successful answer: JSON, text, a file, nothing, or an error in disguise."""

from __future__ import annotations

import base64
from email.message import Message
from typing import Any
from urllib.parse import unquote, urlsplit

from haloitsm_connector.client.reason import reason
from haloitsm_connector.client.request import Response
from haloitsm_connector.errors import AnswerError

READ_AS_JSON = frozenset({"", "text/plain", "text/html"})
"""Media types beside JSON's own under which Halo and the gateways in front of it send JSON, text or error pages."""
ERROR_NAMES = frozenset(
    {"error", "error_description", "error_uri", "message", "errormessage", "resultcode", "status", "code"}
)
ERROR_TEXTS = ("error", "message", "errormessage")


def read_value(response: Response, *, binary: bool = False) -> Any:
    """Decode whatever came: JSON, plain text as text, any other media type as `file_entity`, nothing as None.

    ``binary`` says that the operation answers files: then JSON is one too when it comes with a file's name. Raises
    AnswerError for a web page, and for JSON that is cut off.
    """
    if not response.body.strip():
        return None
    if _is_file(response, binary):
        return file_entity(response)
    try:
        return response.json()
    except AnswerError:
        text = response.body.decode("utf-8", "replace").strip()
        if response.media_type != "text/plain" or text[:1] in ("", "{", "[", "<"):
            raise
        return text


def refuse_error(value: Any, response: Response) -> None:
    """Raise AnswerError when a decoded body is an error that came with a status of success."""
    if is_error(value):
        what = f"{response.url} answered {response.status} with an error: {reason(response)}"
        raise AnswerError(what, url=response.url)


def is_error(value: Any) -> bool:
    """Whether a decoded body is one of Halo's error shapes and nothing else (halo-api-facts 5)."""
    if not isinstance(value, dict):
        return False
    lowered = {name.lower(): content for name, content in value.items()}
    if "id" in lowered:
        return False
    if {"classname", "message"} <= lowered.keys():
        return True
    return lowered.keys() <= ERROR_NAMES and any(lowered.get(name) for name in ERROR_TEXTS)


def file_entity(response: Response) -> dict[str, Any]:
    """Describe an answer of bytes: ``{filename, content_type, size, data_base64}`` (halo-api-facts 3)."""
    return {
        "filename": _filename(response),
        "content_type": response.media_type or "application/octet-stream",
        "size": len(response.body),
        "data_base64": base64.b64encode(response.body).decode(),
    }


def _is_file(response: Response, binary: bool) -> bool:
    named = "content-disposition" in response.headers
    kind = response.media_type
    if kind in READ_AS_JSON or kind == "text/json" or (kind.startswith("application/") and kind.endswith("json")):
        return binary and named
    return True


def _filename(response: Response) -> str:
    header = Message()
    header["content-disposition"] = response.headers.get("content-disposition", "")
    try:
        name = header.get_filename()
    except (ValueError, LookupError):
        name = None
    return name or unquote(urlsplit(response.url).path.rpartition("/")[2])
