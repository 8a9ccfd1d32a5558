from __future__ import annotations

import json
import os
import pty
import re
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from haloitsm_connector.sandbox import Sandbox
from haloitsm_connector.store import open_state


def test_every_route_runs_and_is_summed_up(haloitsm, project):
    ended = haloitsm("run", "halo.yaml")
    assert ended.status == 0
    assert ended.err == "tickets: 90 sent\nlaptops: 2 created\n"
    assert len((project / "lines.jsonl").read_text().splitlines()) == 90


def test_only_the_routes_that_are_named_run(haloitsm, project):
    assert haloitsm("run", "halo.yaml", "laptops").err == "laptops: 2 created\n"


def test_a_misspelt_route_stops_all_before_anything_is_sent(haloitsm, project, sandbox):
    seen = len(sandbox.requests)
    ended = haloitsm("run", "halo.yaml", "laptops", "ticket")
    assert ended.status == 1
    assert ended.err == "error: there is no route 'ticket'. Did you mean 'tickets'?\n"
    assert len(sandbox.requests) == seen


def test_json_has_one_line_per_entity(haloitsm, project):
    lines = [json.loads(line) for line in haloitsm("run", "halo.yaml", "laptops", "--json").out.splitlines()]
    assert [(line["route"], line["status"], line["entity"]["serial"]) for line in lines] == [
        ("laptops", "created", "LT-0001"),
        ("laptops", "created", "LT-0002"),
    ]


def test_dry_run_shows_the_writes_and_sends_none(haloitsm, project, sandbox):
    seen = len(sandbox.requests)
    ended = haloitsm("run", "halo.yaml", "laptops", "--dry-run")
    assert [json.loads(line)["method"] for line in ended.out.splitlines()] == ["POST", "POST"]
    assert ended.err == "laptops: 2 requests, none sent\n"
    assert all(request.method != "POST" for request in sandbox.requests[seen:])


def test_what_is_read_from_a_secret_file_is_not_shown(haloitsm, project):
    (project / "key.txt").write_text("k3y-of-the-vault\n")
    config = (project / "halo.yaml").read_text().replace('"{{ serial }}"', '"${file:key.txt}"')
    (project / "halo.yaml").write_text(config)
    for arguments in (
        ["run", "halo.yaml", "laptops", "--dry-run"],
        ["preview", "halo.yaml", "laptops", "--send"],
        ["preview", "halo.yaml", "laptops", "--send", "--json"],
        ["run", "halo.yaml", "laptops", "--json"],
    ):
        ended = haloitsm(*arguments)
        assert ended.status == 0
        assert "***" in ended.out or arguments[-1] == "--json"
        assert "k3y-of-the-vault" not in ended.out + ended.err


def test_an_entity_that_fails_is_named_and_the_others_go_on(haloitsm, project):
    config = (project / "halo.yaml").read_text().replace("laptops.csv", "laptops.jsonl")
    (project / "halo.yaml").write_text(config.replace('"{{ serial }}"', '"No. {{ serial }}"'))
    (project / "laptops.jsonl").write_text(
        '{"serial": "A", "client": 12}\n{"client": 12}\n{"serial": "C", "client": 12}\n'
    )
    ended = haloitsm("run", "halo.yaml", "laptops")
    assert ended.status == 4
    assert ended.err.startswith("laptops: failed: client 12: halo.yaml:25:9: step 1 (set): serial: gives null")
    assert "laptops: 2 created, 1 failed\n" in ended.err


def test_many_failures_are_counted_after_the_first_twenty(haloitsm, project):
    config = (project / "halo.yaml").read_text().replace('"{{ serial }}"', '"No. {{ missing }}"')
    (project / "halo.yaml").write_text(config)
    (project / "laptops.csv").write_text("serial,client\n" + "LT,12\n" * 25)
    ended = haloitsm("run", "halo.yaml", "laptops")
    assert ended.status == 4
    assert ended.err.count("laptops: failed: serial LT: halo.yaml:25:") == 20
    assert "laptops: more fail; they are counted from here on.\nlaptops: 25 failed\n" in ended.err


def test_a_configuration_with_problems_runs_nothing(haloitsm, project):
    (project / "halo.yaml").write_text((project / "halo.yaml").read_text().replace("GET /Tickets", "GET /Tickts"))
    ended = haloitsm("run", "halo.yaml")
    assert ended.status == 1
    assert ended.err.startswith("halo.yaml:15:7: incoming.tickets.subscriber.entity: Halo has no operation")
    assert ended.err.endswith("error: the configuration has 1 problem; nothing was done.\n")


def test_a_file_that_cannot_be_written_is_named(haloitsm, project):
    (project / "lines.jsonl").mkdir()
    ended = haloitsm("run", "halo.yaml", "tickets")
    assert ended.status == 1
    assert "lines.jsonl" in ended.err


def test_the_end_says_what_to_look_at(haloitsm, project, sandbox):
    (project / "laptops.csv").write_text("serial,client\nLT-0001,none\nLT-0002,12\n")
    ended = haloitsm("run", "halo.yaml", "laptops")
    assert ended.status == 4
    assert "laptops: refused: serial LT-0001: POST " in ended.err
    assert ended.err.endswith(
        "laptops: 1 created, 1 refused\nWhat failed, and why: haloitsm tasks list halo.yaml --status failed,rejected\n"
    )
    assert haloitsm("tasks", "list", "halo.yaml", "--status", "failed,rejected").out.count("LT-0001") == 0
    (line,) = haloitsm("tasks", "list", "halo.yaml", "--status", "failed", "--json").out.splitlines()
    assert "Could not convert 'none'" in json.loads(line)["reason"]


