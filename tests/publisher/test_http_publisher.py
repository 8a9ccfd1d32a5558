"""Any REST API is written to over real sockets, one request per entity."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from haloitsm_connector.client import HttpClient
from haloitsm_connector.prototypes import Prototypes
from haloitsm_connector.publisher import HttpPublisher

Serving = Callable[..., HttpClient]


@pytest.mark.parametrize(
    ("method", "status", "outcome"),
    [("POST", 200, "sent"), ("POST", 201, "created"), ("PUT", 200, "updated"), ("PATCH", 200, "updated")],
)
def test_payload_is_sent_by_the_method(serving: Serving, method: Any, status: int, outcome: str) -> None:
    def echo(sent_method: str, target: str, body: bytes) -> Any:
        return status, {"id": 7, "seen": [sent_method, target, json.loads(body)]}

    publisher = HttpPublisher(
        serving(echo), method, "/devices/{id}", path={"id": "{{ id }}"}, query={"v": 2}, payload="{{ @ }}"
    )
    (result,) = publisher.publish([{"id": "a/b"}])
    assert (result.status, result.id) == (outcome, 7)
    assert result.response["seen"] == [method, "/devices/a%2Fb?v=2", {"id": "a/b"}]


def test_delete_sends_no_body_and_404_may_be_normal(serving: Serving) -> None:
    def gone(method: str, target: str, body: bytes) -> Any:
        assert body == b""
        return (204, None) if target.endswith("/1") else (404, None)

    publisher = HttpPublisher(serving(gone, normal_statuses=[404]), "DELETE", "/devices/{id}")
    statuses = [outcome.status for outcome in publisher.publish([{"path": {"id": 1}}, {"path": {"id": 2}}])]
    assert statuses == ["deleted", "skipped"]


def test_refusals_are_told_in_words(serving: Serving) -> None:
    publisher = HttpPublisher(serving(lambda *request: (422, {"error": "name is taken"})), "POST", "/devices")
    taken, empty = publisher.publish([{"payload": {}}, {}])
    assert (taken.status, empty.status) == ("refused", "refused")
    assert "name is taken" in taken.reason
    assert "needs a payload" in empty.reason


def test_lost_answer_to_a_post_waits_and_to_a_put_is_repeated(serving: Serving) -> None:
    seen: list[str] = []

    def hang_up_once(method: str, target: str, body: bytes) -> Any:
        seen.append(method)
        return None if seen.count(method) == 1 else (200, {})

    client = serving(hang_up_once)
    (post,) = HttpPublisher(client, "POST", "/x").publish([{"payload": 1}])
    (put,) = HttpPublisher(client, "PUT", "/x").publish([{"payload": 1}])
    assert (post.status, put.status) == ("waiting", "updated")
    assert seen == ["POST", "PUT", "PUT"]


def test_fields_build_the_publisher(serving: Serving) -> None:
    prototype = Prototypes("publishers").get("http")
    fields = prototype.fields.model_validate({"client": "api", "uri": "/x", "payload": {"a": "{{ a }}"}})
    client = serving(lambda method, target, body: (200, json.loads(body)))
    chains: dict[str, Any] = {"request_transformers": [], "response_transformers": [{"select": {"a": "response.a"}}]}
    (outcome,) = prototype.build(fields, client, chains, None).publish([{"a": 1}])
    assert outcome.results == [{"a": 1}]
    assert set(outcome.described()) == {"status", "id", "reason", "request", "entity", "results"}
