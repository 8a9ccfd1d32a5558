"""The subscriber against the sandbox: real sockets, real tokens, real pages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from haloitsm_connector.client import ClientCredentials, HttpClient
from haloitsm_connector.errors import StatusError
from haloitsm_connector.sandbox import Sandbox
from haloitsm_connector.subscriber import Subscriber


@pytest.mark.parametrize("entity", ["GET /Tickets", "GET /Asset", "GET /Users", "GET /Agent", "GET /Status", "/Sites"])
def test_list_is_read_whole(halo: HttpClient, sandbox: Sandbox, entity: str) -> None:
    ids = [row["id"] for row in Subscriber(halo, entity)]
    assert ids
    assert len(ids) == len(set(ids))
    small = [row["id"] for row in Subscriber(halo, entity, page_size=7)]
    assert sorted(small) == sorted(ids)


def test_action_is_read_by_its_path_parameter(halo: HttpClient, sandbox: Sandbox) -> None:
    (action,) = Subscriber(halo, "GET /Actions/{id}", path={"id": "AC12"}, query={"includedetails": True})
    assert "note" in action
    assert sandbox.requests[-1].path.endswith("/Actions/AC12")
    assert action["ticket_id"]


def test_details_of_every_listed_record_are_read_by_fanning_out(halo: HttpClient) -> None:
    ids = [row["id"] for row in Subscriber(halo, "GET /Client", limit=3)]
    details = list(Subscriber(halo, "GET /Client/{id}", path={"id": ids}))
    assert [row["id"] for row in details] == ids


def test_async_face_reads_the_same(halo: HttpClient) -> None:
    async def pages() -> list[int]:
        return [len(page) async for page in Subscriber(halo, "GET /Tickets").apages()]

    async def entities() -> list[dict[str, Any]]:
        return [entity async for entity in Subscriber(halo, "GET /Tickets")]

    assert asyncio.run(pages()) == [len(page) for page in Subscriber(halo, "GET /Tickets").pages()]
    assert asyncio.run(entities()) == list(Subscriber(halo, "GET /Tickets"))


def test_reading_that_is_broken_off_can_start_again(halo: HttpClient) -> None:
    subscriber = Subscriber(halo, "GET /Tickets", page_size=10)
    pages = subscriber.pages()
    first = next(pages)
    pages.close()  # type: ignore[attr-defined]
    assert next(iter(subscriber.pages())) == first


def test_missing_record_is_an_error_unless_declared_normal(halo: HttpClient, sandbox: Sandbox) -> None:
    with pytest.raises(StatusError, match="404") as caught:
        list(Subscriber(halo, "GET /Tickets/{id}", path={"id": 99999999}))
    assert caught.value.exit_status == 3
    login = ClientCredentials(client_id=sandbox.client_id, client_secret=sandbox.client_secret)
    with HttpClient(sandbox.base_uri, login, tenant=sandbox.tenant, normal_statuses=[404]) as lenient:
        assert list(Subscriber(lenient, "GET /Tickets/{id}", path={"id": [99999999, 99999998]})) == []


def test_halos_reason_is_told(serving: Callable[..., HttpClient]) -> None:
    body = b'{"ClassName": "System.Exception", "Message": "Please select a report"}'
    client = serving(lambda target: (400, {"content-type": "application/json"}, body))
    with pytest.raises(StatusError, match="Please select a report"):
        list(Subscriber(client, "GET /Report"))
