"""A webhook that listens on a real socket, with its inbox in a real state file."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from haloitsm_connector.serve.listener import Hook, Listener
from haloitsm_connector.store import Database, Inbox, open_state
from haloitsm_connector.subscriber.webhook import WebhookFields

SECRET = "a secret that both know"


def an_event(number: int = 4242, **changes: Any) -> dict[str, Any]:
    """An event as Halo sends it (halo-api-facts 7.2)."""
    return {
        "id": str(uuid.uuid4()),
        "webhook_id": "6f1c9a8e-0a58-4d55-9a3f-6f6b9a1f6c01",
        "event": "ticket status changed",
        "object_id": number,
        "timestamp": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}.7895915Z",
        "ticket": {"id": number, "summary": "Printer", "status_id": 2},
    } | changes


def signature(body: bytes, secret: str = SECRET, algorithm: str = "sha256") -> str:
    return base64.b64encode(hmac.new(secret.encode(), body, getattr(hashlib, algorithm)).digest()).decode()


def basic(user: str, password: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Database]:
    with open_state(tmp_path / "state.sqlite") as opened:
        yield opened


@pytest.fixture
def inbox(state: Database) -> Inbox:
    return Inbox(lambda: state, "tickets")


@pytest.fixture
def webhook(inbox: Inbox) -> Iterator[Callable[..., Callable[..., httpx.Response]]]:
    """Return what makes a listener of fields, and gives what sends deliveries to it."""
    started: list[Listener] = []

    def listening(
        arrived: Callable[[str], None] = lambda incoming: None, **fields: Any
    ) -> Callable[..., httpx.Response]:
        given = {"path": "/halo/tickets", "authentication": {"type": "none"}, **fields}
        listener = Listener([Hook("tickets", WebhookFields.model_validate(given), inbox)], arrived=arrived).start()
        started.append(listener)

        def send(content: Any, path: str = "/halo/tickets", method: str = "POST", **options: Any) -> httpx.Response:
            raw = isinstance(content, bytes) or hasattr(content, "__next__")
            body = content if raw else json.dumps(content).encode()
            headers = {"content-type": "application/json", **options.pop("headers", {})}
            url = f"{listener.address}{path}"
            return httpx.request(method, url, content=body, headers=headers, trust_env=False, timeout=10, **options)

        return send

    yield listening
    for one in started:
        one.close()


@pytest.fixture(name="an_event")
def event_maker() -> Callable[..., dict[str, Any]]:
    return an_event


@pytest.fixture(name="signature")
def signer() -> Callable[..., str]:
    return signature


@pytest.fixture(name="basic")
def basic_maker() -> Callable[..., dict[str, str]]:
    return basic
