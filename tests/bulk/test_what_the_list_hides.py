"""A field that no row of a list shows is read from the records, and put back as it was."""

from __future__ import annotations

import json

import pytest

MANY = range(1, 401)


@pytest.fixture
def clients(sandbox, folder):
    """400 clients, one of which has notes, that no row of the list shows."""
    clients = sandbox.tables["Client"]
    clients.clear()
    clients |= {n: {"id": n, "name": f"Client {n}", "inactive": False} for n in MANY}
    clients[237]["notes"] = "of Ann"
    clients[3]["website"] = "https://three.example"
    (folder / "in.csv").write_text("id\n" + "".join(f"{n}\n" for n in MANY))
    return clients


def read_alone(sandbox) -> int:
    return sum(one.method == "GET" and one.path.startswith("/api/Client/") for one in sandbox.requests)


@pytest.mark.slow
def test_what_no_row_of_the_list_shows_is_read_from_the_records_and_put_back(bulk, sandbox, clients):
    ended = bulk("update", "Client", "--from", "in.csv", "--set", "notes=X", "--yes", "--full")
    assert "No row of the list shows 'notes': 400 records are read one by one (--list-only " in ended.err
    assert "of Ann" in ended.out
    assert ended.status == 0
    ended = bulk("undo", 1, "--yes")
    assert ended.status == 0
    assert "No row of the list shows 'notes': 400 records are read one by one." in ended.err
    assert {n for n in MANY if clients[n].get("notes")} == {237}
    assert clients[237]["notes"] == "of Ann"


@pytest.mark.slow
def test_who_trusts_the_list_alone_is_told_what_an_undo_does(bulk, sandbox, clients):
    command = ("update", "Client", "--from", "in.csv", "--set", "notes=X", "--list-only")
    told = json.loads(bulk(*command, "--dry-run", "--json").out)
    assert told["notes"] == ["no row of the list shows 'notes': taken to be empty, so an undo empties it"]
    assert read_alone(sandbox) <= 5
    assert "taken to be empty, so an undo empties it." in bulk(*command, "--yes").err
    assert clients[237]["notes"] == "X"


@pytest.mark.slow
def test_what_some_row_of_the_list_shows_is_empty_where_another_does_not_have_it(bulk, sandbox, clients):
    ended = bulk("update", "Client", "--from", "in.csv", "--set", "website=X", "--yes")
    assert (ended.status, "one by one" in ended.err) == (0, False)
    assert read_alone(sandbox) <= 5
    assert bulk("undo", 1, "--yes").status == 0
    assert [n for n in MANY if clients[n].get("website")] == [3]
