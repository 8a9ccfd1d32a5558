"""Files are read as they come out of spreadsheets and scripts, and what is wrong is named with its line."""

from __future__ import annotations

import asyncio
import os
import sys
import tracemalloc
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import openpyxl.chart
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haloitsm_connector.catalogue import Catalogue
from haloitsm_connector.errors import ConnectorError, InputError
from haloitsm_connector.prototypes import Prototypes
from haloitsm_connector.subscriber import FileSubscriber


def write(folder: Path, name: str, content: bytes | str) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("content", "options", "rows"),
    [
        ("serial,client\nLT-1,12\n", {}, [{"serial": "LT-1", "client": "12"}]),
        ("\ufeffserial,client\r\nLT-1,12\r\n", {}, [{"serial": "LT-1", "client": "12"}]),
        ("a;b\n1,5;2\n", {}, [{"a": "1,5", "b": "2"}]),
        ("a\tb\n1\t2", {}, [{"a": "1", "b": "2"}]),
        ("a|b\n1|2", {}, [{"a": "1", "b": "2"}]),
        ('"a,b,c";d\n1;2\n', {}, [{"a,b,c": "1", "d": "2"}]),
        ("a,b;c\n1,2\n", {"delimiter": ","}, [{"a": "1", "b;c": "2"}]),
        ('a,b\n"two\nlines","say ""hi"""\n', {}, [{"a": "two\nlines", "b": 'say "hi"'}]),
        ("a,b\n1,2\n\n,\n", {}, [{"a": "1", "b": "2"}]),
        ("a,b,,\n1,2,,\n", {}, [{"a": "1", "b": "2"}]),
        ("id\n007\n", {}, [{"id": "007"}]),
        ("a,b\n1,\n", {}, [{"a": "1", "b": ""}]),
        ("naam\nJos\xe9\n".encode("cp1252"), {"encoding": "cp1252"}, [{"naam": "José"}]),
        (b"\xef\xbb\xbf" + "naam\nJos\xe9\n".encode("cp1252"), {"encoding": "cp1252"}, [{"naam": "José"}]),
        ("a,b\n1,2\n".encode("utf-16"), {"encoding": "utf-16"}, [{"a": "1", "b": "2"}]),
    ],
)
def test_csv_is_read(tmp_path: Path, content: Any, options: dict[str, Any], rows: list[dict[str, str]]) -> None:
    assert list(FileSubscriber(write(tmp_path, "in.csv", content), **options)) == rows


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", r"in\.csv:1: there is no header"),
        ("a,,b\n1,2,3\n", r"in\.csv:1: column 2 has no name"),
        ("a,a\n1,2\n", r"in\.csv:1: the header names column 'a' twice"),
        ("a,b\n1,2\n3\n", r"in\.csv:3: the row has 1 cells, the header 2"),
        ("a,b\n1,2\n3,4,5\n", r"in\.csv:3: the row has 3 cells, the header 2"),
        ('a,b\n1,"open\n', r"in\.csv:2: not a CSV row: unexpected end of data"),
        ("a,b\n1,2\n".encode("utf-16-le"), r"not text in utf-8. It holds zero bytes, as UTF-16 does: name its encod"),
        ("a,b\nJos\xe9,1\n".encode("cp1252"), r"not text in utf-8 .*cp1252 is what Excel"),
    ],
)
def test_csv_that_cannot_be_read_is_named_with_its_line(tmp_path: Path, content: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        list(FileSubscriber(write(tmp_path, "in.csv", content)))


def test_rows_before_the_bad_one_are_delivered_page_by_page(tmp_path: Path) -> None:
    path = write(tmp_path, "in.csv", "a,b\n" + "1,2\n" * 700 + "3\n")
    pages = FileSubscriber(path).pages()
    assert len(next(pages)) == 500
    with pytest.raises(InputError, match=":702: "):
        next(pages)


@pytest.mark.parametrize(
    ("name", "content", "options", "rows"),
    [
        ("in.json", '[{"id": 1}, {"id": 2}]', {}, [{"id": 1}, {"id": 2}]),
        ("in.json", '\ufeff{"id": 1}', {}, [{"id": 1}]),
        ("in.json", '{"data": {"rows": [{"id": 1}]}}', {"items": "data.rows"}, [{"id": 1}]),
        ("in.jsonl", '{"id": 1}\n\n{"id": 2}', {}, [{"id": 1}, {"id": 2}]),
        ("in.txt", '{"id": 1}\r\n', {"format": "jsonl"}, [{"id": 1}]),
        ("IN.NDJSON", '\ufeff{"id": 1}\n', {}, [{"id": 1}]),
    ],
)
def test_json_and_json_lines_are_read(
    tmp_path: Path, name: str, content: str, options: dict[str, Any], rows: list[dict[str, Any]]
) -> None:
    assert list(FileSubscriber(write(tmp_path, name, content), **options)) == rows


@pytest.mark.parametrize(
    ("name", "content", "options", "said"),
    [
        ("in.jsonl", '{"id": 1}\n{"id": 2\n', {}, r"in\.jsonl:2: not JSON"),
        ("in.jsonl", '{"id": 1}\n[2]\n', {}, r"in\.jsonl:2: an entity is a JSON object, not list"),
        ("in.json", '[\n{"id": 1},\n{"id"}]', {}, r"not JSON: .* at line 3, column"),
        ("in.json", '[{"id": 1}, 2]', {}, r"item 2: an entity is a JSON object, not int"),
        ("in.json", '{"id": 1}', {"items": "rows"}, "nothing at 'items'"),
        ("in.json", '{"id": 1}', {"items": "length(id)"}, "items: "),
        ("in.json", b"\xff\xfe", {}, "not JSON"),
        ("in.xlsx", b"PK\x03\x04 not a workbook", {}, "not an XLSX workbook"),
        ("in.dat", "x", {}, "the format cannot be told"),
        ("in.jsn", "x", {}, "Did you mean '.json'?"),
        ("in.csv", "a,b\n", {"encoding": "utf-99"}, "there is no encoding 'utf-99'"),
        ("in.csv", "a,b\n", {"encoding": "utf\0"}, "there is no encoding"),
        ("in.csv", "a,b\n", {"encoding": "undefined"}, "there is no encoding 'undefined'"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(
    tmp_path: Path, name: str, content: Any, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        list(FileSubscriber(write(tmp_path, name, content), **options))


def test_missing_file_and_folder_are_named() -> None:
    with pytest.raises(InputError, match=r"nowhere\.csv: cannot be read: No such file.* Looked in "):
        list(FileSubscriber("nowhere.csv"))
    with pytest.raises(InputError, match="is not a file name"):
        FileSubscriber("a\0.csv", format="csv")
    with pytest.raises(InputError, match="Is a directory"):
        list(FileSubscriber(Path(__file__).parent, format="csv"))


@pytest.fixture
def workbook(tmp_path: Path) -> Path:
    book = openpyxl.Workbook()
    first = book.active
    first.title = "Laptops"
    first.append([None])
    first.append(["serial", "price", "bought", "moment", "ok", None])
    first.append(["LT-1", 12.5, date(2026, 1, 31), datetime(2026, 1, 31, 9, 15), True])
    first.append([None, None])
    first.append(["007", 3])
    book.create_sheet("Users").append(["name"])
    chart = openpyxl.chart.BarChart()
    book.create_chartsheet("Chart", 0).add_chart(chart)
    book.save(tmp_path / "in.xlsx")
    return tmp_path / "in.xlsx"


def test_workbook_is_read_with_its_types(workbook: Path) -> None:
    assert list(FileSubscriber(workbook)) == [
        {"serial": "LT-1", "price": 12.5, "bought": "2026-01-31T00:00:00", "moment": "2026-01-31T09:15:00", "ok": True},
        {"serial": "007", "price": 3, "bought": None, "moment": None, "ok": None},
    ]
    assert list(FileSubscriber(workbook, sheet="Users")) == []


@pytest.mark.parametrize(("sheet", "said"), [("User", "Did you mean 'Users'"), ("Chart", "There are: Laptops, Users")])
def test_unknown_sheet_is_named(workbook: Path, sheet: str, said: str) -> None:
    with pytest.raises(InputError, match=f"there is no sheet '{sheet}'. {said}"):
        list(FileSubscriber(workbook, sheet=sheet))


def test_missing_extra_is_said(workbook: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(InputError, match=r"pip install 'haloitsm-connector\[xlsx\]'"):
        list(FileSubscriber(workbook))


def test_standard_input_is_read(tmp_path: Path) -> None:
    source = os.open(write(tmp_path, "in", '{"id": 1}\n'), os.O_RDONLY)
    saved = os.dup(0)
    try:
        os.dup2(source, 0)
        assert list(FileSubscriber("-", format="jsonl")) == [{"id": 1}]
    finally:
        os.dup2(saved, 0)
        os.close(saved)
        os.close(source)


def test_async_face_and_a_broken_off_reading(tmp_path: Path) -> None:
    path = write(tmp_path, "in.csv", "a\n" + "1\n" * 1200)

    async def first_page() -> int:
        async for page in FileSubscriber(path).apages():
            return len(page)
        return 0

    assert asyncio.run(first_page()) == 500
    assert next(iter(FileSubscriber(path))) == {"a": "1"}


@pytest.mark.parametrize("name", ["in.csv", "in.jsonl"])
def test_memory_stays_flat(tmp_path: Path, name: str) -> None:
    def peak(count: int) -> int:
        row = '{"id": 1, "name": "x"}\n' if name == "in.jsonl" else "1,x\n"
        path = write(tmp_path, name, ("" if name == "in.jsonl" else "id,name\n") + row * count)
        tracemalloc.start()
        assert sum(len(page) for page in FileSubscriber(path).pages()) == count
        bytes_ = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return bytes_

    peak(600)
    assert peak(30_000) < peak(1_500) + 200_000


@given(st.binary(max_size=60), st.sampled_from(["in.csv", "in.json", "in.jsonl", "in.xlsx"]))
def test_any_bytes_are_entities_or_an_error_in_words(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, name: str
) -> None:
    path = write(tmp_path_factory.getbasetemp(), name, content)
    with suppress(ConnectorError):
        assert all(isinstance(entity, dict) for entity in FileSubscriber(path))


def test_fields_build_the_subscriber_and_are_checked(tmp_path: Path, catalogue: Catalogue) -> None:
    prototype = Prototypes("subscribers").get("file")
    fields = prototype.fields.model_validate({"path": str(write(tmp_path, "in.csv", "a;b\n1;2\n"))})
    assert list(prototype.check(fields, catalogue)) == []
    assert list(prototype.build(fields, None, {}, catalogue)) == [{"a": "1", "b": "2"}]
    (found,) = prototype.check(prototype.fields.model_validate({"path": "in.data"}), catalogue)
    assert found.path == ("path",)
