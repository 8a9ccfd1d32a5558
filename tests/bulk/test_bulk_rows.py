"""Rows are read as Excel and other programs write them, in flat memory, with the line of what cannot be read."""

from __future__ import annotations

import codecs
import csv
import json
import subprocess
import sys
import zipfile
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haloitsm_connector.bulk.record import Record, Row, RunInfo, Runs
from haloitsm_connector.bulk.result import write_result
from haloitsm_connector.bulk.rows import FileRows
from haloitsm_connector.errors import InputError
from haloitsm_connector.publisher.sinks import csv_cell, csv_text
from haloitsm_connector.store import open_state


def read(path: Path, content: bytes, **options: Any) -> list[tuple[int, Any]]:
    path.write_bytes(content)
    return list(FileRows(str(path), **options).rows())


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        ("\ufeffid;naam\r\n1;Zoë\r\n".encode(), [(2, {"id": "1", "naam": "Zoë"})]),
        ("id;naam\r\n1;Zoë\r\n".encode("cp1252"), [(2, {"id": "1", "naam": "Zoë"})]),
        ("id\tnaam\r\n1\tZoë\r\n".encode("utf-16"), [(2, {"id": "1", "naam": "Zoë"})]),
        ("id\tnaam\r\n1\tZoë\r\n".encode("utf-16-le"), [(2, {"id": "1", "naam": "Zoë"})]),
        ("id\tname\r\n1\tZoe\r\n".encode("utf-16-le"), [(2, {"id": "1", "name": "Zoe"})]),
        ("id\tname\r\n1\tZoe\r\n".encode("utf-16-be"), [(2, {"id": "1", "name": "Zoe"})]),
        (b"sep=;\r\nid;a\r\n1;x\r\n", [(3, {"id": "1", "a": "x"})]),
        (
            b'id,note\r\n007,"two\r\nlines"\r\n8,"say ""hi"""\r\n',
            [(2, {"id": "007", "note": "two\r\nlines"}), (4, {"id": "8", "note": 'say "hi"'})],
        ),
        (
            b"id,a,b\r\n1,x\r\n,,\r\n;\r\n,,\r\n",
            [(2, {"id": "1", "a": "x", "b": ""}), (4, {"id": ";", "a": "", "b": ""})],
        ),
        (b"id,a\n1.0,2026-11-22\n\n\n", [(2, {"id": "1.0", "a": "2026-11-22"})]),
    ],
)
def test_excels_csv_is_read(tmp_path, content, rows):
    assert read(tmp_path / "in.csv", content) == rows


def test_rows_that_cannot_be_read_do_not_stop_the_others(tmp_path):
    found = read(tmp_path / "in.csv", b'id,a\n1,x\n2,y,z\n3,"x"y\n4,z\n5,"open\n6,never\n')
    assert [(line, str(row)) if isinstance(row, InputError) else (line, row) for line, row in found] == [
        (2, {"id": "1", "a": "x"}),
        (3, "the row has 3 cells, the header 2. A cell may hold the delimiter without quotes."),
        (4, found[2][1].what + ". " + found[2][1].hint),
        (5, {"id": "4", "a": "z"}),
        (6, "not a CSV row: unexpected end of data. " + found[2][1].hint),
    ]
    found = read(tmp_path / "in.jsonl", b'{"id": 1}\n{"id": 2\n[3]\n{"id": 4}\n')
    assert [line for line, row in found if isinstance(row, InputError)] == [2, 3]
    found = read(tmp_path / "in.json", b'[{"id": 1}, 2]')
    assert [str(row) for _, row in found if isinstance(row, InputError)] == ["an entity is a JSON object, not int."]


def test_text_of_no_known_encoding_is_refused(tmp_path):
    with pytest.raises(InputError, match="neither UTF-8 nor Windows-1252"):
        read(tmp_path / "in.csv", b"id,a\n1,\x81\x8d\n")


def test_a_mark_that_is_not_true_is_named_with_what_to_do(tmp_path):
    content = codecs.BOM_UTF8 + "id;naam\r\n1;Zoe\r\n2;Zoë\r\n".encode("cp1252")
    with pytest.raises(InputError) as error:
        read(tmp_path / "in.csv", content)
    assert "in.csv: begins with the mark of UTF-8, and line 3 is no UTF-8" in str(error.value)
    assert "--encoding cp1252" in str(error.value)
    rows = [(2, {"id": "1", "naam": "Zoe"}), (3, {"id": "2", "naam": "Zoë"})]
    assert read(tmp_path / "in.csv", content, encoding="cp1252") == rows


