from __future__ import annotations

from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haloitsm_connector.sandbox.reports import report_content

TABLES = {
    "Tickets": {
        1: {"id": 1, "summary": "Laptop", "client_id": 2, "team": "1st"},
        2: {"id": 2, "summary": "O'Brien's VPN", "client_id": 3},
        3: {"id": 3, "summary": "Printer", "client_id": 2, "team": "2nd"},
    }
}


def rows(sql: str) -> Any:
    return report_content(sql, TABLES)["report"]["rows"]


@pytest.mark.parametrize(
    ("sql", "ids"),
    [
        ("select id from Tickets", [1, 2, 3]),
        ("SELECT [id] FROM [Tickets] WHERE client_id = 2", [1, 3]),
        ("select id from Tickets where client_id <> 2 and summary like '%vpn'", [2]),
        ("select id from Tickets where summary = 'O''Brien''s VPN'", [2]),
        ("select top 2 id from Tickets order by id desc", [3, 2]),
        ("select id from Tickets where team = '2nd'", [3]),
    ],
)
def test_a_simple_select_answers_rows(sql: str, ids: list[int]) -> None:
    assert [row["id"] for row in rows(sql)] == ids


def test_columns_can_be_renamed_and_starred() -> None:
    assert rows("select top 1 summary as Subject, id from Tickets") == [{"Subject": "Laptop", "id": 1}]
    assert rows("select top 1 * from Tickets") == [{"client_id": 2, "id": 1, "summary": "Laptop", "team": "1st"}]


@pytest.mark.parametrize(
    ("sql", "error"),
    [
        ("select id from Nowhere", "Invalid object name 'Nowhere'."),
        ("select nope from Tickets", "Invalid column name 'nope'."),
        ("select id from Tickets;", "Incorrect syntax near ';'."),
        ("select id from Tickets -- all", "Incorrect syntax near '--'."),
        ("select id from Tickets order by id", "The ORDER BY clause is invalid"),
        ("select id from Tickets where id in (1)", "Incorrect syntax near 'id in (1)'."),
        ("declare @a int", "The sandbox runs only"),
    ],
)
def test_what_cannot_run_is_an_error_inside_the_answer(sql: str, error: str) -> None:
    report = report_content(sql, TABLES)["report"]
    assert (report["loaded"], report["rows"]) == (False, [])
    assert error in report["load_error"]


@given(st.text(max_size=60) | st.from_regex(r"select \w+ from Tickets where .{0,20}"))
def test_any_text_is_answered(sql: str) -> None:
    assert report_content(sql, TABLES)["report"].keys() >= {"loaded", "rows"}


def test_a_saved_report_runs_when_loaded_and_a_broken_one_stays_a_200(halo: httpx.Client) -> None:
    assert "report" not in halo.get("/Report/2").json()
    assert halo.get("/Report/2", params={"loadreport": "true"}).json()["report"]["loaded"] is True
    broken = halo.get("/Report/4", params={"loadreport": "true"})
    assert broken.status_code == 200
    assert broken.json()["report"]["load_error"] == "Invalid object name 'Nowhere'."


def test_ad_hoc_sql_saves_nothing(halo: httpx.Client) -> None:
    report = {"id": 0, "name": "", "sql": "select top 3 id from Client", "_loadreportonly": True}
    answer = halo.post("/Report", json=[report]).json()
    assert (len(answer["report"]["rows"]), answer["available_columns"]) == (3, [{"id": 1, "name": "id"}])
    assert halo.get("/Report").json()["record_count"] == 4


def test_a_published_report_answers_its_rows(halo: httpx.Client) -> None:
    published = halo.get("/Report/1").json()["published_id"]
    assert halo.get(f"/ReportData/{published}").json()[0].keys() == {"id", "name", "inactive"}
    assert halo.get("/ReportData/none").status_code == 404
