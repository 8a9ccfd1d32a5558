"""``haloitsm tasks``: what was stored can be seen, retried, skipped, deleted, written out and taken in."""

from __future__ import annotations

import json
import re
import time

import pytest

from haloitsm_connector.store import open_state
from haloitsm_connector.store.tasks import Tasks
from haloitsm_connector.store.tasks_cut import NewTask
from haloitsm_connector.store.tasks_settled import Settled

STATE = ("--state", "mine.sqlite")
REASON = "POST /Asset answered 400: Could not convert 'none' to integer."


@pytest.fixture
def tasks(project):
    """A state with tasks of each kind: five laptops, and one ticket that came two hours ago and was rejected."""
    with open_state("mine.sqlite") as state:
        earlier = Tasks(state, now=lambda: time.time() - 7200)
        earlier.add({"tickets": [NewTask({"id": 9}, "9", rejected="halo.yaml:1:1: a step failed")]}, {}, covers=True)
        made = Tasks(state)
        laptops = [NewTask({"serial": f"LT-{n}", "client": 12}, f"LT-{n}") for n in range(5)]
        for some in (laptops[:3], laptops[3:]):
            made.add({"laptops": some}, {}, covers=True, source="incoming laptops")
        first, second, third, *_ = [task.number for task in made.claim("laptops", 3)]
        answer = {"outcome": "refused", "id": None, "request": "POST /Asset", "response": {"error": "evil\x1b[2J"}}
        made.settle(
            "laptops",
            [
                Settled(first, "finished", answer={"outcome": "created", "id": 261, "request": "POST /Asset"}),
                Settled(second, "failed", REASON, answer=answer),
                Settled(third, "retry", "the server answered 503", due=time.time() + 600),
            ],
        )
    return {"finished": first, "failed": second, "retry": third}


def listed(haloitsm, *options):
    lines = haloitsm("tasks", "list", "halo.yaml", *STATE, "--json", *options).out.splitlines()
    return [(line["route"], line["status"], line["key"]) for line in map(json.loads, lines)]


def test_tasks_are_listed_newest_first_with_why(haloitsm, tasks):
    ended = haloitsm("tasks", "list", "halo.yaml", *STATE)
    assert ended.status == 0
    rows = [re.split(r"  +", line) for line in ended.out.splitlines()]
    assert rows[0] == ["task", "route", "status", "key", "attempts", "changed (UTC)", "why"]
    assert [(row[1], row[2], row[3]) for row in rows[1:]] == [
        ("laptops", "new", "LT-4"),
        ("laptops", "new", "LT-3"),
        ("laptops", "retry", "LT-2"),
        ("laptops", "failed", "LT-1"),
        ("laptops", "finished", "LT-0"),
        ("tickets", "rejected", "9"),
    ]
    assert rows[4][6] == REASON
    assert ended.err == "haloitsm tasks show halo.yaml 301 shows one with all that happened to it.\n"


@pytest.mark.parametrize(
    ("options", "keys"),
    [
        (["--status", "failed,retry"], ["LT-2", "LT-1"]),
        (["--route", "tickets"], ["9"]),
        (["--since", "1h"], ["LT-4", "LT-3", "LT-2", "LT-1", "LT-0"]),
        (["--until", "1h"], ["9"]),
        (["--key", "LT-1"], ["LT-1"]),
        (["--text", "could NOT convert"], ["LT-1"]),
        (["--limit", "2"], ["LT-4", "LT-3"]),
        (["--since", "2100-01-01"], []),
    ],
)
def test_tasks_are_chosen_by_what_is_known_of_them(haloitsm, tasks, options, keys):
    assert [key for _, _, key in listed(haloitsm, *options)] == keys


def test_what_is_not_shown_is_said(haloitsm, tasks):
    ended = haloitsm("tasks", "list", "halo.yaml", *STATE, "--limit", "2")
    assert ended.err == "These are the newest 2; --limit shows more, --json all.\n"
    assert haloitsm("tasks", "list", "halo.yaml", *STATE, "--status", "waiting").err == "No such tasks.\n"


