from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from haloitsm_connector.sandbox import Sandbox


def saved(halo: httpx.Client, path: str, *records: dict[str, Any], **query: str) -> Any:
    answer = halo.post(path, json=list(records), params=query)
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_an_item_without_id_is_created_and_one_with_id_updated_in_part(halo: httpx.Client) -> None:
    created = saved(halo, "/Tickets", {"summary": "New", "details": "d", "id": 0})
    updated = saved(halo, "/Tickets", {"id": created["id"], "details": "changed"})
    assert created["id"] == 2321
    assert (updated["summary"], updated["details"]) == ("New", "changed")
    assert halo.get(f"/Tickets/{created['id']}").json()["details"] == "changed"


def test_the_answer_is_the_last_object_or_all_of_them(halo: httpx.Client) -> None:
    two = [{"name": "One"}, {"name": "Two"}]
    assert saved(halo, "/Supplier", *two)["name"] == "Two"
    assert [row["name"] for row in saved(halo, "/Supplier", *two, returnall="true")] == ["One", "Two"]


def test_a_posted_ticket_answers_under_other_names_than_it_is_read(halo: httpx.Client) -> None:
    posted = saved(halo, "/Tickets", {"summary": "s", "category_1": "Network>VPN"})
    read = halo.get(f"/Tickets/{posted['id']}").json()
    assert (posted["category1"], posted["lastupdate"]) == (read["category_1"], read["last_update"])


def test_a_bare_object_where_an_array_is_wanted_is_400_and_the_other_way_round(halo: httpx.Client) -> None:
    assert halo.post("/Tickets", json={"summary": "s"}).status_code == 400
    assert halo.post("/Tickets/Object", json=[{"summary": "s"}]).status_code == 400
    assert halo.post("/Tickets/Object", json={"summary": "s"}).json()["id"] == 2321


def test_other_content_is_415_and_broken_json_400(halo: httpx.Client) -> None:
    assert halo.post("/Tickets", content="[]", headers={"Content-Type": "text/plain"}).status_code == 415
    assert halo.post("/Tickets", content="[{", headers={"Content-Type": "application/json"}).status_code == 400
    assert halo.post("/Attachment/image", json={}).status_code == 415


def test_numbers_may_come_as_text_but_not_as_decimals(halo: httpx.Client) -> None:
    assert saved(halo, "/Client", {"id": 12, "item_tax_code": "1"})["item_tax_code"] == 1
    answer = halo.post("/Client", json=[{"id": 12, "item_tax_code": "95.0"}])
    assert (answer.status_code, answer.json()) == (400, "Could not convert '95.0' to integer")


def test_unknown_properties_and_control_flags_are_not_kept(halo: httpx.Client, sandbox: Sandbox) -> None:
    asset = {"inventory_number": "N1", "assettype_id": "130", "client_id": 2, "infofield_101": "x", "_isimport": True}
    created = saved(halo, "/Asset", asset)
    assert {"infofield_101", "_isimport"}.isdisjoint(sandbox.tables["Asset"][created["id"]])
    assert created["assettype_name"] == "Laptop"


def test_dates_are_kept_as_naive_utc(halo: httpx.Client) -> None:
    asset = saved(halo, "/Asset", {"id": 1, "warranty_end": "2026-07-01T02:30:00+02:00"})
    assert asset["warranty_end"] == "2026-07-01T00:30:00"


@pytest.mark.parametrize(
    ("path", "record", "text"),
    [
        ("/Tickets", {"details": "d"}, "summary must be specified"),
        ("/Tickets", {"summary": "s", "user_id": 3}, "site_id must be specified when a user is set"),
        ("/Actions", {"ticket_id": 2001, "note": "n"}, "An Outcome must be entered for this Action"),
        ("/Actions", {"ticket_id": 1, "note": "n", "outcome": "Reply"}, "There is no ticket 1"),
        ("/Client", {"name": "unknown"}, "The name 'unknown' is already in use"),
        ("/Webhook", {"name": "w", "type": 0}, "Please enter a valid URL"),
        ("/ToDo", {"text": "t"}, "Ticket ID must be specified"),
    ],
)
def test_what_lacks_something_is_refused(halo: httpx.Client, path: str, record: dict[str, Any], text: str) -> None:
    answer = halo.post(path, json=[record])
    assert answer.status_code == 400
    assert text in answer.text


def test_actions_are_numbered_per_ticket_and_move_it(halo: httpx.Client) -> None:
    action = saved(halo, "/Actions", {"ticket_id": 2001, "note": "n", "outcome_id": 7, "new_status": 9})
    assert (action["id"], action["outcome"]) == (15, "Internal note")
    ticket = halo.get("/Tickets/2001").json()
    assert (ticket["status_id"], ticket["hasbeenclosed"]) == (9, True)
    other = saved(halo, "/Actions", {"ticket_id": 2321 - 1, "note": "n", "outcome": "Reply"})
    assert other["id"] < 10
    changed = saved(halo, "/Actions", {"ticket_id": 2001, "id": 15, "note": "better"})
    assert (changed["id"], changed["note"], changed["outcome_id"]) == (15, "better", 7)