def test_a_result_is_read_by_its_mark_whatever_the_encoding_of_the_rows_was(tmp_path):
    content = "id;naam\r\n1;Zoë\r\n".encode("utf-8-sig")
    assert read(tmp_path / "in.csv", content, encoding="cp1252") == [(2, {"id": "1", "naam": "Zoë"})]
    assert read(tmp_path / "in.csv", content[3:], encoding="cp1252")[0][1]["naam"] == "ZoÃ«"


def test_of_several_sheets_an_empty_one_is_an_error(tmp_path):
    path = workbook(tmp_path / "in.xlsx", {"Cover": [["About"]], "Clients": [["id"], [9]], "Sites": []})
    with pytest.raises(InputError) as error:
        list(FileRows(str(path)).rows())
    assert str(error.value).endswith("the sheet 'Cover' has no rows. Name another one with --sheet: Clients, Sites.")
    assert list(FileRows(str(path), sheet="Sites").rows()) == []


def workbook(path: Path, sheets: dict[str, list[list[Any]]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def test_workbooks_are_read(tmp_path):
    path = workbook(
        tmp_path / "in.xlsx",
        {
            "Clients": [
                ["id", "name", "since", "at", "vip", None],
                [1.0, "007", date(2026, 11, 22), datetime(2026, 11, 22, 9, 30), True, None],
                [2, None, None, None, False],
                [None, None, None, None, None],
                [3, "x", None, None, None, "beyond"],
                [None, "", None],
            ],
            "Other": [["id"], [9]],
        },
    )
    source = FileRows(str(path))
    found = list(source.rows())
    assert found[0] == (
        2, {"id": 1, "name": "007", "since": "2026-11-22T00:00:00", "at": "2026-11-22T09:30:00", "vip": True},
    )  # fmt: skip
    assert found[1] == (3, {"id": 2, "name": None, "since": None, "at": None, "vip": False})
    assert found[2][0] == 5
    assert isinstance(found[2][1], InputError)
    assert len(found) == 3
    assert source.notes == [f"of {path} the sheet 'Clients' is read; --sheet names another: 'Other'"]
    assert list(FileRows(str(path), sheet="Other").rows()) == [(2, {"id": 9})]
    with pytest.raises(InputError, match="there is no sheet 'Othr'"):
        list(FileRows(str(path), sheet="Othr").rows())


def test_formulas_give_their_values(tmp_path):
    """Excel writes the value of a formula beside it."""
    path = workbook(tmp_path / "in.xlsx", {"A": [["id", "twice"], [1, 7]]})
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    parts[sheet] = parts[sheet].replace(b"<v>7</v>", b"<f>A2*7</f><v>7</v>")
    with zipfile.ZipFile(path, "w") as file:
        for name, content in parts.items():
            file.writestr(name, content)
    assert list(FileRows(str(path)).rows()) == [(2, {"id": 1, "twice": 7})]


READER = """
import re, sys
from haloitsm_connector.bulk.rows import FileRows
count = sum(1 for _ in FileRows(sys.argv[1]).rows())
print(count, re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_hundred_thousand_rows_take_no_more_memory_than_ten_thousand(tmp_path, kind):
    peaks = []
    for count in (10_000, 100_000):
        path = tmp_path / f"{count}.{kind}"
        if kind == "csv":
            path.write_text("id,name,ref\n" + "".join(f"{n},Client,same\n" for n in range(count)), "utf-8")
        else:
            large_workbook(path, count)
        done = subprocess.run([sys.executable, "-P", "-c", READER, path], capture_output=True, text=True, check=True)
        read, peak = map(int, done.stdout.split())
        assert read == count
        peaks.append(peak * 1024)
    kept_by_openpyxl = 300 if kind == "xlsx" else 0  # bytes of an element without content for each row
    assert peaks[1] < peaks[0] + 4_000_000 + 90_000 * kept_by_openpyxl, peaks


def large_workbook(path: Path, count: int) -> None:
    """Write a workbook of many rows, without a library that takes its time."""
    workbook(path, {"Clients": [["id", "name"], [0, "x"]]})
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    head, _, tail = parts[sheet].partition(b'<row r="2"')
    rows = "".join(
        f'<row r="{n + 2}"><c r="A{n + 2}"><v>{n}</v></c><c r="B{n + 2}" t="inlineStr"><is><t>x</t></is></c></row>'
        for n in range(count)
    )
    parts[sheet] = head + rows.encode() + tail[tail.index(b"</sheetData>") :]
    with zipfile.ZipFile(path, "w") as file:
        for name, content in parts.items():
            file.writestr(name, content)


def runs(cell: str) -> bool:
    """Whether a spreadsheet takes a cell for a formula; of one that it cannot compute, such as -1], it makes text."""
    number = cell[1:].strip(' 0123456789.,:/()+-eE]}"\xa0\u2003\u3000')
    return cell.startswith(("=", "@", "＝", "＠")) or (cell.startswith(("+", "-", "＋", "－")) and bool(number.strip()))


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=8))
@settings(max_examples=300)
def test_what_is_written_to_csv_is_safe_and_reads_back(text):
    for value in (text, f"={text}", f"'={text}", f"@{text}", f"''+{text}", f"-{text}"):
        cell = csv_cell(value)
        assert csv_text(cell) == value
        assert not runs(cell)


NASTY = st.lists(st.sampled_from([*"=+-@;,|\t\r\n\"' a1", "=1+1", "＝1", "Zoë", "-5", "+49 30"]), max_size=9).map(
    "".join
)
NUMBERS = st.integers(-(2**63), 2**63)
VALUES = st.one_of(NASTY, st.lists(NASTY, max_size=3), st.dictionaries(NASTY, NASTY | NUMBERS, max_size=3))


@given(st.lists(VALUES, min_size=1, max_size=5), st.sampled_from(",;\t|^"))
@settings(max_examples=150, deadline=None)
def test_a_result_brings_its_rows_back_and_holds_no_formula_whichever_delimiter_a_spreadsheet_splits_by(
    tmp_path_factory, values, between
):
    folder = tmp_path_factory.mktemp("result")
    columns = ["id", "note; a", "=x"]
    with open_state(folder / "state.sqlite") as state:
        plan = {"columns": columns, "between": between}
        record = Record(state, Runs(state).add(RunInfo(0, "update", "POST /Client", "x", "in.csv", "", plan)))
        record.add(
            Row(number, number + 1, content=dict(zip(columns, (str(number), value, "x"), strict=True)), status="failed")
            for number, value in enumerate(values, start=1)
        )
        write_result(record, folder / "result.csv")
    found = [row for _, row in FileRows(str(folder / "result.csv"), delimiter="^" if between == "^" else None).rows()]
    assert [list(row) for row in found] == [columns] * len(values)
    texts = [row["note; a"] for row in found]
    assert texts == [value if isinstance(value, str) else texts[n] for n, value in enumerate(values)]
    assert [json.loads(text) for text, value in zip(texts, values, strict=True) if not isinstance(value, str)] == [
        value for value in values if not isinstance(value, str)
    ]
    for delimiter in ",;\t|":
        with (folder / "result.csv").open(encoding="utf-8-sig", newline="") as file:
            assert [
                cell
                for row in csv.reader(file, delimiter=delimiter)
                for cell in row
                if runs(cell.partition(between)[0])
            ] == []


@pytest.mark.parametrize(
    ("text", "encoding", "options"),
    [
        ("id;ref\n2;a,b\n999;Zoë,=1\n", "cp1252", ()),
        ("id;ref\n2;a,b\n999;Zoë,=1\n", "cp1252", ("--encoding", "cp1252", "--delimiter", ";")),
        ("id\tref\n2\ta,b\n999\tZoë,=1\n", "utf-16", ()),
        ("sep=|\nid|ref\n2|a,b\n999|Zoë,=1\n", "utf-8", ()),
    ],
)
def test_a_result_is_written_as_the_file_that_came_in_and_is_read_by_the_same_command(
    bulk, sandbox, folder, text, encoding, options
):
    (folder / "in.csv").write_bytes(text.encode(encoding))
    assert bulk("update", "Client", "--from", "in.csv", *options, "--yes").status == 4
    told = (folder / "bulk-1.csv").read_text("utf-8-sig")
    between = told.partition('"bulk_line"')[0][-1]
    assert between == next(one for one in "|;\t" if one in text)
    assert f"999{between}Zoë,'=1{between}" in told
    sandbox.tables["Client"][999] = {"id": 999, "name": "X", "ref": ""}
    assert bulk("update", "Client", "--from", "bulk-1.csv", *options, "--yes").status == 0
    assert sandbox.tables["Client"][999]["ref"] == "Zoë,=1"
    assert bulk("undo", "1", "--yes", "--result", "undo.csv").status == 0
    assert (folder / "undo.csv").read_text("utf-8-sig").startswith(between.join(('"id"', '"name"', '"ref"', "")))


def with_cells(path: Path, cells: str) -> Path:
    """Write a workbook with the columns id, ref and note, and what XML is given for row 2 and others."""
    workbook(path, {"A": [["id", "ref", "note"], [1, "x", "y"]]})
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    head, _, tail = parts[sheet].partition(b'<row r="2"')
    parts[sheet] = head + cells.encode() + tail[tail.index(b"</sheetData>") :]
    with zipfile.ZipFile(path, "w") as file:
        for name, content in parts.items():
            file.writestr(name, content)
    return path


def test_a_formula_without_a_saved_value_is_not_an_empty_cell(tmp_path):
    formula = '<c r="B{0}"{1}><f>A{0}*2</f>{2}</c>'
    rows = [
        ("", "<v>7</v>"),
        ("", ""),
        ("", "<v/>"),
        (' t="str"', "<v></v>"),
        (' t="str"', ""),
        (' t="str"', "<v>a</v>"),
    ]
    cells = "".join(
        f'<row r="{n}"><c r="A{n}"><v>{n}</v></c>{formula.format(n, *row)}</row>' for n, row in enumerate(rows, start=2)
    )
    only = '<row r="9"><c r="B9"><f>A1</f></c><c r="C9"><f>A2</f></c></row>'
    found = dict(FileRows(str(with_cells(tmp_path / "in.xlsx", cells + only))).rows())
    assert {number: row["ref"] for number, row in found.items() if isinstance(row, dict)} == {2: 7, 5: None, 7: "a"}
    assert str(found[3]) == (
        "no value is saved for the formula in cell B3 ('ref'). Open the workbook in Excel, save it, and read it again."
    )
    assert [number for number, row in found.items() if isinstance(row, InputError)] == [3, 4, 6, 9]
    assert "cells B9 ('ref'), C9 ('note')." in str(found[9])
    assert found[9].cells == {"id": None, "ref": "#N/A", "note": "#N/A"}


def test_a_header_that_is_a_formula_has_to_be_saved(tmp_path):
    path = with_cells(tmp_path / "in.xlsx", "")
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    head, _, tail = parts[sheet].partition(b"<row")
    parts[sheet] = head + b'<row r="1"><c r="A1"><f>"id"</f></c></row>' + tail[tail.index(b"</sheetData>") :]
    with zipfile.ZipFile(path, "w") as file:
        for name, content in parts.items():
            file.writestr(name, content)
    with pytest.raises(InputError, match=r"in\.xlsx:1: no value is saved for the formula in cell A1"):
        list(FileRows(str(path)).rows())


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rows.txt", b"id,ref\n2,x\n"),
        ("rows", b'[{"id": "2", "ref": "x"}]'),
        ("rows.csv", b'{"id": "2", "ref": "x"}\n'),
        ("rows.json", b'\xef\xbb\xbf\n{"id": "2", "ref": "x"}\n'),
        ("rows.json", b'{\n  "id": "2",\n  "ref": "x"\n}\n'),
        ("rows.jsonl", b'[{"id": "2", "ref": "x"}]\n'),
        ("rows.csv", b"[id],[ref]\n2,x\n"),
    ],
)
def test_a_file_is_taken_for_what_it_holds(tmp_path, name, content):
    ((_, row),) = read(tmp_path / name, content)
    assert {column.strip("[]"): value for column, value in row.items()} == {"id": "2", "ref": "x"}


def test_workbooks_are_told_by_what_they_hold(tmp_path):
    path = workbook(tmp_path / "in.xlsx", {"A": [["id"], [2]]}).rename(tmp_path / "in.csv")
    assert list(FileRows(str(path)).rows()) == [(2, {"id": 2})]
    with pytest.raises(InputError, match=r"old\.xls: a workbook of Excel's old format\. Save it as \.xlsx"):
        read(tmp_path / "old.xls", bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600))


def test_of_json_lines_only_the_line_that_is_none_is_left_out(tmp_path):
    found = read(tmp_path / "in.jsonl", b'{"id": 1\n{"id": 2}\n')
    assert [isinstance(row, InputError) for _, row in found] == [True, False]
    assert len(read(tmp_path / "in.json", b'{"id": 1}\n{"id": 2}\n')) == 2
