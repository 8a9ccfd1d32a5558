from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest

from haloitsm_connector.client import HttpClient, Request
from haloitsm_connector.client.portal import Portal
from haloitsm_connector.errors import InputError, LostAnswerError

KEY = {"type": "api_key", "api_key": "key-0123456789"}
GET = Request("GET", "/Tickets")


def portal_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "haloitsm-client"]


async def nothing() -> None: ...


async def double(number: int) -> int:
    await asyncio.sleep(0)
    return 2 * number


@pytest.fixture
def portal():
    portal = Portal(nothing)
    yield portal
    portal.close()


def test_no_thread_starts_before_the_first_call(portal):
    before = len(portal_threads())
    assert portal.call(double, 2) == 4
    assert len(portal_threads()) == before + 1


def test_event_loops_and_threads_call_in_side_by_side(portal):
    async def many():
        return await asyncio.gather(*(portal.acall(double, number) for number in range(50)))

    assert asyncio.run(many()) == [2 * number for number in range(50)]
    assert asyncio.run(many())[-1] == 98


def test_errors_arrive_where_the_call_was_made(portal):
    async def fail():
        raise KeyError("x")

    with pytest.raises(KeyError):
        portal.call(fail)
    with pytest.raises(KeyError):
        asyncio.run(portal.acall(fail))


def test_cancelling_the_caller_cancels_the_work(portal):
    stopped = threading.Event()

    async def work():
        try:
            await asyncio.sleep(30)
        finally:
            stopped.set()

    async def give_up():
        async with asyncio.timeout(0.05):
            await portal.acall(work)

    with pytest.raises(TimeoutError):
        asyncio.run(give_up())
    assert stopped.wait(5)


def test_an_interrupt_cancels_the_work(portal):
    stopped = threading.Event()

    async def work():
        try:
            await asyncio.sleep(30)
        finally:
            stopped.set()

    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    try:
        with pytest.raises(KeyboardInterrupt):
            portal.call(work)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert stopped.wait(5)


def test_a_closed_client_says_so_and_may_be_closed_again(server):
    client = HttpClient(server.uri, KEY)
    client.send(GET)
    client.close()
    client.close()
    with pytest.raises(InputError, match="the client is closed"):
        client.send(GET)
    with pytest.raises(InputError, match="the client is closed"):
        asyncio.run(client.asend(GET))


def test_a_client_that_was_never_used_closes_silently():
    with HttpClient("https://acme.example", KEY) as client:
        pass
    with pytest.raises(InputError, match="closed"):
        client.send(GET)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_closing_ends_requests_under_way_with_a_clear_error(server, asynchronous):
    server.api = server.hang
    client = HttpClient(server.uri, KEY)
    threading.Timer(0.2, client.close).start()
    with pytest.raises(LostAnswerError, match="closed while a request was under way"):
        asyncio.run(client.asend(GET)) if asynchronous else client.send(GET)


def test_a_client_that_waits_for_itself_is_told_so(portal):
    async def inner():
        return portal.call(double, 1)

    with pytest.raises(InputError, match="cannot wait for itself"):
        portal.call(inner)


def test_a_forgotten_client_ends_its_thread_without_a_warning(server):
    before = set(portal_threads())
    client = HttpClient(server.uri, KEY)
    client.send(GET)
    [thread] = set(portal_threads()) - before
    del client
    gc.collect()
    thread.join(5)
    assert not thread.is_alive()


@pytest.mark.parametrize("ending", ["", "del client", "client.close()", "raise SystemExit(0)"])
def test_the_interpreter_ends_without_a_warning(server, ending):
    code = f"""
        import sys
        from haloitsm_connector.client import HttpClient, Request
        client = HttpClient({server.uri!r}, {KEY!r})
        client.send(Request("GET", "/Tickets"))
        {ending}
    """
    found = subprocess.run(
        [sys.executable, "-P", "-W", "error", "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (found.returncode, found.stderr) == (0, "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_is_told_to_make_a_client_of_its_own(server):
    code = f"""
        import os, time
        from haloitsm_connector.client import HttpClient, Request
        from haloitsm_connector.errors import InputError
        request = Request("GET", "/Tickets")
        used, fresh = (HttpClient({server.uri!r}, {KEY!r}) for _ in range(2))
        used.send(request)
        child = os.fork()
        if child == 0:
            try:
                used.send(request)
            except InputError as error:
                used.close()
                os._exit(0 if "forked" in str(error) and fresh.send(request).status == 200 else 1)
            os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert used.send(request).status == 200
    """
    found = subprocess.run(
        [sys.executable, "-P", "-W", "error", "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=30
    )
    assert (found.returncode, found.stderr) == (0, "")


def test_a_wait_before_a_repeat_does_not_hold_up_closing(server):
    server.api = server.answers(503)
    client = HttpClient(server.uri, KEY, retry={"attempts": 1000, "longest_wait_seconds": 60})
    threading.Timer(0.3, client.close).start()
    started = time.monotonic()
    with pytest.raises(LostAnswerError, match="closed"):
        client.send(GET)
    assert time.monotonic() - started < 5


def test_an_interrupt_while_a_request_is_handed_over_is_an_interrupt(portal):
    begun = threading.Event()

    async def under_way() -> None:
        begun.set()
        await asyncio.sleep(0.1)

    class Interrupted:
        """A lock at whose end Ctrl-C comes, when the loop has begun what was handed over."""

        def __enter__(self) -> None: ...

        def __exit__(self, *error: object) -> None:
            assert begun.wait(10)
            portal._lock = threading.Lock()
            raise KeyboardInterrupt

    portal.call(double, 1)
    portal._lock = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        portal.start(under_way)
    assert portal.call(double, 2) == 4
