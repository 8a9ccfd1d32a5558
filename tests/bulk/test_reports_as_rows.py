"""Rows out of reports: what fails is told in words that say where to mend it."""

from __future__ import annotations

from typing import Any

import pytest

from haloitsm_connector.sandbox import Sandbox

ID = "select id from Client"


def test_sql_gives_the_rows(bulk, sandbox, folder):
    sql = "select id, name from Client where id > 20 and inactive = 0"
    wanted = [key for key, one in sandbox.tables["Client"].items() if key > 20 and not one["inactive"]]
    assert bulk("update", "Client", "--sql", sql, "--set", "ref={{ name }}!", "--yes").status == 0
    changed = {key: one["ref"] for key, one in sandbox.tables["Client"].items() if one["ref"].endswith("!")}
    assert changed == {key: f"{sandbox.tables['Client'][key]['name']}!" for key in wanted}


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (
            ("--sql", "select nothing from Client"),
            "cannot run the SQL of --sql: Invalid column name 'nothing'. Correct th",
        ),
        (
            ("--report", 4),
            "error: Halo cannot run the SQL of report 4: Invalid object name 'Nowhere'. Correct that SQL.",
        ),
        (("--report", 999), "answered 404. There is no report 999: `haloitsm get /Report` lists all with their ids."),
    ],
)
def test_what_fails_says_where_to_mend_it(bulk, folder, source, said):
    ended = bulk("update", "Client", *source, "--set", "ref=x")
    assert ended.status == 3
    assert said in ended.err


def test_blanks_around_a_value_are_seen(bulk, sandbox, folder):
    (folder / "in.csv").write_text("id,ref\n2,  A \n", "utf-8")
    assert "␣␣A␣" in bulk("update", "Client", "--from", "in.csv", "--yes").out
    assert sandbox.tables["Client"][2]["ref"] == "  A "


class TestCutOff:
    """Halo shows 50,000 rows of a report at most, and does not say so."""

    @pytest.fixture
    def sandbox(self) -> Any:
        clients = [{"id": number, "name": f"Client {number}"} for number in range(1, 50_003)]
        with Sandbox(data={"Client": clients}) as running:
            yield running

    @pytest.mark.slow
    def test_it_is_found_and_said(self, bulk, folder, writes):
        ended = bulk("update", "Client", "--sql", ID, "--set", "ref=x", "--yes")
        assert ended.status == 3
        assert "the report has 50000 rows, at which Halo cuts reports off: there may be more. Narrow it" in ended.err
        assert [one for one in writes() if one.path == "/api/Client"] == []
        ended = bulk("update", "Client", "--sql", f"{ID} where id > 50000", "--set", "ref=x", "--yes")
        assert "2 updated" in ended.err
        command = ("--sql", ID, "--set", "ref=y", "--accept-cut", "--limit", 1, "--yes")
        ended = bulk("update", "Client", *command)
        assert "has 50,000 rows, at which Halo cuts reports off: there may be more." in ended.err
        assert "50,000 rows; update 1 record" in ended.out or "50000 rows; update 1 record" in ended.out
