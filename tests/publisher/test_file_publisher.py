"""What is written to a file can be read back, is complete after every page, and never runs in a spreadsheet."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haloitsm_connector.catalogue import Catalogue
from haloitsm_connector.errors import InputError
from haloitsm_connector.prototypes import Prototypes
from haloitsm_connector.publisher import FilePublisher, Outcome
from haloitsm_connector.publisher.sinks import csv_text
from haloitsm_connector.subscriber import FileSubscriber

ROWS: list[dict[str, Any]] = [{"id": 1, "name": 'é, "q"\nx', "tags": ["a"]}, {"id": 2, "name": None, "tags": {"b": 1}}]
FORMATS = ["csv", "json", "jsonl", "xlsx"]


@pytest.fixture
def publish_to(tmp_path: Path) -> Callable[..., list[Outcome]]:
    def run(name: str, *pages: list[dict[str, Any]], **options: Any) -> list[Outcome]:
        publisher = FilePublisher(tmp_path / name, **options)
        return [outcome for page in pages for outcome in publisher.publish(page)]

    return run


def test_formats_write_what_they_say(tmp_path: Path, publish_to: Callable[..., list[Outcome]]) -> None:
    for format_ in FORMATS:
        outcomes = publish_to(f"deep/er/out.{format_}", ROWS)
        assert [outcome.status for outcome in outcomes] == ["sent", "sent"]
    folder = tmp_path / "deep/er"
    assert (folder / "out.csv").read_bytes().decode() == (
        'id,name,tags\r\n1,"é, ""q""\nx","[""a""]"\r\n2,,"{""b"":1}"\r\n'
    )
    assert json.loads((folder / "out.json").read_bytes()) == ROWS
    assert [json.loads(line) for line in (folder / "out.jsonl").read_bytes().splitlines()] == ROWS
    assert list(FileSubscriber(folder / "out.xlsx")) == [
        {"id": 1, "name": 'é, "q"\nx', "tags": '["a"]'},
        {"id": 2, "name": None, "tags": '{"b":1}'},
    ]


@pytest.mark.parametrize("format_", FORMATS)
def test_one_publisher_replaces_the_file_once_and_another_may_append(
    tmp_path: Path, publish_to: Callable[..., list[Outcome]], format_: str
) -> None:
    name = f"out.{format_}"

    def ids() -> list[int]:
        return [int(row["id"]) for row in FileSubscriber(tmp_path / name)]

    publish_to(name, [{"id": 1}], [{"id": 2}])
    assert ids() == [1, 2]
    publish_to(name, [{"id": 3}], [], [{"id": 4}], mode="append")
    assert ids() == [1, 2, 3, 4]
    publish_to(name, [{"id": 5}])
    assert ids() == [5]
    publish_to(name, [], columns=["id"]) if format_ in {"csv", "xlsx"} else publish_to(name, [])
    assert ids() == []


def test_outcome_follows_when_the_entity_is_in_the_file(tmp_path: Path) -> None:
    for name in ("out.csv", "out.json", "out.jsonl"):
        outcomes = FilePublisher(tmp_path / name).publish({"id": number} for number in range(1200))
        next(outcomes)
        assert len(list(FileSubscriber(tmp_path / name))) == 500
        assert len(list(outcomes)) == 1199
        assert len(list(FileSubscriber(tmp_path / name))) == 1200


def test_columns_are_given_or_those_of_the_first_entity(
    publish_to: Callable[..., list[Outcome]], tmp_path: Path
) -> None:
    first, unknown, fewer = publish_to("out.csv", [{"a": 1, "b": 2}, {"a": 1, "bb": 2}, {"b": 3}])
    assert (first.status, unknown.status, fewer.status) == ("sent", "refused", "sent")
    assert unknown.reason == "there is no column for 'bb'. Did you mean 'b'?"
    assert (tmp_path / "out.csv").read_text() == "a,b\n1,2\n,3\n"
    publish_to("two.tsv", [{"a": 1, "b": 2}], columns=["b", "a"])
    assert (tmp_path / "two.tsv").read_text() == "b\ta\n2\t1\n"


@pytest.mark.parametrize("format_", ["csv", "xlsx"])
def test_appending_keeps_the_columns_that_are_there(publish_to: Callable[..., list[Outcome]], format_: str) -> None:
    publish_to(f"out.{format_}", [{"a": 1, "b": 2}])
    (outcome,) = publish_to(f"out.{format_}", [{"b": 3, "c": 4}], mode="append")
    assert "no column for 'c'" in outcome.reason
    with pytest.raises(InputError, match="has the columns a, b, which are not those to write: b"):
        publish_to(f"out.{format_}", [{"b": 3}], mode="append", columns=["b"])


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("+1+cmd", "'+1+cmd"),
        ("-5", "-5"),
        ("+31 (0)20 123-4567", "+31 (0)20 123-4567"),
        (-5, "-5"),
        (-1.5, "-1.5"),
        (True, "true"),
        ("a=b", "a=b"),
        ("a;=1+1;b", "a;'=1+1;b"),  # split by ; in the Excel of many countries
        ("a\n- b, c", "a\n'- b, c"),
        (["x;+49 30", "=1"], '["x;\\u002b49 30","\\u003d1"]'),
    ],
)
def test_text_that_a_spreadsheet_would_run_is_quoted_and_nothing_else(
    tmp_path: Path, publish_to: Callable[..., list[Outcome]], value: Any, written: str
) -> None:
    publish_to("out.csv", [{"a": value}])
    assert list(FileSubscriber(tmp_path / "out.csv")) == [{"a": written}]


def test_workbook_holds_texts_never_formulas(tmp_path: Path, publish_to: Callable[..., list[Outcome]]) -> None:
    publish_to("out.xlsx", [{"=x": "=1+1", "b": "a\x00b", "c": True}], sheet="Devices")
    sheet = openpyxl.load_workbook(tmp_path / "out.xlsx")["Devices"]
    assert [[cell.data_type for cell in row] for row in sheet.rows] == [["s", "s", "s"], ["s", "s", "b"]]
    assert [cell.value for cell in sheet[2]] == ["=1+1", "a\ufffdb", True]


def test_workbook_keeps_every_digit(tmp_path: Path, publish_to: Callable[..., list[Outcome]]) -> None:
    publish_to("out.xlsx", [{"a": 2**60, "b": 12.5, "c": "007"}])
    assert list(FileSubscriber(tmp_path / "out.xlsx")) == [{"a": str(2**60), "b": 12.5, "c": "007"}]


def test_workbook_keeps_its_other_sheets(tmp_path: Path, publish_to: Callable[..., list[Outcome]]) -> None:
    publish_to("out.xlsx", [{"a": 1}], sheet="One")
    publish_to("out.xlsx", [{"b": 2}], sheet="Two", mode="append")
    assert list(FileSubscriber(tmp_path / "out.xlsx", sheet="One")) == [{"a": 1}]
    assert list(FileSubscriber(tmp_path / "out.xlsx", sheet="Two")) == [{"b": 2}]


@pytest.mark.parametrize("format_", FORMATS)
def test_entity_that_the_format_cannot_hold_is_refused_alone(
    publish_to: Callable[..., list[Outcome]], format_: str
) -> None:
    bad = {"id": [2**70]} if format_ != "xlsx" else {"id": "x" * 40_000}
    first, refused, last = publish_to(f"out.{format_}", [{"id": 1}, bad, {"id": 2}])
    assert (first.status, refused.status, last.status) == ("sent", "refused", "sent")
    assert refused.reason


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("out.json", b'{"id": 1}', "not a JSON array"),
        ("out.xlsx", b"text", "not an XLSX workbook"),
        ("out.csv", b"\xff\xfe", "not UTF-8"),
    ],
)
def test_file_that_cannot_be_added_to_is_named(
    tmp_path: Path, publish_to: Callable[..., list[Outcome]], name: str, content: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=said):
        publish_to(name, [{"id": 1}], mode="append")
    assert (tmp_path / name).read_bytes() == content


def test_place_that_cannot_be_written_is_named(tmp_path: Path, publish_to: Callable[..., list[Outcome]]) -> None:
    (tmp_path / "file").write_text("x")
    for name in ("file/out.csv", "file/out.xlsx"):
        with pytest.raises(InputError, match=r"cannot be written: (File exists|Not a directory)"):
            publish_to(name, [{"id": 1}])


@pytest.mark.parametrize("format_", FORMATS)
def test_full_disk_is_named_and_nothing_else_is_said(
    publish_to: Callable[..., list[Outcome]], format_: str, capfd: pytest.CaptureFixture[str]
) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    with pytest.raises(InputError, match="/dev/full: cannot be written: No space left"):
        list(FilePublisher("/dev/full", format=format_).publish(ROWS))  # type: ignore[arg-type]
    gc.collect()
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("name", "there", "then"),
    [("out.csv", b"id\n1", b"id\n1\n2\r\n"), ("out.jsonl", b'{"id":1}', b'{"id":1}\n{"id":2}\n')],
)
def test_appending_begins_a_line_of_its_own(
    tmp_path: Path, publish_to: Callable[..., list[Outcome]], name: str, there: bytes, then: bytes
) -> None:
    (tmp_path / name).write_bytes(there)
    publish_to(name, [{"id": 2}], mode="append")
    assert (tmp_path / name).read_bytes() == then


@pytest.mark.parametrize("sheet", ["", "a/b", "[1]", "x" * 32])
def test_sheet_with_an_impossible_name_is_refused_before_anything_runs(
    tmp_path: Path, publish_to: Callable[..., list[Outcome]], catalogue: Catalogue, sheet: str
) -> None:
    with pytest.raises(InputError, match="a sheet cannot be named"):
        publish_to("out.xlsx", [{"id": 1}], sheet=sheet)
    prototype = Prototypes("publishers").get("file")
    (found,) = prototype.check(prototype.fields.model_validate({"path": "out.xlsx", "sheet": sheet}), catalogue)
    assert found.path == ("sheet",)


def test_missing_extra_is_said(
    tmp_path: Path, publish_to: Callable[..., list[Outcome]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(InputError, match=r"pip install 'haloitsm-connector\[xlsx\]'"):
        publish_to("out.xlsx", [{"id": 1}])


def test_standard_output_takes_lines() -> None:
    code = (
        "from haloitsm_connector.publisher import FilePublisher\n"
        "publisher = FilePublisher('-', format='jsonl')\n"
        "for number in (1, 2): list(publisher.publish([{'id': number}]))"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, check=True)
    assert done.stdout == b'{"id":1}\n{"id":2}\n'


@given(
    st.lists(
        st.fixed_dictionaries(
            {"a": st.text() | st.integers(-(2**53), 2**53) | st.none() | st.booleans(), "b": st.text()}
        ),
        min_size=1,
        max_size=4,
    )
)
def test_json_formats_read_back_exactly_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]
) -> None:
    for format_ in ("json", "jsonl"):
        path = tmp_path_factory.getbasetemp() / f"round-trip.{format_}"
        assert [outcome.status for outcome in FilePublisher(path).publish(rows)] == ["sent"] * len(rows)
        assert list(FileSubscriber(path)) == rows


@given(st.lists(st.tuples(st.text(), st.text(min_size=1)), min_size=1, max_size=4))
def test_csv_reads_back_every_text(tmp_path_factory: pytest.TempPathFactory, cells: list[tuple[str, str]]) -> None:
    path = tmp_path_factory.getbasetemp() / "round-trip.csv"
    rows = [{"a": first, "b": second} for first, second in cells]
    sent = [row for row, outcome in zip(rows, FilePublisher(path).publish(rows), strict=True) if not outcome.reason]
    read = list(FileSubscriber(path, delimiter=","))
    assert [{name: csv_text(text) for name, text in row.items()} for row in read] == sent


def test_fields_build_the_publisher_and_are_checked(tmp_path: Path, catalogue: Catalogue) -> None:
    prototype = Prototypes("publishers").get("file")
    fields = prototype.fields.model_validate({"path": str(tmp_path / "out.jsonl")})
    assert list(prototype.check(fields, catalogue)) == []
    (outcome,) = prototype.build(fields, None, {}, catalogue).publish([{"id": 1}])
    assert outcome.status == "sent"
    for given_fields, said in [({"path": "out"}, "format"), ({"path": "-", "format": "json"}, "standard output")]:
        (found,) = prototype.check(prototype.fields.model_validate(given_fields), catalogue)
        assert said in found.what


@pytest.mark.parametrize("format_", FORMATS)
def test_what_came_before_its_source_failed_is_written(tmp_path: Path, format_: str) -> None:
    def failing() -> Any:
        yield {"id": 1}
        yield {"id": 2}
        raise InputError("the source failed")

    path = tmp_path / f"out.{format_}"
    outcomes = FilePublisher(path).publish(failing())
    assert [next(outcomes).status, next(outcomes).status] == ["sent", "sent"]
    with pytest.raises(InputError, match="the source failed"):
        next(outcomes)
    assert [int(entity["id"]) for entity in FileSubscriber(path)] == [1, 2]


@pytest.mark.parametrize("entities", [{"id": 1}, [1], "text"])
def test_what_is_no_list_of_objects_is_refused_in_words(tmp_path: Path, entities: Any) -> None:
    with pytest.raises(InputError, match="Give a list of entities"):
        list(FilePublisher(tmp_path / "out.jsonl").publish(entities))
