"""Results of creates: made once, whenever a run ends between the answer and the task that stores them."""

from __future__ import annotations

import pytest

from haloitsm_connector.errors import StateError
from haloitsm_connector.runner import Runner
from haloitsm_connector.store.intents import Intents
from haloitsm_connector.store.tasks import Tasks
from haloitsm_connector.store.tasks_listed import Filter

RESULTS = """
incoming:
  rows: {subscriber: {prototype: file, path: "${FOLDER}/rows.jsonl"}}
outgoing:
  assets:
    transformers: [{split: {items: machines}}]
    publisher:
      prototype: haloitsm
      client: halo
      entity: POST /Asset
      payload: {inventory_number: "{{ serial }}", assettype_id: 130, client_id: "{{ client }}"}
      response_transformers: [{select: {id: id, serial: entity.serial, answered: response.inventory_number}}]
  ids: {publisher: {prototype: file, path: "${FOLDER}/ids.jsonl", mode: append}}
routes:
  make: {incoming: rows, outgoing: assets, results: ids}
"""
ONCE = """
      once:
        find: GET /Asset
        query: {search: "{{ payload.inventory_number }}"}
        match: inventory_number
        settle_seconds: 0
      response_transformers:"""
LOST = {"kind": "reset", "when": "after", "match": {"method": "POST", "path": "/api/Asset"}}


def row(*serials):
    return {"machines": [{"serial": serial, "client": 12} for serial in serials]}


def counts(pipeline, queue):
    return dict(Tasks(pipeline.assembly.state).counts(queue).get(queue, {}))


def killed(*_, **__):
    raise StateError("killed")


def run_killed_at(monkeypatch, what, pipeline):
    """Run, and let nothing be kept from a moment on, as if the process were gone."""
    with monkeypatch.context() as patched:
        patched.setattr(what, killed)
        Runner(pipeline.assembly).run()


def ids(sandbox, written):
    """Return what was stored of results, by serial, which must tell the records that are there."""
    found = written("ids.jsonl")
    assert sorted(one["id"] for one in found) == sorted(int(one.key) for one in sandbox.effects)
    assert all(one["answered"] == one["serial"] for one in found)
    return [one["serial"] for one in found]


def test_results_of_creates_survive_a_kill_before_they_are_stored(load, sandbox, written, monkeypatch):
    pipeline = load(RESULTS, [row("R-1", "R-2"), row("R-3")])
    run_killed_at(monkeypatch, "haloitsm_connector.store.tasks.Tasks.settle", pipeline)
    Runner(pipeline.assembly).run()
    assert ids(sandbox, written) == ["R-1", "R-2", "R-3"]
    assert counts(pipeline, "make") == {"finished": 2}


def test_answers_stay_on_record_until_their_results_are_stored(load, sandbox, monkeypatch):
    pipeline = load(RESULTS, [row("S-1")])
    run_killed_at(monkeypatch, "haloitsm_connector.store.tasks.Tasks.settle", pipeline)
    answers = "SELECT count(payload), count(*) FROM intents"
    assert pipeline.assembly.state.rows(answers) == [(1, 1)]
    Runner(pipeline.assembly).run()
    assert pipeline.assembly.state.rows(answers) == [(0, 0)]


def test_results_are_made_of_the_record_that_once_found_when_the_answer_was_lost(load, sandbox, written, monkeypatch):
    pipeline = load(RESULTS.replace("\n      response_transformers:", ONCE), [row("O-1")])
    sandbox.faults = {"faults": [LOST]}
    run_killed_at(monkeypatch, "haloitsm_connector.store.tasks.Tasks.settle", pipeline)
    sandbox.faults = None
    Runner(pipeline.assembly).run()
    assert ids(sandbox, written) == ["O-1"]


def test_results_are_made_of_the_record_that_once_found_when_the_run_was_killed_before_the_answer(
    load, sandbox, written, monkeypatch
):
    pipeline = load(RESULTS.replace("\n      response_transformers:", ONCE), [row("K-1")])
    run_killed_at(monkeypatch, "haloitsm_connector.runner.journal.QueueRun.keep", pipeline)
    Runner(pipeline.assembly).run()
    assert ids(sandbox, written) == ["K-1"]


def test_results_of_a_task_that_failed_in_part_are_stored_once(load, sandbox, written):
    mixed = {"machines": [{"serial": "P-1", "client": 12}, {"serial": "P-2", "client": "twelve"}]}
    pipeline = load(RESULTS, [mixed])
    Runner(pipeline.assembly).run()
    assert counts(pipeline, "make") == {"failed": 1}
    Tasks(pipeline.assembly.state).retry(Filter())
    Runner(pipeline.assembly).run(reads=False)
    assert ids(sandbox, written) == ["P-1"]


@pytest.mark.parametrize("action", ["skip", "delete"])
def test_a_task_that_waits_takes_its_create_along_when_it_is_skipped_or_deleted(load, sandbox, action):
    pipeline = load(RESULTS, [row("W-1"), row("W-2")])
    sandbox.faults = {"faults": [LOST | {"when": "before"}]}
    Runner(pipeline.assembly).run()
    assert counts(pipeline, "make") == {"waiting": 2}
    tasks, intents = Tasks(pipeline.assembly.state), Intents(pipeline.assembly.state)
    first, second = tasks.list(Filter(statuses=["waiting"]), newest_first=False)
    getattr(tasks, action)(Filter(numbers=[first.number]))
    (left,) = intents.waiting()
    assert left.payload[0]["inventory_number"] == "W-2"
    assert tasks.get(second.number).status == "waiting"


def test_what_a_killed_run_left_in_doubt_is_settled_by_skipping_its_task(load, sandbox, monkeypatch):
    pipeline = load(RESULTS, [row("D-1")])
    run_killed_at(monkeypatch, "haloitsm_connector.runner.journal.QueueRun.keep", pipeline)
    Runner(pipeline.assembly).run()
    intents = Intents(pipeline.assembly.state)
    assert [one.reason for one in intents.waiting()] == ["an earlier run ended before the answer came"]
    Tasks(pipeline.assembly.state).skip(Filter())
    assert intents.waiting() == []
