"""``haloitsm status`` shows where all routes stand, in one screen."""

from __future__ import annotations

import json
import re
import time

import pytest

from haloitsm_connector.store import Cursors, open_state
from haloitsm_connector.store.tasks import Tasks
from haloitsm_connector.store.tasks_cut import NewTask
from haloitsm_connector.store.tasks_settled import Settled

STATE = ("--state", "mine.sqlite")


@pytest.fixture
def busy(project):
    """A state in which one route has tasks of several kinds, and another was never run."""
    with (project / "halo.yaml").open("a") as file:
        file.write("  old: {incoming: laptops, outgoing: lines, disabled: true}\n")
        file.write('schedules:\n  nightly: {cron: "0 2 * * *", run: [laptops]}\n')
        file.write('  never: {cron: "0 2 * * *", run: [laptops], disabled: true}\n')
    with open_state("mine.sqlite") as state:
        tasks = Tasks(state, now=lambda: time.time() - 200)
        tasks.add({"laptops": [NewTask({"id": n}) for n in range(3)]}, {}, covers=True)
        tasks.add({"laptops": [NewTask({"id": 9}, rejected="too large")], "gone": [NewTask({})]}, {}, covers=True)
        numbers = [task.number for task in tasks.claim("laptops", 3)]
        tasks.settle(
            "laptops",
            [
                Settled(numbers[0], "finished"),
                Settled(numbers[1], "failed", "no"),
                Settled(numbers[2], "retry", "busy", due=time.time() + 3600.5),
            ],
        )
        Cursors(state).set("route tickets", {"read_until": "2026-03-01T00:00:00.000Z"})
    return project


def test_one_screen_says_where_all_stands(haloitsm, busy):
    with open_state("mine.sqlite") as state, state.lease("route laptops"):
        ended = haloitsm("status", "halo.yaml", *STATE)
    assert ended.status == 0
    lines = [re.sub(r"process \d+ since [-\d: ]+ UTC.*", "PROCESS", line) for line in ended.out.splitlines()]
    lines = [re.sub(r"\bin \d+ \w+( \d+ \w+)?", "SOON", re.sub(r"\d+ \w+ \d+ \w+ ago", "AGO", line)) for line in lines]
    assert [re.split(r"  +", line) for line in lines[:5]] == [
        [
            "route",
            "new",
            "finished",
            "failed",
            "retry",
            "rejected",
            "has read",
            "oldest new",
            "next attempt",
            "run by",
        ],
        ["tickets", "until AGO"],
        ["laptops", "1", "1", "1", "1", "SOON", "PROCESS"],
        ["old (disabled)"],
        ["gone (not declared)", "1", "AGO"],
    ]
    assert re.fullmatch(r"schedule nightly: next at \d{4}-\d\d-\d\d 02:00:00 UTC", lines[5])
    assert lines[6] == "schedule never: disabled"
    assert ended.err == "2 tasks failed: haloitsm tasks list halo.yaml --status failed,rejected\n"


def test_machines_get_the_same(haloitsm, busy):
    found = json.loads(haloitsm("status", "halo.yaml", *STATE, "--json").out)
    laptops = next(one for one in found["routes"] if one["route"] == "laptops")
    assert laptops["tasks"] == {
        "new": 0, "processing": 0, "finished": 1, "failed": 1, "skipped": 0, "retry": 1, "rejected": 1, "waiting": 0,
    }  # fmt: skip
    assert laptops["next_attempt"] > time.time() + 3000
    assert found["creates_waiting"] == 0
    assert found["budgets"] == {"halo": None}


def test_what_a_process_left_behind_is_said(haloitsm, project):
    with open_state("mine.sqlite") as state:
        tasks = Tasks(state)
        tasks.add({"laptops": [NewTask({"id": 1})]}, {}, covers=True)
        tasks.claim("laptops", 1)
    ended = haloitsm("status", "halo.yaml", *STATE)
    assert ended.err == "laptops: the process that was at it has ended; haloitsm run halo.yaml goes on with it.\n"


def test_nothing_is_sent(haloitsm, project, sandbox):
    seen = len(sandbox.requests)
    assert haloitsm("status", "halo.yaml").status == 0
    assert len(sandbox.requests) == seen
