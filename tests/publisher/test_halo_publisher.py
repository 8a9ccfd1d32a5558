"""From entity to request, and from any answer to the outcome of that entity."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haloitsm_connector.catalogue import Catalogue
from haloitsm_connector.client import Request
from haloitsm_connector.client.drive import at_once, drive
from haloitsm_connector.errors import (
    AnswerError,
    AuthenticationError,
    EntityError,
    InputError,
    LostAnswerError,
    UnreachableError,
)
from haloitsm_connector.publisher import Outcome, Publisher

CATALOGUE = Catalogue.load()
Publish = Callable[..., list[Outcome]]
Scripted = Callable[..., Any]


def requests(entity: str, *entities: dict[str, Any], **options: Any) -> list[Request]:
    return list(Publisher(None, entity, catalogue=CATALOGUE, **options).requests(entities))  # type: ignore[arg-type]


def test_entity_carries_payload_path_and_query() -> None:
    (request,) = requests("POST /Asset", {"payload": {"client_id": 12}, "query": {"returnall": True}, "other": 1})
    assert (request.method, request.target, request.payload) == ("POST", "/Asset?returnall=true", [{"client_id": 12}])
    (request,) = requests("DELETE /Tickets/{id}", {"path": {"id": 5}, "query": {"reason": "double"}, "payload": {}})
    assert (request.method, request.target, request.payload) == ("DELETE", "/Tickets/5?reason=double", None)


def test_templates_of_the_publisher_read_the_entity() -> None:
    payload = {"inventory_number": "{{ serial }}", "client_id": "{{ client }}", "key": "PC-{{ serial }}"}
    (request,) = requests("POST /Asset", {"serial": "L1", "client": 12, "payload": {"no": 1}}, payload=payload)
    assert request.payload == [{"inventory_number": "L1", "client_id": 12, "key": "PC-L1"}]
    (request,) = requests("DELETE /Asset/{id}", {"id": "a/../b"}, path={"id": "{{ id }}"}, query={"x": "{{ none }}"})
    assert request.target == "/Asset/a%2F..%2Fb"


def test_request_transformers_run_before_the_templates() -> None:
    steps = [{"set": {"payload.client_id": 12, "serial": "L2"}}]
    (request,) = requests("POST /Asset", {"payload": {"key": "k"}}, request_transformers=steps)
    assert request.payload == [{"key": "k", "client_id": 12}]
    template = {"inventory_number": "{{ serial }}"}
    (request,) = requests("POST /Asset", {"serial": "L1"}, request_transformers=steps, payload=template)
    assert request.payload == [{"inventory_number": "L2"}]


@pytest.mark.parametrize(
    ("entity", "payload", "sent"),
    [
        ("POST /Asset", {"id": 1}, [{"id": 1}]),
        ("POST /Asset", [{"id": 1}, {"id": 2}], [{"id": 1}, {"id": 2}]),
        ("POST /Tickets/Object", {"id": 1}, {"id": 1}),
        ("POST /Tickets/Object", [{"id": 1}], {"id": 1}),
        ("POST /Control/ClearCache", None, None),
    ],
)
def test_payload_takes_the_shape_of_the_operations_body(entity: str, payload: Any, sent: Any) -> None:
    assert requests(entity, {"payload": payload})[0].payload == sent


@pytest.mark.parametrize(
    ("payload", "repeatable"),
    [
        ({"id": 5}, True),
        ({"id": "5"}, True),
        ({"id": -3}, True),
        ([{"id": 5}, {"id": 6}], True),
        ({}, False),
        ({"id": 0}, False),
        ({"id": 0.0}, False),
        ({"id": "0"}, False),
        ({"id": None}, False),
        ({"id": "00000000-0000-0000-0000-000000000000"}, False),
        ([{"id": 5}, {"name": "new"}], False),
    ],
)
def test_only_updates_may_be_repeated(payload: Any, repeatable: bool) -> None:
    assert requests("POST /Asset", {"payload": payload})[0].may_repeat is repeatable


def test_an_action_is_told_by_its_own_id_and_a_vote_is_never_an_update() -> None:
    assert not requests("POST /Actions", {"payload": {"ticket_id": 5, "note": "x"}})[0].may_repeat
    assert requests("POST /Actions", {"payload": {"ticket_id": 5, "id": 2}})[0].may_repeat
    assert not requests("POST /Tickets/vote", {"payload": {"id": 5}})[0].may_repeat


@pytest.mark.parametrize(
    ("operation", "entity", "said"),
    [
        ("POST /Asset", {"serial": "L1"}, "POST /Asset needs a payload"),
        ("POST /Asset", {"payload": []}, "needs a payload"),
        ("POST /Tickets/Object", {"payload": [{}, {}]}, "takes one record, not a list of 2"),
        ("POST /Tickets/Object", {"payload": "x"}, "takes an object, not str"),
        ("DELETE /Asset/{id}", {"id": 5}, "needs a value for path parameter 'id'"),
        ("DELETE /Asset/{id}", {"path": {"id": ".."}}, "cannot be"),
        ("DELETE /Asset/{id}", {"path": 5}, "'path' must be an object of names and values, not int"),
    ],
)
def test_entity_that_makes_no_request_is_refused_and_nothing_is_sent(
    publish: Publish, scripted: Scripted, operation: str, entity: dict[str, Any], said: str
) -> None:
    client = scripted(AssertionError)
    (outcome,) = publish(Publisher(client, operation, catalogue=CATALOGUE), entity)
    assert outcome.status == "refused"
    assert said in outcome.reason
    assert client.sent == []
    with pytest.raises(EntityError, match=re.escape(said)):
        requests(operation, entity)


def test_transformers_may_leave_nothing_fail_or_make_too_much(publish: Publish, scripted: Scripted) -> None:
    def outcome(step: dict[str, Any]) -> Outcome:
        publisher = Publisher(scripted(AssertionError), "POST /Asset", request_transformers=[step], catalogue=CATALOGUE)
        (result,) = publish(publisher, {"payload": {}, "rows": [{}, {}]})
        return result

    assert outcome({"filter": "`false`"}).status == "skipped"
    assert outcome({"set": {"payload": "x{{ none }}"}}).status == "failed"
    assert "2 documents out of one entity" in outcome({"split": {"items": "rows"}}).reason


@pytest.mark.parametrize(
    ("payload", "answer", "status", "id_"),
    [
        ({"name": "new"}, {"id": 7, "name": "new"}, "created", 7),
        ({"name": "new"}, [{"id": 7}], "created", 7),
        ({"name": "new"}, {"asset": {"id": 7.0}}, "created", 7),
        ([{}, {}], [{"id": 7}, {"id": 8}], "created", [7, 8]),
        ([{}, {}], {"id": 8}, "created", 8),
        ({"id": 5}, {"id": 5}, "updated", 5),
        ({"id": 5}, {"id": 9}, "updated", 9),
        ({"id": 5}, b"", "updated", 5),
        ({"name": "new"}, b"", "sent", None),
        ([{"id": 5}, {}], {"id": 9}, "sent", 9),
    ],
)
def test_outcome_tells_what_was_done_and_the_id(
    publish: Publish, scripted: Scripted, payload: Any, answer: Any, status: str, id_: Any
) -> None:
    (outcome,) = publish(Publisher(scripted(answer), "POST /Asset", catalogue=CATALOGUE), {"payload": payload})
    assert (outcome.status, outcome.id, outcome.reason) == (status, id_, "")
    assert outcome.request == "POST /Asset"


def test_priority_and_deletion_tell_their_ids(publish: Publish, scripted: Scripted, respond: Any) -> None:
    answer = {"id": "0b5c-guid", "priorityid": 4, "slaid": 1}
    (outcome,) = publish(Publisher(scripted(answer), "POST /Priority", catalogue=CATALOGUE), {"payload": {"slaid": 1}})
    assert (outcome.status, outcome.id) == ("created", 4)
    for answer, id_ in [(respond(b"", 204), "5"), ({"id": 5}, 5), ([], "5")]:
        publisher = Publisher(scripted(answer), "DELETE /Asset/{id}", catalogue=CATALOGUE)
        (outcome,) = publish(publisher, {"path": {"id": 5}})
        assert (outcome.status, outcome.id) == ("deleted", id_)


@pytest.mark.parametrize(
    ("status", "body", "new", "update"),
    [
        (400, {"ClassName": "E", "Message": "Summary is required"}, "refused", "refused"),
        (403, b"", "refused", "refused"),
        (404, b"", "refused", "refused"),
        (429, {"error": "Rate Limit Reached"}, "failed", "failed"),
        (500, {"ClassName": "E", "Message": "Boom"}, "waiting", "failed"),
        (502, b"<html>", "waiting", "failed"),
        (504, b"", "waiting", "failed"),
    ],
)
def test_error_status_is_refused_failed_or_waiting(
    publish: Publish, scripted: Scripted, respond: Any, status: int, body: Any, new: str, update: str
) -> None:
    publisher = Publisher(scripted(respond(body, status)), "POST /Asset", catalogue=CATALOGUE)
    created, updated = publish(publisher, {"payload": {"name": "x"}}, {"payload": {"id": 5}})
    assert (created.status, updated.status) == (new, update)
    assert str(status) in created.reason
    if isinstance(body, dict):
        assert next(reversed(body.values())) in created.reason
        assert created.response == body


@pytest.mark.parametrize(
    ("answer", "new", "update"),
    [
        (LostAnswerError("no answer", "Look."), "waiting", "waiting"),
        (AnswerError("not HTTP"), "waiting", "failed"),
        (InputError("no JSON"), "refused", "refused"),
        ({"error": "no rights"}, "refused", "refused"),
        ({"report": {"load_error": "bad SQL"}}, "refused", "refused"),
    ],
)
def test_answers_that_tell_nothing_and_errors_in_a_success(
    publish: Publish, scripted: Scripted, answer: Any, new: str, update: str
) -> None:
    publisher = Publisher(scripted(answer), "POST /Report", catalogue=CATALOGUE)
    created, updated = publish(publisher, {"payload": {"sql": "x"}}, {"payload": {"id": 5}})
    assert (created.status, updated.status) == (new, update)
    assert created.reason


def test_page_of_a_gateway_leaves_a_create_waiting(publish: Publish, scripted: Scripted, respond: Any) -> None:
    client = scripted(respond(b"<html>Service busy", 200, "text/html"))
    (outcome,) = publish(Publisher(client, "POST /Asset", catalogue=CATALOGUE), {"payload": {"name": "x"}})
    assert outcome.status == "waiting"
    assert "look the record up before sending it again" in outcome.reason


def test_binary_answer_is_described(publish: Publish, scripted: Scripted, respond: Any) -> None:
    client = scripted(respond(b"%PDF", 200, "application/pdf"))
    (outcome,) = publish(Publisher(client, "POST /Report/createpdf", catalogue=CATALOGUE), {"payload": {"id": 3}})
    assert (outcome.status, outcome.response["size"]) == ("sent", 4)


def test_deleting_what_is_not_there_is_skipped_where_404_is_normal(
    publish: Publish, scripted: Scripted, respond: Any
) -> None:
    publisher = Publisher(scripted(respond(b"", 404), normal_status=404), "DELETE /Asset/{id}", catalogue=CATALOGUE)
    (outcome,) = publish(publisher, {"path": {"id": 5}})
    assert (outcome.status, outcome.reason) == ("skipped", "there was nothing to delete (404)")


@pytest.mark.parametrize("error", [UnreachableError("dead host"), AuthenticationError("wrong secret")])
def test_run_ends_where_going_on_makes_no_sense(scripted: Scripted, error: Exception) -> None:
    client = scripted({"id": 1}, error)
    publisher = Publisher(client, "POST /Asset", catalogue=CATALOGUE)
    flow = drive(publisher.flow({"payload": {}} for _ in range(5)), at_once(client.send))
    assert next(flow)[0].status == "created"
    with pytest.raises(type(error)):
        next(flow)
    assert len(client.sent) == 2


def test_response_transformers_see_entity_and_answer(publish: Publish, scripted: Scripted, respond: Any) -> None:
    client = scripted({"id": 7, "key": "k"}, respond({"error": "no"}, 400), {"id": 8})
    steps = [{"select": {"id": "id", "serial": "entity.serial", "key": "response.key", "how": "status"}}]
    publisher = Publisher(client, "POST /Asset", payload={}, response_transformers=steps, catalogue=CATALOGUE)
    first, refused, second = publish(publisher, {"serial": "A"}, {"serial": "B"}, {"serial": "C"})
    assert first.results == [{"id": 7, "serial": "A", "key": "k", "how": "created"}]
    assert (refused.status, refused.results) == ("refused", ())
    assert second.results[0]["serial"] == "C"


def test_failing_response_transformer_does_not_undo_the_write(publish: Publish, scripted: Scripted) -> None:
    steps = [{"set": {"label": "x{{ none }}"}}]
    publisher = Publisher(scripted({"id": 7}), "POST /Asset", response_transformers=steps, catalogue=CATALOGUE)
    (outcome,) = publish(publisher, {"payload": {}})
    assert (outcome.status, outcome.id, outcome.results) == ("created", 7, ())
    assert outcome.reason.startswith("done, but the response transformers failed: ")


def test_attachment_is_read_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"hello")
    (request,) = requests("POST /Attachment", {"payload": {"ticket_id": 5, "file": "a.txt"}}, folder=tmp_path)
    data = f"data:text/plain;base64,{base64.b64encode(b'hello').decode()}"
    assert request.payload == [{"filename": "a.txt", "data_base64": data, "ticket_id": 5}]
    given = {"ticket_id": 5, "file": "a.txt", "filename": "named.txt"}
    (request,) = requests("POST /Attachment", {"payload": [given]}, folder=tmp_path)
    assert request.payload[0]["filename"] == "named.txt"
    assert requests("POST /Asset", {"payload": {"file": "a.txt"}}, folder=tmp_path)[0].payload == [{"file": "a.txt"}]


def test_multipart_takes_files_and_form_fields(tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(b"png")
    files = [{"path": "{{ photo }}"}, {"field": "more", "data_base64": "data:text/plain;base64,aGk=", "filename": "b"}]
    options: dict[str, Any] = {"files": files, "query": {"ticket_id": "{{ id }}"}, "folder": tmp_path}
    (request,) = requests("POST /Attachment/image", {"photo": "photo.png", "id": 5}, **options)
    assert request.target == "/Attachment/image?ticket_id=5"
    assert [(file.field, file.name, file.content, file.media_type) for file in request.files] == [
        ("file", "photo.png", b"png", "image/png"),
        ("more", "b", b"hi", "application/octet-stream"),
    ]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ([{"path": "none.png"}], "cannot be read: No such file"),
        ([{"path": "../outside.png"}], "lies outside"),
        ([{"path": "/etc/passwd"}], "lies outside"),
        ([{"path": 5}], "given by its name, not by int"),
        ([{"path": "a\0b"}], "is not a file name"),
        ([{"data_base64": "%%%"}], "not base64"),
        ([{}], "either 'path' or 'data_base64'"),
        (["photo.png"], "either 'path' or 'data_base64'"),
    ],
)
def test_files_that_cannot_be_sent_are_named(tmp_path: Path, files: Any, said: str) -> None:
    with pytest.raises(EntityError, match=said):
        requests("POST /Attachment/image", {"files": files}, folder=tmp_path)


@settings(max_examples=200)
@given(
    status=st.sampled_from([200, 201, 204, 302, 400, 404, 429, 500, 503]),
    media_type=st.sampled_from(["application/json", "text/plain", "text/html", "application/pdf"]),
    body=st.binary(max_size=30)
    | st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["id", "error", "report", "load_error", "x"]), inner, max_size=3)
        ),
        max_leaves=8,
    ),
    name=st.sampled_from(["POST /Asset", "POST /Tickets/Object", "DELETE /Asset/{id}", "POST /Attachment/image"]),
    entity=st.fixed_dictionaries(
        {},
        optional={
            "payload": st.none()
            | st.integers()
            | st.lists(st.dictionaries(st.just("id"), st.integers()))
            | st.just({}),
            "path": st.none() | st.text() | st.dictionaries(st.just("id"), st.text() | st.integers()),
            "query": st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=1),
            "files": st.none() | st.text(max_size=5) | st.just({"path": "x"}),
        },
    ),
)
def test_any_entity_and_any_answer_give_one_outcome(
    respond: Any, status: int, media_type: str, body: Any, name: str, entity: dict[str, Any]
) -> None:
    class Client:
        api_uri = "https://halo.example/api"

        @staticmethod
        def normal(status: int) -> bool:
            return False

    publisher = Publisher(Client(), name, catalogue=CATALOGUE)  # type: ignore[arg-type]
    pages = list(drive(publisher.flow([entity, entity]), at_once(lambda request: respond(body, status, media_type))))
    assert [len(page) for page in pages] == [1, 1]
    assert all(outcome.entity is entity for page in pages for outcome in page)


def test_an_update_without_answer_fails_alone(publish: Publish, scripted: Scripted) -> None:
    slow = UnreachableError("no answer in time", sent=True)
    publisher = Publisher(scripted({"id": 1}, slow, {"id": 3}), "POST /Asset", batch=1, catalogue=CATALOGUE)
    outcomes = publish(publisher, *({"payload": {"id": number}} for number in (1, 2, 3)))
    assert [outcome.status for outcome in outcomes] == ["updated", "failed", "updated"]
    assert outcomes[1].reason == "no answer in time."
