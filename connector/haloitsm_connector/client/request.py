"""Requests and responses as values, and the rules by which path and query values become text."""

from __future__ import annotations

import gc
import operator
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import quote
from uuid import UUID

import orjson

from haloitsm_connector.errors import AnswerError, InputError, suggest

PLACEHOLDER = re.compile(r"\{(\w+)\}")
_PLAIN = re.compile(r"[A-Za-z0-9_.~,:-]*")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
REPEATABLE_METHODS = frozenset({"GET", "HEAD", "DELETE", "PUT"})


@dataclass(frozen=True, slots=True)
class File:
    """One part of a multipart body: the form field's name, the file's name, its bytes and media type."""

    field: str
    name: str
    content: bytes
    media_type: str = "application/octet-stream"


class Request(NamedTuple):
    """One request to a system, before its client adds base URI and authentication.

    ``path`` is relative to the API (``/Actions/AC12``) or, for a link that the system itself gave, absolute.
    ``payload`` is the JSON body, None for no body. ``repeatable`` marks a write that may be sent twice without harm.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    payload: Any = None
    files: tuple[File, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    repeatable: bool = False

    @property
    def may_repeat(self) -> bool:
        """Whether sending it again cannot do a thing twice."""
        return self.repeatable or self.method in REPEATABLE_METHODS

    @property
    def target(self) -> str:
        """Path and query as they are sent: ``/Actions/AC12?includedetails=true``."""
        if not self.query:
            return self.path
        query = "&".join(f"{_in_query(name)}={_in_query(value)}" for name, value in self.query)
        return f"{self.path}{'&' if '?' in self.path else '?'}{query}"


@dataclass(frozen=True, slots=True)
class Response:
    """One answer: status, headers with lower-case names, the whole body, the final URL and how long it took.

    ``repeated`` says that an earlier attempt got no usable answer and may have taken effect. ``hide`` takes the secrets
    of the client out of text from the body that goes into a message.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    url: str = ""
    seconds: float = 0.0
    repeated: bool = False
    hide: Callable[[str], str] = field(default=str, repr=False, compare=False)

    @property
    def media_type(self) -> str:
        """The media type without parameters, lower-case; empty when the answer does not say."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def json(self) -> Any:
        """Decode the body; AnswerError says what came instead of JSON."""
        try:
            return _decoded(self.body.removeprefix(BYTE_ORDER_MARK))
        except orjson.JSONDecodeError as error:
            raise AnswerError(*self._not_json(error), url=self.url) from error

    def _not_json(self, error: ValueError) -> tuple[str, str]:
        start = self.hide(self.body[:2_000].decode("utf-8", "replace")).strip()[:200]
        if not start:
            return f"{self.url} answered {self.status} with an empty body where JSON was expected", ""
        if start.startswith("<"):
            what = f"{self.url} answered {self.status} with a web page instead of JSON"
            return what, "A gateway or proxy may stand in between, or the base URI is not that of the API."
        return f"{self.url} answered {self.status} with text that is not complete JSON ({error}): {start[:80]!r}", ""


def _decoded(body: bytes) -> Any:
    """Decode JSON without a garbage collection meanwhile, as Python does by itself from 3.12 on.

    Python 3.11 would begin several in one page, each going through what is decoded so far: a tenth of the time.
    """
    if sys.version_info >= (3, 12) or not gc.isenabled():
        return orjson.loads(body)
    try:
        steps: list[Callable[[], Any]] = [gc.disable, partial(orjson.loads, body), gc.enable]
        # All in one call of C: no other thread runs within it, so none ever finds collections switched off.
        return list(map(operator.call, steps))[1]
    finally:
        gc.enable()


def _in_query(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else quote(text, safe=",:")


def placeholders(template: str) -> list[str]:
    """Return the names in a path template, in order: ``/TicketApproval/{id}&{seq}`` → ``["id", "seq"]``."""
    return PLACEHOLDER.findall(template)


def fill_path(template: str, values: Mapping[str, Any]) -> str:
    """Fill a path template; every value is percent-encoded, so that it cannot leave its segment.

    Raises InputError for a missing, unknown or empty value, and for one that no URL can carry (``..``).
    """
    names = placeholders(template) if "{" in template else []
    if not names and not values:
        return template
    for name in values:
        if name not in names:
            hint = suggest(name, names) or (f"It has: {', '.join(names)}." if names else "It has none.")
            raise InputError(f"{template} has no path parameter '{name}'", hint)
    missing = [name for name in names if values.get(name) is None]
    if missing:
        example = ", ".join(f"{name}: …" for name in missing)
        raise InputError(f"{template} needs a value for path parameter '{missing[0]}'", f"Give path: {{{example}}}.")
    return PLACEHOLDER.sub(lambda match: _segment(template, match[1], values[match[1]]), template)


def _segment(template: str, name: str, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float | UUID):
        raise InputError(f"path parameter '{name}' of {template} must be text or a number, not {type(value).__name__}")
    text = scalar(value)
    if text in {"", ".", ".."}:
        raise InputError(f"path parameter '{name}' of {template} cannot be {text!r}")
    try:
        return quote(text, safe="")
    except UnicodeEncodeError as error:
        raise InputError(f"path parameter '{name}' of {template} holds text that is not Unicode") from error


def scalar(value: Any) -> str:
    """Write one value the way Halo reads it in a URL: ``true``, ``12`` for 12.0, ISO dates (halo-api-facts 8)."""
    if type(value) is int or type(value) is str:  # nearly always
        return str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, date):
        return value.isoformat()
    return str(value)


def encode_query(values: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Turn query values into text: nulls left out, lists joined by commas, objects as JSON (halo-api-facts 2.3)."""
    return tuple((str(name), _query_text(name, value)) for name, value in values.items() if value is not None)


def _query_text(name: str, value: Any) -> str:
    if isinstance(value, Mapping) or (
        isinstance(value, list | tuple) and any(isinstance(item, Mapping) for item in value)
    ):
        text = orjson.dumps(value, default=str).decode()
    elif isinstance(value, Iterable) and not isinstance(value, str):
        text = ",".join(scalar(item) for item in value)
    else:
        text = scalar(value)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"query parameter '{name}' holds text that is not Unicode") from error
    return text
