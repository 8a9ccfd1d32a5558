"""``haloitsm serve`` as a process of its own: signals, logs, webhooks from the sandbox."""

from __future__ import annotations

import json
import re
import signal
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

SERVED = """\
incoming:
  changes:
    subscriber:
      prototype: webhook
      path: /halo/tickets
      authentication: {type: basic, username: halo, password: "${HOOK_PASSWORD}"}
      entity: ticket
outgoing:
  changed: {publisher: {prototype: file, path: changed.jsonl}}
routes:
  changes: {incoming: changes, outgoing: changed, realtime: true}
"""


@pytest.fixture
def served(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOOK_PASSWORD", "precious")
    (project / "served.yaml").write_text(SERVED, "utf-8")
    return project


def address_of(running) -> str:
    while line := running.stderr.readline():
        if found := re.search(r"Listening at (http://[^;]+);", line):
            return found[1]
    raise AssertionError(running.communicate())


def eventually(is_so) -> None:
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.slow
def test_a_change_in_halo_comes_through_its_webhook_to_the_target(served, process, haloitsm, sandbox):
    running = process("serve", ".", "--port", 0)
    address = address_of(running)
    assert haloitsm("webhook", "register", ".", "changes", "--url", address, "--yes", "--name", "ours").status == 0
    assert haloitsm("post", "/Tickets", "-d", '[{"id": 2001, "summary": "Changed"}]').status == 0
    file = served / "changed.jsonl"
    eventually(lambda: file.exists() and file.read_text())
    assert json.loads(file.read_text())["summary"] == "Changed"
    running.send_signal(signal.SIGTERM)
    out, err = running.communicate(timeout=30)
    assert (running.returncode, out) == (0, "")
    assert err.splitlines()[-1] == "Stopped."
    assert re.search(
        r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d arrived changes: (done|stopped) in .* s: changes 1 finished$", err, re.M
    )
    assert "precious" not in err
    webhooks = sandbox.tables["Webhook"]
    for number in [number for number, one in webhooks.items() if one["name"] == "ours"]:
        del webhooks[number]


@pytest.mark.slow
def test_each_line_is_json_and_names_its_route(served, process):
    running = process("--log-format", "json", "serve", ".", "--port", 0)
    address = ""
    while not address:
        line = json.loads(running.stderr.readline())
        if found := re.search(r"Listening at (http://[^;]+);", line["message"]):
            address = found[1]
    event = {"event": "x", "object_id": 7, "ticket": {"id": 7}}
    sent = httpx.post(f"{address}/halo/tickets", json=event, auth=("halo", "precious"), trust_env=False)
    assert sent.status_code == 200
    assert httpx.post(f"{address}/halo/tickets", json=event, auth=("halo", "wrong"), trust_env=False).status_code == 401
    eventually(lambda: (served / "changed.jsonl").exists())
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=30)
    lines = [json.loads(line) for line in err.splitlines()]
    assert {"at", "level", "logger", "message"} <= set.intersection(*map(set, lines))
    assert "changes" in [line.get("route") for line in lines if line["logger"] == "haloitsm.run"]
    assert [line["level"] for line in lines if "401" in line["message"]] == ["warning"]
    assert "precious" not in err


@pytest.fixture
def slow_target() -> Iterator[tuple[str, threading.Event, threading.Event]]:
    """An API that answers when it is told to: its address, what says that a request came, and what lets it answer."""
    came, answer = threading.Event(), threading.Event()

    class Slow(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            came.set()
            answer.wait(60)
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Slow) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", came, answer
        answer.set()
        server.shutdown()


@pytest.mark.slow
@pytest.mark.parametrize("times", [1, 2])
def test_the_first_signal_waits_for_what_is_under_way_and_the_second_does_not(served, process, slow_target, times):
    target, came, answer = slow_target
    (served / "slow.yaml").write_text(
        f"clients: {{slow: {{prototype: http, base_uri: {target}}}}}\n"
        "outgoing: {slow: {publisher: {prototype: http, client: slow, uri: /x, payload: '{{ @ }}'}}}\n"
        "routes: {slow: {incoming: changes, outgoing: slow, realtime: true}}\n"
    )
    running = process("serve", ".", "--port", 0)
    address = address_of(running)
    event = {"event": "x", "ticket": {"id": 7}}
    httpx.post(f"{address}/halo/tickets", json=event, auth=("halo", "precious"), trust_env=False)
    assert came.wait(30)
    running.send_signal(signal.SIGTERM)
    wait_for_line(running, "Finishing what is under way")
    if times == 2:
        running.send_signal(signal.SIGTERM)
        assert running.wait(30) == 128 + signal.SIGTERM
        return
    answer.set()
    _, err = running.communicate(timeout=30)
    assert running.returncode == 0
    assert re.search(r"slow 1 finished", err)


def wait_for_line(running, text: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while text not in running.stderr.readline():
        assert time.monotonic() < deadline
        assert running.poll() is None


@pytest.mark.slow
def test_a_run_whose_log_is_json_says_everything_so(served, finished):
    (served / "bad.csv").write_text("serial,client\n,12\n")
    ended = finished("--log-format", "json", "run", ".", "laptops", "tickets")
    lines = [json.loads(line) for line in ended.err.splitlines()]
    assert {line["logger"] for line in lines} >= {"haloitsm.cli"}
    assert {line["level"] for line in lines} <= {"info", "warning"}


def test_what_is_wrong_with_the_configuration_is_said_before_anything_begins(served, haloitsm):
    (served / "bad.yaml").write_text('schedules: {nightly: {cron: "0 25 * * *", run: [change]}}\n')
    ended = haloitsm("serve", ".", "--port", 0)
    assert ended.status == 1
    assert "bad.yaml:1:23: schedules.nightly.cron: is no cron expression: bad hour." in ended.err
    assert "there is no route 'change'. Did you mean 'changes'?" in ended.err


def test_a_port_in_use_is_said(served, haloitsm):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = haloitsm("serve", ".", "--port", taken.getsockname()[1])
    assert ended.status == 1
    assert "cannot listen on 127.0.0.1" in ended.err
