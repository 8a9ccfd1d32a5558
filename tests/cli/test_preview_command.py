from __future__ import annotations

import json

import pytest


def test_an_incoming_shows_its_final_request_and_sends_none(haloitsm, project, sandbox):
    seen = len(sandbox.requests)
    ended = haloitsm("preview", "halo.yaml", "tickets")
    assert ended.status == 0
    query = "pageinate=true&page_size=100&page_no=1&order=id&orderdesc=false&open_only=true"
    assert ended.out == f"GET {sandbox.base_uri}/api/Tickets?{query}\n"
    assert len(sandbox.requests) == seen


def test_send_shows_what_each_step_changed(haloitsm, project):
    lines = haloitsm("preview", "halo.yaml", "tickets", "--send", "--limit", "1").out.splitlines()
    after_rename, after_select = (
        lines[lines.index(f"── after step {step}: 1 entity") + 1] for step in ("1 rename", "2 select")
    )
    assert after_rename.startswith('{"subject":')
    assert after_rename.endswith("fields as before, without summary")
    assert set(json.loads(after_select)) == {"id", "subject"}


def test_the_json_holds_entities_whole_before_and_after_each_step(haloitsm, project):
    parts = json.loads(haloitsm("preview", "halo.yaml", "tickets", "--send", "--json").out)
    steps = [part for part in parts if "step" in part]
    assert [step["step"] for step in steps] == ["1 rename", "2 select"]
    assert len(steps[0]["before"]) == 3
    assert len(steps[0]["before"][0]) > 50
    assert steps[0]["after"] == steps[1]["before"]


def test_a_route_shows_the_writes_and_sends_none(haloitsm, project, sandbox):
    seen = len(sandbox.requests)
    ended = haloitsm("preview", "halo.yaml", "laptops", "--send")
    assert ended.out.count(f"POST {sandbox.base_uri}/api/Asset\n") == 2
    assert '"client_id": "7"' in ended.out
    assert all(request.method != "POST" for request in sandbox.requests[seen:])


def test_an_outgoing_takes_entities_from_a_file(haloitsm, project):
    without = haloitsm("preview", "halo.yaml", "new-assets")
    assert "--data FILE" in without.err
    ended = haloitsm("preview", "halo.yaml", "new-assets", "--data", "laptops.csv", "--limit", "1")
    assert '"inventory_number": "LT-0001"' in ended.out
    assert "LT-0002" not in ended.out


def test_an_entity_that_a_step_cannot_take_is_shown_with_its_place(haloitsm, project):
    (project / "fails.yaml").write_text(
        "incoming:\n  laptops:\n    subscriber: {prototype: file, path: laptops.csv}\n"
        "    transformers:\n      - set: {label: 'No. {{ missing }}'}\n"
    )
    ended = haloitsm("preview", "fails.yaml", "laptops", "--send")
    assert "failed: serial LT-0001: fails.yaml:5:" in ended.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["new-asset"], "Did you mean 'new-assets'?"),
        (["zzz"], "Declared: tickets, laptops, tickets, laptops, lines, new-assets."),
        (["tickets", "--data", "laptops.csv"], "'tickets' is not an outgoing"),
        (["new-assets", "--data", "missing.csv"], "missing.csv: cannot be read"),
    ],
)
def test_what_cannot_be_previewed_is_said(haloitsm, project, arguments, said):
    ended = haloitsm("preview", "halo.yaml", *arguments)
    assert ended.status == 1
    assert said in ended.err


def test_steps_shows_what_each_step_changed_value_by_value(haloitsm, project):
    (project / "steps.yaml").write_text(
        "incoming:\n  laptops:\n    subscriber: {prototype: file, path: laptops.csv}\n    transformers:\n"
        "      - set: {label: 'No. {{ serial }}', at.client: '{{ client }}'}\n"
        "      - when: {if: client == '7', then: [{remove: [client]}]}\n"
        "      - sort: {by: [{descending: serial}]}\n"
        "      - filter: client\n"
        "      - set: {label: '{{ label }}'}\n"
        "      - set: {none: 'x{{ none }}'}\n",
        "utf-8",
    )
    ended = haloitsm("preview", "steps.yaml", "laptops", "--steps")
    assert ended.out.splitlines()[3:] == [
        "── after step 1 set: 2 entities",
        "entity 1 (serial LT-0001)",
        '  + label: "No. LT-0001"',
        '  + at: {"client": "12"}',
        "entity 2 (serial LT-0002)",
        '  + label: "No. LT-0002"',
        '  + at: {"client": "7"}',
        "── after step 2 when: 2 entities",
        "entity 2 (serial LT-0002)",
        '  - client: "7"',
        "── after step 3 sort: 2 entities",
        "the same entities in another order",
        "── after step 4 filter: 1 entity",
        '- {"serial": "LT-0002", "label": "No. LT-0002", "at": {"client": "7"}}',
        "── after step 5 set: 1 entity",
        "nothing changed",
        "── after step 6 set: 0 entities",
        "failed: serial LT-0001: steps.yaml:10:9: none: gives null, which cannot stand inside a text; "
        "write {{ none || '' }} if that is fine",
    ]


def test_steps_of_an_outgoing_are_shown_with_the_data_that_is_given(haloitsm, project):
    ended = haloitsm("preview", "halo.yaml", "new-assets", "--data", "laptops.csv", "--limit", "1", "--steps")
    assert '  + payload: {"inventory_number": "LT-0001"' in ended.out


def test_without_send_no_other_incoming_is_read_for_a_join(haloitsm, project, sandbox):
    join = "{join: {incoming: tickets, row_key: '{{ id }}', key: '{{ serial }}', into: ticket}}"
    config = (
        (project / "halo.yaml")
        .read_text("utf-8")
        .replace("    transformers:\n      - set:", f"    transformers:\n      - {join}\n      - set:")
    )
    (project / "halo.yaml").write_text(config, "utf-8")
    seen = len(sandbox.requests)
    ended = haloitsm("preview", "halo.yaml", "new-assets", "--data", "laptops.csv")
    assert "the incoming 'tickets' was not read: steps read with --send only" in ended.out
    assert len(sandbox.requests) == seen


def test_without_send_steps_send_no_requests_either(haloitsm, project, sandbox):
    config = (project / "halo.yaml").read_text("utf-8") + (
        "storages: {seen: {}}\ntransformers:\n  asking:\n"
        "    - request: {client: halo, uri: '/Client/{id}', path: {id: 12}, into: query.client}\n"
    )
    config = config.replace(
        "      request_parameters: {query: {open_only: true}}\n", "      input_transformers: [asking]\n"
    )
    (project / "halo.yaml").write_text(config, "utf-8")
    seen = len(sandbox.requests)
    ended = haloitsm("preview", "halo.yaml", "tickets")
    assert "GET /Client/{id} was not sent: the reads of steps are sent with --send only" in ended.err
    assert len(sandbox.requests) == seen
