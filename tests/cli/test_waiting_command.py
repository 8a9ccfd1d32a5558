from __future__ import annotations

import json

import pytest

LOST = {"faults": [{"kind": "reset", "when": "after", "match": {"method": "POST", "path": "/api/Asset", "times": 1}}]}


@pytest.fixture
def lost(haloitsm, project, sandbox):
    """A run whose first create got no answer."""
    sandbox.faults = LOST
    ended = haloitsm("run", "halo.yaml", "laptops")
    sandbox.faults = None
    assert ended.status == 4
    assert ended.err.endswith("laptops: 1 created, 1 waiting\n")
    return haloitsm


def test_a_create_without_an_answer_is_shown_with_what_a_person_needs(lost):
    ended = lost("waiting", "halo.yaml")
    assert ended.status == 0
    number, sent, payload, reason = ended.out.split(maxsplit=1)[0], *ended.out.splitlines()
    assert number == "1"
    assert sent.endswith("UTC  route laptops")
    assert payload.strip().startswith('POST /Asset [{"inventory_number":"LT-0001"')
    assert "connection was lost" in reason
    assert ended.err.startswith("1 create waiting: look them up")


def test_it_is_not_sent_again_before_it_is_settled(lost, sandbox):
    seen = len(sandbox.effects)
    ended = lost("run", "halo.yaml", "laptops")
    assert ended.err.endswith("laptops: 1 created, 1 waiting\n")
    assert "number 1" in ended.err
    assert len(sandbox.effects) == seen + 1


def test_what_is_there_is_skipped_by_the_next_run(lost, sandbox):
    assert lost("waiting", "halo.yaml", "--created", 1, "--id", 4711).err == "1: created; the next run skips it.\n"
    assert lost("waiting", "halo.yaml").err == "0 creates waiting\n"
    lines = [json.loads(line) for line in lost("run", "halo.yaml", "laptops", "--json").out.splitlines()]
    assert [(line["status"], line["id"] == 4711) for line in lines] == [("skipped", True), ("created", False)]
    assert lost("run", "halo.yaml", "laptops").err == "laptops: 2 created\n"


def test_what_is_not_there_is_sent_by_the_next_run(lost):
    assert lost("waiting", "halo.yaml", "--again", 1).err == "1: not created; the next run sends it again.\n"
    assert lost("run", "halo.yaml", "laptops").err == "laptops: 2 created\n"


def test_json_has_one_line_per_create(lost):
    (line,) = lost("waiting", "halo.yaml", "--json").out.splitlines()
    shown = json.loads(line)
    assert (shown["number"], shown["request"], shown["payload"][0]["inventory_number"]) == (1, "POST /Asset", "LT-0001")


def test_a_number_that_waits_for_nothing_is_named(lost):
    for option in ("--created", "--again"):
        ended = lost("waiting", "halo.yaml", option, 7)
        assert ended.status == 1
        assert "no create with number 7 is waiting" in ended.err
    assert lost("waiting", "halo.yaml", "--id", 5).status == 1


def test_state_lies_where_it_is_told_to(haloitsm, project):
    assert haloitsm("run", "halo.yaml", "laptops", "--state", "mine.sqlite").status == 0
    assert (project / "mine.sqlite").is_file()
    assert not (project / ".state").exists()
