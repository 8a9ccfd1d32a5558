"""Judge what arrived at a webhook's path: who sent it, and which events are in it. No input or output of its own."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import re
from collections.abc import Mapping
from typing import Any

import orjson

from haloitsm_connector.client.fields import Basic
from haloitsm_connector.store import Event
from haloitsm_connector.subscriber.moments import moment
from haloitsm_connector.subscriber.webhook import Signed, WebhookFields
from haloitsm_transformers import TransformError, expression

MOST_EVENTS = 10_000
"""In one delivery; a batch of Halo holds far fewer."""
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class Refused(Exception):  # noqa: N818 - it is an answer
    """A delivery that is not taken: the HTTP ``status``, and why, in words that the sender may read."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


def check_request(fields: WebhookFields, method: str, headers: Mapping[str, str]) -> None:
    """Check what is known before the body is read; ``headers`` are by names in small letters. Raises Refused."""
    if isinstance(fields.authentication, Basic):
        _check_basic(fields.authentication, headers.get("authorization", ""))
    if method != fields.method:
        raise Refused(405, f"deliveries come with {fields.method} here, not {method}")
    if (length := headers.get("content-length", "")).isdecimal():
        check_size(fields, int(length))
    kind = headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind not in {"application/json", "text/json"} and not kind.endswith("+json"):
        raise Refused(415, "the body must be JSON (application/json)")
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise Refused(415, "the body must not be compressed")


def check_size(fields: WebhookFields, size: int) -> None:
    """Raise Refused for a body of so many bytes when that is too many."""
    if size > fields.largest_kb * 1024:
        raise Refused(413, f"the body is larger than {fields.largest_kb} KiB")


def events_in(fields: WebhookFields, headers: Mapping[str, str], body: bytes, now: float) -> list[Event]:
    """Return the events of a delivery that are to be kept; ``now`` in seconds since 1970. Raises Refused.

    A batch is a list of events (halo-api-facts 7.2).
    """
    if isinstance(fields.authentication, Signed):
        _check_signature(fields.authentication, headers, body)
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Refused(400, "the body is not JSON") from None
    found = value if isinstance(value, list) else [value]
    if len(found) > MOST_EVENTS:
        raise Refused(413, f"there are more than {MOST_EVENTS} events in the body")
    if not all(isinstance(one, dict) for one in found):
        raise Refused(400, "the body is neither a JSON object nor a list of them")
    names = {name.casefold() for name in fields.events}
    wanted = [one for one in found if not names or str(one.get("event", "")).casefold() in names]
    events = [event for one in wanted if (event := _event(fields, one, now))]
    if wanted and not events:
        raise Refused(400, f"the event is not of the last {fields.replay_minutes:g} minutes, within which it is taken")
    return events


def _event(fields: WebhookFields, content: dict[str, Any], now: float) -> Event | None:
    """Return an event to keep; None for one that is signed and so old that nobody knows whether it came before."""
    window = fields.replay_minutes * 60
    at = _moment(content.get("timestamp"))
    if isinstance(fields.authentication, Signed) and at is not None and abs(now - at) > window:
        return None
    return Event(content, _id(fields, content), now + 2 * window)  # its own clock may be ahead by one window


def _id(fields: WebhookFields, event: dict[str, Any]) -> str | None:
    """Return what tells an event from others; without an expression, only what can be nothing else (a GUID) counts."""
    if fields.event_id is None:
        value = event.get("id")
        return value.lower() if isinstance(value, str) and _GUID.fullmatch(value) else None
    try:
        value = expression(fields.event_id)(event)
    except TransformError:
        return None
    return value if isinstance(value, str | None) else json.dumps(value, sort_keys=True)


def _moment(text: Any) -> float | None:
    """Return a moment of Halo's in seconds; None for what is none, as in a payload of one's own."""
    try:
        return moment(text).timestamp() if isinstance(text, str) else None
    except (ValueError, OverflowError):
        return None


def _check_basic(expected: Basic, header: str) -> None:
    kind, _, text = header.partition(" ")
    try:
        given = base64.b64decode(text.strip(), validate=True) if kind.casefold() == "basic" else b""
    except (binascii.Error, ValueError):
        given = b""
    wanted = f"{expected.username}:{expected.password.get_secret_value()}".encode()
    if not hmac.compare_digest(given, wanted):
        raise Refused(401, "user name and password are missing or wrong (Basic authentication)")


def _check_signature(expected: Signed, headers: Mapping[str, str], body: bytes) -> None:
    given = headers.get(expected.header.lower(), "").strip().removeprefix(expected.prefix)
    digest = hmac.digest(expected.secret.get_secret_value().encode(), body, expected.algorithm)
    text = digest.hex() if expected.encoding == "hex" else base64.b64encode(digest).decode()
    given = given.lower() if expected.encoding == "hex" else given
    if not hmac.compare_digest(given.encode("utf-8", "surrogateescape"), text.encode()):
        raise Refused(401, f"the signature in the header {expected.header} is missing or wrong")
