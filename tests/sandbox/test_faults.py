"""Every fault as a client meets it, on real sockets."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from haloitsm_connector.sandbox import Effect, Sandbox

TICKET = [{"summary": "New laptop"}]


def one(kind: str, **parameters: Any) -> dict[str, Any]:
    return {"faults": [{"kind": kind, **parameters}]}


def exchanged(sandbox: Sandbox, request: str, seconds: float = 5.0) -> bytes:
    """Send a request as bytes and return all that comes back until the connection ends or nothing comes for long."""
    host, port = sandbox.base_uri.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=seconds) as connected:
        head = f"{request} HTTP/1.1\r\nHost: {host}\r\nX-Halo-Api-Key: {sandbox.api_key}\r\n\r\n"
        connected.sendall(head.encode())
        received = b""
        try:
            while piece := connected.recv(65536):
                received += piece
        except TimeoutError:
            received += b"<nothing more>"
    return received


def split(answer: bytes) -> tuple[dict[str, str], bytes]:
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")[1:]
    return {name.casefold(): value for name, value in (line.split(": ", 1) for line in lines)}, body


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_gateway_answers_with_a_page(sandbox: Sandbox, halo: httpx.Client, status: int) -> None:
    sandbox.faults = one("answer", status=status)
    refused = halo.post("/Tickets", json=TICKET)
    assert refused.status_code == status
    assert refused.headers["content-type"].startswith("text/html")
    assert sandbox.effects == []


def test_a_gateway_can_give_up_after_the_write_took_effect(sandbox: Sandbox, halo: httpx.Client) -> None:
    sandbox.faults = one("answer", status=504, when="after")
    assert halo.post("/Tickets", json=TICKET).status_code == 504
    assert [effect.did for effect in sandbox.effects] == ["created"]
    assert sandbox.tables["Tickets"][sandbox.effects[0].key]["summary"] == "New laptop"


def test_too_many_requests_with_and_without_a_time_to_wait(sandbox: Sandbox, halo: httpx.Client) -> None:
    sandbox.faults = {
        "faults": [
            {"kind": "answer", "status": 429, "body": "error", "retry_after": 7, "match": {"times": 1}},
            {"kind": "answer", "status": 429, "body": "error", "text": "Rate Limit Reached", "match": {"times": 1}},
        ]
    }
    first, second, third = (halo.get("/Status") for _ in range(3))
    assert (first.status_code, first.headers["retry-after"]) == (429, "7")
    assert (second.json(), "retry-after" in second.headers) == ({"error": "Rate Limit Reached"}, False)
    assert third.status_code == 200


def test_a_success_can_hide_an_error(sandbox: Sandbox, halo: httpx.Client) -> None:
    sandbox.faults = one("answer", status=200, body="exception", text="Deadlock")
    hidden = halo.get("/Tickets")
    assert (hidden.status_code, hidden.json()["Message"]) == (200, "Deadlock")


def test_the_tenant_can_be_wrong(sandbox: Sandbox) -> None:
    sandbox.faults = one("answer", status=500, body="exception", match={"path": "/auth/token"})
    assert httpx.post(f"{sandbox.base_uri}/auth/token").json()["ClassName"] == "System.Exception"
    assert httpx.get(f"{sandbox.base_uri}/api/AuthInfo").status_code == 200


@pytest.mark.parametrize(("when", "tickets"), [("before", 0), ("after", 1)])
def test_a_connection_is_reset(sandbox: Sandbox, halo: httpx.Client, when: str, tickets: int) -> None:
    sandbox.faults = one("reset", when=when, match={"method": "POST"})
    with pytest.raises(httpx.ReadError):
        halo.post("/Tickets", json=TICKET)
    assert len(sandbox.effects) == tickets
    assert sandbox.requests[-1].status == 0
    with pytest.raises(ConnectionResetError):
        exchanged(sandbox, "POST /api/Tickets")
    assert halo.get("/Tickets").status_code == 200


def test_a_body_ends_too_early(sandbox: Sandbox, halo: httpx.Client) -> None:
    whole = halo.get("/Status").content
    sandbox.faults = one("truncated", part=0.25)
    headers, body = split(exchanged(sandbox, "GET /api/Status"))
    assert int(headers["content-length"]) == len(whole)
    assert body == whole[: len(whole) // 4]


def test_a_length_is_too_short(sandbox: Sandbox, halo: httpx.Client) -> None:
    whole = halo.get("/Status").content
    sandbox.faults = one("wrong_length", off_by=-10)
    headers, body = split(exchanged(sandbox, "GET /api/Status"))
    assert (int(headers["content-length"]), body) == (len(whole) - 10, whole)


def test_a_length_is_too_long_and_the_rest_never_comes(sandbox: Sandbox, halo: httpx.Client) -> None:
    sandbox.faults = one("wrong_length", off_by=3)
    headers, body = split(exchanged(sandbox, "GET /api/Status", 1))
    assert body.endswith(b"<nothing more>")
    assert int(headers["content-length"]) == len(body.removesuffix(b"<nothing more>")) + 3
    with pytest.raises(httpx.ReadTimeout):
        halo.get("/Status", timeout=0.2)


def test_a_body_comes_in_drips(sandbox: Sandbox, halo: httpx.Client) -> None:
    calm = halo.get("/Status").content
    sandbox.faults = one("drip", seconds=0.3, pieces=6)
    arrivals = []
    with halo.stream("GET", "/Status") as slow:
        received = b""
        for piece in slow.iter_raw():
            arrivals.append(time.monotonic())
            received += piece
    assert received == calm
    assert len(arrivals) > 1
    assert arrivals[-1] - arrivals[0] > 0.2


def test_a_client_that_leaves_during_a_drip_disturbs_nobody(sandbox: Sandbox, halo: httpx.Client) -> None:
    sandbox.faults = one("drip", seconds=0.5, pieces=50, match={"times": 1})
    with halo.stream("GET", "/Status") as slow:
        next(slow.iter_raw())
    assert halo.get("/Status").status_code == 200


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_answer_comes_late(sandbox: Sandbox, halo: httpx.Client, when: str) -> None:
    halo.post("/Tickets", json=TICKET)
    sandbox.faults = one("latency", seconds=2, when=when, match={"method": "POST"})
    with pytest.raises(httpx.ReadTimeout):
        halo.post("/Tickets", json=TICKET, timeout=1)
    assert len(sandbox.effects) == (2 if when == "after" else 1)
    deadline = time.monotonic() + 20
    while len(sandbox.effects) < 2:
        assert time.monotonic() < deadline, "what was asked is done, whether or not anybody waits for it"
        time.sleep(0.05)


def test_it_stops_at_once_while_an_answer_is_late(sandbox: Sandbox, halo: httpx.Client) -> None:
    sandbox.faults = one("latency", seconds=60)
    with pytest.raises(httpx.ReadTimeout):
        halo.get("/Status", timeout=0.05)
    before = time.monotonic()
    sandbox.close()
    assert time.monotonic() - before < 10


def test_tokens_are_revoked(sandbox: Sandbox, halo: httpx.Client) -> None:
    sandbox.faults = one("revoke", match={"after": 1, "times": 1})
    assert [halo.get("/Status").status_code for _ in range(3)] == [200, 401, 401]


def test_a_token_ends_earlier_than_it_says(start: Callable[..., Sandbox], enter: Callable[..., httpx.Client]) -> None:
    assert enter(start(token_true_lifetime_seconds=0)).get("/Status").status_code == 401


def test_the_page_cap_changes_on_the_way(sandbox: Sandbox, halo: httpx.Client) -> None:
    sandbox.faults = one("switch", switches={"page_cap": 20}, match={"query": {"page_no": 2}})
    pages = [{"pageinate": "true", "page_size": 100, "page_no": number} for number in (1, 2, 1)]
    assert [len(halo.get("/Tickets", params=page).json()["tickets"]) for page in pages] == [100, 20, 20]


def test_rows_change_between_requests(sandbox: Sandbox, halo: httpx.Client) -> None:
    before = {key: dict(row) for key, row in sandbox.tables["Tickets"].items()}
    sandbox.faults = one("change", table="tickets", insert=2, update=3, delete=4, match={"times": 1})
    halo.get("/Status")
    after = sandbox.tables["Tickets"]
    by = {did: {effect.key for effect in sandbox.effects if effect.did == did} for did in ("created", "deleted")}
    assert after.keys() - before.keys() == by["created"] - by["deleted"]
    assert before.keys() - after.keys() == by["deleted"] - by["created"]
    changed = {key for key in before.keys() & after.keys() if before[key] != after[key]}
    assert (
        changed == {effect.key for effect in sandbox.effects if effect.did == "updated"} - by["deleted"] - by["created"]
    )
    assert changed
    assert all(after[key]["last_update"] > before[key]["last_update"] for key in changed)
    assert {effect.by for effect in sandbox.effects} == {"fault"}
    assert [len(by["created"]), len(by["deleted"])] == [2, 4]


@pytest.mark.parametrize(
    "table", ["Actions", "Client", "Priority", "Webhook", "RecurringInvoice", "Attachment", "Users"]
)
def test_rows_of_any_table_can_change(sandbox: Sandbox, halo: httpx.Client, table: str) -> None:
    sandbox.faults = one("change", table=table, insert=1, update=1, delete=1, match={"times": 2})
    rows = len(sandbox.tables[table])
    assert [halo.get("/Status").status_code for _ in range(2)] == [200, 200]
    dids = [effect.did for effect in sandbox.effects]
    assert (dids.count("created"), dids.count("updated")) == (2, 2)
    assert len(sandbox.tables[table]) == rows + 2 - dids.count("deleted")


def test_actions_change_after_their_tickets_are_gone(sandbox: Sandbox, halo: httpx.Client) -> None:
    sandbox.tables["Actions"], sandbox.tables["Tickets"].clear()
    sandbox.faults = one("change", table="Actions", insert=1, update=1)
    assert halo.get("/Status").status_code == 200
    assert [effect.did for effect in sandbox.effects] == ["created", "updated"]


def test_an_array_is_applied_in_part(sandbox: Sandbox, halo: httpx.Client) -> None:
    sandbox.faults = one("partial", part=0.7)
    refused = halo.post("/Tickets", json=TICKET * 10)
    assert refused.status_code == 500
    assert [effect.did for effect in sandbox.effects] == ["created"] * 7
    sandbox.faults = one("partial", status=None)
    answered = halo.post("/Tickets?returnall=true", json=TICKET * 4)
    assert (answered.status_code, len(answered.json())) == (201, 2)
    assert halo.post("/Tickets", json=TICKET).status_code == 201
    assert sandbox.requests[-1].faults == ()


def test_a_write_is_delivered_twice(sandbox: Sandbox, halo: httpx.Client) -> None:
    sandbox.faults = one("duplicate")
    sent = halo.post("/Tickets", json=TICKET).json()
    first, second = sandbox.effects
    assert first.key != second.key == sent["id"]
    assert halo.delete(f"/Tickets/{sent['id']}").status_code == 404
    assert [effect.did for effect in sandbox.requests[-1].effects] == ["deleted"]


def test_a_lost_answer_and_a_second_delivery_go_together(sandbox: Sandbox, halo: httpx.Client) -> None:
    sandbox.faults = {
        "faults": [{"kind": "duplicate"}, {"kind": "reset", "when": "after"}, {"kind": "drip", "seconds": 1}]
    }
    with pytest.raises(httpx.ReadError):
        halo.post("/Tickets", json=TICKET)
    assert [fault.kind for fault in sandbox.requests[-1].faults] == ["duplicate", "reset"]
    assert len(sandbox.effects) == 2


def test_effects_tell_what_every_request_did(sandbox: Sandbox, halo: httpx.Client) -> None:
    ticket = halo.post("/Tickets", json=TICKET).json()["id"]
    halo.post("/Tickets", json=[{"id": ticket, "summary": "Newer laptop"}, {"id": 999_999}])
    halo.delete(f"/Tickets/{ticket}")
    halo.get("/Tickets")
    image = halo.post("/Attachment/image", files={"file": ("dot.png", b"...", "image/png")}).json()["id"]
    assert sandbox.effects == [
        Effect("created", "Tickets", ticket),
        Effect("updated", "Tickets", ticket),
        Effect("deleted", "Tickets", ticket),
        Effect("created", "Attachment/image", image),
    ]
    assert [len(request.effects) for request in sandbox.requests[1:]] == [1, 1, 1, 0, 1]


def test_an_array_taken_back_has_no_effect(start: Callable[..., Sandbox], enter: Callable[..., httpx.Client]) -> None:
    sandbox = start(partial_failure="nothing")
    assert enter(sandbox).post("/Tickets", json=[*TICKET, {}]).status_code == 400
    assert sandbox.effects == []


def test_requests_over_the_limit_are_counted_by_caller(
    start: Callable[..., Sandbox], enter: Callable[..., httpx.Client]
) -> None:
    sandbox = start()
    first, second = enter(sandbox), enter(sandbox)
    sandbox.switch(rate_limit=1)
    for client in (first, first, first, second):
        client.get("/Status")
    httpx.get(f"{sandbox.base_uri}/api/Status", headers={"X-Halo-Api-Key": sandbox.api_key})
    httpx.get(f"{sandbox.base_uri}/api/AuthInfo")
    assert sandbox.violations == {"token 1": 2, "token 2": 1, "api key": 1, "nobody": 1}
    times = [request.at for request in sandbox.requests]
    assert times == sorted(times)


def test_faults_are_switched_while_it_runs(sandbox: Sandbox, halo: httpx.Client) -> None:
    sandbox.faults = one("answer", status=503)
    assert halo.get("/Status").status_code == 503
    sandbox.faults = None
    assert halo.get("/Status").status_code == 200
    assert sandbox.faults.faults == ()
