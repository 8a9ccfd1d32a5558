"""Routes that read what is new: from their cursor on, which is stored when nothing before it is open."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import pytest

from haloitsm_connector import Cursors, Pipeline
from haloitsm_connector.errors import ConfigError
from haloitsm_connector.sandbox import Sandbox
from haloitsm_connector.store.tasks import Tasks

CONFIG = """
clients:
  halo:
    prototype: haloitsm
    base_uri: ${HALO_BASE_URI}
    authentication: {type: client_credentials, client_id: "${HALO_CLIENT_ID}", client_secret: "${HALO_CLIENT_SECRET}"}
incoming:
  tickets:
    subscriber: {prototype: haloitsm, client: halo, entity: GET /Tickets, page_size: 50, incremental: {}}
  actions:
    subscriber:
      prototype: haloitsm
      client: halo
      entity: GET /Actions
      parent: tickets
      request_parameters: {query: {ticket_id: "{{ id }}"}}
      from_parent: {client: "{{ client_name }}"}
  astray:
    subscriber:
      prototype: haloitsm
      client: halo
      entity: GET /Actions
      parent: tickets
      request_parameters: {query: {ticket_id: "{{ ticket }}"}}
outgoing:
  lines: {publisher: {prototype: file, path: "${FOLDER}/lines.jsonl", mode: append}}
  tasks:
    transformers:
      - select: {id: id, summary: summary}
    publisher: {prototype: haloitsm, client: halo, entity: POST /Tickets}
routes:
  copy: {incoming: tickets, outgoing: lines}
  actions: {incoming: actions, outgoing: lines}
  astray: {incoming: astray, outgoing: lines}
  write: {incoming: tickets, outgoing: tasks}
  sorted: {incoming: tickets, transformers: [{sort: {by: [id]}}], outgoing: lines}
  wrong: {incoming: tickets, transformers: [{validate: {schema: {required: [nothing]}}}], outgoing: lines}
