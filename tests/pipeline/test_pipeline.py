"""Whole pipelines on the sandbox: YAML in, outcomes out, over real sockets."""

from __future__ import annotations

import asyncio
import threading

import httpx
import orjson
import pytest

from haloitsm_connector import (
    ApiKey,
    ConnectorError,
    EntityError,
    HttpClient,
    InputError,
    Pipeline,
    Publisher,
    Subscriber,
)
from haloitsm_connector.errors import AuthenticationError, ConfigError, UnreachableError
from haloitsm_connector.store.tasks import Tasks

HALO = """
clients:
  halo:
    prototype: haloitsm
    base_uri: ${HALO_BASE_URI}
    authentication: {type: client_credentials, client_id: "${HALO_CLIENT_ID}", client_secret: "${HALO_CLIENT_SECRET}"}
"""


@pytest.fixture
def pipeline_of(tmp_path, sandbox):
    """Write YAML to a file and load it against the sandbox."""
    opened = []

    def load(text: str, **variables: str) -> Pipeline:
        path = tmp_path / "config.yaml"
        path.write_text(HALO + text, "utf-8")
        opened.append(Pipeline.load(path, environ={**sandbox.environment, "FOLDER": str(tmp_path), **variables}))
        return opened[-1]

    yield load
    for pipeline in opened:
        pipeline.close()


ONE_ACTION = """
incoming:
  one-action:
    subscriber:
      prototype: haloitsm
      client: halo
      entity: GET /Actions/{id}
      request_parameters: {path: {id: AC12}, query: {includedetails: true}}
    transformers:
      - select: {id: id, ticket: ticket_id}
"""


def test_path_parameter_becomes_the_final_url(pipeline_of, sandbox):
    entities = list(pipeline_of(ONE_ACTION).read("one-action"))
    assert [request.target for request in sandbox.requests if request.method == "GET"][-1] == (
        "/api/Actions/AC12?includedetails=true"
    )
    assert len(entities) == 1
    assert set(entities[0]) == {"id", "ticket"}


def test_list_is_read_to_its_end_page_by_page(pipeline_of, sandbox):
    pipeline = pipeline_of(
        """
incoming:
  tickets:
    subscriber: {prototype: haloitsm, client: halo, entity: GET /Tickets, page_size: 20}
"""
    )
    ids = [ticket["id"] for ticket in pipeline.read("tickets")]
    assert len(ids) == len(set(ids)) == len(sandbox.tables["Tickets"])
    pages = [request for request in sandbox.requests if request.path == "/api/Tickets"]
    assert len(pages) > len(ids) // 20, "a full page is never taken for the last, whatever record_count says"


def test_input_transformers_may_ask_for_several_records(pipeline_of, sandbox):
    pipeline = pipeline_of(
        """
incoming:
  two-clients:
    subscriber:
      prototype: haloitsm
      client: halo
      entity: GET /Client/{id}
      request_parameters: {query: {wanted: [3, 5]}}
      input_transformers:
        - set: {path: {id: "{{ query.wanted }}"}, query: {includedetails: true}}
"""
    )
    assert [client["id"] for client in pipeline.read("two-clients")] == [3, 5]


FILE_TO_HALO = """
incoming:
  rows: {subscriber: {prototype: file, path: "${FOLDER}/rows.jsonl"}}
outgoing:
  assets:
    transformers:
      - set: {payload: {inventory_number: "{{ serial }}", assettype_id: 130, client_id: "{{ client }}"}}
    publisher:
      prototype: haloitsm
      client: halo
      entity: POST /Asset
      response_transformers: [{select: {id: id, serial: entity.serial}}]
  ids: {publisher: {prototype: file, path: "${FOLDER}/ids.jsonl"}}
routes:
  make: {incoming: rows, outgoing: assets, results: ids}
"""


