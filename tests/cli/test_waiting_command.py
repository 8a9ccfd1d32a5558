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
    assert "laptops: 1 created, 1 waiting\n" in ended.err
    return haloitsm


def test_a_create_without_an_answer_is_shown_with_what_a_person_needs(lost):
    ended = lost("waiting", "halo.yaml")
    assert ended.status == 0
    number, sent, payload, reason = ended.out.split(maxsplit=1)[0], *ended.out.splitlines()
    assert number == "1"
    assert sent.endswith("UTC  route laptops  task 100")
    assert payload.strip().startswith('POST /Asset [{"inventory_number":"LT-0001"')
    assert "connection was lost" in reason
    assert ended.err.startswith("1 create waiting: look them up")


def test_it_is_not_sent_again_before_it_is_settled(lost, sandbox):
    seen = len(sandbox.effects)
    ended = lost("run", "halo.yaml", "laptops")
    assert "laptops: 1 created, 1 waiting\n" in ended.err
    assert "number 1" in ended.err
    assert len(sandbox.effects) == seen + 1


def test_what_is_there_is_skipped_by_the_next_run(lost, sandbox):
    ended = lost("waiting", "halo.yaml", "--created", 1, "--id", 4711)
    assert ended.err == "1: created; haloitsm run halo.yaml laptops --no-read skips it, task 100.\n"
    assert lost("waiting", "halo.yaml").err == "0 creates waiting\n"
    lines = [json.loads(line) for line in lost("run", "halo.yaml", "laptops", "--json").out.splitlines()]
    assert sorted((line["task"], line["status"], line["id"] == 4711) for line in lines) == [
        (100, "skipped", True),
        (200, "created", False),
        (201, "created", False),
    ]
    assert lost("run", "halo.yaml", "laptops").err == "laptops: 2 created\n"


def test_what_is_not_there_is_sent_by_the_next_run(lost):
    assert (
        lost("waiting", "halo.yaml", "--again", 1).err
        == "1: not created; haloitsm run halo.yaml laptops --no-read sends it, task 100.\n"
    )
    assert lost("run", "halo.yaml", "laptops").err == "laptops: 3 created\n"


def test_json_has_one_line_per_create(lost):
    (line,) = lost("waiting", "halo.yaml", "--json").out.splitlines()
    shown = json.loads(line)
    assert (shown["number"], shown["request"], shown["payload"][0]["inventory_number"]) == (1, "POST /Asset", "LT-0001")
    assert shown["tasks"] == [100]


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


def test_those_of_bulk_commands_wait_where_the_folder_keeps_its_state(haloitsm, project, sandbox):
    sandbox.faults = LOST
    create = ("bulk", "create", "Asset", "--from", "laptops.csv", "--map", "serial=inventory_number")
    create += ("--map", "client=client_id", "--set", "assettype_id=130", "--yes")
    assert haloitsm(*create).status == 4
    ended = haloitsm("waiting")
    assert ended.err.startswith("1 create waiting")
    assert haloitsm("waiting", "--created", ended.out.split()[0], "--id", 4711).status == 0
    assert haloitsm("waiting").err == "0 creates waiting\n"
    made = sum(effect.did == "created" for effect in sandbox.effects)
    assert haloitsm(*create).status == 0
    assert sum(effect.did == "created" for effect in sandbox.effects) == made


def test_a_task_of_several_parts_waits_for_each_of_them(haloitsm, project, sandbox):
    config = (project / "halo.yaml").read_text("utf-8")
    config = config.replace("      - set: {payload", "      - split: {items: items}\n      - set: {payload")
    (project / "halo.yaml").write_text(config.replace("path: laptops.csv", "path: laptops.json"), "utf-8")
    (project / "laptops.json").write_text('[{"items": [{"serial": "A", "client": 12}, {"serial": "B", "client": 12}]}]')
    fault = LOST["faults"][0]
    sandbox.faults = {"faults": [{**fault, "match": {**fault["match"], "times": 2}}]}
    assert "laptops: 2 waiting\n" in haloitsm("run", "halo.yaml", "laptops").err
    sandbox.faults = None
    shown = [json.loads(line) for line in haloitsm("waiting", "halo.yaml", "--json").out.splitlines()]
    assert [(one["number"], one["tasks"]) for one in shown] == [(1, [100]), (2, [100])]
    assert haloitsm("waiting", "halo.yaml", "--created", 2).err == "2: created; task 100 waits for 1 too.\n"
    assert haloitsm("waiting", "halo.yaml", "--created", 1).err == (
        "1: created; haloitsm run halo.yaml laptops --no-read skips it, task 100.\n"
    )
