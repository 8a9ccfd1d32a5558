from __future__ import annotations

import json

import pytest


def test_an_incoming_shows_its_final_request_and_sends_none(haloitsm, project, sandbox):
    seen = len(sandbox.requests)
    ended = haloitsm("preview", "halo.yaml", "tickets")
    assert ended.status == 0
    assert ended.out == (f"GET {sandbox.base_uri}/api/Tickets?pageinate=true&page_size=100&page_no=1&open_only=true\n")
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
    assert "failed: fails.yaml:5:" in ended.out


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
