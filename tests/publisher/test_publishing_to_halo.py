"""The publisher against the sandbox and against servers that hang up: real sockets, real outcomes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from haloitsm_connector.client import HttpClient, Request
from haloitsm_connector.errors import UnreachableError
from haloitsm_connector.publisher import Publisher
from haloitsm_connector.sandbox import Sandbox

Serving = Callable[..., HttpClient]
ASSET = {"assettype_id": 130, "client_id": 12}


def test_records_are_created_updated_read_back_and_deleted(halo: HttpClient) -> None:
    template = ASSET | {"inventory_number": "{{ serial }}"}
    created = list(Publisher(halo, "POST /Asset", payload=template).publish({"serial": f"P-{n}"} for n in range(3)))
    assert [outcome.status for outcome in created] == ["created"] * 3
    ids = [outcome.id for outcome in created]
    assert len(set(ids)) == 3
    (updated,) = Publisher(halo, "POST /Asset").publish([{"payload": {"id": ids[0], "inventory_number": "P-X"}}])
    assert (updated.status, updated.id) == ("updated", ids[0])
    assert halo.get(f"/Asset/{ids[0]}")["inventory_number"] == "P-X"
    deleting = Publisher(halo, "DELETE /Asset/{id}", path={"id": "{{ id }}"})
    assert [outcome.status for outcome in deleting.publish({"id": id_} for id_ in ids)] == ["deleted"] * 3


def test_several_records_in_one_payload_tell_their_ids_when_asked(halo: HttpClient) -> None:
    entity = {"payload": [ASSET | {"inventory_number": "Q-1"}, ASSET | {"inventory_number": "Q-2"}]}
    (outcome,) = Publisher(halo, "POST /Asset", query={"returnall": True}).publish([entity])
    assert outcome.status == "created"
    assert len(outcome.id) == 2


def test_bad_entity_is_refused_with_halos_reason_and_the_next_goes_on(halo: HttpClient) -> None:
    entities = [{"payload": {"note": "x"}}, {}, {"payload": {"ticket_id": 2001, "outcome": "Note", "note": "hello"}}]
    first, empty, last = Publisher(halo, "POST /Actions").publish(entities)
    assert (first.status, empty.status, last.status) == ("refused", "refused", "created")
    assert "400" in first.reason
    assert first.response


def test_attachment_is_uploaded_and_comes_back(halo: HttpClient, tmp_path: Path) -> None:
    (tmp_path / "hello.txt").write_bytes(b"hello")
    publisher = Publisher(halo, "POST /Attachment", payload={"ticket_id": 2001, "file": "{{ name }}"}, folder=tmp_path)
    (outcome,) = publisher.publish([{"name": "hello.txt"}])
    assert outcome.status == "created"
    assert halo.send(Request("GET", f"/Attachment/{outcome.id}")).body == b"hello"


def test_image_is_uploaded_as_a_form(halo: HttpClient, sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(b"png")
    publisher = Publisher(halo, "POST /Attachment/image", files=[{"path": "photo.png"}], folder=tmp_path)
    (outcome,) = publisher.publish([{"query": {"ticket_id": 2001}}])
    assert outcome.reason == ""
    assert sandbox.requests[-1].path.endswith("/Attachment/image")


def test_async_face_gives_the_same_outcomes(halo: HttpClient) -> None:
    async def publish() -> list[str]:
        publisher = Publisher(halo, "POST /Asset", payload=ASSET | {"inventory_number": "{{ s }}"})
        return [outcome.status async for outcome in publisher.apublish([{"s": "R-1"}, {"s": "R-2"}])]

    assert asyncio.run(publish()) == ["created", "created"]


def test_dry_run_sends_nothing(halo: HttpClient, sandbox: Sandbox) -> None:
    before = len(sandbox.requests)
    (request,) = Publisher(halo, "POST /Asset").requests([{"payload": {"key": "k"}}])
    assert halo.url(request).endswith("/api/Asset")
    assert len(sandbox.requests) == before


def test_create_whose_answer_is_lost_waits_and_is_sent_once(serving: Serving) -> None:
    seen: list[Any] = []

    def hang_up(method: str, target: str, body: bytes) -> None:
        seen.append(json.loads(body))

    publisher = Publisher(serving(hang_up), "POST /Asset")
    first, second = publisher.publish([{"payload": {"key": "A"}}, {"payload": {"key": "B"}}])
    assert (first.status, second.status) == ("waiting", "waiting")
    assert "may have taken effect" in first.reason
    assert seen == [[{"key": "A"}], [{"key": "B"}]]


def test_update_whose_answer_is_lost_is_sent_again(serving: Serving) -> None:
    seen: list[bytes] = []

    def hang_up_once(method: str, target: str, body: bytes) -> Any:
        seen.append(body)
        return None if len(seen) == 1 else (201, {"id": 5})

    (outcome,) = Publisher(serving(hang_up_once), "POST /Asset").publish([{"payload": {"id": 5}}])
    assert outcome.status == "updated"
    assert len(seen) == 2


def test_dead_host_ends_the_run() -> None:
    client = HttpClient(
        "http://127.0.0.1:9",
        {"type": "api_key", "api_key": "k"},
        retry={"attempts": 1},
        timeouts={"connect_seconds": 1},
    )
    with client, pytest.raises(UnreachableError):
        list(Publisher(client, "POST /Asset").publish([{"payload": {}}]))


def test_delete_whose_answer_was_lost_is_deleted_when_the_record_is_gone(serving: Serving) -> None:
    seen: list[str] = []

    def gone_after_the_first(method: str, target: str, body: bytes) -> Any:
        seen.append(target)
        return None if len(seen) == 1 else (404, {})

    client = serving(gone_after_the_first)
    (outcome,) = Publisher(client, "DELETE /Asset/{id}").publish([{"path": {"id": 5}}])
    assert (outcome.status, outcome.id) == ("deleted", "5")
    (outcome,) = Publisher(client, "DELETE /Asset/{id}").publish([{"path": {"id": 6}}])
    assert outcome.status == "refused"
