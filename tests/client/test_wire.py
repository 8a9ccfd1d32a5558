"""What only the place that touches the network can get wrong: TLS, proxies, transports of the user's own."""

from __future__ import annotations

import asyncio
import base64
import importlib
import os
import subprocess
import sys

import pytest
from aiohttp import web

from haloitsm_connector.client import HttpClient, Request
from haloitsm_connector.client.fields import Timeouts
from haloitsm_connector.client.wire import Message, Wire
from haloitsm_connector.errors import AnswerError, InputError, LostAnswerError, UnreachableError

KEY = {"type": "api_key", "api_key": "key-0123456789"}
QUICK = {"retry": {"attempts": 2, "longest_wait_seconds": 0.01}}
GET = Request("GET", "/Tickets")
CREATE = Request("POST", "/Asset", payload=[{}])


@pytest.fixture(params=["httpx", "httpx2"])
def httpx(request):
    return importlib.import_module(request.param)


@pytest.fixture
def proxy(server_loop):
    """A forwarding HTTP proxy; what it was asked stands in ``asked``."""
    asked = []

    async def pump(reader, writer):
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()

    async def serve(reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        asked.append(head)
        line = head.split(" ")
        host, _, port = (line[1] if line[0] == "CONNECT" else line[1].split("/")[2]).partition(":")
        to_reader, to_writer = await asyncio.open_connection(host, int(port))
        if line[0] == "CONNECT":
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        else:
            to_writer.write(head.encode())
        await asyncio.gather(pump(reader, to_writer), pump(to_reader, writer), return_exceptions=True)

    listener = server_loop.run(asyncio.start_server(serve, "127.0.0.1", 0))
    yield f"127.0.0.1:{listener.sockets[0].getsockname()[1]}", asked
    server_loop.loop.call_soon_threadsafe(listener.close)


def test_a_certificate_that_nobody_trusts_is_refused(start, connect):
    secure = start(tls=True)
    with pytest.raises(UnreachableError, match=r"no secure connection to .*self-signed") as caught:
        connect(secure.uri, authentication=KEY).send(CREATE)
    assert "ca_bundle" in caught.value.hint
    assert secure.seen == []


def test_a_ca_bundle_makes_it_trusted(start, connect, server):
    secure = start(tls=True)
    client = connect(secure.uri, authentication=KEY, ca_bundle=str(server.data / "localhost.pem"))
    assert client.get("/Tickets") == {"id": 1}


def test_https_spoken_to_a_plain_server_is_told(server, connect):
    with pytest.raises(UnreachableError, match="no secure connection"):
        connect(server.uri.replace("http:", "https:"), authentication=KEY).send(GET)


@pytest.mark.parametrize("path", ["nowhere.pem", "empty.pem"])
def test_a_ca_bundle_that_cannot_be_read_is_an_input_error(tmp_path, path):
    (tmp_path / "empty.pem").write_text("")
    with pytest.raises(InputError, match=r"CA bundle .* cannot be used"):
        HttpClient("https://acme.example", KEY, ca_bundle=str(tmp_path / path))


def test_certificates_of_the_environment_that_cannot_be_read_are_an_input_error(monkeypatch, connect):
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere.pem")
    with pytest.raises(InputError, match="SSL_CERT_FILE"):
        connect("https://127.0.0.1:9", authentication=KEY).send(GET)


def test_requests_go_through_the_proxy_with_its_credentials(server, connect, proxy):
    address, asked = proxy
    connect(authentication=KEY, proxy=f"http://ann:pass%2Fword@{address}").get("/Tickets")
    head = asked[0].lower()
    assert head.startswith(f"get {server.uri}/api/tickets http/1.1")
    credentials = base64.b64encode(b"ann:pass/word").decode()
    assert f"proxy-authorization: basic {credentials}".lower() in head


def test_https_goes_through_the_proxy_as_a_tunnel(start, connect, server, proxy):
    address, asked = proxy
    secure = start(tls=True)
    options = {"ca_bundle": str(server.data / "localhost.pem"), "proxy": f"http://ann:password-1@{address}"}
    assert connect(secure.uri, authentication=KEY, **options).get("/Tickets") == {"id": 1}
    assert asked[0].startswith(f"CONNECT {secure.uri.removeprefix('https://')} ")
    assert "key-0123456789" not in asked[0]


def test_a_dead_proxy_is_named_as_such(connect):
    with pytest.raises(UnreachableError, match="the proxy did not connect"):
        connect(authentication=KEY, proxy="http://127.0.0.1:9", **QUICK).send(CREATE)


@pytest.mark.parametrize("text", ["socks5://proxy:1", "proxy:3128", "http://", "http://[::1"])
def test_a_proxy_that_cannot_be_used_is_an_input_error(text):
    with pytest.raises(InputError, match="the proxy is not"):
        HttpClient("https://acme.example", KEY, proxy=text)


def test_the_environment_names_the_proxy_as_for_other_programs():
    code = (
        "from haloitsm_connector.client.wire import environment_proxy as p;"
        "print(p('https', 'a.example'), p('http', 'a.example'), p('https', 'in.corp.example'))"
    )
    settings = {"HTTPS_PROXY": "proxy:3128", "NO_PROXY": "localhost,.corp.example"}
    kept = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    found = subprocess.run(
        [sys.executable, "-P", "-c", code], env=kept | settings, capture_output=True, text=True, check=True
    )
    assert found.stdout.split() == ["http://proxy:3128", "None", "None"]


def test_a_client_of_ones_own_is_used_with_its_headers(server, httpx):
    own = httpx.AsyncClient(headers={"x-own": "yes"}, trust_env=False, follow_redirects=True)
    with HttpClient(server.uri, KEY, transport=own) as client:
        assert client.get("/Tickets", query={"a": "ü!"}) == {"id": 1}
        server.api = server.answers(lambda: web.Response(status=302, headers={"location": "/elsewhere"}))
        assert client.send(GET).status == 302
    assert server.calls[0].headers["x-own"] == "yes"
    assert server.calls[0].target == "/api/Tickets?a=%C3%BC%21"
    assert own.is_closed


def test_a_transport_of_ones_own_is_used(httpx):
    def answer(request):
        return httpx.Response(200, json={"path": request.url.path})

    with HttpClient("https://acme.example", KEY, transport=httpx.MockTransport(answer)) as client:
        assert client.get("/Tickets") == {"path": "/api/Tickets"}


@pytest.fixture(params=["httpx", "httpx2", "httpx over aiohttp"])
def transport(request):
    if request.param == "httpx over aiohttp":
        return importlib.import_module("httpx_aiohttp").AiohttpTransport()
    return importlib.import_module(request.param).AsyncHTTPTransport(trust_env=False)


@pytest.mark.parametrize(
    ("fault", "request_", "error", "words"),
    [
        ("hang_up", GET, UnreachableError, "lost"),
        ("hang_up", CREATE, LostAnswerError, "lost"),
        ("cut_off", GET, AnswerError, "cut off"),
        ("cut_off", CREATE, LostAnswerError, "cut off"),
        ("hang", GET, UnreachableError, "no answer"),
        ("hang", CREATE, LostAnswerError, "no answer"),
    ],
)
def test_a_given_transport_is_judged_the_same(server, transport, fault, request_, error, words):
    server.api = getattr(server, fault)
    with (
        HttpClient(server.uri, KEY, transport=transport, timeouts={"read_seconds": 0.3}, **QUICK) as client,
        pytest.raises(error, match=words),
    ):
        client.send(request_)


@pytest.mark.parametrize(
    ("uri", "words"),
    [("http://127.0.0.1:9", "refuses connections"), ("http://no-such-host.invalid", "no host named")],
)
def test_a_given_transport_tells_why_it_cannot_connect(transport, uri, words):
    with HttpClient(uri, KEY, transport=transport, **QUICK) as client, pytest.raises(UnreachableError, match=words):
        client.send(CREATE)


def test_what_is_no_transport_is_an_input_error(httpx):
    with httpx.Client() as blocking:
        for wrong in (blocking, object()):
            with pytest.raises(InputError, match="cannot be the transport"):
                HttpClient("https://acme.example", KEY, transport=wrong)


def test_libraries_are_loaded_when_they_are_needed_not_before():
    code = (
        "import sys; from haloitsm_connector.client import HttpClient;"
        "HttpClient('https://acme.example', {'type': 'api_key', 'api_key': 'key'});"
        "print(*{'httpx', 'httpx2', 'aiohttp', 'certifi'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""


def test_more_requests_than_connections_wait_for_their_turn(server):
    async def use():
        wire = Wire(Timeouts(), transport=None, proxy=None, ca_bundle=None)
        messages = (Message("GET", f"{server.uri}/api/{n}", ()) for n in range(250))
        answers = await asyncio.gather(*(wire.exchange(message, 30) for message in messages))
        await wire.aclose()
        return {answer.status for answer in answers}

    assert asyncio.run(use()) == {200}
