"""What is empty means the same in every file and in results; what does not fit its field is named; blanks are seen."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path

import openpyxl
import pytest


def clients_of(folder: Path, kind: str) -> str:
    """Write rows that ask for a new ref of client 3 and for nothing else; each format says nothing in its own way."""
    if kind == "csv":
        (folder / "in.csv").write_text("id,ref,website,item_tax_code\n2,,,\n3,NEW,  ,\n", "utf-8")
    elif kind == "xlsx":
        book = openpyxl.Workbook()
        for row in (["id", "ref", "website", "item_tax_code"], [2, None, None, None], [3, "NEW", "  ", None]):
            book.active.append(row)
        book.save(folder / "in.xlsx")
    else:
        rows = [
            {"id": 2, "ref": None, "website": None, "item_tax_code": None},
            {"id": 3, "ref": "NEW", "website": "  ", "item_tax_code": ""},
        ]
        text = json.dumps(rows) if kind == "json" else "\n".join(map(json.dumps, rows))
        (folder / f"in.{kind}").write_text(text, "utf-8")
    return f"in.{kind}"


@pytest.mark.parametrize("kind", ["csv", "xlsx", "json", "jsonl"])
def test_what_is_empty_leaves_its_field_in_every_format(bulk, sandbox, folder, kind):
    clients = sandbox.tables["Client"]
    clients[2] |= {"item_tax_code": 2}
    before = {number: dict(clients[number]) for number in (2, 3)}
    ended = bulk("update", "Client", "--from", clients_of(folder, kind), "--yes")
    assert ended.status == 0
    assert "  website: 0 (empty in 2 rows, where it stays; --clear-empty empties it)\n" in ended.out
    assert "  ref: 1 (empty in 1 row, where" in ended.out
    assert clients[2] == before[2]
    assert {name for name in clients[3] if clients[3][name] != before[3].get(name)} - {"last_modified"} == {"ref"}
    assert bulk("update", "Client", "--from", clients_of(folder, kind), "--clear-empty", "--yes").status == 0
    assert [not clients[2][name] for name in ("ref", "website", "item_tax_code")] == [True] * 3
    assert not clients[3]["website"]


def test_an_expression_that_gives_nothing_leaves_its_field_and_a_value_for_all_empties_it(bulk, sandbox, folder):
    clients = sandbox.tables["Client"]
    (folder / "in.csv").write_text("id,code\n2,\n3,C\n", "utf-8")
    ref = clients[2]["ref"]
    options = ("--set", "ref={{ code }}", "--set", "website=")
    ended = bulk("update", "Client", "--from", "in.csv", *options, "--yes")
    assert "  ref: 1 (empty in 1 row, where" in ended.out
    assert [clients[number]["ref"] for number in (2, 3)] == [ref, "C"]
    assert [clients[number]["website"] for number in (2, 3)] == ["", ""]


def test_nulls_of_a_report_leave_their_fields(bulk, sandbox, folder):
    sandbox.tables["Client"][3]["accountsid"] = None
    ref = sandbox.tables["Client"][3]["ref"]
    sql = "select id, accountsid as code from Client where id = 3"
    ended = bulk("update", "Client", "--sql", sql, "--map", "code=ref", "--yes")
    assert ended.status == 0
    assert sandbox.tables["Client"][3]["ref"] == ref


def test_a_result_tells_what_a_row_did_not_have_from_what_it_had_empty(bulk, sandbox, folder, result):
    clients = sandbox.tables["Client"]
    site = clients[4]["website"]
    taken = clients[2]["name"]
    rows = [{"id": 3, "ref": None, "name": "=New"}, {"id": 4, "ref": None, "name": taken}, {"id": 5, "website": None}]
    (folder / "in.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    assert bulk("update", "Client", "--from", "in.jsonl", "--clear-empty", "--yes").status == 4
    assert [row["bulk_without"] for row in result()] == ['["website"]', '["website"]', '["ref","name"]']
    clients[2]["name"] = "Another"
    assert bulk("update", "Client", "--from", "bulk-1.csv", "--clear-empty", "--yes").status == 0
    assert (clients[4]["name"], clients[4]["website"]) == (taken, site)
    assert not clients[4]["ref"]
    assert [row["bulk_without"] for row in result("bulk-2.csv")] == [row["bulk_without"] for row in result()]
    text = 'id,ref,website,bulk_without,bulk_outcome\n3,filled in,,"[""ref"",""website""]",invalid\n'
    (folder / "in.csv").write_text(text, "utf-8")
    site = clients[3]["website"]
    assert bulk("update", "Client", "--from", "in.csv", "--clear-empty", "--yes").status == 0
    assert (clients[3]["ref"], clients[3]["website"]) == ("filled in", site)
    (folder / "in.csv").write_text("id,bulk_without,bulk_outcome\n3,what,\n", "utf-8")
    ended = bulk("update", "Client", "--from", "in.csv", "--set", "ref=x", "--yes")
    assert "line 2: column 'bulk_without': 'what' is no list in JSON" in ended.out


def with_formulas(path: Path) -> str:
    """Write a workbook of which row 3 has a formula without a value, between cells that have theirs."""
    book = openpyxl.Workbook()
    for row in (["id", "ref", "website"], [2, "A", "https://two.example"], [3, 7, "three"]):
        book.active.append(row)
    book.save(path)
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    parts[sheet] = parts[sheet].replace(b"<v>7</v>", b"<f>A3*2</f>")
    with zipfile.ZipFile(path, "w") as file:
        for name, content in parts.items():
            file.writestr(name, content)
    return path.name


def test_a_row_with_a_formula_without_a_value_is_in_the_result_with_its_other_cells(bulk, sandbox, folder, result):
    ended = bulk("update", "Client", "--from", with_formulas(folder / "in.xlsx"), "--map", "website=", "--yes")
    assert ended.status == 4
    assert "left out: line 3: no value is saved for the formula in cell B3 ('ref')." in ended.out
    row = result()[1]
    assert (row["id"], row["ref"], row["bulk_outcome"]) == ("3", "#N/A", "invalid")
    assert row["website"] == "three"
    ended = bulk("update", "Client", "--from", "bulk-1.csv", "--yes")  # without having it repaired
    assert "line 3: column 'ref': the spreadsheet shows #N/A: its formula has no value" in ended.out
    text = (folder / "bulk-1.csv").read_text("utf-8-sig").replace("#N/A", "R3")
    (folder / "repaired.csv").write_text(text, "utf-8")
    assert bulk("update", "Client", "--from", "repaired.csv", "--map", "website=", "--yes").status == 0
    assert sandbox.tables["Client"][3]["ref"] == "R3"


def test_an_error_of_a_spreadsheet_goes_into_no_expression(bulk, sandbox, folder):
    (folder / "in.csv").write_text("id,code\n2,#N/A\n3,C\n", "utf-8")
    ended = bulk("update", "Client", "--from", "in.csv", "--set", "ref=R-{{ code }}", "--yes")
    assert ended.status == 4
    assert "left out: line 2: column 'code': the spreadsheet shows #N/A: its formula has no value" in ended.out
    assert sandbox.tables["Client"][3]["ref"] == "R-C"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("ref", ["a"], "'[\"a\"]' is a list, and no text"),
        ("ref", {"a": 1}, "'{\"a\":1}' is an object, and no text"),
        ("item_tax_code", [1], "'[1]' is no whole number"),
        ("inactive", {"a": 1}, "'{\"a\":1}' is neither true nor false"),
        ("customfields", {"id": 1}, "'{\"id\":1}' is no list"),
    ],
)
def test_lists_and_objects_are_left_out_where_a_field_holds_something_else(bulk, folder, writes, name, value, said):
    rows = [{"id": 2, name: value}, {"id": 3, "ref": "x"}]
    (folder / "in.json").write_text(json.dumps(rows), "utf-8")
    ended = bulk("update", "Client", "--from", "in.json", "--yes")
    assert ended.status == 4
    assert f"left out: line 1: column '{name}': {said}" in ended.out
    assert [one["id"] for request in writes() for one in request.body] == [3]


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [
        ("a b", "a  b", ("a b", "a␣␣b")),
        ("a b", "a\u00a0b", ("a b", "a\\u00a0b")),
        ("a b", "a\nb", ("a b", "a\\nb")),
        ("a", " a ", ("a", "␣a␣")),
        ("x" * 80, "x" * 79 + " x", (f"…{'x' * 31}", f"…{'x' * 30} x")),
    ],
)
def test_a_change_of_blanks_alone_is_seen(bulk, sandbox, folder, old, new, shown):
    sandbox.tables["Client"][2]["ref"] = old
    text = io.StringIO()
    csv.writer(text).writerows([["id", "ref"], [2, new]])
    (folder / "in.csv").write_text(text.getvalue(), "utf-8", newline="")
    ended = bulk("update", "Client", "--from", "in.csv", "--dry-run")
    row = next(line for line in ended.out.splitlines() if line.startswith("2 "))
    assert [cell.strip(" ") for cell in row.split("  ") if cell][-2:] == [*shown]


def test_nothing_is_created_of_a_row_that_has_nothing(bulk, sandbox, folder, writes):
    rows = [{"a": "b"}, {}, {"name": None, "ref": " "}, {"name": "Only"}]
    (folder / "in.json").write_text(json.dumps(rows), "utf-8")
    ended = bulk("create", "Client", "--from", "in.json", "--yes")
    assert ended.status == 4
    assert "create 1 new record\n" in ended.out
    assert "left out: lines 1, 2, 3: it has nothing that a record could be made of\n" in ended.out
    assert [one["name"] for request in writes() for one in request.body] == ["Only"]
    (folder / "in.csv").write_text("Client,Remark\nA,b\n", "utf-8")
    ended = bulk("create", "Client", "--from", "in.csv", "--yes")
    assert ended.status == 1
    assert "no column is named like a field that can be changed" in ended.err
