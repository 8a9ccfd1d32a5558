"""A task that becomes several records, and some answers are lost: each create is listed, and settled by itself."""

from __future__ import annotations

import pytest

from haloitsm_connector.runner import Runner
from haloitsm_connector.store.intents import Intents
from haloitsm_connector.store.tasks import Tasks
from haloitsm_connector.store.tasks_listed import Filter

PARTS = """
incoming:
  rows: {subscriber: {prototype: file, path: "${FOLDER}/rows.jsonl"}}
outgoing:
  assets:
    transformers: [{split: {items: machines}}]
    publisher:
      prototype: haloitsm
      client: halo
      entity: POST /Asset
      batch: 1
      payload: {inventory_number: "{{ serial }}", assettype_id: 130, client_id: 12}
routes:
  make: {incoming: rows, outgoing: assets}
"""
ROW = {"machines": [{"serial": serial} for serial in ("S-1", "S-2", "S-3")]}
LOST = {"kind": "reset", "when": "before", "match": {"method": "POST", "path": "/api/Asset", "times": 2}}


@pytest.fixture
def pipeline(load, sandbox):
    """A task of which the first two of three creates are in doubt, and neither took effect."""
    loaded = load(PARTS, [ROW])
    sandbox.faults = {"faults": [LOST]}
    Runner(loaded.assembly).run()
    sandbox.faults = None
    return loaded


def serials(sandbox):
    return sorted(sandbox.tables["Asset"][one.key]["inventory_number"] for one in sandbox.effects)


def test_each_part_that_is_in_doubt_is_known_with_its_task(pipeline, sandbox):
    tasks, intents = Tasks(pipeline.assembly.state), Intents(pipeline.assembly.state)
    (task,) = tasks.list(Filter(statuses=["waiting"]))
    waiting = intents.waiting()
    assert [one.payload[0]["inventory_number"] for one in waiting] == ["S-1", "S-2"]
    assert [(one.intent, one.task, one.queue) for one in tasks.doubts()] == [
        (intent.number, task.number, "make") for intent in waiting
    ]
    assert serials(sandbox) == ["S-3"]


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize(("decision", "made"), [("again", ["S-1", "S-2", "S-3"]), ("created", ["S-3"])])
def test_the_task_goes_on_when_all_of_them_are_settled_in_any_order(pipeline, sandbox, first, decision, made):
    tasks, intents = Tasks(pipeline.assembly.state), Intents(pipeline.assembly.state)
    (task,) = tasks.list()
    numbers = [one.number for one in intents.waiting()]
    getattr(intents, decision)(numbers.pop(first))
    still = tasks.get(task.number)
    assert (still.status, still.intent) == ("waiting", numbers[0])
    assert "/api/Asset got no answer" in still.reason
    assert Runner(pipeline.assembly).run(reads=False).statuses == {}
    getattr(intents, decision)(numbers[0])
    assert tasks.doubts() == []
    assert tasks.get(task.number).status == "new"
    Runner(pipeline.assembly).run(reads=False)
    assert [one.status for one in tasks.list()] == ["finished" if decision == "again" else "skipped"]
    assert serials(sandbox) == made
    assert intents.waiting() == []


@pytest.mark.parametrize("action", ["skip", "delete"])
def test_all_of_them_go_with_their_task(pipeline, action):
    tasks, intents = Tasks(pipeline.assembly.state), Intents(pipeline.assembly.state)
    assert getattr(tasks, action)(Filter(statuses=["waiting"])) == 1
    assert intents.waiting() == []
    assert tasks.doubts() == []


def test_a_task_that_shares_its_create_with_others_waits_with_them(load, sandbox):
    text = PARTS.replace(
        "{split: {items: machines}}",
        "{split: {items: machines}}, {batch: {size: 9, items: all}}, {split: {items: all}}",
    )
    loaded = load(text, [{"machines": [{"serial": "S-1"}]}, {"machines": [{"serial": "S-2"}]}])
    sandbox.faults = {"faults": [LOST]}
    Runner(loaded.assembly).run()
    sandbox.faults = None
    tasks, intents = Tasks(loaded.assembly.state), Intents(loaded.assembly.state)
    assert [one.status for one in tasks.list()] == ["waiting", "waiting"]
    assert len(tasks.doubts()) == 4
    for intent in intents.waiting():
        intents.again(intent.number)
    Runner(loaded.assembly).run(reads=False)
    assert [one.status for one in tasks.list()] == ["finished", "finished"]
    assert serials(sandbox) == ["S-1", "S-2"]