def write_rows(folder, rows):
    (folder / "rows.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))


def test_every_entity_gets_one_outcome_and_bad_ones_cost_only_themselves(pipeline_of, sandbox, tmp_path):
    rows = [
        {"serial": "A", "client": 12},
        {"serial": "C", "client": "twelve"},
        {"serial": "D", "client": 7},
    ]
    write_rows(tmp_path, rows)
    outcomes = list(pipeline_of(FILE_TO_HALO).run("make"))
    assert [outcome.entity["serial"] for outcome in outcomes] == ["A", "C", "D"]
    assert [outcome.status for outcome in outcomes] == ["created", "refused", "created"]
    assert "Could not convert" in outcomes[1].reason
    written = [orjson.loads(line) for line in (tmp_path / "ids.jsonl").read_text().splitlines()]
    assert [row["id"] for row in written] == [outcome.id for outcome in outcomes if outcome.status == "created"]


def test_failing_step_names_its_place_and_the_others_go_on(pipeline_of, tmp_path):
    write_rows(tmp_path, [{"a": "x"}, {"b": 1}, {"a": "y"}])
    pipeline = pipeline_of(
        """
incoming:
  rows:
    subscriber: {prototype: file, path: "${FOLDER}/rows.jsonl"}
    transformers:
      - set: {label: "row {{ a }}"}
outgoing:
  out: {publisher: {prototype: file, path: "${FOLDER}/out.jsonl"}}
routes:
  copy: {incoming: rows, outgoing: out}
"""
    )
    outcomes = list(pipeline.run("copy"))
    assert sorted(outcome.status for outcome in outcomes) == ["failed", "sent", "sent"]
    (failed,) = [outcome for outcome in outcomes if outcome.status == "failed"]
    assert "config.yaml:12:9" in failed.reason
    assert failed.entity == {"b": 1}
    with pytest.raises(EntityError, match=r"config.yaml:12:9"):
        list(pipeline.read("rows"))


def test_dry_run_shows_the_writes_and_sends_none(pipeline_of, sandbox, tmp_path):
    write_rows(tmp_path, [{"serial": "A", "client": 12}])
    shown = list(pipeline_of(FILE_TO_HALO).dry_run("make"))
    assert shown == [
        {
            "method": "POST",
            "url": f"{sandbox.base_uri}/api/Asset",
            "payload": [{"inventory_number": "A", "assettype_id": 130, "client_id": 12}],
        }
    ]
    assert sandbox.requests == []


def test_dry_run_names_every_entity_that_could_not_be_written(pipeline_of, sandbox, tmp_path):
    write_rows(tmp_path, [{"serial": "A", "client": 12}, {"serial": None, "client": 12}, {"serial": "C", "client": 12}])
    config = FILE_TO_HALO.replace('"{{ serial }}"', '"LT-{{ serial }}"')
    shown = list(pipeline_of(config).dry_run("make"))
    assert [one["payload"][0]["inventory_number"] for one in shown if "payload" in one] == ["LT-A", "LT-C"]
    (failed,) = [one for one in shown if "failed" in one]
    assert "config.yaml:13:9" in failed["failed"]
    assert failed["entity"] == {"serial": None, "client": 12}
    assert sandbox.requests == []


def test_what_was_created_is_told_even_when_the_results_cannot_be_kept(pipeline_of, sandbox, tmp_path):
    write_rows(tmp_path, [{"serial": "A", "client": 12}, {"serial": "B", "client": 12}])
    (tmp_path / "ids.jsonl").mkdir()
    outcomes = []
    with pytest.raises(InputError, match=r"ids\.jsonl"):
        outcomes.extend(iter_into(outcomes, pipeline_of(FILE_TO_HALO).run("make")))
    created = [request for request in sandbox.requests if request.method == "POST" and request.path == "/api/Asset"]
    assert [outcome.status for outcome in outcomes] == ["created"] * len(created)


def test_what_was_created_is_on_record_until_its_task_is_settled(pipeline_of, sandbox, tmp_path, monkeypatch):
    write_rows(tmp_path, [{"serial": "A", "client": 12}, {"serial": "B", "client": 12}])
    pipeline, settled, seen = pipeline_of(FILE_TO_HALO), Tasks.settle, []
    remembered = "SELECT count(*) FROM intents WHERE done = 1"

    def looked(tasks, queue, *given, **more):
        seen.append((queue, pipeline.assembly.state.rows(remembered)))
        return settled(tasks, queue, *given, **more)

    monkeypatch.setattr(Tasks, "settle", looked)
    assert [outcome.status for outcome in pipeline.run("make")] == ["created"] * 2
    assert seen[0] == ("make", [(2,)])
    assert pipeline.assembly.state.rows(remembered) == [(0,)]


def iter_into(seen, items):
    for item in items:
        seen.append(item)
    return ()


def test_two_pipelines_run_side_by_side_in_one_process(pipeline_of, sandbox, tmp_path, catalogue):
    from haloitsm_connector import Sandbox

    read = {}
    with Sandbox(seed=2, catalogue=catalogue) as other:
        one = pipeline_of(ONE_ACTION)
        two = Pipeline.load(tmp_path / "config.yaml", environ=other.environment)

        def keep(name: str, pipeline: Pipeline) -> None:
            read[name] = list(pipeline.read("one-action"))

        threads = [threading.Thread(target=keep, args=pair) for pair in (("one", one), ("two", two))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        two.close()
        assert all(len(entities) == 1 for entities in read.values())
        assert len(read) == 2
        assert {request.status for request in (*sandbox.requests, *other.requests)} == {200}


def test_async_face_gives_the_same_and_leaves_the_loop_free(pipeline_of):
    pipeline = pipeline_of(ONE_ACTION)

    async def read() -> tuple[list, int]:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0)

        beside = asyncio.create_task(tick())
        entities = [entity async for entity in pipeline.aread("one-action")]
        beside.cancel()
        return entities, ticks

    entities, ticks = asyncio.run(read())
    assert entities == list(pipeline.read("one-action"))
    assert ticks > 10


def test_nothing_is_read_before_it_is_asked_for(pipeline_of, sandbox):
    entities = pipeline_of(ONE_ACTION).read("one-action")
    assert sandbox.requests == []
    next(entities)
    assert sandbox.requests


def test_unknown_names_are_suggested(pipeline_of):
    pipeline = pipeline_of(ONE_ACTION)
    with pytest.raises(InputError, match="Did you mean 'one-action'"):
        pipeline.read("one-acton")
    with pytest.raises(InputError, match="there is no route 'x'"):
        pipeline.run("x")


def test_wrong_secret_and_dead_host_end_the_run_with_their_reason(pipeline_of, tmp_path):
    with pytest.raises(AuthenticationError, match="secret"):
        list(pipeline_of(ONE_ACTION, HALO_CLIENT_SECRET="wrong-secret").read("one-action"))
    with pytest.raises(UnreachableError, match=r"127\.0\.0\.1"):
        list(pipeline_of(ONE_ACTION, HALO_BASE_URI="http://127.0.0.1:9").read("one-action"))


def test_all_problems_of_a_configuration_come_at_once(pipeline_of):
    with pytest.raises(ConfigError) as caught:
        pipeline_of(ONE_ACTION.replace("client: halo", "client: hallo").replace("- select", "- selec"))
    assert len(caught.value.problems) == 2
    assert all(problem.hint.startswith("Did you mean") for problem in caught.value.problems)


def test_what_is_read_from_a_file_shows_in_no_log_no_url_and_no_error(pipeline_of, sandbox, tmp_path, caplog):
    (tmp_path / "word").write_text("nobody-knows-this\n")
    secret = """
    logging: full
incoming:
  searched:
    subscriber:
      prototype: haloitsm
      client: halo
      entity: %s
      request_parameters: {query: {search: "${file:word}"}}
"""
    caplog.set_level("INFO", "haloitsm.http")
    pipeline = pipeline_of(secret % "GET /Tickets")
    list(pipeline.read("searched"))
    assert "nobody-knows-this" in [request.target for request in sandbox.requests][-1]
    subscriber = pipeline.assembly.incoming("searched").subscriber
    shown = [subscriber.client.url(request) for request in subscriber.requests()]
    sandbox.close()
    with pytest.raises(UnreachableError) as caught:
        list(pipeline.read("searched"))
    assert "***" in caplog.text
    assert "nobody-knows-this" not in f"{caplog.text} {shown} {caught.value}"


@pytest.mark.parametrize(
    "body", ['{"error": "bad key KEY"}', '{"cut off": "KEY', '"KEY"', '{"report": {"load_error": "KEY"}}']
)
def test_a_secret_that_a_server_repeats_in_a_success_is_in_no_message(tmp_path, body):
    class Repeating(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request):
            return httpx.Response(200, text=body.replace("KEY", request.headers["x-halo-api-key"]))

    key = "k3y-0f-the-vault"
    with HttpClient("https://acme.example", ApiKey(api_key=key), transport=Repeating()) as client:
        messages = []
        for entity in ("GET /Tickets", "GET /Report/{id}"):
            path = {"id": 1} if "{" in entity else None
            try:
                list(Subscriber(client, entity, path=path))
            except ConnectorError as error:
                messages += [str(error), repr(error)]
        outcomes = list(Publisher(client, "POST /Report").publish([{"payload": {"name": "x"}}]))
        messages += [outcome.reason for outcome in outcomes]
    assert any(messages)
    assert not any(key in message for message in messages)
