from __future__ import annotations

import asyncio
import gc
import threading
from concurrent.futures import Future

import pytest

from haloitsm_connector.client.drive import Ahead, Pause, Stopped, adrive, at_once, drive
from haloitsm_connector.client.request import Request, Response
from haloitsm_connector.errors import InputError, LostAnswerError, UnreachableError


class Line:
    """Sends requests when told to, and remembers what was started."""

    def __init__(self):
        self.started = []
        self.futures = {}

    def __call__(self, request):
        self.started.append(request.path)
        self.futures[request.path] = future = Future()
        return future

    def answer(self, *paths):
        for path in paths:
            self.futures[path].set_result(Response(200, {}, path.encode()))


def answered(request):
    return Response(200, {}, request.path.encode())


def requests(*paths, method="GET"):
    return [Request(method, path) for path in paths]


def test_announced_requests_are_under_way_before_they_are_asked_for():
    line, (one, two, three) = Line(), requests("/1", "/2", "/3")

    def flow():
        yield Ahead([one, two, three])
        yield ["announced"]
        for request in (one, two, three):
            response = yield request
            yield [response.body]

    driven = drive(flow(), line)
    assert next(driven) == ["announced"]
    assert line.started == ["/1", "/2", "/3"]
    line.answer("/3", "/2", "/1")
    assert list(driven) == [[b"/1"], [b"/2"], [b"/3"]]
    assert line.started == ["/1", "/2", "/3"]


def test_no_more_announced_requests_are_without_an_answer_than_the_flow_says():
    line, (one, two, three) = Line(), requests("/1", "/2", "/3")

    def flow():
        for _ in range(3):
            yield Ahead([one, two, three], at_a_time=2)
            yield []
        for request in (one, two, three):
            assert (yield request)

    driven = drive(flow(), line)
    next(driven)
    assert line.started == ["/1", "/2"]
    next(driven)
    assert line.started == ["/1", "/2"]
    line.answer("/2")
    next(driven)
    assert line.started == ["/1", "/2", "/3"]
    line.answer("/1", "/3")
    assert list(driven) == []


def test_the_next_announced_request_is_started_as_soon_as_another_is_answered():
    line, (one, two, three, four) = Line(), requests("/1", "/2", "/3", "/4")

    def flow():
        yield Ahead([one, two, three, four], at_a_time=2)
        yield ["reading"]
        yield Ahead([one, two], at_a_time=2)
        yield ["reading on"]

    driven = drive(flow(), line)
    next(driven)
    line.answer("/2")
    assert line.started == ["/1", "/2", "/3"]
    next(driven)
    line.answer("/1")
    assert line.started == ["/1", "/2", "/3"]
    assert line.futures["/3"].cancelled()
    driven.close()


def test_what_cannot_be_started_by_itself_fails_where_it_is_asked_for():
    line, (one, two) = Line(), requests("/1", "/2")

    def start(request):
        if request is two:
            raise InputError("the client is closed")
        return line(request)

    def flow():
        yield Ahead([one, two], at_a_time=1)
        yield ["reading"]
        yield [(yield one).body]
        yield two

    driven = drive(flow(), start)
    next(driven)
    line.answer("/1")
    assert next(driven) == [b"/1"]
    with pytest.raises(InputError, match="closed"):
        next(driven)


def test_what_is_not_announced_again_is_given_up():
    line, (one, two) = Line(), requests("/1", "/2")

    def flow():
        yield Ahead([one, two])
        yield Ahead([two])
        yield ["announced"]

    assert list(drive(flow(), line)) == [["announced"]]
    assert line.started == ["/1", "/2"]
    assert line.futures["/1"].cancelled()


def test_what_is_announced_and_never_asked_for_ends_with_the_flow():
    line = Line()

    def flow():
        yield Ahead(requests("/1"))

    assert list(drive(flow(), line)) == []
    assert line.futures["/1"].cancelled()


def test_an_error_is_raised_where_the_request_was_yielded():
    def flow():
        try:
            yield Request("GET", "/gone")
        except UnreachableError as error:
            yield [str(error)]

    def send(request):
        raise UnreachableError("no connection")

    assert list(drive(flow(), at_once(send))) == [["no connection."]]


def test_a_cancelled_request_is_a_lost_answer():
    line = Line()

    def flow():
        request = Request("GET", "/1")
        yield Ahead([request])
        yield ["announced"]
        with pytest.raises(LostAnswerError):
            yield request

    driven = drive(flow(), line)
    next(driven)
    line.futures["/1"].cancel()
    assert list(driven) == []


def test_writes_under_way_are_asked_for_when_nobody_reads_on():
    line, (one, two, three) = Line(), requests("/1", "/2", "/3", method="POST")
    settled = []

    def flow():
        yield Ahead([one, two])
        try:
            settled.append((yield one).body)
            yield ["one"]
        except Stopped:
            settled.append((yield two).body)
            yield Ahead([three])
            yield three

    def start(request):
        future = line(request)
        if request.path == "/2":
            line.answer("/1", "/2")
        return future

    driven = drive(flow(), start)
    assert next(driven) == ["one"]
    driven.close()
    assert settled == [b"/1", b"/2"]
    assert line.started == ["/1", "/2"]


def test_a_flow_that_knows_nothing_of_stopping_is_closed():
    closed = []

    def flow():
        try:
            yield ["one"]
        finally:
            closed.append(True)

    driven = drive(flow(), at_once(answered))
    next(driven)
    driven.close()
    assert closed == [True]


def test_flows_are_driven_without_blocking_the_event_loop():
    line, (one, two) = Line(), requests("/1", "/2")

    def flow():
        yield Ahead([one, two])
        for request in (one, two):
            yield [(yield request).body]

    def start(request):
        future = line(request)
        if request.path == "/2":
            line.answer("/1", "/2")
        return future

    async def read():
        return [page async for page in adrive(flow(), start)]

    assert asyncio.run(read()) == [[b"/1"], [b"/2"]]


def test_an_error_that_the_flow_was_told_is_not_complained_of(caplog):
    line, (one,) = Line(), requests("/1")

    def flow():
        with pytest.raises(LostAnswerError):
            yield one
        yield ["told"]

    def start(request):
        future = line(request)
        threading.Timer(0.01, future.set_exception, [LostAnswerError("lost")]).start()
        return future

    async def collect():
        return [page async for page in adrive(flow(), start)]

    assert asyncio.run(collect()) == [["told"]]
    line.futures.clear()
    gc.collect()
    assert caplog.records == []


def test_pause_lets_time_pass_while_requests_are_under_way():
    line, (one,) = Line(), requests("/1")

    def flow():
        yield Ahead([one])
        yield Pause(0.01)
        yield [line.started]
        yield Pause(0)
        yield ["end"]

    async def collect():
        return [page async for page in adrive(flow(), line)]

    assert list(drive(flow(), line)) == [[["/1"]], ["end"]]
    line.started.clear()
    assert asyncio.run(collect()) == [[["/1"]], ["end"]]


def test_pause_may_be_cancelled():
    def flow():
        yield Pause(0.05)
        yield ["never"]

    async def collect():
        task = asyncio.create_task(anext(adrive(flow(), Line())))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0.1)

    asyncio.run(collect())
