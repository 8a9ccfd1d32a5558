"""Reading in a second process: what it tells and stores is the same, and either process may end at any time."""

from __future__ import annotations

import os
import pickle
import re
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from multiprocessing import active_children
from pathlib import Path

import pytest

from haloitsm_connector import Pipeline
from haloitsm_connector.errors import (
    AnswerError,
    AuthenticationError,
    ConfigError,
    ConnectorError,
    EntityError,
    HeldError,
    InputError,
    LostAnswerError,
    Problem,
    RemoteError,
    StateError,
    StatusError,
    UnreachableError,
)
from haloitsm_connector.runner import Delivered, Failed, FetchEnded, Runner, Stored
from haloitsm_connector.store import open_state
from haloitsm_connector.store.tasks import Tasks

ROUTE = """
incoming:
  rows: {subscriber: {prototype: file, path: "${FOLDER}/rows.jsonl"}}
  tickets: {subscriber: {prototype: haloitsm, client: halo, entity: GET /Tickets, page_size: 20, incremental: {}}}
outgoing:
  out: {publisher: {prototype: file, path: "${FOLDER}/out.jsonl", mode: append}}
routes:
  copy: {incoming: rows, outgoing: out, transformers: [{cast: {n: integer}}]}
  more: {incoming: tickets, outgoing: out, transformers: [{select: {id: id}}]}
"""
SLOW = """
incoming:
  tickets: {subscriber: {prototype: haloitsm, client: halo, entity: GET /Tickets, page_size: 20}}
outgoing:
  out: {publisher: {prototype: file, path: "${FOLDER}/out.jsonl", mode: append}}
routes:
  copy: {incoming: tickets, outgoing: out}
"""
DRIP = {"faults": [{"kind": "latency", "seconds": 0.2, "match": {"path": "/api/Tickets"}}]}
LONG = 60
pytestmark = pytest.mark.slow


@pytest.fixture
def apart(tmp_path, sandbox):
    """What loads the configuration of `load` once more."""
    environ = {**sandbox.environment, "FOLDER": str(tmp_path)}
    return partial(Pipeline.load, tmp_path / "config.yaml", environ=environ, state=tmp_path / "state.sqlite")


def counts(pipeline, queue):
    return dict(Tasks(pipeline.assembly.state).counts(queue).get(queue, {}))


def test_what_a_second_process_reads_is_delivered_in_order_and_told(load, written, apart, told):
    pipeline = load(ROUTE, [{"n": number} for number in range(450)])
    summary = Runner(pipeline.assembly).run(["copy"], apart=apart, tell=told.append)
    assert summary.exit_status == 0
    assert [row["n"] for row in written()] == list(range(450))
    assert sum(event.new for event in told if isinstance(event, Stored)) == 450
    assert [event.complete for event in told if isinstance(event, FetchEnded)] == [True]
    assert sum(len(event.tasks) for event in told if isinstance(event, Delivered)) == 450
    assert not active_children()


def test_on_postgresql_two_processes_work_as_well(load, written, sandbox, tmp_path, postgresql):
    state, rows = postgresql.address(), [{"n": number} for number in range(250)]
    pipeline = load(ROUTE, rows, state)
    environ = {**sandbox.environment, "FOLDER": str(tmp_path)}
    again = partial(Pipeline.load, tmp_path / "config.yaml", environ=environ, state=state)
    assert Runner(pipeline.assembly).run(["copy"], apart=again).exit_status == 0
    assert written() == rows


def test_routes_of_several_incomings_follow_each_other(load, written, apart, sandbox):
    pipeline = load(ROUTE, [{"n": 1}])
    assert Runner(pipeline.assembly).run(apart=apart).exit_status == 0
    rows = written()
    assert rows[0] == {"n": 1}
    assert {row["id"] for row in rows[1:]} == set(sandbox.tables["Tickets"])
    assert Runner(pipeline.assembly).run(["more"], apart=apart).statuses == {}, "the cursor stands behind them"


def test_an_entity_that_fails_in_the_second_process_is_told_with_its_reason(load, written, apart, told):
    pipeline = load(ROUTE, [{"n": 1}, {"n": "x"}, {"n": 3}])
    assert Runner(pipeline.assembly).run(["copy"], apart=apart, tell=told.append).exit_status == 4
    (rejected,) = [one for event in told if isinstance(event, Stored) for one in event.rejected]
    assert rejected.entity == {"n": "x"}
    assert "config.yaml:" in rejected.reason
    assert [row["n"] for row in written()] == [1, 3]


def test_a_source_that_cannot_be_read_is_the_same_error_as_in_one_process(load, apart, told):
    pipeline = load(ROUTE)
    alone = Runner(pipeline.assembly).run(["copy"])
    summary = Runner(pipeline.assembly).run(["copy"], apart=apart, tell=told.append)
    assert [(type(one.error), str(one.error)) for one in summary.errors] == [
        (type(one.error), str(one.error)) for one in alone.errors
    ]
    assert summary.exit_status == alone.exit_status == 1