def test_deleted_tickets_can_be_recovered_other_records_cannot(halo: httpx.Client) -> None:
    assert halo.delete("/Tickets/2002").json()["id"] == 2002
    assert halo.get("/Tickets/2002").status_code == 404
    assert halo.get("/Tickets", params={"deleted": "true"}).json()["tickets"][0]["id"] == 2002
    saved(halo, "/Tickets", {"id": 2002, "_recover": True, "_validate_updates": True})
    assert halo.get("/Tickets/2002").status_code == 200
    assert [halo.delete("/Item/3").status_code for _ in range(2)] == [200, 404]


def test_an_id_is_never_given_twice(halo: httpx.Client) -> None:
    first = saved(halo, "/Item", {"name": "a"})["id"]
    halo.delete(f"/Item/{first}")
    assert saved(halo, "/Item", {"name": "b"})["id"] == first + 1


def test_ids_are_negative_for_recurring_invoices_and_guids_for_webhooks(halo: httpx.Client) -> None:
    assert saved(halo, "/RecurringInvoice", {"client_id": 2})["id"] == -13
    hook = saved(halo, "/Webhook", {"name": "w", "url": "https://a.example"})["id"]
    assert halo.get(f"/Webhook/{hook.upper()}").json()["name"] == "w"


def test_a_priority_in_use_cannot_be_deleted(halo: httpx.Client, sandbox: Sandbox) -> None:
    used = sandbox.tables["Priority"][1, 3]
    assert halo.delete(f"/Priority/{used['id']}").status_code == 400


def test_an_updated_appointment_has_a_new_id(start: Callable[..., Sandbox], enter: Callable[..., httpx.Client]) -> None:
    halo = enter(start())
    assert saved(halo, "/Appointment", {"id": 1, "subject": "s"})["id"] == 61
    assert halo.get("/Appointment/1").status_code == 404
    assert saved(enter(start(appointment_renews_id=False)), "/Appointment", {"id": 1, "subject": "s"})["id"] == 1


@pytest.mark.parametrize(("mode", "kept"), [("keep_earlier", ["A"]), ("keep_valid", ["A", "C"]), ("nothing", [])])
def test_what_stays_of_a_refused_array_is_a_switch(
    start: Callable[..., Sandbox], enter: Callable[..., httpx.Client], mode: str, kept: list[str]
) -> None:
    sandbox = start(partial_failure=mode)
    records = [{"name": "A"}, {"name": "B", "toplevel_id": "x"}, {"name": "C"}]
    assert enter(sandbox).post("/Client", json=records).status_code == 400
    names = {row["name"] for row in sandbox.tables["Client"].values()}
    assert [name for name in "ABC" if name in names] == kept


@pytest.mark.parametrize(
    ("mode", "status", "empty"), [("record", 200, False), ("empty", 200, True), ("no_content", 204, True)]
)
def test_the_answer_to_delete_is_a_switch(
    start: Callable[..., Sandbox], enter: Callable[..., httpx.Client], mode: str, status: int, empty: bool
) -> None:
    answer = enter(start(delete_answer=mode)).delete("/Item/1")
    assert (answer.status_code, not answer.content) == (status, empty)


def test_a_file_posted_as_base64_or_as_a_form_comes_back_byte_for_byte(halo: httpx.Client) -> None:
    content = bytes(range(256))
    encoded = "data:image/png;base64,AAECAw=="
    number = saved(halo, "/Attachment", {"ticket_id": 2001, "filename": "a ü.png", "data_base64": encoded})["id"]
    read = halo.get(f"/Attachment/{number}")
    assert (read.content, read.headers["content-type"]) == (b"\x00\x01\x02\x03", "image/png")
    form = halo.post("/Attachment/image", files={"file": ("b.bin", content, "image/png")}, params={"ticket_id": 2001})
    assert form.status_code == 201
    assert halo.get(httpx.URL(form.json()["link"]).raw_path.decode().removeprefix("/api")).content == content
    assert halo.post("/Attachment", json=[{"filename": "a", "data_base64": "data:x;base64,%%"}]).status_code == 400


def test_the_clock_can_be_stopped(start: Callable[..., Sandbox], enter: Callable[..., httpx.Client]) -> None:
    halo = enter(start(now=datetime(2026, 5, 1, 12, tzinfo=UTC)))
    assert saved(halo, "/Tickets", {"summary": "s"})["dateoccurred"] == "2026-05-01T12:00:00"
