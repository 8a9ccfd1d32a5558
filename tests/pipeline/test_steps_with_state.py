"""Steps that reach beyond their entity, in whole pipelines: storages, deltas, requests, joins, rehearsals."""

from __future__ import annotations

import json
import socket

import pytest

from haloitsm_connector import ConfigError, Pipeline, UnreachableError
from haloitsm_connector.store import KeptStorage, open_state

CLIENTS = """
clients:
  halo:
    prototype: haloitsm
    base_uri: ${HALO_BASE_URI}
    authentication: {type: client_credentials, client_id: "${HALO_CLIENT_ID}", client_secret: "${HALO_CLIENT_SECRET}"}
  nobody:
    prototype: http
    base_uri: ${NOBODY}
    retry: {attempts: 1}
storages: {sent: {}, ids: {}, short: {ttl_seconds: 60}}
incoming:
  rows: {subscriber: {prototype: file, path: "${FOLDER}/rows.jsonl"}}
"""
TO_FILE = """
outgoing:
  lines: {publisher: {prototype: file, path: "${FOLDER}/lines.jsonl"}}
routes:
  go:
    incoming: rows
    outgoing: lines
    transformers:
"""


@pytest.fixture
def folder(tmp_path, sandbox):
    return tmp_path


@pytest.fixture
def load(folder, sandbox):
    opened = []

    def load_text(text, rows=()):
        (folder / "halo.yaml").write_text(CLIENTS + text, "utf-8")
        (folder / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            nobody = f"http://127.0.0.1:{taken.getsockname()[1]}"
        environ = {**sandbox.environment, "FOLDER": str(folder), "NOBODY": nobody}
        opened.append(Pipeline.load(folder / "halo.yaml", environ=environ, state=folder / "state"))
        return opened[-1]

    yield load_text
    for pipeline in opened:
        pipeline.close()


@pytest.fixture
def through(load, folder):
    """Send rows through steps and return what comes out, and the reasons of what failed."""

    def run(steps, rows):
        text = TO_FILE + "".join(f"      - {json.dumps(step)}\n" for step in steps)
        outcomes = list(load(text, rows).run("go"))
        written = folder / "lines.jsonl"
        lines = written.read_text("utf-8").splitlines() if written.exists() else []
        return [json.loads(line) for line in lines], [each.reason for each in outcomes if each.status == "failed"]

    return run


def held(folder, name):
    with open_state(folder / "state") as database:
        return dict(KeptStorage(database, name).iterate())


# Storages


def test_what_one_run_saves_the_next_one_loads(through, folder):
    through([{"save": {"storage": "ids", "key": "{{ serial }}", "value": "{{ id }}"}}], [{"serial": "A", "id": 7}])
    found, failed = through(
        [{"load": {"storage": "ids", "key": "{{ serial }}", "into": "halo_id"}}], [{"serial": "A"}, {"serial": "B"}]
    )
    assert found == [{"serial": "A", "halo_id": 7}, {"serial": "B"}]
    assert failed == []


def test_the_id_of_a_created_record_is_kept_by_response_transformers(load, folder, sandbox):
    pipeline = load(
        """
outgoing:
  assets:
    transformers:
      - set: {payload: {inventory_number: "{{ serial }}", assettype_id: 130, client_id: 12}}
    publisher:
      prototype: haloitsm
      client: halo
      entity: POST /Asset
      response_transformers:
        - save: {storage: ids, key: "{{ entity.serial }}", value: "{{ id }}"}
""",
    )
    (outcome,) = pipeline.publish("assets", [{"serial": "KEPT-1"}])
    assert outcome.status == "created"
    assert held(folder, "ids") == {"KEPT-1": outcome.id}


# Delta

DELTA = """
outgoing:
  assets:
    transformers:
      - set: {payload: {inventory_number: "{{ serial }}", assettype_id: "{{ type }}", client_id: 12}}
      - delta: {storage: sent, key: "{{ serial }}"}
    publisher: {prototype: haloitsm, client: halo, entity: POST /Asset}
routes:
  go: {incoming: rows, outgoing: assets}
"""


def sent(outcomes):
    return [outcome.entity["serial"] for outcome in outcomes if outcome.status != "skipped"]


def test_only_what_changed_since_it_was_delivered_is_sent(load):
    rows = [{"serial": f"DELTA-{number}", "type": 130} for number in range(3)]
    assert [outcome.status for outcome in load(DELTA, rows).run("go")] == ["created"] * 3
    assert sent(load(DELTA, rows).run("go")) == []
    changed = [rows[0], {**rows[1], "note": "new"}, rows[2]]
    assert sent(load(DELTA, changed).run("go")) == ["DELTA-1"]


def test_what_was_refused_comes_again(load):
    rows = [{"serial": "BAD", "type": "no type"}, {"serial": "GOOD", "type": 130}]
    first = {outcome.entity["serial"]: outcome.status for outcome in load(DELTA, rows).run("go")}
    assert first == {"BAD": "refused", "GOOD": "created"}
    assert sent(load(DELTA, rows).run("go")) == ["BAD"]


def test_what_was_on_its_way_when_the_run_ended_comes_again(load, monkeypatch):
    monkeypatch.setattr("haloitsm_connector.runner.deliver.SETTLE_SECONDS", 0)
    rows = [{"serial": f"CUT-{number:02}", "type": 130} for number in range(15)]
    running = load(DELTA, rows).run("go")
    assert next(running).entity["serial"] == "CUT-00"
    running.close()
    rest = sent(load(DELTA, rows).run("go"))
    assert rest == [row["serial"] for row in rows[-len(rest) :]]
    assert 0 < len(rest) < 15


def test_a_route_may_end_in_a_delta_which_waits_until_the_task_is_stored(load, sandbox):
    rows = [{"id": 1, "type": 130, "serial": "T-1"}, {"id": 2, "type": "no type", "serial": "T-2"}]
    text = DELTA.replace('      - delta: {storage: sent, key: "{{ serial }}"}\n', "").replace(
        "outgoing: assets}", "outgoing: assets, transformers: [{delta: {storage: sent, key: '{{ id }}'}}]}"
    )
    assert [outcome.status for outcome in load(text, rows).run("go")] == ["created", "refused"]
    assert list(load(text, rows).run("go")) == [], "what was refused is a task, to be mended and retried"


def test_a_route_may_end_in_a_delta_where_its_outgoing_has_no_steps(through):
    delta = [{"delta": {"storage": "sent", "key": "{{ id }}"}}]
    assert through(delta, [{"id": 1}, {"id": 2}])[0] == [{"id": 1}, {"id": 2}]
    assert through([*delta], [{"id": 1}, {"id": 2, "n": 1}])[0][-1:] == [{"id": 2, "n": 1}]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("  more: {subscriber: {prototype: file, path: x.csv}, transformers: [%s]}", "incoming.more.transformers[0]"),
        (
            "outgoing: {o: {transformers: [%s, {limit: 1}], publisher: {prototype: file, path: x.csv}}}",
            "transformers[0]",
        ),
        (
            "outgoing: {o: {transformers: [{when: {if: id, then: [%s]}}], publisher: {prototype: file, path: x.csv}}}",
            "when.then[0]",
        ),
        ("transformers: {tidy: [%s]}", "transformers.tidy[0]"),
        (
            "outgoing: {o: {publisher: {prototype: file, path: x.csv}}}\n"
            "routes: {r: {incoming: rows, outgoing: o, transformers: [%s, {limit: 1}]}}",
            "routes.r.transformers[0]",
        ),
    ],
)
def test_a_delta_that_could_not_be_told_of_its_deliveries_is_a_located_problem(load, text, place):
    with pytest.raises(ConfigError) as error:
        load(text % "{delta: {storage: sent, key: '{{ id }}'}}")
    (problem,) = error.value.problems
    assert place in problem.path
    assert "stands last: at the end of a route's transformers" in str(problem)


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ({"load": {"storage": "id", "key": "a", "into": "b"}}, "there is no storage 'id'. Did you mean 'ids'?"),
        ({"request": {"client": "hallo", "uri": "/x"}}, "there is no client 'hallo'. Did you mean 'halo'?"),
        (
            {"join": {"incoming": "row", "row_key": "{{ a }}", "key": "{{ a }}", "into": "b"}},
            "there is no incoming 'row'. Did you mean 'rows'?",
        ),
        ({"group": {"key": "id"}}, "'id' holds no placeholder"),
        ({"request": {"client": "halo", "uri": "/C/{id}"}}, "path gives no value for {id} in uri"),
        ({"request": {"client": "halo", "uri": "/C/{{ id }}"}}, "uri takes {name}, and path the value"),
        ({"join": {"row_key": "{{ a }}", "key": "{{ a }}", "into": "b"}}, "needs one of file, incoming, storage"),
    ],
)
def test_names_that_are_not_declared_are_found_before_anything_runs(load, step, said):
    with pytest.raises(ConfigError) as error:
        load(f"transformers: {{tidy: {json.dumps([step])}}}")
    (problem,) = error.value.problems
    assert said in str(problem)
    assert problem.path.startswith("transformers.tidy[0]")


