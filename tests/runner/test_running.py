"""Routes at work: one fetch for several, tasks in order, attempts, and ends that come too early."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from haloitsm_connector import Cursors, InputError
from haloitsm_connector.errors import HeldError, RemoteError, StateError
from haloitsm_connector.runner import Began, Delivered, Failed, FetchEnded, Held, QueueEnded, Runner, Stored
from haloitsm_connector.store import KeptStorage
from haloitsm_connector.store.sqlite import SqliteDatabase
from haloitsm_connector.store.tasks import Tasks
from haloitsm_connector.store.tasks_listed import Filter

COPY = """
incoming:
  rows: {subscriber: {prototype: file, path: "${FOLDER}/rows.jsonl"}}
outgoing:
  out: {publisher: {prototype: file, path: "${FOLDER}/out.jsonl"}}
  other: {publisher: {prototype: file, path: "${FOLDER}/other.jsonl"}}
routes:
  copy: {incoming: rows, outgoing: out}
"""
TWO = COPY + "  too: {incoming: rows, outgoing: other, transformers: [{filter: {n: {more_than: 1}}}]}\n"
TICKETS = """
incoming:
  tickets: {subscriber: {prototype: haloitsm, client: halo, entity: GET /Tickets, page_size: 50, incremental: {}}}
outgoing:
  out: {publisher: {prototype: file, path: "${FOLDER}/out.jsonl", mode: append}}
  other: {publisher: {prototype: file, path: "${FOLDER}/other.jsonl", mode: append}}
routes:
  copy: {incoming: tickets, outgoing: out}
  too: {incoming: tickets, outgoing: other, disabled: true}
"""
ASSETS = """
incoming:
  rows: {subscriber: {prototype: file, path: "${FOLDER}/rows.jsonl"}}
outgoing:
  assets:
    publisher:
      prototype: haloitsm
      client: halo
      entity: POST /Asset
      payload: {inventory_number: "{{ serial }}", assettype_id: 130, client_id: "{{ client }}"}
routes:
  make: {incoming: rows, outgoing: assets, retry: {attempts: 3, wait_seconds: 60, factor: 3}}
"""
ROWS = [{"n": number} for number in range(4)]
BUSY = {"kind": "answer", "status": 429, "retry_after": 0}
POST_ASSET = {"method": "POST", "path": "/api/Asset"}


def counts(pipeline, queue):
    return dict(Tasks(pipeline.assembly.state).counts(queue).get(queue, {}))


def of(told, kind):
    return [event for event in told if isinstance(event, kind)]


def test_several_routes_are_fed_by_one_reading_and_each_has_its_tasks(load, written, told):
    pipeline = load(TWO, ROWS)
    summary = Runner(pipeline.assembly).run(tell=told.append)
    assert summary.exit_status == 0
    assert written() == ROWS
    assert written("other.jsonl") == ROWS[2:]
    assert [(one.name, one.read, one.new) for one in of(told, Stored)] == [("copy", 4, 4), ("too", 4, 2)]
    assert summary.statuses == {"copy": Counter(finished=4), "too": Counter(finished=2)}
    assert {type(event) for event in told} == {Began, Stored, FetchEnded, Delivered, QueueEnded}


def test_one_incoming_is_asked_once_for_all_routes_that_are_equally_far(load, sandbox, written):
    pipeline = load(TICKETS.replace(", disabled: true", ""))
    Runner(pipeline.assembly).run()
    reads = [one for one in sandbox.requests if one.path == "/api/Tickets"]
    assert len(reads) == len({one.target for one in reads})
    assert written() == written("other.jsonl")
    assert len(written()) == len(sandbox.tables["Tickets"])


CHAINED = """
incoming:
  rows: {subscriber: {prototype: file, path: "${FOLDER}/rows.jsonl"}}
  copied: {subscriber: {prototype: file, path: "${FOLDER}/out.jsonl"}}
outgoing:
  out: {publisher: {prototype: file, path: "${FOLDER}/out.jsonl"}}
  other: {publisher: {prototype: file, path: "${FOLDER}/other.jsonl"}}
routes:
  first: {incoming: rows, outgoing: out}
  second: {incoming: copied, outgoing: other}
