"""Three ways to answer a subscriber: by hand, from a server that a test scripts, from the sandbox."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from haloitsm_connector.catalogue import Catalogue
from haloitsm_connector.client import ClientCredentials, HttpClient, HttpClientFields, Request, Response
from haloitsm_connector.client.drive import at_once, drive
from haloitsm_connector.sandbox import Sandbox
from haloitsm_connector.subscriber import SubscriberBase

Answer = tuple[int, dict[str, str], bytes]


def answer(body: Any, status: int = 200, media_type: str = "application/json", **headers: str) -> Response:
    """Make a response by hand; anything but bytes becomes JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status, {"content-type": media_type, **named}, content, "https://halo.example/api/Things")


@pytest.fixture(scope="session")
def respond() -> Callable[..., Response]:
    return answer


@pytest.fixture(scope="session")
def read() -> Callable[..., list[dict[str, Any]]]:
    """Read everything from a subscriber, answering its requests by a function."""

    def run(subscriber: SubscriberBase, send: Callable[[Request], Response]) -> list[dict[str, Any]]:
        return [entity for page in drive(subscriber.flow(), at_once(send)) for entity in page]

    return run


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return Catalogue.load()


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture(scope="session")
def halo(sandbox: Sandbox) -> Iterator[HttpClient]:
    login = ClientCredentials(client_id=sandbox.client_id, client_secret=sandbox.client_secret)
    with HttpClient(sandbox.base_uri, login, tenant=sandbox.tenant) as client:
        yield client


@pytest.fixture
def serving() -> Iterator[Callable[[Callable[[str], Answer]], HttpClient]]:
    """Start a server that answers each target by a function, and return a client for it."""
    with ExitStack() as stack:

        def start(handle: Callable[[str], Answer]) -> HttpClient:
            class Handler(BaseHTTPRequestHandler):
                protocol_version = "HTTP/1.1"

                def do_GET(self) -> None:
                    status, headers, body = handle(self.path)
                    self.send_response(status)
                    for name, value in {"content-length": str(len(body)), **headers}.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(body)

                def log_message(self, *args: object) -> None:
                    pass

            server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
            server.daemon_threads = True
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
            fields = HttpClientFields(base_uri=f"http://127.0.0.1:{server.server_port}")
            return stack.enter_context(HttpClient.from_fields(fields))

        yield start
