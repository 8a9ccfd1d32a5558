"""``haloitsm storages`` shows what steps keep between runs, and forgets what is chosen."""

from __future__ import annotations

import json
import os
import pty
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from haloitsm_connector.store import KeptStorage, open_state

STATE = ("--state", "mine.sqlite")


@pytest.fixture
def kept(project):
    """A project in whose state something is kept."""
    with (project / "halo.yaml").open("a") as file:
        file.write("storages: {seen: {ttl_seconds: 3600}, empty: {}}\n")
    with open_state("mine.sqlite") as state:
        seen = KeptStorage(state, "seen", 3600)
        for number in range(60):
            seen.put(f"asset-{number:02}", {"id": number, "site": "north" if number % 2 else "south"})
        seen.put("user-1", {"id": 1, "name": "evil\x1b[2J"})
        KeptStorage(state, "undeclared").put("k", [1])
    return project


def test_storages_are_listed_with_their_entries(haloitsm, kept):
    ended = haloitsm("storages", "halo.yaml", *STATE)
    assert [line.split(maxsplit=2) for line in ended.out.splitlines()] == [
        ["storage", "entries", "kept"],
        ["empty", "0", "for ever"],
        ["seen", "61", "3600 s"],
        ["undeclared", "1", "for ever"],
    ]
    lines = [json.loads(line) for line in haloitsm("storages", "halo.yaml", *STATE, "--json").out.splitlines()]
    assert lines[1] == {"storage": "seen", "entries": 61, "ttl_seconds": 3600}


def test_the_first_entries_are_shown_and_all_of_them_as_json(haloitsm, kept):
    ended = haloitsm("storages", "halo.yaml", "seen", *STATE)
    assert ended.out.splitlines()[0] == 'asset-00  {"id":0,"site":"south"}'
    assert ended.err == "seen: 50 entries; there are more: --limit shows them\n"
    assert len(haloitsm("storages", "halo.yaml", "seen", *STATE, "--json").out.splitlines()) == 61


@pytest.mark.parametrize(
    ("options", "keys"),
    [
        (["--prefix", "asset-5"], [f"asset-5{number}" for number in range(10)]),
        (["--prefix", "user"], ["user-1"]),
        (["--where", "site == 'north' && id < `4`"], ["asset-01", "asset-03"]),
        (["--prefix", "asset-0", "--where", "site == 'south'", "--limit", "2"], ["asset-00", "asset-02"]),
        (["--prefix", "zzz"], []),
    ],
)
def test_entries_are_chosen_by_key_and_by_value(haloitsm, kept, options, keys):
    ended = haloitsm("storages", "halo.yaml", "seen", *STATE, *options, "--json")
    assert [json.loads(line)["key"] for line in ended.out.splitlines()] == keys


def test_one_entry_is_shown_whole(haloitsm, kept):
    ended = haloitsm("storages", "halo.yaml", "seen", "--key", "user-1", *STATE)
    assert json.loads(ended.out) == {"id": 1, "name": "evil\x1b[2J"}
    assert "\x1b" not in ended.out


def test_one_entry_is_deleted_without_a_question(haloitsm, kept):
    ended = haloitsm("storages", "halo.yaml", "seen", "--key", "user-1", "--delete", *STATE)
    assert (ended.status, ended.err) == (0, "seen: 1 entry deleted\n")


def test_what_is_chosen_is_deleted(haloitsm, kept):
    ended = haloitsm("storages", "halo.yaml", "seen", "--prefix", "asset-", "--delete", "--yes", *STATE)
    assert (ended.status, ended.err) == (0, "seen: 60 entries deleted\n")
    assert haloitsm("storages", "halo.yaml", "seen", "--all", "--delete", "--yes", *STATE).err.endswith(
        "1 entry deleted\n"
    )
    assert haloitsm("storages", "halo.yaml", "seen", *STATE).err == "seen: 0 entries\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["seen", "--delete"], "it is not clear which entries are to be deleted. Choose with --key"),
        (
            ["seen", "--delete", "--all", "--prefix", "a"],
            "it is not clear which entries are to be deleted. Leave --all",
        ),
        (["seen", "--delete", "--all"], "61 entries of 'seen' will be deleted, and nobody is there to say yes."),
        (["sen"], "there is no storage 'sen'. Did you mean 'seen'?"),
        (["seen", "--key", "nobody"], "the storage 'seen' has no such entry under 'nobody'"),
        (["seen", "--where", "id = 3"], "--where: 'id = 3'"),
        (["--prefix", "a"], "it is not said which storage is meant"),
    ],
)
def test_what_cannot_be_done_is_told_and_nothing_is_changed(haloitsm, kept, arguments, said):
    ended = haloitsm("storages", "halo.yaml", *arguments, *STATE)
    assert ended.status == 1
    assert said in ended.err
    with open_state("mine.sqlite") as state:
        assert len(list(KeptStorage(state, "seen").iterate())) == 61


def test_a_project_without_storages_says_so(haloitsm, project):
    assert haloitsm("storages", "halo.yaml").err == "No storage is declared, and nothing is kept.\n"


@pytest.mark.slow
@pytest.mark.parametrize(("answer", "status", "left"), [("y", 0, 0), ("n", 1, 61)])
def test_a_person_is_asked(kept, answer, status, left):
    pid, terminal = pty.fork()
    if not pid:
        arguments = ["haloitsm", "storages", "halo.yaml", "seen", "--all", "--delete", *STATE]
        os.execv(Path(sys.executable).with_name("haloitsm"), arguments)
    shown = b""
    with suppress(OSError):
        while part := os.read(terminal, 65536):
            shown += part
            if shown.endswith(b"[y/N]: "):
                os.write(terminal, f"{answer}\n".encode())
    assert b"61 entries of 'seen' will be deleted. Go on? [y/N]" in shown
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == status
    with open_state("mine.sqlite") as state:
        assert len(list(KeptStorage(state, "seen").iterate())) == left
