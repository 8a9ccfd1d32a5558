"""What a delta remembers and the tasks that it stands for are kept together, or neither is."""

from __future__ import annotations

import pytest

from haloitsm_connector.errors import StateError
from haloitsm_connector.runner import Runner
from haloitsm_connector.store import KeptStorage
from haloitsm_connector.store.tasks import Tasks

AT_THE_ROUTE = """
storages: {seen: {}}
incoming:
  tickets: {subscriber: {prototype: haloitsm, client: halo, entity: GET /Tickets, page_size: 50, incremental: {}}}
outgoing:
  out: {publisher: {prototype: file, path: "${FOLDER}/out.jsonl", mode: append}}
routes:
  copy: {incoming: tickets, outgoing: out, transformers: [DELTA]}
"""
AT_THE_OUTGOING = """
storages: {seen: {}}
incoming:
  rows: {subscriber: {prototype: file, path: "${FOLDER}/rows.jsonl"}}
outgoing:
  assets:
    transformers:
      - set: {payload: {inventory_number: "{{ id }}", assettype_id: 130, client_id: 12}}
      - DELTA
    publisher:
      prototype: haloitsm
      client: halo
      entity: POST /Asset
      response_transformers: [{select: {id: id}}]
  ids: {publisher: {prototype: file, path: "${FOLDER}/ids.jsonl", mode: append}}
routes:
  make: {incoming: rows, outgoing: assets, results: ids}
"""
DELTA = "delta: {storage: seen, key: '{{ id }}'}"


def killed(*_, **__):
    raise StateError("killed")


def run_killed_at(monkeypatch, what, pipeline):
    """Run, and let nothing be kept from a moment on, as if the process were gone."""
    with monkeypatch.context() as patched:
        patched.setattr(what, killed)
        assert Runner(pipeline.assembly).run().errors


@pytest.mark.parametrize("instant", ["KeptStorage.put", "KeptStorage.get", "tasks.Tasks.add"])
def test_a_route_that_is_killed_as_it_stores_delivers_each_entity_once(load, sandbox, written, monkeypatch, instant):
    pipeline = load(AT_THE_ROUTE.replace("DELTA", f"{{{DELTA}}}"))
    place = "haloitsm_connector.store." + instant.replace("KeptStorage", "storages.KeptStorage")
    run_killed_at(monkeypatch, place, pipeline)
    tickets = set(sandbox.tables["Tickets"])
    marked = {int(key) for key, _ in KeptStorage(pipeline.assembly.state, "seen").iterate()}
    stored = {entity["id"] for entity in Tasks(pipeline.assembly.state).uncovered("copy")}
    assert marked == stored
    Runner(pipeline.assembly).run()
    Runner(pipeline.assembly).run()
    assert sorted(row["id"] for row in written()) == sorted(tickets)


def test_results_of_what_a_killed_run_delivered_are_not_held_back_by_its_delta(load, sandbox, written, monkeypatch):
    pipeline = load(AT_THE_OUTGOING.replace("DELTA", DELTA), [{"id": "D-1"}, {"id": "D-2"}])
    run_killed_at(monkeypatch, "haloitsm_connector.store.tasks_settled.settle", pipeline)
    Runner(pipeline.assembly).run()
    assert [row["id"] for row in written("ids.jsonl")] == [int(one.key) for one in sandbox.effects]
    assert len(sandbox.effects) == 2
    Runner(pipeline.assembly).run()
    assert len(sandbox.effects) == 2
