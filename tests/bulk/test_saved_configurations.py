"""A configuration that was saved sends what the command sends, wherever it is run, and says what it does otherwise."""

from __future__ import annotations

import openpyxl
import pytest
import yaml

from haloitsm_connector.cli.main import main


@pytest.fixture
def run_saved(folder, sandbox, monkeypatch, capsys):
    """Run a saved route from another folder; return its exit status and the records that it sent."""

    def run(route: str):
        (folder / "elsewhere").mkdir(exist_ok=True)
        monkeypatch.chdir(folder / "elsewhere")
        before = len(sandbox.requests)
        with pytest.raises(SystemExit) as end:
            main(["run", str(folder / "saved"), route])
        sent = [
            record
            for one in sandbox.requests[before:]
            if one.method == "POST" and one.path.startswith("/api")
            for record in one.body
        ]
        return end.value.code, sent, capsys.readouterr().err

    return run


def test_values_are_sent_as_the_command_sends_them_from_any_folder(bulk, folder, run_saved):
    book = openpyxl.Workbook()
    book.active.append(["Client Id", "item_tax_code", "inactive", "website", "customfields"])
    book.active.append(["12.0", "Zero rated", "FALSE", None, '[{"id": 201, "value": "CC"}]'])
    book.active.append([13, 2, 0, "https://thirteen.example", None])
    book.active.append([None, 2, None, None, None])
    book.save(folder / "in.xlsx")
    options = ("--map", "Client Id=id", "--set", "accountsid=A${x}", "--dry-run", "--save-config", "saved/halo.yaml")
    ended = bulk("update", "Client", "--from", "in.xlsx", *options)
    assert "Names in 'item_tax_code' must be written as Tax has them." in ended.err
    status, sent, _ = run_saved("bulk-update-client")
    assert status == 4  # the row without an id
    assert sent == [
        {
            "id": 12, "item_tax_code": 3, "inactive": False, "accountsid": "A${x}",
            "customfields": [{"id": 201, "value": "CC"}],
        },
        {"id": 13, "item_tax_code": 2, "inactive": False, "website": "https://thirteen.example", "accountsid": "A${x}"},
    ]  # fmt: skip


def test_cells_that_empty_their_fields_do_so_in_the_route(bulk, folder, run_saved):
    (folder / "in.csv").write_text("id,item_tax_code,ref\n12,,\n", "utf-8")
    bulk("update", "Client", "--from", "in.csv", "--clear-empty", "--dry-run", "--save-config", "saved/halo.yaml")
    status, sent, _ = run_saved("bulk-update-client")
    assert status == 0
    assert sent == [{"id": 12, "item_tax_code": None, "ref": ""}]


def test_names_that_no_transformer_looks_up_fail_in_words(bulk, folder, run_saved):
    (folder / "in.csv").write_text("id,toplevel_id\n12,Partners\n", "utf-8")
    ended = bulk("update", "Client", "--from", "in.csv", "--dry-run", "--save-config", "saved/halo.yaml")
    said = "Names in 'toplevel_id' are not looked up: a row that has one fails. Give numbers there."
    assert said in ended.err
    assert f"# {said}\n" in (folder / "saved/halo.yaml").read_text()
    status, sent, told = run_saved("bulk-update-client")
    assert (status, sent) == (4, [])
    assert "toplevel_id" in told


def test_records_are_deleted_by_their_numbers(bulk, sandbox, folder, run_saved):
    asset = next(iter(sandbox.tables["Asset"]))
    (folder / "in.csv").write_text(f"Number,Asset\n1,{asset}.0\n2,\n", "utf-8")
    bulk("delete", "Asset", "--from", "in.csv", "--map", "Asset=id", "--dry-run", "--save-config", "saved/halo.yaml")
    status, _, _ = run_saved("bulk-delete-asset")
    assert status == 4  # the row without an id
    assert asset not in sandbox.tables["Asset"]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (
            ["update", "--report", 1, "--set", "ref=x"],
            "compares nothing, sends every row with an id, and keeps no old val",
        ),
        (["delete", "--report", 1], "and keeps no copies for an undo."),
        (["create", "--from", "new.csv"], "keeps no record of each row. Run again it creates the records once more."),
        (["create", "--from", "new.csv", "--once", "name"], "Unlike the command it keeps no record of each row."),
        (["create", "--from", "new.csv"], "A row that cannot be read ends it; the command leaves such rows out."),
    ],
)
def test_what_the_route_does_otherwise_is_said(bulk, folder, command, said):
    (folder / "new.csv").write_text("name\nNew\n", "utf-8")
    kind, *options = command
    ended = bulk(kind, "Client", *options, "--dry-run", "--save-config", "saved/halo.yaml")
    assert said in ended.err
    heading = [line for line in (folder / "saved/halo.yaml").read_text().splitlines() if line.startswith("#")]
    assert any(said in line for line in heading)
    assert yaml.safe_load((folder / "saved/halo.yaml").read_text())["routes"]


def test_what_is_empty_in_a_row_leaves_its_field_and_a_value_for_all_does_not(bulk, folder, run_saved):
    (folder / "in.jsonl").write_text(
        '{"id": 12, "ref": null, "website": "  ", "accountsid": "A"}\n{"id": 13, "item_tax_code": null}\n', "utf-8"
    )
    options = ("--set", "xero_tenant_id=", "--dry-run", "--save-config", "saved/halo.yaml")
    ended = bulk("update", "Client", "--from", "in.jsonl", *options)
    assert "Numbers in 'item_tax_code' are not looked up: one that stands for nothing in Halo is sent." in ended.err
    status, sent, _ = run_saved("bulk-update-client")
    assert (status, sent) == (
        0, [{"id": 12, "accountsid": "A", "xero_tenant_id": ""}, {"id": 13, "xero_tenant_id": ""}],
    )  # fmt: skip


def test_that_a_row_without_a_field_empties_it_in_the_route_is_said(bulk, folder):
    (folder / "in.jsonl").write_text('{"id": 12, "ref": null}\n', "utf-8")
    options = ("--clear-empty", "--dry-run", "--save-config", "saved/halo.yaml")
    ended = bulk("update", "Client", "--from", "in.jsonl", *options)
    assert "A row that does not have a field empties it." in ended.err
    assert "are not looked up" not in ended.err
