"""What the sandbox's webhooks deliver when tickets change, to this machine alone (halo-api-facts 7)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import orjson

from haloitsm_connector.sandbox.journal import Did, Effect
from haloitsm_connector.sandbox.seed.world import Record, guid, stamp
from haloitsm_connector.sandbox.tables import Tables

_EVENTS: dict[Did, tuple[int, str]] = {"created": (3, "New Ticket Logged"), "updated": (61, "Ticket Updated")}
"""Number and name of what happened (halo-api-facts 7.1)."""
_METHODS = ("POST", "GET", "PUT", "DELETE", "PATCH")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Sent:
    """One delivery: where it goes, and what it holds."""

    webhook: str
    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


def told(effects: Iterable[Effect], tables: Tables, now: datetime, chance: Random) -> Iterator[Sent]:
    """Yield what the webhooks that are active deliver of what happened to tickets."""
    for effect in effects:
        if effect.table != "Tickets" or effect.did not in _EVENTS:
            continue
        number, event = _EVENTS[effect.did]
        for rule in tables["Notification"].values():
            webhook = tables["Webhook"].get(rule.get("webhook_id"), {})
            if rule.get("eventno") == number and webhook.get("active") and _is_near(webhook):
                yield _delivery(webhook, _event(rule, event, tables["Tickets"][effect.key], now, chance))


def _is_near(webhook: Record) -> bool:
    return urlsplit(str(webhook.get("url"))).hostname in _LOOPBACK


def _event(rule: Record, event: str, ticket: Record, now: datetime, chance: Random) -> dict[str, Any]:
    return {
        "id": guid(chance),
        "webhook_id": rule["webhook_id"],
        "notification_id": rule["id"],
        "escmsg_id": guid(chance),
        "event": event,
        "message": f"{event}. Ticket ID: {ticket['id']:07}.",
        "object_id": ticket["id"],
        "timestamp": f"{stamp(now)}Z",
        "ticket": {name: value for name, value in ticket.items() if not isinstance(value, bytes) and value is not None},
    }


def _delivery(webhook: Record, event: dict[str, Any]) -> Sent:
    body = orjson.dumps(event)
    headers = {"content-type": "application/json", **_shown_sender(webhook, body)}
    return Sent(webhook["id"], _METHODS[webhook.get("method") or 0], webhook["url"], headers, body)


def _shown_sender(webhook: Record, body: bytes) -> dict[str, str]:
    """Return the header that shows who sends it (halo-api-facts 7.3)."""
    secret = str(webhook.get("basic_password") or "")
    match webhook.get("authentication_type"):
        case 1:
            pair = f"{webhook.get('basic_username') or ''}:{secret}".encode()
            return {"authorization": f"Basic {base64.b64encode(pair).decode()}"}
        case 3:
            digest = hmac.new(secret.encode(), body, hashlib.sha256).digest()
            return {str(webhook.get("authentication_header")): base64.b64encode(digest).decode()}
    return {}


async def delivered(one: Sent, now: datetime, chance: Random) -> Record:
    """Deliver, and return the line of the log that `GET /WebhookEvent` lists; status 0 when nobody answered."""
    status, text, began = 0, "", time.monotonic()
    try:
        timeout = aiohttp.ClientTimeout(total=_SECONDS)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.request(one.method, one.url, data=one.body, headers=one.headers) as answer,
        ):
            status, text = answer.status, await answer.text("utf-8", "replace")
    except (aiohttp.ClientError, TimeoutError) as error:
        text = str(error)
    failed = not 200 <= status < 300
    return {
        "id": guid(chance),
        "webhook_id": one.webhook,
        "timestamp": stamp(now),
        "status": 2 if failed else 1,
        "duration": round(time.monotonic() - began, 3),
        "requestbody": one.body.decode(),
        "responsestatus": status,
        "responsebody": text,
        "error": failed,
    }
