from __future__ import annotations

import logging

import pytest
from aiohttp import web

from haloitsm_connector.client import Request
from haloitsm_connector.errors import UnreachableError

KEY = {"type": "api_key", "api_key": "key-0123456789"}


@pytest.fixture
def logged(caplog):
    caplog.set_level(logging.DEBUG, "haloitsm.http")
    return lambda: [record.getMessage() for record in caplog.records if record.name == "haloitsm.http"]


def test_nothing_is_logged_unless_asked_for(connect, logged):
    connect(authentication=KEY).get("/Tickets")
    assert logged() == []


def test_level_simple_is_one_line_per_attempt(server, connect, logged):
    connect(authentication=KEY, logging="simple").get("/Tickets", query={"count": 5})
    [line] = logged()
    assert line.startswith(f"GET {server.uri}/api/Tickets?count=5 200 in ")
    assert line.endswith(" ms")


def test_level_long_adds_headers_and_the_start_of_bodies(server, connect, logged):
    server.api = server.answers({"text": "x" * 5000})
    connect(authentication=KEY, logging="long").post("/Tickets", [{"summary": "hello"}])
    [text] = logged()
    assert '[{"summary":"hello"}]' in text
    assert "> content-type: application/json" in text
    assert "> x-halo-api-key: ***" in text
    assert "x" * 400 in text
    assert "x" * 501 not in text


def test_level_full_shows_whole_bodies(server, connect, logged):
    server.api = server.answers({"text": "x" * 5000})
    connect(authentication=KEY, logging="full").get("/Tickets")
    assert "x" * 5000 in logged()[0]


def test_bytes_are_counted_not_shown(server, connect, logged):
    server.api = server.answers(lambda: web.Response(body=b"\x89PNG", content_type="image/png"))
    connect(authentication=KEY, logging="full").get("/Attachment/5")
    assert "[4 bytes of image/png]" in logged()[0]


def test_repeats_are_logged_with_their_reason(server, connect, logged):
    server.api = server.answers(429, {"id": 1})
    connect(authentication=KEY, logging="simple").get("/Tickets")
    assert "answered 429; again in 0.0 s: refused by the rate limit" in logged()[1]


def test_failures_are_logged_with_what_comes_next(connect, logged):
    quick = {"attempts": 2, "longest_wait_seconds": 0.01}
    client = connect("http://127.0.0.1:9", authentication=KEY, logging="simple", retry=quick)
    with pytest.raises(UnreachableError):
        client.send(Request("GET", "/Tickets"))
    first, last = logged()
    assert "failed: connection refused; again in" in first
    assert last.endswith("no further try: tried 2 times")