def test_a_task_is_shown_with_all_that_happened(haloitsm, tasks):
    number = tasks["failed"]
    ended = haloitsm("tasks", "show", "halo.yaml", number, *STATE)
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME", ended.out)
    assert text == (
        f"task {number}\n"
        "  status        failed\n"
        f"  why           {REASON}\n"
        "  route         laptops\n"
        "  from          incoming laptops\n"
        "  key           LT-1\n"
        "  attempts      1\n"
        "  stored        TIME UTC\n"
        "  changed       TIME UTC\n"
        "  request       POST /Asset\n"
        "── entity\n"
        '{\n  "serial": "LT-1",\n  "client": 12\n}\n'
        "── answer\n"
        '{\n  "error": "evil\\u001b[2J"\n}\n'
        "── history (UTC)\n"
        "TIME stored: incoming laptops\n"
        f"TIME attempt: failed: {REASON}\n"
    )
    assert ended.err == (
        f"Mend the cause, then: haloitsm tasks retry halo.yaml {number}. "
        f"To leave it: haloitsm tasks skip halo.yaml {number}.\n"
    )


def test_a_task_is_shown_to_machines(haloitsm, tasks):
    shown = json.loads(haloitsm("tasks", "show", "halo.yaml", tasks["failed"], *STATE, "--json").out)
    assert (shown["status"], shown["attempts"], shown["entity"]["serial"]) == ("failed", 1, "LT-1")
    assert [entry["what"] for entry in shown["history"]] == ["stored", "attempt"]


def test_the_steps_of_the_outgoing_are_shown_on_the_stored_entity(haloitsm, tasks, sandbox):
    seen = len(sandbox.requests)
    ended = haloitsm("tasks", "show", "halo.yaml", tasks["failed"], "--steps", *STATE)
    assert "── outgoing new-assets: 1 entity" in ended.out
    assert "── after step halo.yaml:25:9: step 1 (set)" in ended.out or "after step" in ended.out
    assert '"inventory_number": "LT-1"' in ended.out
    assert f"POST {sandbox.base_uri}/api/Asset" in ended.out
    assert len(sandbox.requests) == seen


@pytest.mark.parametrize(
    ("action", "chosen", "left"),
    [
        ("retry", ["--status", "failed"], "new"),
        ("retry", ["--text", "convert", "--route", "laptops"], "new"),
        ("skip", ["--key", "LT-1"], "skipped"),
        ("delete", ["--status", "failed,rejected", "--since", "1h"], None),
    ],
)
def test_what_is_chosen_is_changed_when_somebody_says_yes(haloitsm, tasks, action, chosen, left):
    ended = haloitsm("tasks", action, "halo.yaml", *chosen, *STATE)
    assert ended.status == 1
    assert "1 task will be" in ended.err
    assert "--yes" in ended.err
    ended = haloitsm("tasks", action, "halo.yaml", *chosen, *STATE, "--yes")
    assert ended.status == 0
    assert ended.err.startswith("1 task ")
    assert [status for _, status, key in listed(haloitsm) if key == "LT-1"] == ([left] if left else [])


def test_what_is_put_back_says_how_it_is_delivered(haloitsm, tasks):
    ended = haloitsm("tasks", "retry", "halo.yaml", "--route", "laptops", "--yes", *STATE)
    assert ended.err == "2 tasks put back into the queue; deliver: haloitsm run halo.yaml laptops --no-read\n"


def test_named_tasks_are_changed_without_a_question(haloitsm, tasks):
    ended = haloitsm("tasks", "retry", "halo.yaml", tasks["failed"], tasks["retry"], *STATE)
    assert (ended.status, ended.err) == (
        0,
        "2 tasks put back into the queue; deliver: haloitsm run halo.yaml --no-read\n",
    )
    assert haloitsm("tasks", "reopen", "halo.yaml", tasks["finished"], *STATE).status == 0
    assert [status for route, status, _ in listed(haloitsm) if route == "laptops"] == ["new"] * 5