# Rehearsals


def test_a_dry_run_shows_what_a_run_does_and_changes_nothing(load, folder, sandbox):
    text = """
outgoing:
  assets:
    transformers:
      - save: {storage: ids, key: "{{ serial }}", value: 1}
      - load: {storage: ids, key: "{{ serial }}", into: seen}
      - set: {payload: {inventory_number: "{{ serial }}", assettype_id: 130, client_id: 12, note: "seen {{ seen }}"}}
      - delta: {storage: sent, key: "{{ serial }}"}
    publisher: {prototype: haloitsm, client: halo, entity: POST /Asset}
routes:
  go: {incoming: rows, outgoing: assets}
"""
    pipeline = load(text, [{"serial": "DRY"}])
    for _ in range(2):
        (shown,) = pipeline.dry_run("go")
        assert shown["payload"][0]["note"] == "seen 1"
    assert held(folder, "ids") == held(folder, "sent") == {}


def test_a_dry_run_sends_the_reads_of_steps_and_not_their_writes(load, sandbox):
    seen = len(sandbox.requests)
    text = TO_FILE + (
        "      - request: {client: halo, uri: '/Client/{id}', path: {id: 12}, into: client}\n"
        "      - request: {client: halo, method: POST, uri: /Asset, payload: [], into: asset}\n"
    )
    (shown,) = load(text, [{"id": 1}]).dry_run("go")
    assert "POST /Asset was not sent: a preview or dry run sends no write" in shown["failed"]
    sent = [request.method for request in sandbox.requests[seen:] if request.path != "/auth/token"]
    assert "GET" in sent
    assert "POST" not in sent


