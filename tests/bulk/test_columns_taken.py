"""Only those columns are written that somebody means."""

from __future__ import annotations

import json

import pytest


def csv_of(folder, text: str, name: str = "in.csv") -> str:
    (folder / name).write_text(text, "utf-8")
    return name


SOURCES = [("--report", 1), ("--sql", "select id, name, inactive, ref from Client"), ("--where", "toplevel_id=2")]


@pytest.mark.parametrize("source", SOURCES, ids=["report", "sql", "list"])
def test_of_what_halo_shows_only_the_id_is_taken(bulk, sandbox, folder, source):
    ended = bulk("update", "Client", *source, "--set", "item_tax_code=1", "--dry-run", "--json")
    told = json.loads(ended.out)
    assert told["columns"] == {}
    assert set(told["fields"]) == {"item_tax_code"}


def test_a_run_that_goes_on_reverts_nothing_of_a_colleague(bulk, sandbox, folder):
    clients = sandbox.tables["Client"]
    command = ("update", "Client", "--report", 1, "--set", "item_tax_code=1", "--yes")
    bulk(*command, "--limit", 2)
    clients[20]["name"] = "Renamed by a colleague"
    clients[21]["inactive"] = True
    assert "Going on with run 1." in bulk(*command).err
    assert (clients[20]["name"], clients[21]["inactive"]) == ("Renamed by a colleague", True)
    assert {one["item_tax_code"] for one in clients.values()} == {1}


def test_a_column_of_a_report_is_written_when_it_is_named(bulk, sandbox, folder):
    sql = "select id, accountsid as code, name, inactive from Client where id = 3"
    ended = bulk("update", "Client", "--sql", sql, "--map", "code=ref", "--yes")
    assert "columns written: code as ref" in ended.out
    assert "columns 'name', 'inactive' are not used: --map COLUMN=FIELD takes one" in ended.out
    assert sandbox.tables["Client"][3]["ref"] == "ACC0003"


def test_nothing_is_said_of_the_other_columns_of_a_list(bulk, folder):
    assert "not used" not in bulk("update", "Client", "--where", "toplevel_id=2", "--set", "ref=x", "--dry-run").out


@pytest.mark.parametrize("source", SOURCES, ids=["report", "sql", "list"])
def test_it_has_to_be_said_what_changes(bulk, sandbox, folder, source):
    ended = bulk("update", "Client", *source, "--map", "id=id")
    assert ended.status == 1
    assert "it is not said what to change. Of what Halo shows only the id is taken by itself." in ended.err
    ended = bulk("update", "Client", "--from", csv_of(folder, "id,item_tax_cod\n2,1\n"))
    assert "no column is named like a field that can be changed. Did you mean 'item_tax_code'?" in ended.err


def test_new_records_are_made_of_the_columns_of_sql(bulk, sandbox, folder):
    sql = "select accountsid as name, website from Client where id = 3"
    assert bulk("create", "Client", "--sql", sql, "--yes").status == 0
    made = sandbox.tables["Client"][26]
    assert (made["name"], made["website"]) == ("ACC0003", "https://client3.example")


def test_columns_of_a_file_are_told_and_can_be_left_alone(bulk, sandbox, folder):
    source = csv_of(folder, "ID,Name,Website,Remark\n2,Old name,https://two.example,x\n")
    before = sandbox.tables["Client"][2]["name"]
    ended = bulk("update", "Client", "--from", source, "--map", "Name=", "--yes")
    assert "columns written: Website as website" in ended.out
    assert "column 'Remark' is not used" in ended.out
    assert "'Name'" not in ended.out
    assert (sandbox.tables["Client"][2]["name"], sandbox.tables["Client"][2]["website"]) == (
        before, "https://two.example",
    )  # fmt: skip


