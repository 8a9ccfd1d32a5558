from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import orjson
import pytest

from haloitsm_connector.sandbox import Sandbox


def page(halo: httpx.Client, path: str, **query: Any) -> Any:
    answer = halo.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_list_shows_50_rows_and_count_changes_that(halo: httpx.Client) -> None:
    body = page(halo, "/Tickets")
    assert (len(body["tickets"]), body["record_count"], "page_no" in body) == (50, 320, False)
    assert len(page(halo, "/Tickets", count=10_000)["tickets"]) == 320
    assert len(page(halo, "/Tickets", page_size=7)["tickets"]) == 50


def test_pages_are_cut_at_100_and_end_empty(halo: httpx.Client) -> None:
    sizes = [
        len(page(halo, "/Tickets", pageinate="True", page_size=1000, page_no=number)["tickets"])
        for number in range(1, 6)
    ]
    assert sizes == [100, 100, 100, 20, 0]
    first = page(halo, "/Tickets", pageinate="true", page_size=1000)
    assert (first["page_no"], first["page_size"], first["record_count"]) == (1, 100, 320)


def test_the_cap_of_assets_is_a_switch(start: Callable[..., Sandbox], enter: Callable[..., httpx.Client]) -> None:
    query = {"pageinate": "true", "page_size": 100}
    assert len(page(enter(start()), "/Asset", **query)["assets"]) == 50
    assert len(page(enter(start(asset_page_cap=100)), "/Asset", **query)["assets"]) == 100


def test_bare_arrays_repeat_the_same_full_list_on_every_page(halo: httpx.Client) -> None:
    pages = [page(halo, "/Status", pageinate="true", page_size=2, page_no=number) for number in (1, 2, 9)]
    assert pages[0] == pages[1] == pages[2]
    assert len(pages[0]) == 10


def test_agents_come_bare_or_as_results_when_paging(halo: httpx.Client) -> None:
    bare, paged = page(halo, "/Agent"), page(halo, "/Agent", pageinate="true", page_size=4)
    assert isinstance(bare, list)
    assert (len(paged["results"]), paged["record_count"]) == (4, len(bare))


def test_crm_notes_need_a_client_and_ignore_paging(halo: httpx.Client) -> None:
    assert page(halo, "/CRMNote")["actions"] == []
    pages = [page(halo, "/CRMNote", client_id=2, pageinate="true", page_no=number) for number in (1, 2)]
    assert pages[0] == pages[1]
    assert (len(pages[0]["actions"]), pages[0]["record_count"] > 50) == (50, True)


def test_actions_need_a_ticket_or_a_day(halo: httpx.Client, sandbox: Sandbox) -> None:
    assert page(halo, "/Actions")["record_count"] == 0
    mine = page(halo, "/Actions", ticket_id=2001)
    assert (mine["ticket_id"], [row["id"] for row in mine["actions"]]) == (2001, list(range(1, 15)))
    day = sandbox.tables["Actions"][2001, 1]["datetime"][:10]
    assert page(halo, "/Actions", startdate=f"{day}T00:00:00", enddate=f"{day}T23:59:59")["record_count"] > 0
    assert page(halo, "/Actions", startdate="2026-01-01", enddate="2026-02-01")["record_count"] == 0


def test_an_action_is_found_by_ac12_or_by_ticket_and_number(halo: httpx.Client) -> None:
    assert page(halo, "/Actions/AC12")["id"] == 12
    assert page(halo, "/actions/1", ticket_id=2005)["ticket_id"] == 2005
    assert halo.get("/Actions/12").status_code == 400
    assert halo.get("/Actions/99", params={"ticket_id": 2001}).status_code == 404


def test_names_of_paths_and_parameters_ignore_case_and_unknown_parameters_change_nothing(halo: httpx.Client) -> None:
    assert page(halo, "/tickets", PAGEINATE="true", Page_Size=3)["page_size"] == 3
    assert page(halo, "/Tickets", cleint_id=2)["record_count"] == 320


def test_rows_are_leaner_than_details(halo: httpx.Client) -> None:
    row = page(halo, "/Tickets", search_id=2001)["tickets"][0]
    detail = page(halo, "/Tickets/2001")
    assert row.keys() < detail.keys()
    assert "status_name" not in row
    assert page(halo, "/Tickets", search_id=2001, includestatus="true")["tickets"][0]["status_name"]
    assert {"priority", "customfields", "details_html"} <= detail.keys()
    fields = page(halo, "/Tickets", search_id=2001, include_custom_fields="201")["tickets"][0]["customfields"]
    assert [field["id"] for field in fields] == [201]


def test_values_have_halos_oddities(halo: httpx.Client) -> None:
    tickets = page(halo, "/Tickets", count=500)["tickets"]
    assert all(not ticket["dateoccurred"].endswith("Z") for ticket in tickets)
    assert len({len(ticket["dateoccurred"]) for ticket in tickets}) > 3
    assert any(ticket["targetdate"] == "1900-01-01T00:00:00" for ticket in tickets)
    assert all("team_id" in ticket for ticket in tickets)
    assert any("\x00" in ticket["details"] for ticket in tickets)
    assert b'"client_id":2.0' in halo.get("/Site", params={"client_id": 2}).content
    assert all(row["id"] < 0 for row in page(halo, "/RecurringInvoice")["invoices"])
    assert all(None not in user.values() for user in page(halo, "/Users")["users"])