"""


def test_a_route_may_need_what_the_one_before_it_brought(load, written, told):
    pipeline = load(CHAINED, ROWS)
    assert Runner(pipeline.assembly).run(tell=told.append).exit_status == 0
    assert written("other.jsonl") == ROWS
    assert [one.name for one in of(told, Began)] == ["first", "second"]


def test_routes_of_different_incomings_run_at_once_on_demand(load, written):
    apart = CHAINED.replace('{FOLDER}/out.jsonl"}}\noutgoing', '{FOLDER}/rows.jsonl"}}\noutgoing')
    runner = Runner((pipeline := load(apart, ROWS)).assembly)
    working = threading.Thread(target=lambda: runner.run(at_once=True, wait=True))
    with pipeline.assembly.state.lease("route first"):
        working.start()
        while written("other.jsonl") != ROWS:
            time.sleep(0.01)
    working.join()
    assert written() == ROWS


def test_a_route_that_was_disabled_catches_up_and_the_others_read_nothing_twice(load, sandbox, written):
    pipeline = load(TICKETS)
    Runner(pipeline.assembly).run()
    assert not written("other.jsonl")
    Runner(load(TICKETS.replace(", disabled: true", "")).assembly).run()
    assert len(written()) == len(sandbox.tables["Tickets"])
    assert written("other.jsonl") == written()


def test_an_incoming_by_itself_fills_storages_and_has_its_own_cursor(load, sandbox):
    text = TICKETS.replace(
        "incremental: {}}}", "incremental: {}}, transformers: [{save: {storage: seen, key: '{{ id }}'}}]}"
    )
    pipeline = load("storages: {seen: {}}\n" + text)
    assert Runner(pipeline.assembly).run(["tickets"]).exit_status == 0
    assert len(list(KeptStorage(pipeline.assembly.state, "seen").iterate())) == len(sandbox.tables["Tickets"])
    assert list(Cursors(pipeline.assembly.state).list()) == ["incoming tickets"]
    assert Tasks(pipeline.assembly.state).counts() == {}


def test_unknown_names_are_refused_before_anything_runs(load, written):
    with pytest.raises(InputError, match="Did you mean 'copy'"):
        Runner(load(COPY, ROWS).assembly).run(["copy", "cpoy"])
    assert not written()


def test_fetching_and_delivering_can_be_left_to_different_processes(load, written):
    pipeline = load(COPY, ROWS)
    assert Runner(pipeline.assembly).run(delivers=False).exit_status == 0
    assert counts(pipeline, "copy") == {"new": 4}
    assert not written()
    assert Runner(load(COPY).assembly).run(reads=False).exit_status == 0
    assert counts(pipeline, "copy") == {"finished": 4}
    assert written() == ROWS


def test_one_broken_record_among_ten_thousand_fails_alone(load, written):
    rows = [{"id": number, "n": "x" if number == 7_777 else number} for number in range(10_000)]
    steps = "copy: {incoming: rows, outgoing: out, transformers: [{cast: {n: integer}}]}"
    pipeline = load(COPY.replace("copy: {incoming: rows, outgoing: out}", steps), rows)
    summary = Runner(pipeline.assembly).run()
    assert summary.exit_status == 4
    assert counts(pipeline, "copy") == {"finished": 9_999, "rejected": 1}
    (task,) = [task for task in Tasks(pipeline.assembly.state).list() if task.status == "rejected"]
    assert Tasks(pipeline.assembly.state).get(task.number).entity == rows[7_777]
    assert "config.yaml:" in task.reason
    assert [row["id"] for row in written()] == [number for number in range(10_000) if number != 7_777]


def test_what_is_larger_than_the_route_takes_is_rejected(load, written):
    pipeline = load(COPY.replace("outgoing: out}", "outgoing: out, largest_kb: 1}"), [{"n": 1}, {"n": "x" * 2000}])
    assert [(one.status, one.entity["n"][:2]) for one in pipeline.run("copy") if one.status != "sent"] == [
        ("refused", "xx")
    ]
    assert counts(pipeline, "copy") == {"finished": 1, "rejected": 1}
    assert written() == [{"n": 1}]


def test_what_failed_is_tried_again_when_it_is_due_and_given_up_in_the_end(load, sandbox):
    clock = [1_000_000.0]
    pipeline = load(ASSETS, [{"serial": "R-1", "client": 12}, {"serial": "R-2", "client": 12}])
    sandbox.faults = {"faults": [BUSY | {"match": POST_ASSET | {"times": 1}}]}
    runner = Runner(pipeline.assembly, now=lambda: clock[0])
    summary = runner.run()
    assert counts(pipeline, "make") == {"retry": 1, "finished": 1}
    assert summary.ended["make"].retry_at == clock[0] + 60
    assert runner.run(reads=False).statuses == {}, "it is not due"
    clock[0] += 60
    sandbox.faults = {"faults": [BUSY | {"match": POST_ASSET}]}
    assert runner.run(reads=False).ended["make"].retry_at == clock[0] + 180
    clock[0] += 180
    runner.run(reads=False)
    assert counts(pipeline, "make") == {"failed": 1, "finished": 1}


def test_a_rule_says_which_outcomes_are_tried_again(load, sandbox):
    text = ASSETS.replace("factor: 3", "factor: 3, when: \"contains(reason, 'Could not convert')\"")
    pipeline = load(text, [{"serial": "W-1", "client": "twelve"}, {"serial": "W-2", "client": 12}])
    sandbox.faults = {"faults": [BUSY | {"match": POST_ASSET | {"after": 1}}]}
    Runner(pipeline.assembly).run()
    assert counts(pipeline, "make") == {"retry": 1, "failed": 1}


def test_what_fails_in_a_step_that_asks_nobody_fails_at_once_and_is_retried_by_hand(load, sandbox, written):
    steps = "transformers: [{cast: {n: integer}}], publisher"
    pipeline = load(COPY.replace("out: {publisher", f"out: {{{steps}"), [{"n": "one"}, {"n": "2"}])
    (failed,) = [outcome for outcome in pipeline.run("copy") if outcome.status == "failed"]
    assert failed.lasting
    assert counts(pipeline, "copy") == {"failed": 1, "finished": 1}
    mended = load(COPY)
    assert Tasks(mended.assembly.state).retry(Filter()) == 1
    Runner(mended.assembly).run(reads=False)
    assert written() == [{"n": 2}, {"n": "one"}]


def test_what_fails_in_a_step_that_asks_elsewhere_is_tried_again(load, sandbox, written):
    step = "{request: {client: halo, uri: /Tickets/7, into: ticket}}"
    pipeline = load(COPY.replace("out: {publisher", f"out: {{transformers: [{step}], publisher"), [{"n": 1}])
    sandbox.faults = {"faults": [{"kind": "answer", "status": 500, "match": {"path": "/api/Tickets/*"}}]}
    (failed,) = list(pipeline.run("copy"))
    assert not failed.lasting
    assert counts(pipeline, "copy") == {"retry": 1}


def test_what_fails_in_the_transformers_of_a_request_fails_at_once_too(load, sandbox):
    text = ASSETS.replace("      payload:", "      request_transformers: [{cast: {client: integer}}]\n      payload:")
    pipeline = load(text, [{"serial": "R-1", "client": "twelve"}, {"serial": "R-2", "client": "12"}])
    Runner(pipeline.assembly).run()
    assert counts(pipeline, "make") == {"failed": 1, "finished": 1}


def test_tasks_with_one_key_keep_their_order_across_attempts(load, sandbox):
    text = ASSETS.replace("make: {", 'make: {key: "{{ machine }}", ').replace("wait_seconds: 60", "wait_seconds: 0.2")
    rows = [{"serial": f"K-{number}", "client": 12, "machine": number % 2} for number in range(6)]
    pipeline = load(text, rows)
    sandbox.faults = {"faults": [BUSY | {"match": POST_ASSET | {"times": 1}}]}
    runner = Runner(pipeline.assembly)
    runner.run()
    for _ in range(20):
        if counts(pipeline, "make") == {"finished": 6}:
            break
        time.sleep(0.1)
        runner.run(reads=False)
    made = [sandbox.tables["Asset"][one.key]["inventory_number"] for one in sandbox.effects]
    assert [name for name in made if int(name[2:]) % 2 == 0] == ["K-0", "K-2", "K-4"]
    assert [name for name in made if int(name[2:]) % 2 == 1] == ["K-1", "K-3", "K-5"]
    assert made[0] == "K-1", "others do not wait"


def test_what_response_transformers_make_are_tasks_of_their_own(load, sandbox, tmp_path, written):
    text = ASSETS.replace("  make: {", "  make: {results: ids, ").replace(
        "routes:", '  ids: {publisher: {prototype: file, path: "${FOLDER}/ids.jsonl"}}\nroutes:'
    )
    text = text.replace('"{{ client }}"}\n', '"{{ client }}"}\n      response_transformers: [{select: {id: id}}]\n')
    pipeline = load(text, [{"serial": "D-1", "client": 12}])
    (tmp_path / "ids.jsonl").mkdir()
    summary = Runner(pipeline.assembly).run()
    assert [failed.name for failed in summary.errors] == ["make results"]
    assert counts(pipeline, "make") == {"finished": 1}
    assert counts(pipeline, "make results") == {"new": 1}
    (tmp_path / "ids.jsonl").rmdir()
    Runner(pipeline.assembly).run(reads=False)
    assert [row["id"] for row in written("ids.jsonl")] == [sandbox.effects[0].key]


def test_an_error_ends_its_route_and_no_other_and_what_was_read_stays(load, sandbox, written):
    text = ASSETS.replace("routes:", '  out: {publisher: {prototype: file, path: "${FOLDER}/out.jsonl"}}\nroutes:')
    pipeline = load(text + "  copy: {incoming: rows, outgoing: out}\n", [{"serial": "E-1", "client": 12}])
    sandbox.faults = {"faults": [{"kind": "answer", "status": 400, "match": {"path": "/auth/token"}}]}
    summary = Runner(pipeline.assembly).run()
    assert [(failed.name, isinstance(failed.error, RemoteError)) for failed in summary.errors] == [("make", True)]
    assert summary.exit_status == 3
    assert len(written()) == 1
    assert counts(pipeline, "make") == {"new": 1}
    sandbox.faults = None
    assert Runner(pipeline.assembly).run(["make"]).exit_status == 0
    assert len(sandbox.effects) == 1


def test_a_reading_that_fails_leaves_what_was_stored_and_the_next_goes_on(load, sandbox, written):
    pipeline = load(TICKETS)
    broken = {"kind": "answer", "status": 500, "match": {"path": "/api/Tickets", "after": 2}}
    sandbox.faults = {"faults": [broken]}
    summary = Runner(pipeline.assembly).run()
    assert summary.exit_status == 3
    first = [ticket["id"] for ticket in written()]
    assert 0 < len(first) < len(sandbox.tables["Tickets"])
    sandbox.faults = None
    assert Runner(pipeline.assembly).run().exit_status == 0
    assert [ticket["id"] for ticket in written()] == list(sandbox.tables["Tickets"])


def test_who_is_held_elsewhere_is_told_by_whom_and_waited_for_on_demand(load, written, told):
    pipeline = load(TWO, ROWS)
    other = SqliteDatabase(pipeline.assembly.state.path)
    with other, other.lease("route copy"):
        summary = Runner(pipeline.assembly).run()
        (failed,) = summary.errors
        assert isinstance(failed.error, HeldError)
        assert f"process {os.getpid()}" in failed.error.what
        assert written("other.jsonl") == ROWS[2:]
    with other, other.lease("route copy"):
        waiting = threading.Thread(
            target=Runner(pipeline.assembly).run, args=(["copy"],), kwargs={"wait": True, "tell": told.append}
        )
        waiting.start()
        while not of(told, Held):
            pass
        assert not written()
    waiting.join()
    assert written() == ROWS


def test_stop_finishes_what_is_under_way_and_puts_the_rest_back(load, sandbox, monkeypatch):
    monkeypatch.setattr("haloitsm_connector.runner.deliver.SETTLE_SECONDS", 0)
    pipeline = load(ASSETS, [{"serial": f"S-{number}", "client": 12} for number in range(50)])
    stop = threading.Event()

    def tell(event):
        if isinstance(event, Delivered):
            stop.set()

    assert Runner(pipeline.assembly).run(stop=stop, tell=tell).stopped
    done = len(sandbox.effects)
    assert counts(pipeline, "make") == {"finished": done, "new": 50 - done}
    Runner(pipeline.assembly).run()
    assert len(sandbox.effects) == 50


def test_a_file_that_is_replaced_by_each_run_is_gone_on_with_by_one_that_was_cut_off(load, written, monkeypatch):
    monkeypatch.setattr("haloitsm_connector.runner.deliver.CLAIM", 100)
    rows = [{"n": number} for number in range(1_500)]
    pipeline = load(COPY, rows)
    stop = threading.Event()
    Runner(pipeline.assembly).run(stop=stop, tell=lambda event: stop.set() if isinstance(event, Delivered) else None)
    assert 0 < len(written()) < 1_500
    Runner(pipeline.assembly).run()
    assert written() == rows
    Runner(pipeline.assembly).run()
    assert written() == rows


def test_steps_that_hold_entities_back_get_all_that_a_run_reads(load, written):
    text = COPY.replace("out: {publisher", "out: {transformers: [{sort: {by: [n]}}], publisher")
    pipeline = load(text, [{"n": number} for number in range(700, 0, -1)])
    Runner(pipeline.assembly).run()
    assert [row["n"] for row in written()] == list(range(1, 701))
    assert counts(pipeline, "copy") == {"finished": 700}


def test_what_the_outgoing_makes_several_of_is_one_task(load, written):
    text = COPY.replace("out: {publisher", "out: {transformers: [{split: {items: lines}}], publisher")
    pipeline = load(text, [{"lines": [{"a": 1}, {"a": 2}]}, {"lines": []}])
    outcomes = [outcome.status for outcome in pipeline.run("copy")]
    assert outcomes == ["sent", "sent", "skipped"]
    assert counts(pipeline, "copy") == {"finished": 1, "skipped": 1}


def test_a_disk_that_is_full_ends_the_run_with_its_reason_and_loses_nothing(load, written, sandbox):
    rows = [{"serial": f"F-{number}", "client": 12, "text": "x" * 3000} for number in range(600)]
    pipeline = load(ASSETS, rows)
    state = pipeline.assembly.state
    ((pages,),) = state.rows("PRAGMA page_count")
    state.rows(f"PRAGMA max_page_count = {pages + 40}")
    summary = Runner(pipeline.assembly).run()
    assert all(isinstance(failed.error, StateError) for failed in summary.errors)
    assert "no room left" in str(summary.errors[0].error)
    state.rows("PRAGMA max_page_count = 1000000000")
    assert Runner(pipeline.assembly).run().exit_status == 0
    assert len(sandbox.effects) == 600
    assert len({sandbox.tables["Asset"][one.key]["inventory_number"] for one in sandbox.effects}) == 600


def test_a_state_that_another_program_locks_ends_the_run_and_loses_nothing(load, sandbox, monkeypatch, tmp_path: Path):
    monkeypatch.setattr("haloitsm_connector.store.sqlite.BUSY_SECONDS", 0.2)
    monkeypatch.setattr("haloitsm_connector.runner.deliver.SETTLE_SECONDS", 0)
    pipeline = load(ASSETS, [{"serial": f"L-{number}", "client": 12} for number in range(30)])
    assert pipeline.assembly.state.rows("SELECT 1") == [(1,)]
    other = sqlite3.connect(tmp_path / "state.sqlite", isolation_level=None, check_same_thread=False)
    locked = []

    def tell(event):
        if isinstance(event, Delivered) and not locked:
            other.execute("BEGIN IMMEDIATE")
            locked.append(event)

    summary = Runner(pipeline.assembly).run(tell=tell)
    assert isinstance(summary.errors[0].error, StateError)
    assert "was locked" in str(summary.errors[0].error)
    other.execute("ROLLBACK")
    other.close()
    assert not of(summary.errors, HeldError)
    assert [failed for failed in Runner(pipeline.assembly).run().errors if isinstance(failed, Failed)] == []
    assert len(sandbox.effects) == 30
