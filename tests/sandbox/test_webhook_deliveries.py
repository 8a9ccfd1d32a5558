"""The sandbox's webhooks deliver what happens to tickets, on real sockets."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from queue import Queue
from typing import Any

import pytest

from haloitsm_connector import HttpClient
from haloitsm_connector.client import Request
from haloitsm_connector.sandbox import Sandbox


@pytest.fixture
def receiver() -> Iterator[tuple[str, Queue[Any]]]:
    """A server that takes anything: its address, and what arrives there."""
    arrived: Queue[Any] = Queue()

    class Taking(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.end_headers()
            arrived.put((dict(self.headers), body))

        def log_message(self, format: str, *args: Any) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Taking) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/hook", arrived
        server.shutdown()


@pytest.fixture
def halo() -> Iterator[tuple[Sandbox, HttpClient]]:
    with Sandbox() as sandbox:
        authentication = {
            "type": "client_credentials", "client_id": sandbox.client_id, "client_secret": sandbox.client_secret,
        }  # fmt: skip
        with HttpClient(sandbox.base_uri, authentication, tenant=sandbox.tenant) as client:
            yield sandbox, client


def set_up(client: HttpClient, url: str, eventno: int = 61, **fields: Any) -> str:
    webhook = {"name": "x", "url": url, "type": 0, "method": 0, "active": True, **fields}
    id_ = client.send(Request("POST", "/Webhook", (), [webhook])).json()["id"]
    client.send(Request("POST", "/Notification", (), [{"webhook_id": id_, "eventno": eventno, "type": -2}]))
    return str(id_)


def test_a_change_is_delivered_with_the_whole_ticket_and_signed(halo, receiver):
    _, client = halo
    url, arrived = receiver
    webhook = set_up(
        client, url, authentication_type=3, authentication_header="X-Halo-Signature", basic_password="secret"
    )
    client.send(Request("POST", "/Tickets", (), [{"id": 2001, "summary": "Changed"}]))
    headers, body = arrived.get(timeout=10)
    event = json.loads(body)
    assert (event["webhook_id"], event["object_id"], event["ticket"]["summary"]) == (webhook, 2001, "Changed")
    digest = hmac.new(b"secret", body, hashlib.sha256).digest()
    assert headers["X-Halo-Signature"] == base64.b64encode(digest).decode()


def test_a_new_ticket_is_another_event_and_basic_credentials_travel(halo, receiver):
    _, client = halo
    url, arrived = receiver
    set_up(client, url, 3, authentication_type=1, basic_username="halo", basic_password="secret")
    client.send(Request("POST", "/Tickets", (), [{"id": 2001, "summary": "Changed"}, {"summary": "New"}]))
    headers, body = arrived.get(timeout=10)
    assert json.loads(body)["ticket"]["summary"] == "New"
    assert headers["authorization"] == "Basic " + base64.b64encode(b"halo:secret").decode()
    assert arrived.empty()


def test_nothing_is_delivered_elsewhere_or_by_a_webhook_that_is_not_active(halo, receiver):
    sandbox, client = halo
    set_up(client, "http://192.0.2.1/hook")
    set_up(client, receiver[0], active=False)
    client.send(Request("POST", "/Tickets", (), [{"id": 2001, "summary": "Changed"}]))
    assert not sandbox._delivering
    assert receiver[1].empty()