@pytest.mark.parametrize(
    ("query", "keeps"),
    [
        ({"client_id": 2}, lambda row: row["client_id"] == 2),
        ({"agent": "3,4"}, lambda row: row["agent_id"] in (3, 4)),
        ({"status_id": 9}, lambda row: row["status_id"] == 9),
        ({"open_only": "true"}, lambda row: row["status_id"] != 9),
        ({"closed_only": "true"}, lambda row: row["status_id"] == 9),
        ({"team_name": "1st Line Support"}, lambda row: row["team"] == "1st Line Support"),
        ({"search": "vpn"}, lambda row: "vpn" in row["summary"].casefold()),
        ({"lastupdatefromdate": "2026-02-20T00:00:00Z"}, lambda row: row["last_update"] >= "2026-02-20"),
        (
            {"datesearch": "dateoccured", "startdate": "2026-01-01T01:00:00+01:00", "enddate": "2026-01-31"},
            lambda row: "2026-01-01" <= row["dateoccurred"] <= "2026-01-31T00:00:00",
        ),
        ({"ticketids": "2001,2005"}, lambda row: row["id"] in (2001, 2005)),
    ],
)
def test_filters_keep_what_they_say(halo: httpx.Client, query: dict[str, Any], keeps: Callable[[Any], bool]) -> None:
    everything = page(halo, "/Tickets", count=500)["tickets"]
    kept = page(halo, "/Tickets", count=500, **query)["tickets"]
    assert kept == [row for row in everything if keeps(row)]
    assert 0 < len(kept) < len(everything)


def test_rows_are_sorted_by_the_field_that_is_named(halo: httpx.Client) -> None:
    dates = [row["last_update"] for row in page(halo, "/Tickets", order="last_update", orderdesc="true")["tickets"]]
    assert dates == sorted(dates, reverse=True)
    plain = page(halo, "/Tickets")["tickets"]
    assert page(halo, "/Tickets", order="no_such_column")["tickets"] == plain


def test_inactive_rows_show_when_asked_for(halo: httpx.Client) -> None:
    active = page(halo, "/Client", count=500)["record_count"]
    both = page(halo, "/Client", count=500, includeinactive="true")["record_count"]
    only = page(halo, "/Client", activeinactive="false,true")["record_count"]
    assert both == active + only
    assert only > 0


def test_ids_only_and_lookups(halo: httpx.Client) -> None:
    assert page(halo, "/Client", idonly="true")["clients"][0] == {"id": 1}
    assert page(halo, "/Lookup") == []
    assert {row["lookupid"] for row in page(halo, "/Lookup", lookupid=27)} == {27}


def test_advanced_search_in_its_simple_forms(halo: httpx.Client) -> None:
    def search(name: str, kind: int, value: Any) -> list[Any]:
        rule = [{"filter_name": name, "filter_type": kind, "filter_value": value}]
        return page(halo, "/Client", count=500, advanced_search=orjson.dumps(rule).decode())["clients"]

    assert [row["id"] for row in search("id", 2, "3")] == [3]
    assert {row["id"] for row in search("id", 0, "3,4")} == {3, 4}
    assert all("unknown" in row["name"].casefold() for row in search("name", 4, "Unk"))
    refused = halo.get(
        "/Client", params={"advanced_search": '[{"filter_name":"nope","filter_type":2,"filter_value":1}]'}
    )
    assert (refused.status_code, refused.json()) == (400, "Invalid advanced search parameter")


def test_a_missing_id_answers_as_switched(start: Callable[..., Sandbox], enter: Callable[..., httpx.Client]) -> None:
    answer = enter(start()).get("/Client/999")
    assert (answer.status_code, answer.content) == (404, b"")
    answer = enter(start(missing_id_status=400, missing_id_body="json_string")).get("/Client/999")
    assert (answer.status_code, answer.json()) == (400, "There is no Client 999")


@pytest.mark.parametrize("path", ["/Contract", "/Opportunity", "/Clients/1", "/Tickets/1/actions", "/"])
def test_unknown_routes_are_404(halo: httpx.Client, path: str) -> None:
    assert halo.get(path).status_code == 404


def test_an_id_of_the_wrong_type_is_400(halo: httpx.Client) -> None:
    assert halo.get("/Client/abc").status_code == 400
    assert halo.get("/Webhook/12").status_code == 400
    assert halo.get("/Tickets/2001%2F..%2F..%2FUsers").status_code == 400


def test_an_attachment_is_bytes_with_its_name(halo: httpx.Client, sandbox: Sandbox) -> None:
    listed = page(halo, "/Attachment", ticket_id=2001)["attachments"][0]
    answer = halo.get(f"/Attachment/{listed['id']}")
    assert (len(answer.content), answer.headers["content-type"]) == (listed["filesize"], "text/plain")
    assert "filename*=UTF-8''" in answer.headers["content-disposition"]


@pytest.mark.parametrize(
    ("told", "head"), [("absent", {}), ("zero", {"record_count": 0}), ("null", {"record_count": None})]
)
def test_the_record_count_can_be_wrong(
    start: Callable[..., Sandbox], enter: Callable[..., httpx.Client], told: str, head: dict[str, Any]
) -> None:
    body = page(enter(start(record_count=told)), "/Client")
    assert {name: value for name, value in body.items() if name == "record_count"} == head
    assert body["clients"]


def test_columns_stand_before_the_rows_when_asked_for(halo: httpx.Client) -> None:
    body = page(halo, "/Client", includecolumns="true")
    assert list(body).index("columns") < list(body).index("clients")