def test_an_incoming_runs_by_itself(haloitsm, project):
    ended = haloitsm("run", "halo.yaml", "tickets", "laptops")
    assert ended.status == 0
    text = (project / "halo.yaml").read_text().replace("routes:", "routes:\n  other: {incoming: seen, outgoing: lines}")
    text = text.replace("incoming:\n", "incoming:\n  seen: {subscriber: {prototype: file, path: laptops.csv}}\n", 1)
    (project / "halo.yaml").write_text(text)
    assert haloitsm("run", "halo.yaml", "seen").status == 0


def test_what_is_there_is_delivered_without_reading(haloitsm, project):
    assert haloitsm("run", "halo.yaml", "laptops", "--no-read").err == "laptops: nothing to do\n"
    assert haloitsm("run", "halo.yaml", "laptops").err == "laptops: 2 created\n"
    assert haloitsm("tasks", "reopen", "halo.yaml", "--route", "laptops", "--yes").status == 0
    assert haloitsm("run", "halo.yaml", "laptops", "--no-read").err == "laptops: 2 created\n"


@pytest.mark.slow
def test_a_second_process_reads(haloitsm, project):
    ended = haloitsm("--log-format", "json", "run", "halo.yaml", "laptops", "--read-apart", "--json")
    assert (ended.status, [json.loads(line)["status"] for line in ended.out.splitlines()]) == (
        0,
        ["created", "created"],
    )


@pytest.mark.parametrize("option", ["--dry-run", "--no-read", "--engine=spark"])
def test_a_second_process_is_for_what_reads_and_delivers_here(haloitsm, project, option):
    ended = haloitsm("run", "halo.yaml", "laptops", "--read-apart", option)
    assert ended.err == "error: --read-apart is for a run here that reads and delivers. Leave it out.\n"
    assert ended.status == 1


def test_a_dead_halo_ends_with_3_and_says_that_nothing_is_lost(haloitsm, project, monkeypatch):
    monkeypatch.setenv("HALO_BASE_URI", "http://127.0.0.1:9")
    ended = haloitsm("run", "halo.yaml", "laptops")
    assert ended.status == 3
    assert "error: laptops: " in ended.err
    assert ended.err.endswith("Nothing is lost: the next run goes on with it.\n")


def test_a_route_that_runs_elsewhere_is_left_alone(haloitsm, project):
    with open_state("mine.sqlite") as state, state.lease("route laptops"):
        ended = haloitsm("run", "halo.yaml", "laptops", "--state", "mine.sqlite")
    assert ended.status == 1
    assert "error: laptops: " in ended.err
    assert "--wait" in ended.err


def started(process, sandbox, *options):
    """Start a run whose tickets are long in coming."""
    running = process("-v", "run", "halo.yaml", "tickets", *options, environ=sandbox.environment)
    deadline = time.monotonic() + 20
    while not (sandbox.requests and sandbox.busy):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(0.3)
    return running


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_a_run_at_once(process, project, number):
    late = {"kind": "latency", "seconds": 100, "match": {"path": "/api/Tickets"}}
    with Sandbox(faults={"faults": [late]}) as slow:
        running = started(process, slow)
        running.send_signal(number)
        time.sleep(0.3)
        running.send_signal(number)
        _, err = running.communicate(timeout=10)
    assert running.returncode == 128 + number
    assert "Traceback" not in err
    assert err.endswith("Finishing what is in flight … once more stops at once; nothing is lost.\nStopped at once.\n")


@pytest.mark.slow
def test_a_terminal_shows_how_far_each_route_is(project):
    pid, terminal = pty.fork()
    if not pid:
        os.environ["COLUMNS"] = "100"
        os.execv(Path(sys.executable).with_name("haloitsm"), ["haloitsm", "run", "halo.yaml"])
    shown = b""
    with suppress(OSError):
        while part := os.read(terminal, 65536):
            shown += part
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode()).replace("\r", "")
    for column in ("route", "read", "new", "done", "failed", "rate", "remaining"):
        assert column in text
    assert text.endswith("tickets: 90 sent\nlaptops: 2 created\n")
    assert shown.count(b"\x1b[?25l") == shown.count(b"\x1b[?25h")  # the cursor is there again


@pytest.mark.slow
def test_a_run_that_was_told_to_stop_is_gone_on_with(process, finished, project):
    rows = "".join(f"LT-{number:04},12\n" for number in range(400))
    (project / "laptops.csv").write_text(f"serial,client\n{rows}")
    slow = {"faults": [{"kind": "latency", "seconds": 0.1, "match": {"method": "POST", "path": "/api/Asset"}}]}
    with Sandbox(faults=slow) as sandbox:
        before = len(sandbox.tables["Asset"])
        running = process("run", "halo.yaml", "laptops", environ=sandbox.environment)
        deadline = time.monotonic() + 30
        while len(sandbox.tables["Asset"]) - before < 5:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        running.send_signal(signal.SIGTERM)
        _, err = running.communicate(timeout=30)
        assert running.returncode == 143
        assert re.search(r"^laptops: stopped after \d+ created; \d+ are left$", err, re.MULTILINE)
        assert err.endswith("Nothing is lost: the next run goes on with it.\n")
        sandbox.faults = None
        left = finished("run", "halo.yaml", "laptops", "--no-read", environ=sandbox.environment)
        assert left.status == 0
        serials = [row["inventory_number"] for row in list(sandbox.tables["Asset"].values())[before:]]
    assert sorted(serials) == [f"LT-{number:04}" for number in range(400)]
