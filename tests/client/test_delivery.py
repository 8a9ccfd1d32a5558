"""Attempts and repeats against a real server."""

from __future__ import annotations

import asyncio
import gzip
import socket
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from aiohttp import web

from haloitsm_connector.client import Request, wire
from haloitsm_connector.errors import AnswerError, LostAnswerError, UnreachableError

GET = Request("GET", "/Tickets")
CREATE = Request("POST", "/Asset", payload=[{"serial": "S-1"}])
UPDATE = Request("POST", "/Asset", payload=[{"id": 5}], repeatable=True)
KEY = {"type": "api_key", "api_key": "key-0123456789"}


def refusing(status: int, **headers: str):
    return lambda: web.Response(status=status, headers={name.replace("_", "-"): text for name, text in headers.items()})


@pytest.fixture
def client(connect):
    return connect(authentication=KEY, timeouts={"read_seconds": 0.5})


@pytest.mark.parametrize("request_", [GET, UPDATE, Request("DELETE", "/Asset/5")])
@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_be_repeated_is_until_it_succeeds(server, client, status, request_):
    server.api = server.answers(status, {"id": 5})
    assert client.send(request_).json() == {"id": 5}
    assert len(server.calls) == 2


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504, 400, 404, 409])
def test_a_create_that_may_have_taken_effect_is_never_sent_again(server, client, status):
    server.api = server.answers(status, {"id": 5})
    assert client.send(CREATE).status == status
    assert len(server.calls) == 1


@pytest.mark.parametrize("refusal", [refusing(429), refusing(503, retry_after="0")])
def test_a_create_that_was_refused_is_sent_again(server, client, refusal):
    server.api = server.answers(refusal, {"id": 5})
    assert client.send(CREATE).json() == {"id": 5}


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_waited_for(server, client, form):
    def refusal():
        later = datetime.now(UTC) + timedelta(seconds=2)
        text = "1" if form == "seconds" else format_datetime(later, usegmt=True)
        return web.Response(status=429, headers={"retry-after": text})

    server.api = server.answers(refusal, {"id": 5})
    started = time.monotonic()
    assert client.send(GET).status == 200
    assert 0.9 <= time.monotonic() - started < 4


def test_a_wait_beyond_the_deadline_is_not_begun(server, connect):
    server.api = server.answers(refusing(429, retry_after="3600"))
    assert connect(authentication=KEY).send(GET).status == 429
    assert len(server.calls) == 1


def test_the_last_answer_is_returned_when_attempts_run_out(server, connect):
    server.api = server.answers(502)
    client = connect(authentication=KEY, retry={"attempts": 3, "longest_wait_seconds": 0.01})
    assert client.send(GET).status == 502
    assert len(server.calls) == 3


def test_a_report_that_runs_too_long_is_not_run_twice(server, client):
    server.api = server.answers(504)
    assert client.send(Request("GET", "/Report/5", (("loadreport", "true"),))).status == 504
    assert len(server.calls) == 1


@pytest.mark.parametrize(
    ("fault", "tries", "error", "words"),
    [
        ("hang_up", 5, UnreachableError, "lost"),
        ("cut_off", 5, AnswerError, "cut off"),
        ("hang", 2, UnreachableError, "no answer"),
    ],
)
def test_a_read_without_answer_is_repeated_then_told(server, client, fault, tries, error, words):
    server.api = getattr(server, fault)
    with pytest.raises(error, match=words):
        client.send(GET)
    assert len(server.calls) == tries, "only the retry table repeats, never the library below"


@pytest.mark.parametrize("fault", ["hang_up", "cut_off", "hang"])
def test_a_create_without_answer_is_told_as_lost_and_not_repeated(server, client, fault):
    client.send(GET)  # so that an idle connection is there to be lost
    server.api = getattr(server, fault)
    with pytest.raises(LostAnswerError, match="POST") as caught:
        client.send(CREATE)
    assert len(server.calls) == 2
    assert "may have taken effect" in caught.value.hint


