"""Three ways to answer a publisher: by hand, from a server that a test scripts, from the sandbox."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from haloitsm_connector.catalogue import Catalogue
from haloitsm_connector.client import ClientCredentials, HttpClient, HttpClientFields, Request, Response
from haloitsm_connector.client.drive import at_once, drive
from haloitsm_connector.errors import ConnectorError
from haloitsm_connector.publisher import Outcome, PublisherBase
from haloitsm_connector.sandbox import Sandbox


@dataclass
class Scripted:
    """A client whose answers a test writes: JSON with status 201 unless given as a response or an error."""

    answers: list[Any] = field(default_factory=list)
    api_uri: str = "https://halo.example/api"
    normal_status: int = 0
    sent: list[Request] = field(default_factory=list)

    def normal(self, status: int) -> bool:
        return status == self.normal_status

    def send(self, request: Request) -> Response:
        self.sent.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, ConnectorError):
            raise answer
        return answer if isinstance(answer, Response) else respond(answer)


def respond(body: Any = b"", status: int = 201, media_type: str = "application/json") -> Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status, {"content-type": media_type}, content, "https://halo.example/api/Things")


@pytest.fixture(scope="session", name="respond")
def respond_fixture() -> Callable[..., Response]:
    return respond


@pytest.fixture
def scripted() -> Callable[..., Any]:
    return lambda *answers, normal_status=0: Scripted(list(answers), normal_status=normal_status)


@pytest.fixture(scope="session")
def publish() -> Callable[..., list[Outcome]]:
    """Publish entities through a publisher whose client is scripted."""

    def run(publisher: PublisherBase, *entities: dict[str, Any]) -> list[Outcome]:
        send = publisher.client.send if publisher.client else None
        return [outcome for page in drive(publisher.flow(entities), at_once(send)) for outcome in page]  # type: ignore[arg-type]

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
def serving() -> Iterator[Callable[..., HttpClient]]:
    """Start a server that answers each request by a function, or hangs up where that returns None."""
    with ExitStack() as stack:

        def start(handle: Callable[[str, str, bytes], tuple[int, Any] | None], **options: Any) -> HttpClient:
            class Handler(BaseHTTPRequestHandler):
                protocol_version = "HTTP/1.1"

                def answer(self) -> None:
                    body = self.rfile.read(int(self.headers.get("content-length", 0)))
                    answered = handle(self.command, self.path, body)
                    if answered is None:
                        self.close_connection = True
                        return
                    content = b"" if answered[1] is None else json.dumps(answered[1]).encode()
                    self.send_response(answered[0])
                    self.send_header("content-type", "application/json")
                    self.send_header("content-length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)

                do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 (http.server's names)

                def log_message(self, *args: object) -> None:
                    pass

            server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
            server.daemon_threads = True
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
            fields = HttpClientFields(base_uri=f"http://127.0.0.1:{server.server_port}", **options)
            return stack.enter_context(HttpClient.from_fields(fields))

        yield start
