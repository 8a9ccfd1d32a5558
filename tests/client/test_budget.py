"""One request budget for threads, clients and processes, against a real server that counts."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from aiohttp import web

from haloitsm_connector.client import HttpClient, Request
from haloitsm_connector.client.budget import Budget, budget_of
from haloitsm_connector.client.fields import HaloClientFields, HttpClientFields
from haloitsm_connector.client.ledger import Ledger, Rules
from haloitsm_connector.client.wire import Wire
from haloitsm_connector.errors import UnreachableError

KEY = {"type": "api_key", "api_key": "key-0123456789"}
GET = Request("GET", "/Tickets")
TEN = {"requests": 10, "window_seconds": 1}
READER = """
import sys
import aiohttp
from haloitsm_connector.client import HttpClient, Request
budget = {"requests": int(sys.argv[3]), "window_seconds": float(sys.argv[4])}
with HttpClient(sys.argv[1], {"type": "api_key", "api_key": "key-0123456789"}, budget=budget) as client:
    for _ in range(int(sys.argv[2])):
        print(client.send(Request("GET", "/Tickets")).status, flush=True)
"""


@pytest.fixture
def state(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("HALOITSM_STATE_DIR", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def came(server, state) -> list[float]:
    """When requests came, those for tokens included."""
    times: list[float] = []

    async def answer(_):
        times.append(time.monotonic())
        return web.json_response({"id": 1})

    async def token(_):
        times.append(time.monotonic())
        return server.issued()

    server.api, server.token = answer, token
    return times


def fullest(times: list[float], seconds: float) -> int:
    """The most requests in any window."""
    return max(sum(first <= other < first + seconds for other in times) for first in times)


def logged(caplog) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "haloitsm.http"]


def budget(folder: Path, requests: int = 10, seconds: float = 60.0) -> Budget:
    return Budget("acme.example acme", Rules(requests, seconds), folder)


@pytest.mark.parametrize(
    ("base_uri", "tenant", "name"),
    [
        ("acme.haloitsm.com", None, "acme.haloitsm.com acme"),
        ("acme.haloitsm.com", "acme", "acme.haloitsm.com acme"),
        ("https://ACME.halopsa.com/api", "test", "acme.halopsa.com test"),
        ("acme.haloservicedesk.com", None, "acme.haloservicedesk.com acme"),
        ("halo.example.com", None, None),
        ("nothaloitsm.com", None, None),
        ("http://127.0.0.1:8080", "sandbox", None),
    ],
)
def test_hosted_systems_have_a_budget_and_others_none(state, base_uri, tenant, name):
    fields = HaloClientFields(base_uri=base_uri, tenant=tenant, authentication=KEY)
    found = budget_of(fields, f"{fields.base_uri}/api")
    assert (found and found.name) == name
    assert found is None or found.rules == Rules(300, 300)


def test_the_budget_can_be_set_and_switched_off(state):
    def of(uri, **given):
        fields = HttpClientFields.model_validate({"base_uri": uri} | given)
        return budget_of(fields, fields.base_uri)

    assert of("https://acme.halopsa.com/api", budget="off") is None
    assert of("https://halo.example.com", budget={"requests": 5}).rules == Rules(5, 300)


@pytest.mark.slow
def test_threads_share_the_budget_of_a_client(connect, came):
    client = connect(budget=TEN, authentication=KEY)
    with ThreadPoolExecutor(8) as pool:
        assert {response.status for response in pool.map(client.send, [GET] * 25)} == {200}
    assert fullest(came, 1) <= 10
    assert came[9] - came[0] < 1  # a burst uses the whole window
    assert came[-1] - came[0] < 4


def test_clients_of_a_tenant_share_one_budget_and_those_of_others_do_not(connect, came):
    clients = [connect(budget=TEN, authentication=KEY, tenant=tenant) for tenant in ("acme", "acme", "other")]
    assert [client.budget_left() for client in clients] == [10, 10, 10]
    clients[0].send(GET)
    assert [client.budget_left() for client in clients] == [9, 9, 10]
    for _ in range(9):
        clients[1].send(GET)
    assert [client.budget_left() for client in clients[:2]] == [0, 0]


def test_a_client_without_budget_has_no_number_left(connect, came):
    assert connect(authentication=KEY).budget_left() is None


def test_a_request_that_is_sent_again_on_a_new_connection_counts_twice(server, connect, came):
    client = connect(budget={"requests": 50, "window_seconds": 300}, authentication=KEY)
    client.send(GET)
    counted, lost = server.api, [True]

    async def hang_up_once(request):
        answer = await counted(request)
        return await server.hang_up(request) if lost and lost.pop() else answer

    server.api = hang_up_once
    assert client.send(GET).status == 200
    assert len(came) == 3
    assert client.budget_left() == 47


def test_requests_for_tokens_count(connect, came):
    client = connect(budget=TEN)
    client.send(GET)
    assert client.budget_left() == 8
    assert len(came) == 2


def test_what_was_counted_in_advance_is_given_back_at_the_end(connect, came):
    many = {"requests": 300, "window_seconds": 300}
    with HttpClient(connect().api_uri, KEY, budget=many) as first:
        first.send(GET)
        assert first.budget_left() == 299
        other = connect(budget=many, authentication=KEY, tenant=None)
        assert other.budget_left() == 290
    assert other.budget_left() == 299


@pytest.mark.slow
def test_processes_share_the_budget(server, came):
    arguments = [sys.executable, "-P", "-c", READER, server.uri, "14", "20", "1"]
    readers = [subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert [reader.communicate(timeout=60)[0].split() for reader in readers] == [["200"] * 14] * 3
    assert len(came) == 42
    assert fullest(came, 1) <= 20


@pytest.mark.slow
def test_a_process_that_is_killed_takes_no_more_than_it_counted(server, came, state):
    rules = ["300", "300"]
    reader = subprocess.Popen(
        [sys.executable, "-P", "-c", READER, server.uri, "100000", *rules], stdout=subprocess.PIPE, text=True
    )
    for _ in range(25):
        reader.stdout.readline()
    reader.kill()
    reader.wait()
    reader.stdout.close()
    with HttpClient(server.uri, KEY, budget={"requests": 300, "window_seconds": 300}) as client:
        assert 0 <= 300 - client.budget_left() - len(came) <= 10


def hammer(folder: Path) -> None:
    async def run():
        own = budget(folder, 10**6)
        while True:
            await own.acquire()
            await own.release()

    asyncio.run(run())


FORKED = f"""
import os, random, signal, sys, time
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from test_budget import hammer
for _ in range(60):
    child = os.fork()
    if not child:
        hammer(Path(sys.argv[1]))
    time.sleep(random.random() * 0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked and killed")
def test_a_kill_at_any_moment_leaves_a_record_that_can_be_read(tmp_path):
    subprocess.run([sys.executable, "-P", "-c", FORKED, str(tmp_path)], check=True, timeout=60)
    file = next(tmp_path.iterdir())
    known = Ledger.read(file.read_bytes().partition(b"\n")[0])
    assert sum(known.sent.values()) > 0
    started = time.monotonic()
    asyncio.run(budget(tmp_path, 10**6).left())
    assert time.monotonic() - started < 1  # nobody holds the lock


@pytest.mark.parametrize("damage", [b"\0" * 5000, b"[1,2", b'{"sent":1}\n', b"\xff\n[0,0,0]\n", b"[0,0,0,[1,1]"])
def test_a_damaged_record_is_begun_anew(tmp_path, caplog, damage):
    own = budget(tmp_path)
    asyncio.run(own.acquire())
    (file,) = tmp_path.iterdir()
    file.write_bytes(damage)
    other = budget(tmp_path)
    assert asyncio.run(other.left()) == 10
    asyncio.run(other.acquire())
    assert logged(caplog) == ["the record of requests to acme.example acme was damaged; counting starts again"]
    assert asyncio.run(budget(tmp_path).left()) == 9


def test_a_folder_that_cannot_be_written_is_told_once_and_the_process_shares_another(tmp_path, monkeypatch, caplog):
    (tmp_path / "file").write_text("")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    first, second = budget(tmp_path / "file" / "state"), budget(tmp_path / "file" / "state")

    async def use():
        for _ in range(3):
            await first.acquire()
            await second.acquire()
        return await first.left(), await second.left()

    assert asyncio.run(use()) == (4, 4)
    assert len(logged(caplog)) == 2  # one per client
    assert all("cannot be counted in" in line and "temporary" in line for line in logged(caplog))


def test_without_any_folder_a_client_counts_in_memory(tmp_path, monkeypatch, caplog):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "file"))
    own = budget(tmp_path / "file" / "state")

    async def use():
        await own.acquire()
        await own.acquire()
        return await own.left()

    assert asyncio.run(use()) == 8
    assert [line.rpartition("but in ")[2] for line in logged(caplog)] == ["the memory of this client alone"]


