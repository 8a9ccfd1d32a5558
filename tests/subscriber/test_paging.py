"""A list is read to its end whatever the server does to page numbers, sizes and counts."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haloitsm_connector.catalogue import Catalogue
from haloitsm_connector.client import Request, Response
from haloitsm_connector.client.drive import at_once, drive
from haloitsm_connector.errors import AnswerError
from haloitsm_connector.subscriber import Subscriber

CATALOGUE = Catalogue.load()


class List:
    """A server of one list; ``cap`` cuts pages, ``counts`` says what record_count claims."""

    def __init__(self, total: int, *, cap: int = 100, counts: Any = "right", paged: bool = True) -> None:
        self.rows = [{"id": number} for number in range(total)]
        self.cap, self.counts, self.paged = cap, counts, paged
        self.asked: list[dict[str, str]] = []

    def __call__(self, request: Request) -> Response:
        query = dict(request.query)
        self.asked.append(query)
        rows = self.rows
        if self.paged:
            size = min(int(query["page_size"]), self.cap)
            start = (int(query["page_no"]) - 1) * size
            rows = rows[start : start + size]
        body: Any = {"tickets": rows}
        if self.counts is not None:
            body["record_count"] = len(self.rows) if self.counts == "right" else self.counts
        return Response(200, {"content-type": "application/json"}, json.dumps(body).encode(), "http://halo/api/Tickets")


def read(server: List, **options: Any) -> list[dict[str, Any]]:
    subscriber = Subscriber(None, "GET /Tickets", catalogue=CATALOGUE, **options)
    return [entity for page in drive(subscriber.flow(), at_once(server)) for entity in page]


def test_pages_are_asked_for_by_number_until_all_records_are_read() -> None:
    server = List(717)
    assert read(server) == server.rows
    assert [query["page_no"] for query in server.asked] == list("12345678")
    in_order = {"order": "id", "orderdesc": "false"}
    assert server.asked[0] == {"pageinate": "true", "page_size": "100", "page_no": "1", **in_order}


def test_page_size_of_the_field_and_of_the_query_are_asked_for() -> None:
    assert read(server := List(30), page_size=20) == server.rows
    assert {query["page_size"] for query in server.asked} == {"20"}
    assert read(server := List(30), query={"page_size": 7}) == server.rows
    assert {query["page_size"] for query in server.asked} == {"7"}


@given(
    total=st.integers(0, 60),
    size=st.integers(1, 25),
    cap=st.integers(1, 25),
    counts=st.sampled_from(["right", None, 0, "717", 100_000, 10**300]),
)
def test_every_record_is_read_once_under_any_cap_and_any_record_count(
    total: int, size: int, cap: int, counts: Any
) -> None:
    server = List(total, cap=cap, counts=counts)
    assert read(server, page_size=size) == server.rows


def test_record_count_of_the_page_alone_does_not_end_a_full_page() -> None:
    server = List(30, counts=10)
    assert read(server, page_size=10) == server.rows


@pytest.mark.parametrize(("cap", "size"), [(50, None), (100, 1000)])
def test_record_count_of_the_page_alone_does_not_end_a_page_that_halo_cut(cap: int, size: int | None) -> None:
    server = List(275, cap=cap, counts=cap)
    assert read(server, page_size=size) == server.rows


def test_pages_that_come_round_again_end_the_reading() -> None:
    server = List(30, cap=10, counts=None)

    def turning(request: Request) -> Response:
        page_no = (int(dict(request.query)["page_no"]) - 1) % 3 + 1
        return server(request._replace(query=(("page_no", str(page_no)), ("page_size", "10"))))

    subscriber = Subscriber(None, "GET /Tickets", catalogue=CATALOGUE)
    assert [row for page in drive(subscriber.flow(), at_once(turning)) for row in page] == server.rows
    assert len(server.asked) <= 8


@pytest.mark.parametrize("counts", ["right", None, 0])
def test_server_that_repeats_the_whole_list_is_read_once(counts: Any) -> None:
    server = List(120, counts=counts, paged=False)
    assert read(server) == server.rows
    assert len(server.asked) <= 2


def test_server_that_shows_a_part_of_its_list_on_every_page_is_told() -> None:
    with pytest.raises(AnswerError, match="the same 120 of its 10000 records on every page"):
        read(List(120, counts=10_000, paged=False))


def test_repeated_list_is_noticed_although_a_record_changed_meanwhile() -> None:
    server = List(120, counts=None, paged=False)

    def changing(request: Request) -> Response:
        server.rows[0]["summary"] = f"seen {len(server.asked)} times"
        return server(request)

    subscriber = Subscriber(None, "GET /Tickets", catalogue=CATALOGUE)
    assert sum(len(page) for page in drive(subscriber.flow(), at_once(changing))) == 120


def test_records_without_ids_of_their_own_are_told_apart_by_their_content() -> None:
    server = List(30, counts=None)
    server.rows = [{"id": 0, "name": str(number)} for number in range(30)]
    assert read(server, page_size=10) == server.rows


def test_actions_of_several_tickets_may_have_the_same_id(respond: Callable[..., Response]) -> None:
    rows = [{"ticket_id": ticket, "id": 1} for ticket in range(3)]
    subscriber = Subscriber(None, "GET /Actions", query={"ticket_id": [0, 1, 2]}, catalogue=CATALOGUE)
    assert list(drive(subscriber.flow(), at_once(lambda request: respond({"record_count": 3, "actions": rows})))) == [
        rows
    ]


def test_limit_ends_the_reading_within_a_page_and_asks_for_no_more() -> None:
    server = List(717)
    assert read(server, limit=150) == server.rows[:150]
    assert len(server.asked) == 2
    assert read(server := List(717), limit=100) == server.rows[:100]
    assert len(server.asked) == 1


@pytest.mark.parametrize("query", [{"count": 5}, {"pageinate": True, "page_no": 3}, {"Page_No": 1}])
def test_own_page_parameters_switch_paging_off(query: dict[str, Any]) -> None:
    server = List(10, paged=False)
    read(server, query=query)
    assert [set(asked) for asked in server.asked] == [set(query)]


def test_page_size_of_null_is_left_to_halo() -> None:
    def bare(request: Request) -> Response:
        rows = [{"id": 1}] if dict(request.query)["page_no"] == "1" else []
        return Response(200, {}, json.dumps(rows).encode(), "http://halo/api/Tickets")

    subscriber = Subscriber(None, "GET /Tickets", query={"page_size": None}, catalogue=CATALOGUE)
    assert list(drive(subscriber.flow(), at_once(bare))) == [[{"id": 1}]]


@pytest.mark.parametrize("query", [{"idonly": True}, {"ticketidonly": "true"}])
def test_ids_alone_are_asked_for_without_pages(query: dict[str, Any]) -> None:
    server = List(300, paged=False)
    assert len(read(server, query=query)) == 300
    assert server.asked == [{"count": "100000", **{name: str(value).lower() for name, value in query.items()}}]


def test_list_without_pages_is_asked_for_in_one_large_count() -> None:
    subscriber = Subscriber(None, "GET /Actions", query={"ticket_id": 5}, catalogue=CATALOGUE)
    assert [request.target for request in subscriber.requests()] == ["/Actions?count=100000&ticket_id=5"]


def test_memory_does_not_grow_with_the_list() -> None:
    def endless(request: Request) -> Response:
        size = int(dict(request.query)["page_size"])
        start = (int(dict(request.query)["page_no"]) - 1) * size
        rows = [{"id": start + number} for number in range(size)]
        return Response(200, {}, json.dumps({"tickets": rows}).encode(), "http://halo/api/Tickets")

    def peak(limit: int) -> int:
        tracemalloc.start()
        subscriber = Subscriber(None, "GET /Tickets", limit=limit, catalogue=CATALOGUE)
        assert sum(len(page) for page in drive(subscriber.flow(), at_once(endless))) == limit
        bytes_ = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return bytes_

    peak(200)
    assert peak(20_000) < peak(1_000) + 1_000_000, "20,000 rows kept would take several times as much"
