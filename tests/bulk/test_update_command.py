"""Many records are changed as a file says, and nothing else is."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

CLIENTS = range(2, 26)


def rows(folder: Path, text: str, name: str = "clients.csv", encoding: str = "utf-8") -> str:
    (folder / name).write_bytes(text.encode(encoding))
    return name


def test_fields_of_many_records_are_set(bulk, sandbox, folder, writes):
    source = rows(folder, "Client Id;Klant\r\n" + "".join(f"{number};x\r\n" for number in CLIENTS))
    ended = bulk("update", "Client", "--from", source, "--map", "Client Id=id", "--set", "item_tax_code=1", "--yes")
    assert ended.status == 0
    assert {sandbox.tables["Client"][number]["item_tax_code"] for number in CLIENTS} == {1}
    assert len(writes()) == 1
    assert "item_tax_code: 24" in ended.out
    assert "column 'Klant' is not used" in ended.out
    assert "Run 1: 24 updated. The result is in bulk-1.csv." in ended.err


def test_nothing_but_what_differs_is_sent(bulk, sandbox, folder):
    sandbox.tables["Client"][3]["item_tax_code"] = 1
    name = sandbox.tables["Client"][2]["name"]
    before = dict(sandbox.tables["Client"][2])
    source = rows(folder, f"id,name\n2,{name}\n3,New name\n")
    ended = bulk("update", "Client", "--from", source, "--set", "item_tax_code=1", "--yes", "--json")
    told = json.loads(ended.out)
    assert told["fields"] == {"name": 1, "item_tax_code": 1}
    changes = {one["id"]: one["changes"] for one in told["changes"]}
    assert changes["2"] == {"item_tax_code": [0, 1]}
    assert set(changes["3"]) == {"name"}
    after = sandbox.tables["Client"][2]
    assert {name for name in after if after[name] != before[name]} - {"last_modified"} == {"item_tax_code"}


def test_names_stand_for_the_numbers_of_a_list(bulk, sandbox, folder):
    source = rows(folder, "id\n2\n")
    assert bulk("update", "Client", "--from", source, "--set", "item_tax_code=20 % (Sales)", "--yes").status == 0
    assert sandbox.tables["Client"][2]["item_tax_code"] == 1
    source = rows(folder, "id,toplevel_id\n2,partners\n3,Nowhere\n")
    ended = bulk("update", "Client", "--from", source, "--yes")
    assert ended.status == 4
    assert sandbox.tables["Client"][2]["toplevel_id"] == 2
    assert "line 3: column 'toplevel_id': nothing is called 'Nowhere'. There are: " in ended.out


def test_values_are_made_of_the_row_and_of_its_transformers(bulk, sandbox, folder):
    rows(folder, "transformers:\n  bulk:\n    - set: {id: '{{ nummer }}', ref: '{{ kenmerk }}-9'}\n", "steps.yaml")
    source = rows(folder, "nummer,kenmerk,wie\n2,A,Ann\n3,B,\n")
    options = ("--transformers", "steps.yaml", "--set", "website=https://{{ wie || 'nobody' }}.example", "--yes")
    assert bulk("update", "Client", "--from", source, *options).status == 0
    told = [(sandbox.tables["Client"][number]["ref"], sandbox.tables["Client"][number]["website"]) for number in (2, 3)]
    assert (
        told == [("A-9", "https://Ann.example"), ("B-9", "https://.example")] or told[1][1] == "https://nobody.example"
    )


def test_what_cannot_be_carried_out_is_left_out_and_named_with_its_line(bulk, sandbox, folder, writes):
    source = rows(
        folder,
        'id,item_tax_code,inactive\n2,1,false\n999,1,false\nx7,1,false\n,1,false\n5,many,false\n6,1,perhaps\n'
        '7,#N/A,false\n8,1,false,more\n9,"1\n",false\n2,1,false\n2,3,false\n',
    )  # fmt: skip
    ended = bulk("update", "Client", "--from", source, "--yes")
    assert ended.status == 4
    assert sandbox.tables["Client"][9]["item_tax_code"] == 1
    for line in (
        "left out: line 3: there is no Client 999",
        "left out: line 4: column 'id': 'x7' is no whole number",
        "left out: line 5: it has no id",
        "left out: line 6: column 'item_tax_code': nothing is called 'many'",
        "left out: line 7: column 'inactive': 'perhaps' is neither true nor false",
        "left out: line 8: column 'item_tax_code': the spreadsheet shows #N/A",
        "left out: line 9: the row has 4 cells, the header 3",
        "left out: line 12: line 2 asks for the same",
        "left out: line 13: line 2 is about the same record",
    ):
        assert line in ended.out
    assert len(writes()) == 1
    assert len(json.loads(json.dumps([one.path for one in writes()]))) == 1


def test_messages_that_differ_in_names_and_numbers_only_are_one_line(bulk, sandbox, folder):
    many = [f"{number},x\n" for number in range(1000, 1500)] + [f"x{number},x\n" for number in range(30)]
    ended = bulk("update", "Client", "--from", rows(folder, "id,ref\n2,new\n" + "".join(many)), "--yes")
    gone = "; ".join(f"line {line}: there is no Client {line + 997}" for line in (3, 4, 5))
    assert f"left out: {gone}; and 497 rows like these\n" in ended.out
    assert "left out: line 503: column 'id': 'x0' is no whole number; " in ended.out
    assert ended.out.count("left out") == 2


def test_fields_that_halo_does_not_have_are_refused_before_anything_is_read(bulk, folder, sandbox):
    source = rows(folder, "id\n2\n")
    ended = bulk("update", "Client", "--from", source, "--set", "item_tax_cod=1")
    assert ended.status == 1
    assert "has no documented field 'item_tax_cod', and Halo ignores those it does not know" in ended.err
    assert "Did you mean 'item_tax_code'?" in ended.err
    ended = bulk("update", "Invoice", "--from", source, "--set", "total=1")
    assert "Halo does not let 'total' of Invoice be written" in ended.err
    ended = bulk("update", "Clint", "--from", source)
    assert ended.status == 1
    assert "Did you mean" in ended.err
    assert [one for one in sandbox.requests if "/Client" in one.path] == []


def test_columns_of_no_use_are_told_with_what_could_be_meant(bulk, folder):
    source = rows(folder, "id,item_tax_cod,ref\n2,1,x\n")
    ended = bulk("update", "Client", "--from", source, "--dry-run")
    assert "column 'item_tax_cod' is not used: Did you mean 'item_tax_code'?" in ended.out


def test_without_a_column_for_the_id_it_is_said_once(bulk, folder):
    source = rows(folder, "Client ID,item_tax_code\n" + "2,1\n" * 50)
    ended = bulk("update", "Client", "--from", source, "--dry-run")
    assert "left out: lines 2, 3, 4 and 47 more: no column is named 'id'. " in ended.out


def test_empty_cells_leave_their_fields_unless_told_otherwise(bulk, sandbox, folder):
    source = rows(folder, "id,website,ref\n2,,NEW\n")
    site = sandbox.tables["Client"][2]["website"]
    bulk("update", "Client", "--from", source, "--yes")
    assert (sandbox.tables["Client"][2]["website"], sandbox.tables["Client"][2]["ref"]) == (site, "NEW")
    bulk("update", "Client", "--from", source, "--clear-empty", "--yes")
    assert not sandbox.tables["Client"][2]["website"]


def test_a_refused_record_takes_no_other_with_it(bulk, sandbox, folder, result, writes):
    taken = sandbox.tables["Client"][2]["name"]
    source = rows(folder, "id,name\n" + "".join(f"{n},{taken if n == 7 else f'Firm {n}'}\n" for n in range(3, 20)))
    ended = bulk("update", "Client", "--from", source, "--yes")
    assert ended.status == 4
    assert "refused: line 6" in ended.err
    assert [row["bulk_outcome"] for row in result()].count("updated") == 16
    assert {row["bulk_id"] for row in result() if row["bulk_outcome"] == "refused"} == {"7"}
    told = {row["bulk_id"]: row for row in result()}
    assert "already in use" in told["7"]["bulk_reason"]


def test_a_result_brings_the_rows_that_failed(bulk, sandbox, folder, result):
    taken = sandbox.tables["Client"][2]["name"]
    source = rows(folder, f"id,name\n3,=SUM(1)\n4,{taken}\n999,Gone\n")
    assert bulk("update", "Client", "--from", source, "--yes").status == 4
    assert sandbox.tables["Client"][3]["name"] == "=SUM(1)"
    assert result()[0]["name"] == "'=SUM(1)"
    sandbox.tables["Client"][2]["name"] = "Another"
    ended = bulk("update", "Client", "--from", "bulk-1.csv", "--yes")
    assert "left out: 1 row that an earlier run has done" in ended.out
    assert sandbox.tables["Client"][4]["name"] == taken
    assert [(row["bulk_id"], row["bulk_outcome"]) for row in result("bulk-2.csv")] == [
        ("3", "done before"), ("4", "updated"), ("999", "missing"),
    ]  # fmt: skip


@pytest.mark.parametrize("turned", [False, True])
def test_of_two_rows_about_one_record_the_second_stays_out_however_often_the_result_is_fed_back(
    bulk, sandbox, folder, result, turned
):
    source = rows(folder, "id,ref\n2,FIRST\n2,SECOND\n")
    assert bulk("update", "Client", "--from", source, "--yes").status == 4
    for number in (1, 2, 3):
        name = f"bulk-{number}.csv"
        assert {row["ref"]: row["bulk_outcome"] for row in result(name)}["SECOND"] == "duplicate"
        if turned:
            head, *body = (folder / name).read_text("utf-8-sig").splitlines()
            (folder / name).write_text("\n".join([head, *reversed(body)]), "utf-8-sig")
        ended = bulk("update", "Client", "--from", name, "--yes", "--result", f"bulk-{number + 1}.csv")
        assert ended.status == 4
        assert sandbox.tables["Client"][2]["ref"] == "FIRST"
        assert ", which an earlier run has done, is about the same record" in ended.out
    (folder / "last.csv").write_text("id,ref,bulk_outcome\n2,SECOND,duplicate\n")
    assert bulk("update", "Client", "--from", "last.csv", "--yes").status == 0
    assert sandbox.tables["Client"][2]["ref"] == "SECOND"


def test_nothing_is_sent_unless_somebody_agrees(bulk, sandbox, folder, writes, monkeypatch):
    source = rows(folder, "id,item_tax_code\n2,1\n")
    for answer in ("n\n", ""):
        monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
        ended = bulk("update", "Client", "--from", source)
        assert ended.status == (0 if answer else 1)
    assert "Add --yes; nothing was sent." in ended.err
    assert bulk("update", "Client", "--from", source, "--dry-run").status == 0
    assert writes() == []
    assert "There is no bulk run." in bulk("list").err
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert bulk("update", "Client", "--from", source).status == 0
    assert len(writes()) == 1


def test_a_dry_run_says_by_its_status_whether_rows_are_left_out(bulk, folder):
    assert bulk("update", "Client", "--from", rows(folder, "id,ref\n2,x\n"), "--dry-run").status == 0
    assert bulk("update", "Client", "--from", rows(folder, "id,ref\n2,x\n999,x\n"), "--dry-run").status == 4


def test_where_no_result_can_be_written_nothing_is_sent(bulk, folder, writes):
    source = rows(folder, "id,ref\n2,x\n")
    ended = bulk("update", "Client", "--from", source, "--yes", "--result", "nowhere/result.csv")
    assert ended.status == 1
    assert "nowhere/result.csv: cannot be written: No such file or directory. Nothing was sent." in ended.err
    assert writes() == []


def test_records_are_shown_with_their_names(bulk, sandbox, folder):
    many = rows(folder, "id\n" + "".join(f"{number}\n" for number in CLIENTS))
    few = rows(folder, "id\n2\n", "few.csv")
    for source in (many, few):
        ended = bulk("update", "Client", "--from", source, "--set", "ref=x", "--dry-run", "--json")
        assert json.loads(ended.out)["changes"][0]["name"] == sandbox.tables["Client"][2]["name"]


def test_a_few_are_tried_first_and_the_same_command_goes_on(bulk, sandbox, folder):
    source = rows(folder, "id\n" + "".join(f"{number}\n" for number in CLIENTS))
    command = ("update", "Client", "--from", source, "--set", "item_tax_code=1", "--yes")
    ended = bulk(*command, "--limit", "5")
    assert "for later: 19 rows; the same command goes on with them" in ended.out
    assert [sandbox.tables["Client"][number]["item_tax_code"] for number in CLIENTS].count(1) == 5
    ended = bulk(*command)
    assert "Going on with run 1." in ended.err
    assert [sandbox.tables["Client"][number]["item_tax_code"] for number in CLIENTS].count(1) == 24
    ended = bulk(*command)
    assert "lines 2, 3, 4 and 21 more: it has these values already" in ended.out
    assert "There is nothing to send." in ended.err


def test_rows_are_taken_from_standard_input(bulk, sandbox, folder, monkeypatch):
    class Piped:
        def __init__(self, content: bytes) -> None:
            self.buffer = io.BytesIO(content)

    command = ("update", "Client", "--from", "-", "--set", "item_tax_code=1")
    for number, content in ((2, b"id\n2\n"), (3, b'[{"id": 3}]'), (4, b'{"id": 4}\n{"id": 4}\n')):
        monkeypatch.setattr(sys, "stdin", Piped(content))
        assert bulk(*command, "--yes").status == 0
        assert sandbox.tables["Client"][number]["item_tax_code"] == 1
    monkeypatch.setattr(sys, "stdin", Piped(b"id\n5\n"))
    assert "so nobody can be asked" in bulk(*command).err
    assert sandbox.tables["Client"][5]["item_tax_code"] == 0


def test_custom_fields_are_compared_one_by_one_and_put_back(bulk, sandbox, folder):
    field = next(one for one in sandbox.tables["Client"][2]["customfields"] if one["name"] == "CFCostCentre")
    old = field["value"]
    fields = json.dumps([{"name": "CFCostCentre", "value": "CC-NEW"}])
    (folder / "clients.json").write_text(json.dumps([{"id": 2, "customfields": fields}]))
    assert bulk("update", "Client", "--from", "clients.json", "--yes").status == 0
    assert bulk("undo", "1", "--dry-run").status == 0
    sent: Any = sandbox.tables["Client"][2]["customfields"]
    assert sent[0]["value"] == "CC-NEW"
    assert bulk("undo", "1", "--yes").status == 0
    assert sandbox.tables["Client"][2]["customfields"][0]["value"] == old


def test_the_rows_come_from_one_place(bulk, folder):
    assert "it is not said where the rows come from" in bulk("update", "Client", "--set", "ref=1").err
    ended = bulk("update", "Client", "--report", "1", "--sql", "select 1", "--set", "ref=1")
    assert "the rows can come from one place only" in ended.err


@pytest.mark.parametrize("wrong", ["DELETE /Client/{id}", "POST /Report/print", "/Client/123"])
def test_entities_of_another_kind_are_refused(bulk, folder, wrong):
    assert bulk("update", wrong, "--from", rows(folder, "id\n2\n")).status == 1


def test_a_result_is_written_over_no_file_that_was_there(bulk, sandbox, folder, result):
    rows(folder, "id,ref\n2,A\n999,B\n", "bulk-1.csv")
    ended = bulk("update", "Client", "--from", "bulk-1.csv", "--yes")
    assert "The result is in bulk-1-2.csv." in ended.err
    assert [row["bulk_outcome"] for row in result("bulk-1-2.csv")] == ["updated", "missing"]
    ended = bulk("update", "Client", "--from", "bulk-1.csv", "--set", "ref=C", "--result", "bulk-1.csv", "--yes")
    assert "--result and --from name the same file" in ended.err


@pytest.mark.parametrize(("wrong", "meant"), [("Clint", "Client"), ("POST Tickts", "Tickets"), ("asets ", "Asset")])
def test_a_wrong_entity_is_told_the_one_that_is_meant(bulk, folder, wrong, meant):
    assert f"Did you mean '{meant}'?" in bulk("update", wrong, "--from", rows(folder, "id\n2\n")).err
