"""A real server that a test scripts with one function, and clients for it."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from aiohttp import web

from haloitsm_connector.client import HttpClient

DATA = Path(__file__).parent / "data"
SECRET = "5f2b7c1e-secret-9d41"
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@dataclass
class Seen:
    method: str
    target: str  # as it stood in the request line
    headers: dict[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


def issued(value: str = "token-0123456789", **more: Any) -> web.Response:
    return web.json_response({"access_token": value, "token_type": "Bearer", "expires_in": 3600, "scope": "all"} | more)


def answers(*responses: Any) -> Handler:
    """Answer with one after the other, the last for ever: a status, JSON, or a function that makes a response."""
    left = list(responses)

    async def handle(_: web.BaseRequest) -> web.StreamResponse:
        one = left.pop(0) if len(left) > 1 else left[0]
        if callable(one):
            return one()
        return web.Response(status=one) if isinstance(one, int) else web.json_response(one)

    return handle


async def hang_up(request: web.BaseRequest) -> web.StreamResponse:
    """Close the connection without an answer, after the whole request was read."""
    request.transport.abort()
    await asyncio.sleep(0)
    raise ConnectionResetError


async def cut_off(request: web.BaseRequest) -> web.StreamResponse:
    """Promise more than is sent."""
    response = web.StreamResponse(headers={"content-length": "100", "content-type": "application/json"})
    await response.prepare(request)
    await response.write(b'{"id": ')
    request.transport.close()
    return response


async def hang(_: web.BaseRequest) -> web.StreamResponse:
    await asyncio.sleep(30)
    return web.Response()


@dataclass
class Server:
    """Answers with whatever ``api`` and ``token`` return; ``seen`` is what came in."""

    uri: str = ""
    seen: list[Seen] = field(default_factory=list, repr=False)
    api: Handler | None = None
    token: Handler | None = None
    auth_info: Handler | None = None

    # Test modules cannot import a conftest, so its pieces hang on the fixture.
    data = DATA
    secret = SECRET
    issued = staticmethod(issued)
    answers = staticmethod(answers)
    hang_up = staticmethod(hang_up)
    cut_off = staticmethod(cut_off)
    hang = staticmethod(hang)

    @property
    def calls(self) -> list[Seen]:
        return [one for one in self.seen if one.target.startswith("/api") and "AuthInfo" not in one.target]

    @property
    def token_requests(self) -> list[Seen]:
        return [one for one in self.seen if "/token" in one.target]

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.seen.append(Seen(request.method, request.raw_path, headers, await request.read()))
        if "/token" in request.path:
            return await self.token(request) if self.token else issued()
        if request.path == "/api/AuthInfo":
            return await self.auth_info(request) if self.auth_info else web.Response(status=404)
        return await self.api(request) if self.api else web.json_response({"id": 1})


class Loop:
    """An event loop in a thread, for servers."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(10)

    async def cancel(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def stop(self) -> None:
        self.run(self.cancel())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


@pytest.fixture(scope="session")
def server_loop():
    loop = Loop()
    yield loop
    loop.stop()


@pytest.fixture
def start(server_loop):
    """Start a server, with TLS if wanted; it ends with the test."""
    runners = []

    async def up(server: Server, context: ssl.SSLContext | None) -> int:
        runner = web.ServerRunner(web.Server(server.handle, handler_cancellation=True), shutdown_timeout=0.1)
        await runner.setup()
        runners.append(runner)
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        return runner.addresses[0][1]

    def start_one(*, tls: bool = False) -> Server:
        context = None
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(DATA / "localhost.pem", DATA / "localhost.key.pem")
        server = Server()
        port = server_loop.run(up(server, context))
        server.uri = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
        return server

    yield start_one
    for runner in runners:
        server_loop.run(runner.cleanup())


@pytest.fixture
def server(start) -> Server:
    return start()


@pytest.fixture
def connect(server):
    """Make a client for the server; closed after the test."""
    with contextlib.ExitStack() as stack:

        def make(base_uri: str | None = None, authentication: Any = None, **options: Any) -> HttpClient:
            credentials = authentication or {"type": "client_credentials", "client_id": "id-1", "client_secret": SECRET}
            options = {"tenant": "acme", "retry": {"longest_wait_seconds": 0.01}} | options
            client = HttpClient(base_uri or server.uri, credentials, **options)
            return stack.enter_context(client)

        yield make
