"""Numbers that a list of Halo does not have are not sent; what cannot be looked up is said."""

from __future__ import annotations

from collections import Counter

import pytest

from haloitsm_connector.bulk import names


@pytest.fixture
def asked(sandbox):
    return lambda: Counter(one.path for one in sandbox.requests if one.method == "GET" and one.path.startswith("/api"))


def test_a_number_that_the_list_lacks_is_refused(bulk, sandbox, folder, writes, asked):
    (folder / "in.csv").write_text("id,toplevel_id\n2,1\n3,77\n4,1\n", "utf-8")
    ended = bulk("update", "Client", "--from", "in.csv", "--set", "item_tax_code=9999", "--yes")
    assert ended.status == 1
    what = "--set 'item_tax_code': there is no Tax 9999. There are: 1 (20% (Sales)), 2 (5% (Sales)), 3 (Zero rated), 4 "
    assert what in ended.err
    assert "(20% (Purchases)). If Halo has it all the same, add --allow-unknown." in ended.err
    ended = bulk("update", "Client", "--from", "in.csv", "--set", "item_tax_code={{ `9999` }}", "--yes")
    assert ended.status == 4
    assert "'item_tax_code': there is no Tax 9999." in ended.out
    ended = bulk("update", "Client", "--from", "in.csv", "--yes", "--dry-run")
    assert "column 'toplevel_id': there is no TopLevel 77. There are: 1 (Customers), 2 (Partners)" in ended.out
    assert writes() == []
    assert asked()["/api/Tax"] == 2  # of two commands
    ended = bulk("update", "Client", "--from", "in.csv", "--set", "item_tax_code=9999", "--allow-unknown", "--yes")
    assert ended.status == 0
    assert sandbox.tables["Client"][3]["toplevel_id"] == 77


def test_zero_stands_for_nothing(bulk, sandbox, folder):
    (folder / "in.csv").write_text("id,item_tax_code,sectech\n2,0,-1\n", "utf-8")
    sandbox.tables["Client"][2]["item_tax_code"] = 1
    assert bulk("update", "Client", "--from", "in.csv", "--yes").status == 0
    assert sandbox.tables["Client"][2]["item_tax_code"] == 0


def test_what_a_list_hides_is_asked_for_by_itself(bulk, sandbox, folder, asked, monkeypatch):
    sandbox.tables["Client"][3]["inactive"] = True
    asset = next(iter(sandbox.tables["Asset"]))
    row = f"{asset},3\n{asset + 1},3\n{asset + 2},999\n"
    (folder / "in.csv").write_text(f"id,client_id\n{row}", "utf-8")
    ended = bulk("update", "Asset", "--from", "in.csv", "--yes")
    assert "there is no Client 999" in ended.out
    assert sandbox.tables["Asset"][asset]["client_id"] == 3
    assert (asked()["/api/Client/3"], asked()["/api/Client/999"]) == (1, 1)
    monkeypatch.setattr(names, "CHECKED_ALONE", 0)
    ended = bulk("update", "Asset", "--from", "in.csv", "--dry-run")
    assert "Of Client the first 0 numbers were looked up that its list hides." in ended.err


def test_a_list_that_cannot_be_read_forbids_nothing(bulk, sandbox, folder):
    sandbox.faults = {"faults": [{"kind": "answer", "status": 403, "match": {"path": "/api/Tax"}}]}
    ended = bulk("update", "Client", "--report", 1, "--set", "item_tax_code=2", "--yes")
    assert ended.status == 0
    assert "The numbers of 'item_tax_code' were not looked up: GET " in ended.err
    assert "answered 403" in ended.err


def test_the_list_is_read_once_for_a_name_and_numbers(bulk, folder, asked):
    (folder / "in.csv").write_text("id,item_tax_code,sales_tax_code\n2,Zero rated,1\n3,2,zerorated\n", "utf-8")
    bulk("update", "Client", "--from", "in.csv", "--set", "service_tax_code=1", "--dry-run")
    assert asked()["/api/Tax"] <= 2


def test_a_value_for_all_that_does_not_fit_is_told_once(bulk, folder, sandbox):
    ended = bulk("update", "Client", "--report", 1, "--set", "item_tax_code=many")
    assert ended.status == 1
    assert "--set 'item_tax_code': nothing is called 'many'. There are: 20% (Sales), " in ended.err
    ended = bulk("update", "Client", "--report", 1, "--set", "inactive=perhaps")
    assert "--set 'inactive': 'perhaps' is neither true nor false: write one of these" in ended.err
    assert not [one for one in sandbox.requests if "/Report" in one.path]
