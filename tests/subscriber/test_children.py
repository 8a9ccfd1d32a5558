"""What belongs to each entity of a parent is read for it: several at a time, what is alike once, with cursors."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any

import pytest

from haloitsm_connector.catalogue import Catalogue
from haloitsm_connector.client import HttpClient, Request, Response
from haloitsm_connector.client.drive import Ahead, at_once, drive
from haloitsm_connector.errors import InputError, StatusError
from haloitsm_connector.sandbox import Sandbox
from haloitsm_connector.subscriber import Slice, Subscriber
from haloitsm_transformers import Failure, TransformError

CATALOGUE = Catalogue.load()
TICKETS = [{"id": number, "client_id": number % 2, "summary": f"Ticket {number}"} for number in range(1, 12)]


def respond(body: Any, status: int = 200) -> Response:
    return Response(status, {"content-type": "application/json"}, json.dumps(body).encode(), "http://halo/api")


def actions(**options: Any) -> Subscriber:
    given: dict[str, Any] = {"query": {"ticket_id": "{{ id }}"}, "parent": TICKETS, **options}
    return Subscriber(None, "GET /Actions", catalogue=CATALOGUE, **given)


def actions_of(request: Request) -> Response:
    ticket = int(dict(request.query)["ticket_id"])
    return respond({"actions": [{"id": number, "ticket_id": ticket} for number in range(1, ticket % 3 + 1)]})


def test_requests_are_made_for_each_entity_of_the_parent_and_its_fields_are_added(sandbox: Sandbox, halo: HttpClient):
    tickets = Subscriber(halo, "GET /Tickets", limit=30)
    seen = len(sandbox.requests)
    found = list(
        Subscriber(
            halo,
            "GET /Actions",
            parent=tickets,
            query={"ticket_id": "{{ id }}"},
            from_parent={"subject": "{{ summary }}"},
        )
    )
    numbers = [ticket["id"] for ticket in tickets]
    wanted = [row for row in sandbox.tables["Actions"].values() if row["ticket_id"] in numbers]
    assert sorted((row["ticket_id"], row["id"]) for row in found) == sorted((r["ticket_id"], r["id"]) for r in wanted)
    assert all(row["subject"] == sandbox.tables["Tickets"][row["ticket_id"]]["summary"] for row in found)
    asked = [request.query["ticket_id"] for request in sandbox.requests[seen:] if request.path == "/api/Actions"]
    assert sorted(asked) == sorted(map(str, numbers))


def test_details_in_asyncio_do_not_block_the_loop(halo: HttpClient):
    tickets = Subscriber(halo, "GET /Tickets", limit=5)
    details = Subscriber(halo, "GET /Tickets/{id}", parent=tickets, path={"id": "{{ id }}"})

    async def read() -> list[int]:
        return [ticket["id"] async for ticket in details]

    async def slices() -> int:
        return sum([len(one.entities) async for one in details.aslices()])

    assert asyncio.run(read()) == [ticket["id"] for ticket in tickets]
    assert asyncio.run(slices()) == 5


def test_a_child_may_be_a_parent(halo: HttpClient):
    tickets = Subscriber(halo, "GET /Tickets", limit=3)
    of_tickets = Subscriber(halo, "GET /Actions", parent=tickets, query={"ticket_id": "{{ id }}"})
    path, query = {"id": "{{ id }}"}, {"ticket_id": "{{ ticket_id }}"}
    details = Subscriber(halo, "GET /Actions/{id}", parent=of_tickets, path=path, query=query)
    assert [(row["ticket_id"], row["id"]) for row in details] == [(row["ticket_id"], row["id"]) for row in of_tickets]


def test_no_more_requests_are_under_way_than_parallel_says():
    flow = actions(parallel=4).flow()
    announced: list[int] = []
    item = next(flow)
    while True:
        try:
            if isinstance(item, Ahead):
                announced.append(len(item.requests))
            item = flow.send(actions_of(item)) if isinstance(item, Request) else next(flow)
        except StopIteration:
            break
    assert max(announced) == 4


def test_what_is_asked_alike_is_asked_once():
    asked: Counter[str] = Counter()

    def send(request: Request) -> Response:
        asked[request.target] += 1
        return respond({"id": int(request.path.rsplit("/", 1)[1]), "name": "A client"})

    clients = Subscriber(
        None,
        "GET /Client/{id}",
        parent=TICKETS,
        path={"id": "{{ client_id }}"},
        from_parent={"ticket": "{{ id }}"},
        catalogue=CATALOGUE,
    )
    found = [row for page in drive(clients.flow(), at_once(send)) for row in page]
    assert [row["ticket"] for row in found] == [ticket["id"] for ticket in TICKETS]
    assert set(asked.values()) == {1}
    assert len(asked) == 2


def test_a_long_list_of_a_child_is_read_to_its_end():
    rows = [{"id": number} for number in range(1, 251)]

    def send(request: Request) -> Response:
        query = dict(request.query)
        size, number = int(query["page_size"]), int(query["page_no"])
        return respond({"record_count": len(rows), "tickets": rows[(number - 1) * size : number * size]})

    clients = [{"id": 1}, {"id": 2}]
    tickets = Subscriber(None, "GET /Tickets", parent=clients, query={"client_id": "{{ id }}"}, catalogue=CATALOGUE)
    assert [row["id"] for page in drive(tickets.flow(), at_once(send)) for row in page] == 2 * [r["id"] for r in rows]


def test_a_record_that_went_meanwhile_has_no_children():
    def send(request: Request) -> Response:
        return respond({}, 404) if dict(request.query)["ticket_id"] == "3" else actions_of(request)

    found = [row["ticket_id"] for page in drive(actions().flow(), at_once(send)) for row in page]
    assert found == [t["id"] for t in TICKETS for _ in range(t["id"] % 3) if t["id"] != 3]


def test_requests_of_which_none_finds_a_record_are_a_mistake():
    with pytest.raises(StatusError):
        list(drive(actions().flow(), at_once(lambda request: respond({}, 404))))


def test_an_entity_without_what_is_asked_for_fails_alone():
    parents = [Slice([{"id": 1}, {"name": "no id"}, {"id": 2, "_deleted": True}, {"id": 4}], {"at": 4})]
    failures: list[Failure] = []
    slices = [
        one for some in drive(actions().children_flow(parents, failures.append), at_once(actions_of)) for one in some
    ]
    assert [row["ticket_id"] for one in slices for row in one.entities] == [1, 4]
    assert [failure.entity for failure in failures] == [{"name": "no id"}]
    assert "request_parameters.query.ticket_id: is null" in str(failures[0])
    with pytest.raises(TransformError, match="is null for this entity"):
        list(drive(actions(parent=[{"name": "no id"}]).flow(), at_once(actions_of)))


def test_the_cursor_of_a_parents_slice_comes_after_all_of_its_children():
    parents = [Slice([{"id": 1}, {"id": 2}], {"at": 2}), Slice([], {"at": 3}), Slice([{"id": 4}])]
    flow = actions().children_flow(parents, lambda failure: None)
    slices = [one for some in drive(flow, at_once(actions_of)) for one in some]
    assert [(len(one.entities), one.cursor) for one in slices] == [
        (1, None), (2, None), (0, {"at": 2}), (0, {"at": 3}), (1, None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"incremental": {"since": "2026-01-01"}}, "does not read what is new by itself"),
        ({"limit": 5}, "a limit would leave out entities"),
    ],
)
def test_contradictions_are_refused(options: dict[str, Any], said: str):
    with pytest.raises(InputError, match=said):
        actions(**options)


def test_a_bad_template_is_told():
    with pytest.raises(InputError, match="no closing"):
        list(drive(actions(query={"ticket_id": "{{ id"}).flow(), at_once(actions_of)))
