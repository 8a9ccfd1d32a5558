"""What bulk commands say where somebody has made a mistake, or where something is about to be lost."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import openpyxl
import pytest


@pytest.fixture
def rows(folder: Path):
    """Write a file of rows and return its name."""

    def write(text: str, name: str = "in.csv") -> str:
        (folder / name).write_text(text, "utf-8")
        return name

    return write


class Meanwhile(io.StringIO):
    """Somebody who answers, after something was done."""

    def __init__(self, answer: str, done) -> None:
        super().__init__(answer)
        self._done = done

    def readline(self, *size: int) -> str:
        self._done()
        return super().readline(*size)


def test_a_run_is_forgotten_when_somebody_agrees_to_what_is_lost(bulk, sandbox, rows, monkeypatch):
    bulk("update", "Client", "--from", rows("id\n2\n3\n"), "--set", "ref=X", "--yes")
    for answer, status, said in (("", 1, "Add --yes; nothing was forgotten."), ("n\n", 0, "Nothing was forgotten.")):
        monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
        ended = bulk("forget", 1)
        assert ended.status == status
        assert "With it goes what 2 records held before: it cannot be put back any more." in ended.err
        assert said in ended.err
    assert "2 updated" in bulk("list").out
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert "Run 1 is forgotten." in bulk("forget", 1).err
    assert "There is no bulk run." in bulk("list").err


def test_what_goes_with_a_run_depends_on_what_it_did(bulk, sandbox, rows):
    bulk("create", "Client", "--from", rows("name\nNew A\nNew B\n"), "--yes")
    bulk("delete", "Client", "--from", rows("id\n25\n"), "--count", 1)
    bulk("update", "Client", "--from", rows("id\n2\n3\n4\n"), "--set", "ref=X", "--yes", "--limit", 1)
    bulk("update", "Client", "--from", rows("id\n5\n"), "--set", "ref=X", "--yes")
    bulk("undo", 4, "--yes")
    told = [bulk("forget", number, "--yes").err for number in (1, 2, 3, 4)]
    assert "which 2 records it has created: `haloitsm bulk undo` cannot delete them any more, and the same" in told[0]
    assert "the 1 copy of what it has deleted" in told[1]
    assert "where it was, with 2 rows to do: the same command begins anew" in told[2]
    assert "With it goes" not in told[3]


def test_a_record_that_is_deleted_while_somebody_thinks_is_named(bulk, sandbox, rows, monkeypatch):
    for run, command in enumerate(
        (["update", "Client", "--from", rows("id\n5\n6\n7\n"), "--set", "ref=Z"], ["undo", 1])
    ):
        monkeypatch.setattr(sys, "stdin", Meanwhile("y\n", partial(sandbox.tables["Client"].pop, 6 + run, None)))
        ended = bulk(*command)
        assert ended.status == 4
        assert re.search(f"left out: .*line {3 + run}: there is no Client {6 + run}\\n", ended.err)


def test_runs_that_are_not_named_are_counted(bulk, rows):
    for number in range(2, 15):
        bulk("update", "Client", "--from", rows(f"id\n{number}\n"), "--set", "ref=X", "--yes")
    ended = bulk("show", 99)
    assert "It has 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, and 3 before: `haloitsm bulk list` shows all." in ended.err


def test_the_same_command_saves_the_same_configuration_again(bulk, folder, rows):
    command = ("update", "Client", "--from", rows("id\n2\n"), "--dry-run", "--save-config", "saved.yaml", "--set")
    assert bulk(*command, "ref=X").status == 0
    assert bulk(*command, "ref=X").status == 0
    ended = bulk(*command, "ref=Y")
    assert ended.status == 1
    assert "saved.yaml exists already, and says something else. Delete it, or name another file" in ended.err


def test_a_row_that_asks_for_nothing_is_called_so(bulk, rows):
    ended = bulk("update", "Client", "--from", rows("id,ref\n2,\n3,C00003\n"), "--dry-run")
    assert "left out: line 2: it asks for nothing: it has no more than the id" in ended.out
    assert "left out: line 3: it has these values already" in ended.out


def test_each_reason_has_its_lines(bulk, rows):
    ended = bulk(
        "update", "Client", "--from", rows("id\n2\n90\n91\n92\n93\nx\nx\nx\nx\n"), "--set", "ref=X", "--dry-run"
    )
    gone = "; ".join(f"line {line}: there is no Client {key}" for line, key in ((3, 90), (4, 91), (5, 92)))
    assert f"left out: {gone}; and 1 row like these" in ended.out
    assert "left out: lines 7, 8, 9 and 1 more: column 'id': 'x' is no whole number" in ended.out


def test_the_other_sheets_are_told_with_a_mistake_too(bulk, folder):
    book = openpyxl.Workbook()
    book.active.append(["Made by Ann"])
    book.active.append(["today"])
    sheet = book.create_sheet("Data")
    for row in (["id", "ref"], [2, "X"]):
        sheet.append(row)
    for number in range(5):
        book.create_sheet(f"S{number}")
    book.save(folder / "in.xlsx")
    ended = bulk("update", "Client", "--from", "in.xlsx")
    assert ended.status == 1
    assert "Of in.xlsx the sheet 'Sheet' is read; --sheet names another: 'Data', 'S0', 'S1' and 3 more." in ended.err
    assert "update 1 record" in bulk("update", "Client", "--from", "in.xlsx", "--sheet", "Data", "--dry-run").out


@pytest.mark.parametrize("column", ["Client ID", "client_id", "Client No.", "nr"])
def test_a_column_that_looks_like_the_id_is_named(bulk, rows, column):
    ended = bulk("update", "Client", "--from", rows(f"{column},ref\n2,X\n"))
    assert f"no column is named 'id'. Say which holds it: --map '{column}=id'" in ended.out
    assert "Did you mean" not in ended.out


def test_a_list_that_is_cut_says_so(bulk, rows):
    ended = bulk("update", "Asset", "--from", rows("id,client_id\n2,99999\n"))
    assert "there is no Client 99999. There are, among others: " in ended.out
    ended = bulk("update", "Client", "--from", rows("id\n2\n"), "--set", "item_tax_code=99")
    assert "there is no Tax 99. There are: 1 (20% (Sales))" in ended.err


def test_what_halo_sets_itself_is_not_written(bulk, rows):
    ended = bulk("update", "Asset", "--from", rows("id,last_modified,key_field\n2,2026-01-01,X\n"), "--dry-run")
    assert "column 'last_modified' is not used: Halo does not let it be written" in ended.out
    ended = bulk("update", "Tickets", "--from", rows("id\n2\n"), "--set", "last_update=2026-01-01")
    assert "Halo does not let 'last_update' of Tickets be written" in ended.err


def test_many_columns_of_no_use_are_counted(bulk, rows):
    names = ",".join(f"unlike_all_fields_{number:03}" for number in range(200))
    ended = bulk("update", "Client", "--from", rows(f"id,ref,{names}\n2,X\n"), "--dry-run")
    assert "'unlike_all_fields_029' and 170 more are not used" in ended.out
    assert "unlike_all_fields_030" not in ended.out


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs limits")
def test_a_full_disk_is_told_and_the_run_goes_on_when_there_is_room(bulk, sandbox, folder, rows):
    import resource

    source = rows("id,ref\n" + "".join(f"{number},X{number}\n" for number in range(2, 26)))
    command = ("update", "Client", "--from", source, "--yes")
    halo = [Path(sys.executable).with_name("haloitsm"), "bulk", *command]
    bulk(*command, "--dry-run")
    for most in (100, 33_000, 90_000):  # the state cannot be opened, or what is read or sent has no room in it
        full = subprocess.run(
            halo, capture_output=True, text=True, env=dict(os.environ), check=False,
            preexec_fn=partial(resource.setrlimit, resource.RLIMIT_FSIZE, (most, most)),
        )  # fmt: skip
        assert full.returncode == 1, most
        assert "Traceback" not in full.stderr + full.stdout
        assert "is there room left" in full.stderr
        assert most == 100 or "Nothing was sent." in full.stderr
    assert bulk(*command).status == 0
    assert [sandbox.tables["Client"][number]["ref"] for number in range(2, 26)] == [f"X{n}" for n in range(2, 26)]
