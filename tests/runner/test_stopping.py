"""A stop reaches what waits to be sent, at once, and loses nothing."""

from __future__ import annotations

import threading
import time
from collections import Counter

import pytest

from haloitsm_connector.runner import FetchEnded, QueueEnded, Runner
from haloitsm_connector.store import Intents
from haloitsm_connector.store.tasks import Tasks
from haloitsm_connector.store.tasks_listed import Filter

CLIENT = """
  patient:
    prototype: haloitsm
    base_uri: ${HALO_BASE_URI}
    authentication: {type: client_credentials, client_id: "${HALO_CLIENT_ID}", client_secret: "${HALO_CLIENT_SECRET}"}
    retry: {total_seconds: 3600}
"""
ASSETS = """
incoming:
  rows: {subscriber: {prototype: file, path: "${FOLDER}/rows.jsonl"}}
outgoing:
  assets:
    publisher:
      prototype: haloitsm
      client: patient
      entity: POST /Asset
      parallel: 3
      payload: {inventory_number: "{{ serial }}", assettype_id: 130, client_id: 12}
routes:
  make: {incoming: rows, outgoing: assets}
"""
TICKETS = """
incoming:
  tickets: {subscriber: {prototype: haloitsm, client: patient, entity: GET /Tickets, page_size: 20}}
outgoing:
  out: {publisher: {prototype: file, path: "${FOLDER}/out.jsonl", mode: append}}
routes:
  copy: {incoming: tickets, outgoing: out}
"""
SERIALS = [f"S-{number}" for number in range(12)]
ROWS = [{"serial": serial} for serial in SERIALS]
POST_ASSET = {"method": "POST", "path": "/api/Asset"}
BUSY = {"kind": "answer", "status": 429, "retry_after": 3000}
LONG = 60


def counts(pipeline, queue):
    return dict(Tasks(pipeline.assembly.state).counts(queue).get(queue, {}))


def tasks(pipeline, status):
    stored = Tasks(pipeline.assembly.state)
    return [stored.get(task.number) for task in stored.list(Filter(statuses=(status,)))]


def stopped_when(is_time, pipeline):
    """Run, stop when it is time, and return the summary and what was told."""
    stop, told, ended = threading.Event(), [], []
    runner = Runner(pipeline.assembly)
    thread = threading.Thread(target=lambda: ended.append(runner.run(stop=stop, tell=told.append)), daemon=True)
    thread.start()
    deadline = time.monotonic() + LONG
    while not is_time():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    stop.set()
    thread.join(LONG)
    assert not thread.is_alive()
    return ended[0], told


def refused(sandbox):
    return [one for one in sandbox.requests if one.status == 429]


def serials(sandbox):
    return sorted(sandbox.tables["Asset"][one.key]["inventory_number"] for one in sandbox.effects)


@pytest.mark.slow
def test_creates_that_wait_are_new_again_and_those_in_flight_are_waited_for(load, sandbox):
    pipeline = load(CLIENT + ASSETS, ROWS)
    late = {"kind": "latency", "seconds": 1, "match": POST_ASSET | {"after": 1, "times": 2}}
    sandbox.faults = {"faults": [BUSY | {"match": POST_ASSET | {"times": 1}}, late]}
    summary, told = stopped_when(lambda: refused(sandbox), pipeline)
    assert summary.stopped
    assert not summary.errors
    assert counts(pipeline, "make") == {"finished": 2, "new": 10}
    assert [event.left for event in told if isinstance(event, QueueEnded)] == [{"finished": 2, "new": 10}]
    left = tasks(pipeline, "new")
    assert sorted([*(task.entity["serial"] for task in left), *serials(sandbox)]) == sorted(SERIALS)
    assert {task.attempts for task in left} == {0}
    assert Runner(pipeline.assembly).run().exit_status == 0
    assert serials(sandbox) == sorted(SERIALS)


@pytest.mark.slow
def test_creates_that_wait_for_the_budget_are_new_again(load, sandbox, tmp_path):
    budget = f"    budget: {{requests: 5, window_seconds: 3000}}\n    state_folder: {tmp_path / 'state'}\n"
    pipeline = load(CLIENT + budget + ASSETS, ROWS)
    summary, _ = stopped_when(lambda: len(sandbox.effects) >= 3, pipeline)
    assert not summary.errors
    done = len(sandbox.effects)
    assert done < 5
    assert counts(pipeline, "make") == {"finished": done, "new": len(ROWS) - done}
    assert {task.attempts for task in tasks(pipeline, "new")} == {0}


@pytest.mark.slow
def test_a_reading_that_waits_ends_and_is_no_failure(load, sandbox, written):
    pipeline = load(CLIENT + TICKETS)
    sandbox.faults = {"faults": [BUSY | {"match": {"path": "/api/Tickets", "after": 1, "times": 1}}]}
    summary, told = stopped_when(lambda: refused(sandbox), pipeline)
    assert summary.stopped
    assert not summary.errors
    assert [event.complete for event in told if isinstance(event, FetchEnded)] == [False]
    assert Runner(pipeline.assembly).run().exit_status == 0
    assert {row["id"] for row in written()} == set(sandbox.tables["Tickets"])


ONCE = ASSETS.replace(
    "routes:",
    "      batch: 1\n      once: {find: GET /Asset, query: {search: '{{ payload.inventory_number }}'},"
    " match: inventory_number, settle_seconds: 600}\nroutes:",
)


@pytest.mark.slow
def test_a_create_whose_answer_was_lost_is_looked_up_by_the_next_run_where_this_one_shall_stop(load, sandbox):
    pipeline = load(CLIENT + ONCE, ROWS)
    sandbox.faults = {"faults": [{"kind": "reset", "when": "before", "match": POST_ASSET | {"times": 2}}]}
    asked = {"GET": 5, "POST": 3}  # two are lost, and looked up once more before the pause

    def is_time():
        seen = Counter(one.method for one in sandbox.requests if one.path == "/api/Asset")
        return all(seen[method] >= times for method, times in asked.items())

    summary, _ = stopped_when(is_time, pipeline)
    assert summary.stopped
    assert not summary.errors
    assert counts(pipeline, "make") == {"finished": 1, "new": 11}
    in_doubt = Intents(pipeline.assembly.state).waiting()
    assert [intent.reason for intent in in_doubt] == [""] * 2
    again = load(CLIENT + ONCE.replace("600", "0"))
    assert Runner(again.assembly).run().exit_status == 0
    assert serials(sandbox) == sorted(SERIALS)
    assert Intents(again.assembly.state).waiting() == []
