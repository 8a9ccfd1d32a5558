"""What an attempt that came half way, or a run that was cut short at an awkward moment, leaves behind."""

from __future__ import annotations

import threading

import pytest

from haloitsm_connector.runner import Delivered, Runner
from haloitsm_connector.runner.feed import Feed
from haloitsm_connector.runner.journal import QueueRun
from haloitsm_connector.store.intents import Intents
from haloitsm_connector.store.tasks import Tasks
from haloitsm_connector.store.tasks_listed import Filter

PAIRS = """
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
routes:
  make: {incoming: rows, outgoing: assets}
"""
DELTA = """
storages: {seen: {}}
incoming:
  rows: {subscriber: {prototype: file, path: "${FOLDER}/rows.jsonl"}}
outgoing:
  out: {publisher: {prototype: file, path: "${FOLDER}/out.jsonl", mode: append}}
routes:
  copy: {incoming: rows, outgoing: out, transformers: [{delta: {storage: seen, key: "{{ n }}"}}]}
"""
COPY = DELTA.replace(', transformers: [{delta: {storage: seen, key: "{{ n }}"}}]', "")
POST_ASSET = {"method": "POST", "path": "/api/Asset"}


def counts(pipeline, queue):
    return dict(Tasks(pipeline.assembly.state).counts(queue).get(queue, {}))


def test_what_a_failed_task_has_created_is_not_created_again_when_somebody_retries_it(load, sandbox):
    pipeline = load(PAIRS, [{"machines": [{"serial": "P-1", "client": 12}, {"serial": "P-2", "client": "twelve"}]}])
    Runner(pipeline.assembly).run()
    assert counts(pipeline, "make") == {"failed": 1}
    assert len(sandbox.effects) == 1
    Tasks(pipeline.assembly.state).retry(Filter())
    Runner(pipeline.assembly).run(reads=False)
    assert len(sandbox.effects) == 1


def test_what_a_task_in_doubt_has_created_is_not_created_again_when_that_is_decided(load, sandbox):
    pipeline = load(PAIRS, [{"machines": [{"serial": "Q-1", "client": 12}, {"serial": "Q-2", "client": 12}]}])
    sandbox.faults = {"faults": [{"kind": "reset", "when": "before", "match": POST_ASSET | {"after": 1}}]}
    Runner(pipeline.assembly).run()
    assert counts(pipeline, "make") == {"waiting": 1}
    sandbox.faults = None
    intents = Intents(pipeline.assembly.state)
    (waiting,) = intents.waiting()
    intents.again(waiting.number)
    Runner(pipeline.assembly).run(reads=False)
    assert [sandbox.tables["Asset"][one.key]["inventory_number"] for one in sandbox.effects] == ["Q-1", "Q-2"]
    assert counts(pipeline, "make") == {"finished": 1}


def test_a_delta_remembers_exactly_what_a_run_that_was_killed_had_stored(load, written, monkeypatch):
    pipeline = load(DELTA, [{"n": 1}, {"n": 2}])

    def killed(*_):
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr("haloitsm_connector.capabilities.Deliveries.settle", killed)
        with pytest.raises(RuntimeError):
            Runner(pipeline.assembly).run(delivers=False)
    assert counts(pipeline, "copy") == {}
    Runner(pipeline.assembly).run()
    Runner(pipeline.assembly).run()
    assert written() == [{"n": 1}, {"n": 2}]


def test_a_stop_between_two_looks_is_no_end_of_the_queue(load, written, monkeypatch):
    pipeline = load(COPY, [{"n": 1}, {"n": 2}])
    stop, look = threading.Event(), Feed.look

    def looked(feed):
        seen, ended = look(feed)
        if ended:
            stop.set()
        return seen, ended

    with monkeypatch.context() as patched:
        patched.setattr(Tasks, "claim", lambda *_: [])  # whatever is there comes behind the end of the reading
        patched.setattr(Feed, "look", looked)
        Runner(pipeline.assembly).run(stop=stop)
    Runner(pipeline.assembly).run()
    assert written() == [{"n": 1}, {"n": 2}]


def test_who_is_told_and_raises_ends_the_run_with_that_error_and_nothing_stays_under_way(load, monkeypatch):
    monkeypatch.setattr("haloitsm_connector.runner.deliver.SETTLE_SECONDS", 0)
    pipeline = load(COPY, [{"n": 1}, {"n": 2}])

    def tell(event):
        if isinstance(event, Delivered):
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        Runner(pipeline.assembly).run(tell=tell)
    assert "processing" not in counts(pipeline, "copy")


def test_what_is_settled_leaves_nothing_in_the_memory_of_the_journal(load, sandbox, monkeypatch):
    runs = []
    begin = QueueRun.__init__

    def begun(self, *given):
        begin(self, *given)
        runs.append(self)

    monkeypatch.setattr(QueueRun, "__init__", begun)
    machines = [{"serial": f"M-{number}", "client": "twelve" if number % 7 == 0 else 12} for number in range(30)]
    Runner(load(PAIRS, [{"machines": [one]} for one in machines]).assembly).run()
    assert len(sandbox.effects) == 25
    assert [(run._left, run._under_way) for run in runs] == [(set(), {})]
