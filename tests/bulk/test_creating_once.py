"""With --once the preview knows what is there already, so that what is agreed to is what is created."""

from __future__ import annotations

import io
import json
import sys

import pytest

HEAD = "inventory_number,assettype_id,client_id\n"


@pytest.fixture
def make(bulk, folder):
    """Create assets of these inventory numbers, each for client 12 or the one behind a colon."""

    def run(*numbers: str, options: tuple[str, ...] = ("--yes",), once: str = "inventory_number"):
        rows = "".join(
            f"{number},130,{client or 12}\n" for number, _, client in (one.partition(":") for one in numbers)
        )
        (folder / "in.csv").write_text(HEAD + rows, "utf-8")
        return bulk("create", "Asset", "--from", "in.csv", "--once", once, *options)

    return run


@pytest.fixture
def asked(sandbox):
    return lambda: [one for one in sandbox.requests if one.method == "GET" and one.path == "/api/Asset"]


def numbers(sandbox) -> list[str]:
    return [one["inventory_number"] for one in sandbox.tables["Asset"].values()]


def test_rows_with_the_same_key_are_told_as_what_they_are(make, sandbox, result):
    ended = make("LT-A", "LT-A", "LT-A:13", "", " ", "LT-B")
    assert ended.status == 4
    assert "create 2 new records" in ended.out
    assert "left out: line 3: line 2 asks for the same" in ended.out
    assert "left out: line 4: line 2 is about the same record" in ended.out
    assert "left out: lines 5, 6: it has no inventory_number, by which --once tells records apart" in ended.out
    outcomes = ["created", "equal", "duplicate", "no id", "no id", "created"]
    assert [row["bulk_outcome"] for row in result()] == outcomes
    assert [bool(row["bulk_id"]) for row in result()] == [True, False, False, False, False, True]
    assert numbers(sandbox).count("LT-A") == 1


def test_a_duplicate_stays_out_when_the_result_is_given_again(make, bulk, sandbox, result):
    make("LT-A", "LT-A:13", "LT-B")
    ended = bulk("create", "Asset", "--from", "bulk-1.csv", "--once", "inventory_number", "--yes")
    assert ended.status == 4
    assert "left out: line 3: line 2, which an earlier run has done, is about the same record" in ended.out
    assert numbers(sandbox).count("LT-A") == 1


@pytest.mark.parametrize("count", [1, 40], ids=["looked up alone", "by the list"])
def test_the_preview_says_how_many_are_there_already(make, sandbox, writes, asked, result, count):
    there = numbers(sandbox)[0]
    new = [f"LT-{number}" for number in range(count)]
    ended = make(there, *new, options=("--dry-run",))
    assert ended.status == 0
    assert f"create {count} new record" in ended.out
    assert "left out: line 2: the Asset with this inventory_number is there already" in ended.out
    assert writes() == []
    before = len(asked())
    assert make(there, *new).status == 0
    assert len(asked()) - before <= 7
    assert result()[0]["bulk_outcome"] == "skipped"
    assert sandbox.tables["Asset"][int(result()[0]["bulk_id"])]["inventory_number"] == there
    assert set(new) <= set(numbers(sandbox))
    assert numbers(sandbox).count(there) == 1


def test_what_is_inactive_is_there_as_well(make, sandbox):
    for number, one in zip(range(2), sandbox.tables["Asset"].values(), strict=False):
        one |= {"inactive": True, "inventory_number": f"OLD-{number}"}
    assert "There is nothing to send." in make("OLD-0").err
    assert "create 30 new records" in make("OLD-0", "OLD-1", *[f"LT-{number}" for number in range(30)]).out


def test_who_takes_long_to_agree_creates_nothing_that_is_there_meanwhile(make, sandbox, result, monkeypatch):
    key, one = next(iter(sandbox.tables["Asset"].items()))

    class Colleague(io.StringIO):
        def readline(self, size: int = -1) -> str:
            sandbox.tables["Asset"][key] = one | {"inventory_number": "LT-7"}
            return super().readline(size)

    monkeypatch.setattr(sys, "stdin", Colleague("y\n"))
    ended = make(*[f"LT-{number}" for number in range(30)], options=())
    assert ended.status == 0
    assert "create 30 new records" in ended.out
    assert "Run 1: 29 created, 1 there already." in ended.err
    assert numbers(sandbox).count("LT-7") == 1


def test_a_run_that_goes_on_looks_again(make, sandbox):
    many = [f"LT-{number}" for number in range(30)]
    make(*many, options=("--yes", "--limit", "3"))
    next(iter(sandbox.tables["Asset"].values()))["inventory_number"] = "LT-20"
    ended = make(*many)
    assert "create 26 new records" in ended.out
    assert [numbers(sandbox).count(one) for one in many] == [1] * 30


@pytest.mark.slow
def test_what_was_sent_before_a_cut_is_told_as_created(make, sandbox, result):
    """The list shows it, and so does the journal: it is no record of somebody else."""
    many = [f"LT-{number}" for number in range(30)]
    lost = {"kind": "reset", "when": "after", "match": {"method": "POST", "path": "/api/*"}}
    lists = {"kind": "answer", "status": 500, "match": {"method": "GET", "path": "/api/Asset", "after": 7}}
    sandbox.faults = {"faults": [lost, lists]}
    make(*many, options=("--yes", "--batch", "10", "--parallel", "1"))
    assert {row["bulk_outcome"] for row in result()} == {"waiting"}
    sandbox.faults = None
    make(*many, options=("--yes", "--result", "bulk-1.csv"))
    assert {row["bulk_outcome"] for row in result()} == {"created"}
    assert [numbers(sandbox).count(one) for one in many] == [1] * 30


@pytest.mark.parametrize(
    ("once", "said"),
    [
        ("inventry_number", "Asset has no documented field 'inventry_number'"),
        ("id", "new records get their ids from Halo. Name another field with --once."),
        ("key_field", "--once: no column is for 'key_field'. Say which one is: --map COLUMN=FIELD."),
    ],
)
def test_a_field_that_cannot_tell_records_apart_is_refused(make, writes, once, said):
    ended = make("LT-A", once=once)
    assert ended.status == 1
    assert said in ended.err
    assert writes() == []


def test_a_field_that_no_search_finds_is_looked_for_in_the_list(bulk, folder, sandbox, result):
    clients = sandbox.tables["Client"]
    there = len(clients)
    (folder / "in.csv").write_text(f"name,accountsid\nNew,{clients[3]['accountsid']}\n", "utf-8")
    ended = bulk("create", "Client", "--from", "in.csv", "--once", "accountsid", "--yes")
    assert ended.status == 0
    assert "There is nothing to send." in ended.err
    assert len(clients) == there


def test_a_list_that_hides_the_field_is_not_believed(bulk, folder, sandbox, writes):
    sandbox.tables["Asset"][1]["notes"] = "x"
    rows = [{"inventory_number": f"LT-{n}", "assettype_id": 130, "client_id": 12, "notes": f"x{n}"} for n in range(40)]
    (folder / "in.json").write_text(json.dumps(rows))
    ended = bulk("create", "Asset", "--from", "in.json", "--once", "notes", "--yes")
    assert (ended.status, writes()) == (1, [])
    assert "no row of the list of Asset shows 'notes', so it cannot tell what is there" in ended.err
    assert bulk("create", "Asset", "--from", "in.json", "--once", "notes", "--list-only", "--yes").status == 0
    assert len(writes()) == 1