"""


@pytest.fixture
def halo() -> Iterator[Sandbox]:
    with Sandbox(scale=0.5) as sandbox:
        yield sandbox


@pytest.fixture
def pipeline(tmp_path, halo) -> Iterator[Pipeline]:
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG, "utf-8")
    environ = {**halo.environment, "FOLDER": str(tmp_path)}
    with Pipeline.load(path, environ=environ, state=tmp_path / "state.sqlite") as loaded:
        yield loaded


def change(pipeline: Pipeline, number: int, summary: str) -> None:
    pipeline.assembly.client("halo").post("/Tickets", [{"id": number, "summary": summary}])


def cursor(pipeline: Pipeline, route: str) -> Any:
    return Cursors(pipeline.assembly.state).get(f"route {route}")


def test_each_run_delivers_what_is_new_since_the_one_before(pipeline, halo):
    numbers = list(halo.tables["Tickets"])
    assert [outcome.entity["id"] for outcome in pipeline.run("copy")] == numbers
    assert list(pipeline.run("copy")) == []
    change(pipeline, numbers[7], "Another summary")
    assert [outcome.entity["summary"] for outcome in pipeline.run("copy")] == ["Another summary"]
    assert list(pipeline.run("copy")) == []


def test_a_dry_run_leaves_the_cursor_where_it_is(pipeline, halo):
    tickets = len(halo.tables["Tickets"])
    assert [len(list(pipeline.dry_run("write"))) for _ in range(2)] == [tickets, tickets]
    Cursors(pipeline.assembly.state).set("route write", {"read_until": "2100-01-01T00:00:00Z"})
    assert list(pipeline.dry_run("write")) == []


def written(tmp_path: Path) -> list[Any]:
    return [json.loads(line) for line in (tmp_path / "lines.jsonl").read_text("utf-8").splitlines()]


def test_a_run_that_is_left_goes_on_behind_what_it_stored(pipeline, halo, tmp_path):
    numbers = list(halo.tables["Tickets"])
    first = [outcome.entity["id"] for outcome in islice(pipeline.run("copy"), 120)]
    assert first == numbers[:120]
    delivered = [ticket["id"] for ticket in written(tmp_path)]
    assert delivered == numbers[: len(delivered)]
    rest = [outcome.entity["id"] for outcome in pipeline.run("copy")]
    assert delivered + rest == numbers
    assert [ticket["id"] for ticket in written(tmp_path)] == numbers


def test_no_change_is_lost_or_delivered_twice_wherever_runs_are_left(pipeline, halo, tmp_path):
    chance, changes = Random(3), 0
    numbers = list(halo.tables["Tickets"])
    for turn in range(12):
        list(islice(pipeline.run("copy"), chance.choice([0, 1, 30, 49, 50, 51, 100, 1000])))
        for number in chance.sample(numbers, 2):
            change(pipeline, number, f"Turn {turn}")
            changes += 1
    list(pipeline.run("copy"))
    latest = {ticket["id"]: ticket["summary"] for ticket in written(tmp_path)}
    assert latest == {number: row["summary"] for number, row in halo.tables["Tickets"].items()}
    assert len(written(tmp_path)) <= len(numbers) + changes


def test_children_are_read_for_the_parents_that_are_new(pipeline, halo):
    everything = [outcome.entity for outcome in pipeline.run("actions")]
    assert len(everything) == len(halo.tables["Actions"])
    assert all(action["client"] for action in everything)
    assert list(pipeline.run("actions")) == []
    ticket = next(iter(halo.tables["Tickets"]))
    change(pipeline, ticket, "Changed")
    seen = len(halo.requests)
    assert {outcome.entity["ticket_id"] for outcome in pipeline.run("actions")} == {ticket}
    assert len(halo.requests) == seen + 2


def test_a_step_that_holds_entities_back_keeps_the_cursor_until_all_is_stored(pipeline, halo, monkeypatch):
    stored, add = [], Tasks.add

    def seen(tasks, new, cursors, **more):
        stored.append((sum(map(len, new.values())), cursors))
        return add(tasks, new, cursors, **more)

    monkeypatch.setattr(Tasks, "add", seen)
    assert len(list(pipeline.run("sorted"))) == len(halo.tables["Tickets"])
    assert [number for number, _ in stored] == [len(halo.tables["Tickets"])]
    assert "run" not in cursor(pipeline, "sorted")


def test_what_fails_is_a_rejected_task_before_the_cursor_moves(pipeline, halo):
    tickets = len(halo.tables["Tickets"])
    assert [outcome.status for outcome in pipeline.run("wrong")] == ["failed"] * tickets
    assert Tasks(pipeline.assembly.state).counts() == {"wrong": {"rejected": tickets}}
    assert list(pipeline.run("wrong")) == []


def test_a_parent_that_lacks_what_is_asked_for_fails_with_the_place_where_it_is_written(pipeline, halo):
    outcomes = list(pipeline.run("astray"))
    assert len(outcomes) == len(halo.tables["Tickets"])
    assert {outcome.status for outcome in outcomes} == {"failed"}
    assert "config.yaml:" in outcomes[0].reason
    assert "parent: request_parameters.query.ticket_id: is null for this entity" in outcomes[0].reason


@pytest.mark.parametrize(
    ("parents", "said"),
    [
        ({"a": "nobody"}, "there is no incoming 'nobody'"),
        ({"a": "a"}, "'a' is a parent of itself: a < a"),
        ({"a": "b", "b": "a"}, "'a' is a parent of itself: a < b < a"),
    ],
)
def test_parents_are_checked(tmp_path, parents, said):
    client = {
        "prototype": "haloitsm",
        "base_uri": "halo.example",
        "authentication": {"type": "api_key", "api_key": "k"},
    }
    incoming = {
        name: {"subscriber": {"prototype": "haloitsm", "client": "h", "entity": "GET /Tickets", "parent": parent}}
        for name, parent in parents.items()
    }
    path = tmp_path / "config.yaml"
    path.write_text(json.dumps({"clients": {"h": client}, "incoming": incoming}), "utf-8")
    with pytest.raises(ConfigError) as told:
        Pipeline.load(path, environ={})
    assert said in str(told.value)