@pytest.mark.skipif(sys.platform == "win32", reason="the lock of another kind")
def test_a_process_that_hangs_with_the_lock_stops_nobody_for_long(tmp_path, monkeypatch, caplog):
    import fcntl

    monkeypatch.setattr("haloitsm_connector.client.budget.LOCK_SECONDS", 0.1)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    own = budget(tmp_path / "state")
    asyncio.run(own.left())
    with next((tmp_path / "state").iterdir()).open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        asyncio.run(asyncio.wait_for(budget(tmp_path / "state").acquire(), 5))
    assert "cannot be counted in" in logged(caplog)[0]


def test_a_refusal_slows_every_client_of_the_tenant(server, connect, came):
    counted = server.api
    left = [web.Response(status=429, headers={"retry-after": "1"})]

    async def refuse_once(request):
        answer = await counted(request)
        return left.pop() if left else answer

    server.api = refuse_once
    rules = {"requests": 100, "window_seconds": 20}
    one, other = (connect(budget=rules, authentication=KEY) for _ in range(2))
    with ThreadPoolExecutor(2) as pool:
        refused = pool.submit(one.send, GET)
        while not came or left:
            time.sleep(0.01)
        time.sleep(0.1)
        assert other.budget_left() == 0
        assert other.send(GET).status == 200
        assert refused.result(10).status == 200
    assert all(0.9 < later - came[0] < 4 for later in came[1:])
    assert other.budget_left() < 50  # the server counts more than we know of


