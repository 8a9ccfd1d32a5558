"""Records are created once, deleted with care, put back, and chosen by reports and lists."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest
import yaml

from haloitsm_connector.cli.main import main


def csv_of(folder: Path, text: str, name: str = "in.csv") -> str:
    (folder / name).write_text(text, "utf-8")
    return name


def effects(sandbox, what: str) -> list:
    return [effect.key for effect in sandbox.effects if effect.did == what]


ASSETS = "inventory_number,assettype_id,client_id,id\n" + "".join(f"LT-{n},Laptop,12,{n}\n" for n in range(1, 8))


def test_records_are_created_once(bulk, sandbox, folder, result):
    source = csv_of(folder, ASSETS + "LT-1,130,12,1\n")
    command = ("create", "Asset", "--from", source, "--yes")
    ended = bulk(*command)
    assert ended.status == 0
    assert "column 'id' is not used: new records get their ids from Halo" in ended.out
    assert len(effects(sandbox, "created")) == 8
    assert {row["bulk_id"] for row in result()} == {str(key) for key in effects(sandbox, "created")}
    assert {sandbox.tables["Asset"][key]["assettype_id"] for key in effects(sandbox, "created")} == {130}
    ended = bulk(*command)
    assert ended.status == 0
    assert "Run 1 has carried this out already" in ended.err
    assert json.loads(bulk(*command, "--json").out)["done_before"] is True
    assert len(effects(sandbox, "created")) == 8
    bulk(*command, "--again")
    assert len(effects(sandbox, "created")) == 16


def test_creates_that_failed_are_tried_again_and_no_others(bulk, sandbox, folder):
    source = csv_of(folder, "name\nNew A\nNew B\nNew B\nNew C\n")
    ended = bulk("create", "Client", "--from", source, "--yes")
    assert ended.status == 4
    assert len(effects(sandbox, "created")) == 3
    second = next(key for key in effects(sandbox, "created") if sandbox.tables["Client"][key]["name"] == "New B")
    sandbox.tables["Client"][second]["name"] = "Renamed"
    assert bulk("create", "Client", "--from", source, "--yes").status == 0
    assert len(effects(sandbox, "created")) == 4


def test_what_is_there_is_not_created_with_once(bulk, sandbox, folder, writes, result):
    there = next(iter(sandbox.tables["Asset"].values()))["inventory_number"]
    source = csv_of(folder, ASSETS + f"{there},130,12,1\n")
    assert bulk("create", "Asset", "--from", source, "--once", "inventory_number", "--yes").status == 0
    assert len(effects(sandbox, "created")) == 7
    assert len(writes()) == 1
    assert result()[-1]["bulk_outcome"] == "skipped"


def test_records_are_deleted_when_their_number_is_typed(bulk, sandbox, folder, monkeypatch):
    wanted = list(sandbox.tables["Asset"])[:5]
    before = {key: dict(sandbox.tables["Asset"][key]) for key in wanted}
    source = csv_of(folder, "id,name\n" + "".join(f"{key},x\n" for key in wanted) + "999999,x\n")
    for typed, said in (
        ("y\n", "y is not 5. Nothing was deleted."),
        ("4\n", "4 is not 5. Nothing was deleted."),
        ("\n", "no number was typed. Nothing was deleted."),
        ("", "nobody has answered. Add --count NUMBER; nothing was sent."),
    ):
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        ended = bulk("delete", "Asset", "--from", source)
        assert (ended.status, effects(sandbox, "deleted")) == (1, [])
        assert said in ended.err
        assert "Type the number:" in ended.err
    assert (
        "5 records would be deleted, and --yes does not say how many. Say it with --count NUMBER"
        in bulk("delete", "Asset", "--from", source, "--yes").err
    )
    assert "and not 4. Nothing was deleted." in bulk("delete", "Asset", "--from", source, "--count", 4).err
    monkeypatch.setattr(sys, "stdin", io.StringIO("5\n"))
    ended = bulk("delete", "Asset", "--from", source)
    assert ended.status == 4  # one was not there
    assert sorted(effects(sandbox, "deleted")) == sorted(wanted)
    assert before[wanted[0]]["inventory_number"] in ended.out
    bulk("show", 1, "--copies", "copies.jsonl")
    copies = [json.loads(line) for line in (folder / "copies.jsonl").read_text().splitlines()]
    assert [copy["inventory_number"] for copy in copies] == [before[key]["inventory_number"] for key in wanted]
    ended = bulk("undo", 1)
    assert ended.status == 1
    assert "a deleted Asset does not come back with its id" in ended.err
    assert (
        "haloitsm bulk show 1 --copies deleted.jsonl, then haloitsm bulk create Asset --from deleted.jsonl."
        in ended.err
    )
    assert bulk("create", "Asset", "--from", "copies.jsonl", "--yes").status == 0
    assert len(effects(sandbox, "created")) == 5


def test_deleted_tickets_come_back(bulk, sandbox, folder):
    wanted = list(sandbox.tables["Tickets"])[:3]
    source = csv_of(folder, "id\n" + "".join(f"{key}\n" for key in wanted))
    assert bulk("delete", "Tickets", "--from", source, "--count", 3).status == 0
    assert not set(wanted) & set(sandbox.tables["Tickets"])
    assert bulk("undo", 1, "--yes").status == 0
    assert set(wanted) <= set(sandbox.tables["Tickets"])


def test_old_values_are_put_back_where_nobody_has_changed_them(bulk, sandbox, folder, result):
    clients = sandbox.tables["Client"]
    for number in range(2, 12):
        clients[number] |= {"item_tax_code": number % 3, "ref": f"R{number}"}
    source = csv_of(folder, "id\n" + "".join(f"{number}\n" for number in range(2, 12)))
    bulk("update", "Client", "--from", source, "--set", "item_tax_code=1", "--set", "ref=SAME", "--yes")
    clients[5]["ref"] = "by Ann"
    clients[6]["name"] = "another field"
    clients[7]["ref"] = "R7"
    del clients[8]
    clients[9] |= {"item_tax_code": 2, "ref": "by Ann too"}
    ended = bulk("undo", 1, "--yes")
    assert ended.status == 4
    assert "left as it is: line 5: ref is 'by Ann' now, and not 'SAME'" in ended.out
    assert (
        "left as it is: line 9: item_tax_code is 2 now, and not 1; ref is 'by Ann too' now, and not 'SAME'" in ended.out
    )
    assert "there is no Client 8" in ended.out
    for number in (2, 3, 4, 6, 7, 10, 11):
        assert (clients[number]["item_tax_code"], clients[number]["ref"]) == (number % 3, f"R{number}")
    assert (clients[5]["item_tax_code"], clients[5]["ref"]) == (2, "by Ann")
    assert (clients[9]["item_tax_code"], clients[9]["ref"]) == (2, "by Ann too")
    told = {row["id"]: (row["bulk_outcome"], row["bulk_reason"]) for row in result("bulk-2.csv")}
    assert told["2"] == ("put back", "")
    assert told["5"] == ("partly put back", "ref is 'by Ann' now, and not 'SAME'")
    assert told["9"][0] == "left as it is"
    assert [one["status"] for one in json.loads(bulk("list", "--json").out)] == ["done", "partly undone"]
    assert bulk("undo", 2, "--yes").status == 0  # undoes the undo
    assert (clients[2]["item_tax_code"], clients[2]["ref"]) == (1, "SAME")
    assert (clients[5]["item_tax_code"], clients[5]["ref"]) == (1, "by Ann")
    assert [one["status"] for one in json.loads(bulk("list", "--json").out)] == ["done", "undone", "done again"]


def test_what_will_be_created_is_shown_a_line_for_each(bulk, sandbox, folder):
    ended = bulk("create", "Asset", "--from", csv_of(folder, ASSETS), "--map", "id=", "--dry-run")
    assert "line  inventory_number  assettype_id  client_id\n2     LT-1              130           12\n" in ended.out


def test_after_an_undo_the_same_command_begins_anew(bulk, sandbox, folder):
    source = csv_of(folder, "id\n2\n3\n4\n")
    command = ("update", "Client", "--from", source, "--set", "item_tax_code=1", "--yes")
    bulk(*command, "--limit", 2)
    bulk("undo", 1, "--yes")
    assert [sandbox.tables["Client"][number]["item_tax_code"] for number in (2, 3, 4)] == [0, 0, 0]
    bulk(*command)
    assert [sandbox.tables["Client"][number]["item_tax_code"] for number in (2, 3, 4)] == [1, 1, 1]
    listed = json.loads(bulk("list", "--json").out)
    assert [(one["run"], one["kind"], one["status"]) for one in listed] == [
        (3, "update", "done"), (2, "undo", "done"), (1, "update", "undone"),
    ]  # fmt: skip


def test_the_old_values_are_those_of_the_touched_fields(bulk, sandbox, folder):
    clients = sandbox.tables["Client"]
    old = {number: clients[number]["ref"] for number in (2, 3)}
    bulk("update", "Client", "--from", csv_of(folder, "id\n2\n3\n"), "--set", "ref=X", "--yes")
    bulk("show", 1, "--copies", "old.jsonl")
    clients[2]["name"] = "Renamed"
    bulk("update", "Client", "--from", "old.jsonl", "--yes")
    assert {number: clients[number]["ref"] for number in (2, 3)} == old
    assert clients[2]["name"] == "Renamed"


def test_what_was_created_is_deleted_again_when_its_number_is_said(bulk, sandbox, folder, result):
    there = dict(sandbox.tables["Asset"])
    source = csv_of(folder, ASSETS)
    bulk("create", "Asset", "--from", source, "--once", "inventory_number", "--yes")
    bulk(
        "delete", "Asset", "--from", csv_of(folder, f"id\n{effects(sandbox, 'created')[0]}\n", "one.csv"), "--count", 1
    )
    ended = bulk("undo", 1, "--yes")
    assert ended.status == 1
    assert "6 records would be deleted, and --yes does not say how many" in ended.err
    assert "LT-7" in ended.out
    ended = bulk("undo", 1, "--count", 6)
    assert ended.status == 4
    assert "there is no Asset" in ended.out
    assert set(sandbox.tables["Asset"]) == set(there)
    assert [row["bulk_outcome"] for row in result("bulk-3.csv")] == ["missing", *["deleted"] * 6]
    assert bulk("create", "Asset", "--from", source, "--once", "inventory_number", "--yes").status == 0
    assert set(there) < set(sandbox.tables["Asset"])


def test_what_cannot_be_undone_is_said_with_what_to_do(bulk, sandbox, folder):
    bulk("create", "Client", "--from", csv_of(folder, "name\nNew\n"), "--yes")
    assert "there is no bulk run 9 in " in bulk("undo", 9).err
    assert (
        "It has 1. A run is in the state of the folder or the configuration in which it was begun"
        in bulk("show", 9).err
    )
    bulk("forget", 1, "--yes")
    assert "There is no bulk run." in bulk("list").err


def test_reports_and_sql_give_the_rows(bulk, sandbox, folder):
    tax = "item_tax_code=1"
    sql = "select id as [Client Id] from Client where id > 20;"
    ended = bulk("update", "Client", "--sql", sql, "--map", "Client Id=id", "--set", tax, "--yes")
    assert ended.status == 0
    assert [key for key, one in sandbox.tables["Client"].items() if one["item_tax_code"] == 1] == [21, 22, 23, 24, 25]
    assert "25 rows" in bulk("update", "Client", "--report", 1, "--set", tax, "--dry-run").out
    ended = bulk("update", "Client", "--report", 4, "--set", tax, "--yes")
    assert ended.status == 3
    assert "Halo cannot run the SQL of report 4: Invalid object name 'Nowhere'" in ended.err
    assert bulk("update", "Client", "--sql", "select nothing from Client", "--set", tax).status == 3


def test_a_list_chooses_the_records(bulk, sandbox, folder, result):
    ended = bulk("update", "Client", "--where", "toplevel_id=2", "--set", "ref={{ name }}!", "--yes")
    assert ended.status == 0
    wanted = [one for one in sandbox.tables["Client"].values() if one["toplevel_id"] == 2 and not one["inactive"]]
    assert [one["ref"] for one in wanted] == [f"{one['name']}!" for one in wanted]
    assert list(result()[0]) == [
        "name",
        "id",
        "bulk_line",
        "bulk_id",
        "bulk_outcome",
        "bulk_reason",
        "bulk_run",
    ] or set(result()[0]) == {"id", "name", "bulk_line", "bulk_id", "bulk_outcome", "bulk_reason", "bulk_run"}
    ended = bulk("update", "Client", "--where", "toplevelid=2", "--set", "ref=x")
    assert ended.status == 1
    assert "has no documented query parameter 'toplevelid'" in ended.err


def test_a_value_made_of_what_it_changes_is_not_made_twice(bulk, sandbox, folder):
    command = ("update", "Client", "--where", "toplevel_id=2", "--set", "ref={{ ref }}+", "--yes")
    bulk(*command)
    first = sandbox.tables["Client"][4]["ref"]
    assert first.endswith("+")
    assert "has carried this out already" in bulk(*command).err
    assert sandbox.tables["Client"][4]["ref"] == first


@pytest.mark.parametrize("kind", ["update", "create", "delete"])
def test_a_command_is_saved_as_a_configuration_that_does_the_same(bulk, sandbox, folder, kind, capsys):
    rows = {
        "update": "Client Id,website\n2,https://two.example\n3,\n",
        "create": "name,ref\nNew A,A\nNew B,B\n",
        "delete": "id\n24\n25\n",
    }
    csv_of(folder, rows[kind])
    options = {
        "update": ["--map", "Client Id=id", "--set", "item_tax_code=5% (Sales)", "--set", 'ref=R{{ "Client Id" }}'],
        "create": ["--once", "name"],
        "delete": [],
    }
    bulk(kind, "Client", "--from", "in.csv", *options[kind], "--dry-run", "--save-config", "saved/halo.yaml")
    assert effects(sandbox, "updated") == []
    text = (folder / "saved/halo.yaml").read_text()
    assert "${HALO_CLIENT_SECRET}" in text
    assert sandbox.client_secret not in text
    route = next(iter(yaml.safe_load(text)["routes"]))
    with pytest.raises(SystemExit) as end:
        main(["run", "saved", route])
    assert end.value.code == 0, capsys.readouterr().err
    clients = sandbox.tables["Client"]
    if kind == "update":
        told = [(clients[n]["item_tax_code"], clients[n]["ref"], clients[n]["website"]) for n in (2, 3)]
        assert told == [(2, "R2", "https://two.example"), (2, "R3", "https://client3.example")]
    elif kind == "create":
        assert {one["name"] for one in clients.values()} >= {"New A", "New B"}
    else:
        assert not {24, 25} & set(clients)


def test_a_saved_update_creates_nothing_of_a_row_without_an_id(bulk, sandbox, folder):
    csv_of(folder, "id,name\n12,Twelve\n,Nobody Ltd\n")
    bulk("update", "Client", "--from", "in.csv", "--dry-run", "--save-config", "saved/halo.yaml")
    with pytest.raises(SystemExit) as end:
        main(["run", "saved", "bulk-update-client"])
    assert end.value.code == 4
    assert sandbox.tables["Client"][12]["name"] == "Twelve"
    assert effects(sandbox, "created") == []


def test_actions_are_known_by_ticket_and_number(bulk, sandbox, folder):
    (ticket, number), action = next(iter(sandbox.tables["Actions"].items()))
    source = csv_of(folder, f"ticket_id,id,note\n{ticket},{number},Changed\n{ticket},99,Gone\n")
    ended = bulk("update", "Actions", "--from", source, "--yes")
    assert ended.status == 4
    assert sandbox.tables["Actions"][ticket, number]["note"] == "Changed"
    assert f"there is no Actions {ticket}/99" in ended.out
    bulk("undo", 1, "--yes")
    assert sandbox.tables["Actions"][ticket, number]["note"] == action["note"]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_runs_are_kept_in_every_kind_of_state(bulk, sandbox, folder, kind, request):
    place = folder / "state" if kind == "sqlite" else request.getfixturevalue("postgresql").address()
    csv_of(folder, "id,name\n2,\n3,=A\n999,x\n")
    command = ("update", "Client", "--from", "in.csv", "--set", "item_tax_code=1", "--yes", "--state", place)
    assert bulk(*command, "--limit", 1).status == 0
    assert bulk(*command).status == 4
    assert bulk("undo", 1, "--yes", "--state", place).status == 0
    assert sandbox.tables["Client"][3]["item_tax_code"] == 0
    csv_of(folder, "name\nNew A\nNew B\n", "new.csv")
    assert bulk("create", "Client", "--from", "new.csv", "--yes", "--state", place).status == 0
    assert len(json.loads(bulk("list", "--state", place, "--json").out)) == 3
    bulk("forget", 1, "--yes", "--state", place)
    assert len(json.loads(bulk("list", "--state", place, "--json").out)) == 2