def test_a_task_that_a_newer_one_has_overtaken_is_left_out_unless_it_is_asked_for(haloitsm, tasks):
    with open_state("mine.sqlite") as state:
        newer = Tasks(state)
        newer.add({"laptops": [NewTask({"serial": "LT-1", "client": 7}, "LT-1")]}, {}, covers=True)
        claimed = newer.claim("laptops", 500)
        newer.settle("laptops", [Settled(one.number, "finished") for one in claimed])
    ended = haloitsm("tasks", "retry", "halo.yaml", "--status", "failed,retry", "--yes", *STATE)
    assert ended.status == 4
    assert ended.err == (
        "1 task put back into the queue; deliver: haloitsm run halo.yaml --no-read\n"
        f"task {tasks['failed']} is left out: task {claimed[-1].number}, newer and with the same key (LT-1), "
        "was delivered or is under way.\n"
        "Skip what is not needed any more; --even-if-overtaken sends older data after newer.\n"
    )
    ended = haloitsm("tasks", "retry", "halo.yaml", tasks["failed"], "--even-if-overtaken", *STATE)
    assert (ended.status, ended.err.partition(";")[0]) == (0, "1 task put back into the queue")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["retry"], "it is not clear which tasks are meant. Give their numbers, choose with --status"),
        (["retry", "--all", "--route", "laptops"], "it is not clear which tasks are meant. Leave --all out."),
        (
            ["retry", "--status", "finished"],
            "what is finished cannot be retried. Only what is failed, skipped or retry",
        ),
        (["list", "--status", "faild"], "there is no status 'faild'. Did you mean 'failed'?"),
        (["list", "--route", "laptop"], "there is no route 'laptop', and no task of one. Did you mean 'laptops'?"),
        (["list", "--since", "yesterday"], "--since: this is text that is not a date"),
        (["show", "999999"], "there is no task 999999. haloitsm tasks list shows which there are."),
        (["delete", "999999"], "there is no task 999999"),
    ],
)
def test_what_cannot_be_done_is_told(haloitsm, tasks, arguments, said):
    command, *rest = arguments
    ended = haloitsm("tasks", command, "halo.yaml", *rest, *STATE)
    assert ended.status == 1
    assert said in ended.err
    assert len(listed(haloitsm)) == 6


def test_what_is_written_out_is_taken_in_again(haloitsm, tasks, project):
    exported = haloitsm("tasks", "export", "halo.yaml", "--status", "failed", *STATE)
    assert json.loads(exported.out)["entity"] == {"serial": "LT-1", "client": 12}
    (project / "mended.jsonl").write_text(exported.out.replace("12", "7") + "no JSON\n", "utf-8")
    ended = haloitsm("tasks", "import", "halo.yaml", "laptops", "mended.jsonl", *STATE)
    assert ended.status == 4
    assert ended.err.startswith("mended.jsonl:2: is no JSON: ")
    assert ended.err.endswith("1 task stored, 1 line refused; deliver: haloitsm run halo.yaml laptops --no-read\n")
    assert listed(haloitsm, "--limit", "1") == [("laptops", "new", "LT-1")]


def test_a_file_or_a_route_that_is_not_there_is_named(haloitsm, tasks):
    ended = haloitsm("tasks", "import", "halo.yaml", "laptops", "missing.jsonl", *STATE)
    assert (ended.status, ended.err) == (1, "error: cannot read missing.jsonl: No such file or directory.\n")
    ended = haloitsm("tasks", "import", "halo.yaml", "lptops", "laptops.csv", *STATE)
    assert "there is no route 'lptops'. Did you mean 'laptops'?" in ended.err


def test_secrets_of_the_configuration_are_hidden_in_tasks(haloitsm, project):
    (project / "key.txt").write_text("k3y-of-the-vault\n")
    config = (project / "halo.yaml").read_text().replace('"{{ serial }}"', '"${file:key.txt}"')
    (project / "halo.yaml").write_text(config)
    with open_state("mine.sqlite") as state:
        entity = {"serial": "k3y-of-the-vault"}
        Tasks(state).add(
            {"laptops": [NewTask(entity, "k3y-of-the-vault", rejected="k3y-of-the-vault")]}, {}, covers=True
        )
    for command in (["list"], ["list", "--json"], ["show", "100"], ["show", "100", "--json"], ["export"]):
        name, *rest = command
        ended = haloitsm("tasks", name, "halo.yaml", *rest, *STATE)
        assert ended.status == 0
        assert "***" in ended.out
        assert "k3y-of-the-vault" not in ended.out + ended.err