# Requests


def test_a_request_takes_along_what_belongs_to_an_id(through, sandbox):
    step = {"request": {"client": "halo", "uri": "/Client/{id}", "path": {"id": "{{ client }}"}, "into": "client"}}
    found, failed = through([step], [{"client": number} for number in (3, 5, 7)])
    assert failed == []
    assert [entity["client"]["id"] for entity in found] == [3, 5, 7]


def test_a_list_of_halo_comes_with_all_its_pages(through, sandbox):
    step = {"request": {"client": "halo", "uri": "/Tickets", "items": "length(@)", "into": "count"}}
    found, _ = through([step], [{"id": 1}])
    assert found == [{"id": 1, "count": len(sandbox.tables["Tickets"])}]
    assert found[0]["count"] > 100


def test_answers_come_to_their_entities_also_when_many_are_under_way(through, sandbox):
    rows = [{"n": number % 9 + 1} for number in range(60)]
    step = {
        "request": {"client": "halo", "uri": "/Client/{id}", "path": {"id": "{{ n }}"}, "items": "id", "into": "got"}
    }
    found, failed = through([step], rows)
    assert failed == []
    assert [entity["got"] for entity in found] == [row["n"] for row in rows]


def test_equal_requests_are_sent_once_where_answers_are_kept(through, sandbox):
    seen = len(sandbox.requests)
    step = {
        "request": {"client": "halo", "uri": "/Client/{id}", "path": {"id": "{{ n }}"}, "into": "client", "cache": True}
    }
    through([step], [{"n": number % 3 + 1} for number in range(30)])
    asked = [request for request in sandbox.requests[seen:] if request.path.startswith("/api/Client/")]
    assert len(asked) == 3


