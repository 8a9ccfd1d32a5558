from __future__ import annotations

import json
import signal
import time

import pytest

from haloitsm_connector.sandbox import Sandbox


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
    assert ended.err.endswith("laptops: 2 created, 1 failed\n")


def test_many_failures_are_counted_after_the_first_twenty(haloitsm, project):
    config = (project / "halo.yaml").read_text().replace('"{{ serial }}"', '"No. {{ missing }}"')
    (project / "halo.yaml").write_text(config)
    (project / "laptops.csv").write_text("serial,client\n" + "LT,12\n" * 25)
    ended = haloitsm("run", "halo.yaml", "laptops")
    assert ended.status == 4
    assert ended.err.count("laptops: failed: serial LT: halo.yaml:25:") == 20
    assert ended.err.endswith("laptops: … and 5 more that failed; --json prints all.\nlaptops: 25 failed\n")


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


@pytest.mark.slow
def test_ctrl_c_ends_a_run_with_what_was_done_so_far(process, project):
    with Sandbox(rate_limit=1, retry_after="100") as slow:
        running = process("-v", "run", "halo.yaml", "tickets", environ=slow.environment)
        deadline = time.monotonic() + 20
        while len(slow.requests) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(0.3)
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=10)
    assert running.returncode == 130
    assert "Traceback" not in err
    assert err.endswith("tickets: stopped before the first entity was done; what was sent stays sent.\nInterrupted.\n")