@pytest.mark.slow
def test_waiting_for_the_budget_is_told_once_and_is_no_failure(connect, came, caplog):
    client = connect(budget={"requests": 1, "window_seconds": 1}, authentication=KEY, retry={"total_seconds": 2.5})
    assert [client.send(GET).status for _ in range(3)] == [200] * 3
    assert fullest(came, 1) == 1
    lines = [line for line in logged(caplog) if "used up" in line]
    assert 1 <= len(lines) <= 3
    assert "127.0.0.1" in lines[0]
    assert "(1 requests per 1 s) is used up: waiting 1 s" in lines[0]


def test_a_wait_longer_than_all_tries_may_take_is_told_and_nothing_is_sent(connect, came):
    client = connect(budget={"requests": 1, "window_seconds": 300}, authentication=KEY, retry={"total_seconds": 0.3})
    client.send(GET)
    for request in (GET, Request("POST", "/Asset", payload=[{}])):
        with pytest.raises(
            UnreachableError, match=r"was not sent: no room in the request budget \(1 requests per 300 s"
        ):
            client.send(request)
    assert len(came) == 1


def test_a_request_with_room_costs_microseconds(tmp_path):
    own = budget(tmp_path, 100_000, 300)

    async def many():
        started = time.perf_counter()
        for _ in range(2000):
            await own.acquire()
        return (time.perf_counter() - started) / 2000

    assert min(asyncio.run(many()) for _ in range(3)) < 200e-6


def test_what_sends_is_loaded_before_a_request_is_counted(connect, monkeypatch):
    done = []
    begin, acquire = Wire.begin, Budget.acquire
    monkeypatch.setattr(Wire, "begin", lambda wire: done.append("begin") or begin(wire))
    monkeypatch.setattr(Budget, "acquire", lambda budget: done.append("acquire") or acquire(budget))
    connect(budget=TEN, authentication=KEY).send(GET)
    assert done[:2] == ["begin", "acquire"]
