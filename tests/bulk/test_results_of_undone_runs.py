"""The result of a run that was undone, given again, holds rows to be done."""

from __future__ import annotations


def test_rows_that_were_undone_are_done_once_more(bulk, sandbox, folder):
    clients = sandbox.tables["Client"]
    (folder / "in.csv").write_text("id,ref\n3,X\n4,X\n5,X\n")
    bulk("update", "Client", "--from", "in.csv", "--yes")
    assert "left out: 3 rows that an earlier run has done" in bulk("update", "Client", "--from", "bulk-1.csv").out
    again = ("update", "Client", "--from", "bulk-1.csv", "--yes", "--result", "again.csv")
    bulk(*again)
    clients[4]["ref"] = "of Ann"
    bulk("undo", 1, "--yes")
    for source in ("bulk-1.csv", "again.csv"):
        ended = bulk("update", "Client", "--from", source, "--dry-run")
        assert "update 2 records" in ended.out
        assert "left out: 1 row that an earlier run has done" in ended.out
    assert bulk(*again).status == 0
    assert [clients[n]["ref"] for n in (3, 4, 5)] == ["X", "of Ann", "X"]


def test_what_was_created_and_deleted_again_is_created_again(bulk, sandbox, folder):
    there = len(sandbox.tables["Asset"])
    rows = "LT-1,Laptop,12\nLT-2,Laptop,12\n"
    (folder / "in.csv").write_text(f"inventory_number,assettype_id,client_id\n{rows}")
    bulk("create", "Asset", "--from", "in.csv", "--yes")
    bulk("create", "Asset", "--from", "bulk-1.csv", "--yes")
    assert len(sandbox.tables["Asset"]) == there + 2
    bulk("undo", 1, "--count", 2)
    assert len(sandbox.tables["Asset"]) == there
    assert bulk("create", "Asset", "--from", "bulk-1.csv", "--yes").status == 0
    assert len(sandbox.tables["Asset"]) == there + 2