def test_of_two_columns_for_one_field_the_named_one_counts(bulk, sandbox, folder):
    source = csv_of(folder, "id,Client Id,ref\n3,2,A\n")
    ended = bulk("update", "Client", "--from", source, "--map", "Client Id=id", "--yes")
    assert "column 'id' is not used: its field is taken from column 'Client Id'" in ended.out
    assert (sandbox.tables["Client"][2]["ref"], sandbox.tables["Client"][3]["ref"]) == ("A", "C00003")
    ended = bulk("update", "Client", "--from", csv_of(folder, "id,Ref,ref\n3,A,B\n"))
    assert "the columns 'Ref' and 'ref' are both named like the field 'ref'. Leave one out: --map 'ref='." in ended.err
    ended = bulk("update", "Client", "--from", source, "--map", "id=id", "--map", "Client Id=id")
    assert "--map names two columns for 'id': 'id' and 'Client Id'" in ended.err
    for option in ("--map", "--set"):
        ended = bulk("update", "Client", "--from", source, option, "ref=a", option, "ref=b")
        assert f"Invalid value for '{option}': 'ref' is given twice" in ended.err
    ended = bulk("update", "Client", "--from", source, "--map", "ref=ref", "--set", "ref=x")
    assert "'ref' is given twice: by --map 'ref=ref' and by --set" in ended.err


def test_a_column_that_is_not_there_is_an_error(bulk, sandbox, folder, writes):
    source = csv_of(folder, "id;Kenmerk\n2;A\n3;B\n")
    ended = bulk("update", "Client", "--from", source, "--map", "Kenmark=ref")
    assert "--map: there is no column 'Kenmark'. Did you mean 'Kenmerk'? Columns: id, Kenmerk." in ended.err
    ended = bulk("update", "Client", "--from", source, "--set", "ref=A-{{ Kenmrk || 'none' }}")
    assert "--set: there is no column 'Kenmrk'. Did you mean 'Kenmerk'? Columns: id, Kenmerk." in ended.err
    ended = bulk("update", "Client", "--report", 1, "--set", "ref={{ nam }}")
    assert "--set: there is no column 'nam'. Did you mean 'name'?" in ended.err
    ended = bulk("update", "Client", "--where", "toplevel_id=2", "--set", "ref={{ nam }}")
    assert "--set: there is no column 'nam'. Did you mean 'name'?" in ended.err
    ended = bulk("update", "Client", "--from", source, "--set", 'ref={{ Kenmerk || "none" }}')
    assert (
        "there is no column 'none'. Columns: id, Kenmerk. If 'none' is a text, it stands in single quotes." in ended.err
    )
    assert writes() == []
    (folder / "rows.json").write_text('[{"id": 2}, {"id": 3, "code": "C"}]')
    ended = bulk(
        "update", "Client", "--from", "rows.json", "--map", "code=ref", "--set", "website={{ code || '' }}", "--yes"
    )
    assert ended.status == 0
    assert sandbox.tables["Client"][3]["ref"] == "C"


def test_a_column_that_an_expression_reads_is_of_use(bulk, folder):
    source = csv_of(folder, "id,Kenmerk,Remark\n2,A,x\n")
    ended = bulk("update", "Client", "--from", source, "--set", "ref={{ Kenmerk }}", "--dry-run")
    assert "column 'Remark' is not used" in ended.out
    assert "'Kenmerk'" not in ended.out


def test_blanks_alone_are_an_empty_cell(bulk, sandbox, folder):
    source = csv_of(folder, 'id,item_tax_code,ref\n2,"  ",  \n')
    sandbox.tables["Client"][2] |= {"item_tax_code": 3}
    before = dict(sandbox.tables["Client"][2])
    bulk("update", "Client", "--from", source, "--yes")
    assert sandbox.tables["Client"][2] == before


def test_columns_behind_values_that_do_not_fit_are_known(bulk, folder):
    ended = bulk("update", "Client", "--from", csv_of(folder, "id,ref\nx,A\n"), "--dry-run")
    assert "columns written: ref" in ended.out
    assert "left out: line 2: column 'id': 'x' is no whole number" in ended.out
