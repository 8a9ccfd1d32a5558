"""Old values come out of the pages of a list where it tells them, and out of the records where it does not."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from haloitsm_connector.cli.main import main
from haloitsm_connector.sandbox import Sandbox


@pytest.fixture
def update(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Iterator[Callable[..., Any]]:
    """Update records of a Halo with data of its own, and return the preview and the reads that it took."""
    monkeypatch.setenv("HALOITSM_STATE_DIR", str(tmp_path / ".state"))
    monkeypatch.chdir(tmp_path)

    def run(data: dict[str, Any], entity: str, rows: list[dict[str, Any]], **switches: Any) -> Any:
        (tmp_path / "in.json").write_text(json.dumps(rows))
        with Sandbox(data=data, **switches) as sandbox:
            for name, value in sandbox.environment.items():
                monkeypatch.setenv(name, value)
            capsys.readouterr()
            with pytest.raises(SystemExit):
                main(["bulk", "update", entity, "--from", "in.json", "--yes", "--json", "--full"])
            reads = Counter(
                "list" if one.path == f"/api/{entity}" else "one"
                for one in sandbox.requests
                if one.method == "GET" and one.path.startswith(f"/api/{entity}")
            )
            sent = sum(one.method == "POST" and one.path == f"/api/{entity}" for one in sandbox.requests)
            return json.loads(capsys.readouterr().out), reads, sent

    return run


def clients(count: int) -> list[dict[str, Any]]:
    lean = {"inactive": False, "item_tax_code": 0, "ref": ""}
    return [{"id": number, "name": f"Client {number}", **lean} for number in range(1, count + 1)]


def test_many_records_are_read_by_pages(update):
    told, reads, sent = update(
        {"Client": clients(950)}, "Client", [{"id": n, "item_tax_code": 1} for n in range(1, 901)]
    )  # fmt: skip
    assert told["outcomes"] == {"updated": 900}
    assert sent == 9
    assert reads["list"] <= 13
    assert reads["one"] <= 20


def test_a_few_of_many_records_are_read_one_by_one(update):
    told, reads, _ = update({"Client": clients(950)}, "Client", [{"id": n, "ref": "x"} for n in (3, 400, 949)])
    assert told["outcomes"] == {"updated": 3}
    assert reads == {"list": 1, "one": 3}


def test_the_list_is_asked_for_records_that_it_hides(update):
    data = [{**one, "inactive": one["id"] % 2 == 0, "ref": f"R{one['id']}"} for one in clients(60)]
    told, reads, _ = update({"Client": data}, "Client", [{"id": n, "ref": "x"} for n in range(1, 61)])
    assert told["outcomes"] == {"updated": 60}
    assert reads["one"] <= 5


def test_fields_that_rows_of_the_list_do_not_show_are_read_from_the_records(update):
    tickets = [
        {"id": n, "summary": f"T{n}", "details": "d", "details_html": f"<p>{n}</p>", "status_id": 1}
        for n in range(1, 41)
    ]  # fmt: skip
    told, reads, _ = update(
        {"Tickets": tickets}, "Tickets", [{"id": n, "details_html": "<p>new</p>"} for n in range(1, 41)]
    )  # fmt: skip
    assert {one["changes"]["details_html"][0] for one in told["changes"]} == {f"<p>{n}</p>" for n in range(1, 41)}
    assert reads["one"] >= 40


def test_many_ids_that_are_not_there_are_not_asked_for_one_by_one(update):
    rows = [{"id": n, "ref": "x"} for n in range(40, 1001)]
    told, reads, sent = update({"Client": clients(60)}, "Client", rows)
    assert told["outcomes"] == {"updated": 21, "missing": 940}
    assert reads["one"] <= 60
    assert sent == 1


@pytest.mark.parametrize("record_count", ["absent", "zero", "null"])
def test_a_list_that_does_not_tell_its_length_is_read_all_the_same(update, record_count):
    rows = [{"id": n, "ref": "x"} for n in range(1, 101)]
    told, reads, _ = update({"Client": clients(120)}, "Client", rows, record_count=record_count)
    assert told["outcomes"] == {"updated": 100}
    assert reads["one"] <= 25
