"""An undo of a create deletes what is as it was created, and leaves what somebody has changed since."""

from __future__ import annotations

import io
import json
import sys


def test_a_created_record_that_somebody_has_changed_since_is_left(bulk, sandbox, folder, monkeypatch):
    there = set(sandbox.tables["Asset"])
    names = "".join(f"LT-{n},Laptop,12\n" for n in range(1, 5))
    (folder / "in.csv").write_text(f"inventory_number,assettype_id,client_id\n{names}")
    bulk("create", "Asset", "--from", "in.csv", "--once", "inventory_number", "--yes")
    made = {one["inventory_number"]: key for key, one in sandbox.tables["Asset"].items() if key not in there}
    sandbox.tables["Asset"][made["LT-2"]]["client_id"] = 13
    sandbox.tables["Asset"][made["LT-3"]]["key_field2"] = "not sent by the create"

    class Meanwhile(io.StringIO):
        def readline(self, size: int = -1) -> str:
            sandbox.tables["Asset"][made["LT-4"]]["inventory_number"] = "of Ann"
            return super().readline(size)

    monkeypatch.setattr(sys, "stdin", Meanwhile("3\n"))
    ended = bulk("undo", 1)
    assert ended.status == 4
    assert "left as it is: line 3: client_id is 13 now, and not 12" in ended.out
    assert "line 5: inventory_number is 'of Ann' now, and not 'LT-4'" in ended.err
    assert set(sandbox.tables["Asset"]) == {*there, made["LT-2"], made["LT-4"]}
    assert json.loads(bulk("list", "--json").out)[-1]["status"] == "partly undone"
