"""Error answers in plain words: Halo's many error bodies, and what to do about a status (halo-api-facts 5)."""

from __future__ import annotations

import html
import re
from typing import Any

import orjson

from haloitsm_connector.client.request import Response
from haloitsm_connector.client.uri import host_of
from haloitsm_connector.errors import StatusError

LONGEST = 500
"""Characters of a reason that are shown."""
EXAMINED = 20_000
"""Characters of a web page that are searched for its title; searching a hostile one takes time by the square."""

_TITLE = re.compile(r"<(title|h1|h2)[^>]*>(.*?)</\1>", re.IGNORECASE | re.DOTALL)
_UNSHOWN = re.compile(r"<(script|style|head)\b.*?</\1>", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^>]*>")

_HINTS = {
    400: "Check the values sent; most write routes of Halo want a list of objects.",
    401: "The token is refused for this route: the agent or user behind the application may lack the module's right.",
    403: "The application's permissions (scopes) or the agent's role do not allow this.",
    404: (
        "There is no such route or record: check path and id, and that the base URI is that of the API. "
        "Where records may be missing, give the client normal_statuses: [404]."
    ),
    405: "The route does not take this method: Halo knows GET, POST (create and update) and DELETE.",
    409: "The record was changed or exists already.",
    413: "Send fewer records at a time.",
    415: "The route wants another kind of body: JSON or multipart.",
    429: "The rate limit is reached: send less at a time, or raise retry.total_seconds.",
}
_SERVER_HINT = "The fault is on the other side; if it stays, its administrators can find it in the server's log."
_REDIRECT_HINT = "Redirects are not followed, so that no token reaches another host: correct base_uri or api_uri."


def reason(response: Response) -> str:
    """Return the error of an answer as one line of plain words; empty when the answer gives none."""
    text = response.body.decode("utf-8", "replace").strip("\ufeff \t\r\n")
    if not text:
        return ""
    try:
        said = _from_json(orjson.loads(text))
    except orjson.JSONDecodeError:
        said = _from_html(text[:EXAMINED]) if text.startswith("<") else None
    return _one_line(response.hide(text if said is None else said))


def status_error(response: Response, method: str) -> StatusError:
    """Turn an error answer into a StatusError: method, URL, status, Halo's reason and what to do."""
    status, said = response.status, reason(response)
    if 300 <= status < 400:
        target = host_of(response.headers.get("location", "")) or "another path"
        what = f"{method} {response.url} answered {status}: moved to {target}"
        return StatusError(what, _REDIRECT_HINT, url=response.url, status=status, reason=said)
    hint = _HINTS.get(status, _SERVER_HINT if status >= 500 else "")
    what = f"{method} {response.url} answered {status}" + (f": {said}" if said else "")
    return StatusError(what, hint, url=response.url, status=status, reason=said)


def _from_json(body: Any, *, nested: bool = False) -> str | None:
    """Return the message of a decoded error body, None when it has no known shape."""
    match body:
        case str():
            return body
        case None | [] if not nested:
            return ""
        case {"errorMessage": str(text)} | {"Message": str(text)} if text:
            return text
        case {"error_description": str(text)} | {"error": str(text)} if text:
            return text
        case {"error": dict(inner)} | [dict(inner) | str(inner)] if not nested:
            return _from_json(inner, nested=True)
        case {"errors": dict(states)} if states:
            return _model_state(states)
        case {"message": str(text)} | {"detail": str(text)} | {"title": str(text)} if text:
            return text
        case dict() if body and all(isinstance(value, list) for value in body.values()):
            return _model_state(body)
        case dict() if len(body) == 1:
            field, value = next(iter(body.items()))
            return f"{field}: {value}" if isinstance(value, str | int | float) else None
        case {} if not body:
            return ""
    return None


def _model_state(states: dict[str, Any]) -> str:
    """Write ASP.NET's model state, ``{"[0].id": ["..."]}``, as ``[0].id: ...; ...``."""
    return "; ".join(
        f"{field}: {_texts(messages)}" if field else _texts(messages) for field, messages in states.items()
    )


def _texts(messages: Any) -> str:
    listed = messages if isinstance(messages, list) else [messages]
    return ", ".join(str(message) for message in listed if isinstance(message, str | int | float))


def _from_html(text: str) -> str:
    heads = dict.fromkeys(_plain(match[2]) for match in _TITLE.finditer(text))
    return ": ".join(head for head in heads if head) or _plain(_UNSHOWN.sub(" ", text))


def _plain(markup: str) -> str:
    return " ".join(html.unescape(_TAG.sub(" ", markup)).split())


def _one_line(text: str) -> str:
    line = "".join(char if char.isprintable() else " " for char in " ".join(text.split()))
    line = line if len(line) <= LONGEST else f"{line[:LONGEST].rstrip()} …"
    return line.removesuffix(".")