def test_a_file_that_was_read_whole_is_read_as_new_by_the_next_run_only_when_all_was_delivered(load, written, apart):
    pipeline = load(ROUTE, [{"n": number} for number in range(300)])
    stop = threading.Event()

    def stop_once_read(event):
        if isinstance(event, FetchEnded):
            stop.set()

    Runner(pipeline.assembly).run(["copy"], apart=apart, stop=stop, tell=stop_once_read)
    assert Runner(pipeline.assembly).run(["copy"], apart=apart).exit_status == 0
    assert sorted(row["n"] for row in written()) == list(range(300))
    assert Runner(pipeline.assembly).run(["copy"], apart=apart).exit_status == 0
    assert len(written()) == 600


def test_when_the_second_process_is_killed_it_is_told_and_the_next_run_reads_on(load, written, apart, sandbox):
    pipeline = load(SLOW)
    sandbox.faults = DRIP
    killed = []

    def kill(event):
        if isinstance(event, Delivered) and not killed:
            (child,) = active_children()
            os.kill(child.pid, signal.SIGKILL)
            killed.append(child)

    summary = Runner(pipeline.assembly).run(apart=apart, tell=kill)
    assert killed
    assert [str(one.error) for one in summary.errors] == [
        "the process that read for it ended before its time (signal 9)."
        " What it has stored is delivered; the next run reads on."
    ]
    assert set(counts(pipeline, "copy")) == {"finished"}
    sandbox.faults = None
    assert Runner(pipeline.assembly).run(apart=apart).exit_status == 0
    assert sorted(row["id"] for row in written()) == sorted(sandbox.tables["Tickets"])


def test_a_stop_reaches_the_second_process_and_loses_nothing(load, written, apart, sandbox):
    pipeline = load(SLOW)
    sandbox.faults = DRIP
    stop = threading.Event()

    def stop_soon(event):
        if isinstance(event, Delivered):
            stop.set()

    summary = Runner(pipeline.assembly).run(apart=apart, stop=stop, tell=stop_soon)
    assert summary.stopped
    assert not summary.errors
    assert not active_children()
    assert 0 < len(written()) < len(sandbox.tables["Tickets"])
    sandbox.faults = None
    assert Runner(pipeline.assembly).run(apart=apart).exit_status == 0
    assert sorted(row["id"] for row in written()) == sorted(sandbox.tables["Tickets"])


def test_where_another_process_reads_it_is_told(load, apart):
    pipeline = load(ROUTE, [{"n": 1}])
    with pipeline.assembly.state.lease("reading of route copy"):
        summary = Runner(pipeline.assembly).run(["copy"], apart=apart)
    assert [type(one.error) for one in summary.errors] == [HeldError]


PROBLEM = Problem("a.yaml", 3, 5, "routes.x", "it is wrong", "Mend it.")
ERRORS = [
    ConnectorError("one", "two"),
    ConfigError([PROBLEM]),
    InputError("one"),
    EntityError("one", "two", origin="a.yaml:1:2", entity={"id": 1}),
    StateError("one"),
    HeldError("one", who="process 7"),
    RemoteError("one", url="https://halo.example/api"),
    UnreachableError("one", sent=True),
    AuthenticationError("one"),
    StatusError("one", status=503, reason="busy"),
    AnswerError("one"),
    LostAnswerError("one", "two", url="https://halo.example/api"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_errors_can_be_sent_to_another_process(error):
    again = pickle.loads(pickle.dumps(Failed("copy", error))).error
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


@pytest.fixture
def command(load, sandbox, tmp_path):
    """The command line at work, in processes of its own, on what answers slowly."""
    load(SLOW)
    sandbox.faults = DRIP
    state = tmp_path / "state.sqlite"
    program = [str(Path(sys.executable).with_name("haloitsm")), "run", "config.yaml", "--read-apart"]
    environ = os.environ | sandbox.environment | {"FOLDER": str(tmp_path)}
    with subprocess.Popen(
        [*program, "--state", str(state)], cwd=tmp_path, env=environ, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    ) as process:  # fmt: skip
        yield process
        process.kill()


def reader_of(state):
    """Wait until somebody reads, and return which process that is."""
    deadline = time.monotonic() + LONG
    while not (found := re.match(r"process (\d+) ", state.holder("reading of route copy"))):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return int(found[1])


def wait_until(is_so):
    deadline = time.monotonic() + LONG
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_second_process_ends_when_the_first_is_killed_and_nothing_is_lost(
    load, written, apart, sandbox, command, tmp_path
):
    with open_state(tmp_path / "state.sqlite") as state:
        assert reader_of(state) != command.pid
        wait_until(written)
        command.kill()
        wait_until(lambda: not state.holder("reading of route copy"))
    sandbox.faults = None
    assert Runner(load(SLOW).assembly).run(apart=apart).exit_status == 0
    assert {row["id"] for row in written()} == set(sandbox.tables["Tickets"])


def test_ctrl_c_stops_both_processes_clean(load, written, apart, sandbox, command, tmp_path):
    with open_state(tmp_path / "state.sqlite") as state:
        reader_of(state)
        wait_until(written)
    os.killpg(command.pid, signal.SIGINT)
    said = command.communicate(timeout=LONG)[1]
    assert command.returncode == 130
    assert "Traceback" not in said
    assert "stopped after" in said
    sandbox.faults = None
    assert Runner(load(SLOW).assembly).run(apart=apart).exit_status == 0
    assert sorted(row["id"] for row in written()) == sorted(sandbox.tables["Tickets"])