def test_an_error_costs_the_entity_alone_and_a_normal_status_does_not(through):
    step = {"client": "halo", "uri": "/Client/{id}", "path": {"id": "{{ n }}"}, "items": "id", "into": "client"}
    found, (reason,) = through([{"request": step}], [{"n": 3}, {"n": 999_999}])
    assert found == [{"n": 3, "client": 3}]
    assert "404" in reason
    assert "step 1 (request)" in reason
    found, failed = through([{"request": {**step, "normal_statuses": ["400-404"]}}], [{"n": 999_999}])
    assert (found[-1:], failed) == ([{"n": 999_999, "client": None}], [])


def test_a_value_cannot_leave_its_part_of_the_path(through, sandbox):
    step = {"request": {"client": "halo", "uri": "/Client/{id}", "path": {"id": "{{ n }}"}, "into": "client"}}
    _, (reason,) = through([step], [{"n": ".."}])
    assert "cannot be '..'" in reason


def test_writes_are_sent_one_after_the_other_and_in_order(through, sandbox):
    seen = len(sandbox.requests)
    step = {
        "request": {
            "client": "halo",
            "method": "POST",
            "uri": "/Asset",
            "payload": [{"inventory_number": "W-{{ n }}", "assettype_id": 130, "client_id": 12}],
            "into": "made",
        }
    }
    found, failed = through([step], [{"n": number} for number in range(5)])
    assert failed == []
    made = [entity["made"]["id"] for entity in found]
    assert made == sorted(made)
    assert len([request for request in sandbox.requests[seen:] if request.path == "/api/Asset"]) == 5


def test_a_server_that_nobody_reaches_ends_the_run(through):
    with pytest.raises(UnreachableError):
        through([{"request": {"client": "nobody", "uri": "/x", "into": "x"}}], [{"id": 1}, {"id": 2}])


# Joins


def test_rows_of_a_file_are_joined_by_key(through, folder):
    (folder / "prices.csv").write_text("sku,price\nA,1\n7,2\n", "utf-8")
    step = {"join": {"file": "prices.csv", "row_key": "{{ sku }}", "key": "{{ sku }}", "into": "article"}}
    found, _ = through([step, {"select": {"price": "article.price"}}], [{"sku": 7}, {"sku": "B"}])
    assert found == [{"price": "2"}, {"price": None}]


def test_another_incoming_is_joined_and_read_once(load, folder, sandbox):
    text = """
  clients:
    subscriber: {prototype: haloitsm, client: halo, entity: GET /Client}
    transformers: [{select: {id: id, name: name}}]
outgoing:
  lines: {publisher: {prototype: file, path: "${FOLDER}/lines.jsonl"}}
routes:
  go:
    incoming: rows
    outgoing: lines
    transformers:
      - join: {incoming: clients, row_key: "{{ id }}", key: "{{ client }}", into: client}
"""
    outcomes = list(load(text, [{"client": number} for number in (3, 5, 3)]).run("go"))
    assert [outcome.entity["client"]["id"] for outcome in outcomes] == [3, 5, 3]


def test_an_incoming_that_joins_itself_is_told(load):
    text = """
  loop:
    subscriber: {prototype: file, path: "${FOLDER}/rows.jsonl"}
    transformers:
      - join: {incoming: loop, row_key: "{{ id }}", key: "{{ id }}", into: again}
outgoing:
  lines: {publisher: {prototype: file, path: "${FOLDER}/lines.jsonl"}}
routes:
  go: {incoming: loop, outgoing: lines}
"""
    (outcome,) = load(text, [{"id": 1}]).run("go")
    assert "the incoming 'loop' joins itself: loop > loop" in outcome.reason


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("../secret.csv", "is outside of the configuration's folder"),
        ("/etc/passwd.csv", "is outside of the configuration's folder"),
        ("none.csv", "none.csv: cannot be read"),
        ("none.zip", "none.zip"),
    ],
)
def test_a_file_that_cannot_be_joined_costs_every_entity_its_reason(through, file, said):
    step = {"join": {"file": file, "row_key": "{{ a }}", "key": "{{ a }}", "into": "b"}}
    found, failed = through([step], [{"a": 1}, {"a": 2}])
    assert found == []
    assert len(failed) == 2
    assert all(said in reason for reason in failed)