@pytest.mark.parametrize("request_", [GET, CREATE])
def test_an_attempt_ends_after_its_total_time_however_slowly_bytes_come(server, connect, request_):
    async def drip(request):
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(100):
            await response.write(b" ")
            await asyncio.sleep(0.05)
        return response

    server.api = drip
    client = connect(authentication=KEY, timeouts={"total_seconds": 0.3}, retry={"attempts": 1})
    started = time.monotonic()
    with pytest.raises(UnreachableError if request_ is GET else LostAnswerError, match="not complete after"):
        client.send(request_)
    assert time.monotonic() - started < 2


def test_the_deadline_ends_all_tries_together(server, connect):
    server.api = server.hang
    client = connect(authentication=KEY, timeouts={"read_seconds": 0.2}, retry={"attempts": 50, "total_seconds": 0.5})
    started = time.monotonic()
    with pytest.raises(UnreachableError):
        client.send(GET)
    assert time.monotonic() - started < 2


def test_an_answer_counts_more_than_the_try_that_the_deadline_cut_short(server, connect):
    left = [429]

    async def refuse_then_hang(_):
        return web.Response(status=left.pop()) if left else await server.hang(_)

    server.api = refuse_then_hang
    client = connect(authentication=KEY, retry={"total_seconds": 0.5, "longest_wait_seconds": 0.01})
    assert client.send(GET).status == 429


@pytest.mark.parametrize("request_", [GET, CREATE])
def test_a_refused_connection_is_told_for_any_request(connect, request_):
    with pytest.raises(UnreachableError, match=r"127\.0\.0\.1:9 refuses connections \(tried \d times\)"):
        connect("http://127.0.0.1:9", authentication=KEY).send(request_)


def test_an_unknown_host_name_is_told(connect):
    with pytest.raises(UnreachableError, match=r"no host named no-such-host\.invalid"):
        connect("https://no-such-host.invalid", authentication=KEY).send(CREATE)


def test_a_host_that_does_not_answer_is_told_within_ten_seconds(connect):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:  # a full queue drops what comes next, like a host that is switched off
            filler.setblocking(False)
            filler.connect_ex(silent.getsockname())
        limits = {"timeouts": {"connect_seconds": 1}, "retry": {"attempts": 2, "longest_wait_seconds": 0.01}}
        client = connect(f"http://127.0.0.1:{silent.getsockname()[1]}", authentication=KEY, **limits)
        started = time.monotonic()
        with pytest.raises(UnreachableError, match="does not take connections: none within 1 s"):
            client.send(CREATE)
        assert time.monotonic() - started < 10
        for filler in fillers:
            filler.close()


def test_what_does_not_speak_http_is_told(connect, server_loop):
    async def greet(reader, writer):
        writer.write(b"220 mail.example.com ESMTP ready\r\n")
        await writer.drain()
        await reader.read(1)
        writer.close()

    mail = server_loop.run(asyncio.start_server(greet, "127.0.0.1", 0))
    port = mail.sockets[0].getsockname()[1]
    with pytest.raises(AnswerError, match="not readable as HTTP"):
        connect(f"http://127.0.0.1:{port}", authentication=KEY).send(GET)
    server_loop.loop.call_soon_threadsafe(mail.close)


def test_an_answer_that_would_fill_the_memory_is_not_read_to_its_end(server, client, monkeypatch):
    monkeypatch.setattr(wire, "LARGEST_BODY", 2**20)
    packed = gzip.compress(bytes(2**24))
    server.api = server.answers(lambda: web.Response(body=packed, headers={"content-encoding": "gzip"}))
    with pytest.raises(AnswerError, match="larger than 1 MiB"):
        client.send(GET)
    assert len(server.calls) == 1
    with pytest.raises(LostAnswerError, match="larger than 1 MiB"):
        client.send(CREATE)


def test_an_answer_says_that_an_earlier_attempt_may_have_taken_effect(server, client):
    server.api = server.answers(502, 404)
    assert client.send(Request("DELETE", "/Asset/5")).repeated
    server.api = server.answers(429, 404)
    assert not client.send(Request("DELETE", "/Asset/5")).repeated
