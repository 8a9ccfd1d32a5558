"""The public interface as a typed user writes it: checked by mypy, never run."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from typing import Any, assert_type

import httpx

from haloitsm_connector import (
    ApiKey,
    ClientCredentials,
    FilePublisher,
    FileSubscriber,
    HttpClient,
    Operation,
    Outcome,
    Password,
    Pipeline,
    Publisher,
    Request,
    Response,
    Slice,
    Subscriber,
)
from haloitsm_connector.catalogue import Catalogue


def clients() -> Iterator[HttpClient]:
    yield HttpClient(
        "https://acme.haloitsm.com",
        ClientCredentials(client_id="id", client_secret=os.environ["HALO_CLIENT_SECRET"], scopes=("read:tickets",)),
        tenant="acme",
        normal_statuses=[404, "410-419"],
    )
    yield HttpClient("acme.haloitsm.com", Password(client_id="id", username="me", password="secret"))
    yield HttpClient("acme.haloitsm.com", ApiKey(api_key="key"), transport=httpx.AsyncHTTPTransport(retries=0))
    yield HttpClient("acme.haloitsm.com", ApiKey(api_key="key"), transport=httpx.AsyncClient())


def one_request(client: HttpClient) -> None:
    assert_type(client.send(Request("GET", "/Actions/AC12")), Response)
    assert_type(client.url(Request("GET", "/Actions/AC12")), str)


def copy_tickets(halo: HttpClient) -> list[Outcome]:
    tickets = Subscriber(halo, "GET /Tickets", query={"open_only": True}, input_transformers=[], limit=10)
    for page in tickets.pages():
        assert_type(page, list[dict[str, Any]])
    return list(FilePublisher("tickets.jsonl").publish(tickets))


def new_tickets(halo: HttpClient, cursor: dict[str, Any] | None) -> dict[str, Any] | None:
    tickets = Subscriber(halo, "GET /Tickets", incremental={"by": {"dates": "dateoccured", "days": 30}})
    for one in Subscriber(halo, "GET /Actions", parent=tickets, query={"ticket_id": "{{ id }}"}).slices(cursor):
        assert_type(one, Slice)
        cursor = one.cursor or cursor
    return cursor


def make_assets(halo: HttpClient) -> list[Any]:
    publisher = Publisher(halo, "POST /Asset", payload={"inventory_number": "{{ serial }}", "client_id": 12})
    return [outcome.id for outcome in publisher.publish(FileSubscriber("laptops.csv")) if outcome.status == "created"]


async def read_async(halo: HttpClient) -> AsyncIterator[dict[str, Any]]:
    async with halo:
        assert_type(await halo.asend(Request("GET", "/Tickets")), Response)
        async for ticket in Subscriber(halo, "GET /Tickets"):
            yield ticket


async def run_async() -> None:
    async with Pipeline.load("configs") as pipeline:
        async for outcome in pipeline.arun("tickets"):
            assert_type(outcome, Outcome)


def offered() -> list[Operation]:
    return Catalogue.load().search("asset", method="GET")
