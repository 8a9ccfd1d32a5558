"""What a client does once the work at hand shall stop: what waits is not sent, what is in flight is waited for."""

from __future__ import annotations

import asyncio
import threading

import pytest
from aiohttp import web

from haloitsm_connector.client import Request
from haloitsm_connector.context import stopped_by
from haloitsm_connector.errors import StoppedError

GET = Request("GET", "/Tickets")
CREATE = Request("POST", "/Asset", payload=[{"serial": "S-1"}])
KEY = {"type": "api_key", "api_key": "key-0123456789"}
PATIENT = {"total_seconds": 3600, "longest_wait_seconds": 3600}
LONG = 30


@pytest.fixture
def stop():
    """An event that stops what is begun in the test."""
    event = threading.Event()
    with stopped_by(event.is_set):
        yield event


def busy(came: threading.Event):
    """Answer that it should be tried again in a long time."""

    async def handle(_: web.BaseRequest) -> web.StreamResponse:
        came.set()
        return web.Response(status=429, headers={"retry-after": "3000"})

    return handle


@pytest.mark.parametrize("request_", [GET, CREATE])
def test_a_request_that_waits_for_its_next_try_is_not_sent_again(server, connect, stop, request_):
    came = threading.Event()
    server.api = busy(came)
    future = connect(authentication=KEY, retry=PATIENT).start(request_)
    assert came.wait(LONG)
    stop.set()
    with pytest.raises(StoppedError) as raised:
        future.result(LONG)
    assert "/api/" in str(raised.value)
    assert not raised.value.sent
    assert len(server.calls) == 1


def test_a_request_that_waits_for_the_budget_is_not_sent(server, connect, stop, tmp_path):
    options = {"budget": {"requests": 1, "window_seconds": 3000}, "state_folder": str(tmp_path), "retry": PATIENT}
    client = connect(authentication=KEY, **options)
    assert client.send(GET).status == 200
    waiting = [client.start(CREATE) for _ in range(3)]
    stop.set()
    for future in waiting:
        with pytest.raises(StoppedError):
            future.result(LONG)
    assert len(server.calls) == 1


def test_a_request_that_waits_for_a_token_is_not_sent_and_others_get_it(server, connect, stop):
    asked, go_on = threading.Event(), threading.Event()

    async def slow_token(_: web.BaseRequest) -> web.StreamResponse:
        asked.set()
        await asyncio.to_thread(go_on.wait, LONG)
        return server.issued()

    server.token = slow_token
    client = connect()
    stopped = client.start(GET)
    assert asked.wait(LONG)
    with stopped_by(lambda: False):
        other = client.start(GET)
    stop.set()
    with pytest.raises(StoppedError):
        stopped.result(LONG)
    go_on.set()
    assert other.result(LONG).status == 200
    assert len(server.token_requests) == 1


def test_a_request_in_flight_is_waited_for(server, connect, stop):
    came, go_on = threading.Event(), threading.Event()

    async def slow(_: web.BaseRequest) -> web.StreamResponse:
        came.set()
        await asyncio.to_thread(go_on.wait, LONG)
        return web.json_response({"id": 5})

    server.api = slow
    future = connect(authentication=KEY).start(CREATE)
    assert came.wait(LONG)
    stop.set()
    go_on.set()
    assert future.result(LONG).json() == {"id": 5}


def test_a_stop_of_one_does_not_reach_the_requests_of_another(server, connect):
    stop, came = threading.Event(), threading.Event()
    server.api = busy(came)
    client = connect(authentication=KEY, retry=PATIENT)
    with stopped_by(stop.is_set):
        stopped = client.start(GET)
    other = client.start(GET)
    stop.set()
    with pytest.raises(StoppedError):
        stopped.result(LONG)
    assert not other.done()
