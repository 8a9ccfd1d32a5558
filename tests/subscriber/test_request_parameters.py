"""Request parameters, input transformers and lists become final requests that stay where they belong."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haloitsm_connector.catalogue import Catalogue, Operation
from haloitsm_connector.client import Response
from haloitsm_connector.client.drive import at_once, drive
from haloitsm_connector.errors import AnswerError, ConnectorError, EntityError, InputError
from haloitsm_connector.subscriber import Subscriber

CATALOGUE = Catalogue.load()
GETS = list(CATALOGUE.search(method="GET"))


def targets(entity: str, **options: Any) -> list[str]:
    return [request.target for request in Subscriber(None, entity, catalogue=CATALOGUE, **options).requests()]


def test_the_request_of_the_guides() -> None:
    assert targets("GET /Actions/{id}", path={"id": "AC12"}, query={"includedetails": True}) == [
        "/Actions/AC12?includedetails=true"
    ]
    assert targets("get one action", path={"id": "AC12"}) == ["/Actions/AC12"]


def test_lists_in_path_make_a_request_for_each_combination() -> None:
    assert targets("GET /Tickets/{id}", path={"id": [1, 2, "3"]}) == ["/Tickets/1", "/Tickets/2", "/Tickets/3"]
    assert targets("GET /Tickets/{id}", path={"id": []}) == []
    assert targets("GET /Notify/AdobeAcrobat/{tenant}/{secret}", path={"tenant": ["a", "b"], "secret": [5, 6]}) == [
        "/Notify/AdobeAcrobat/a/5",
        "/Notify/AdobeAcrobat/a/6",
        "/Notify/AdobeAcrobat/b/5",
        "/Notify/AdobeAcrobat/b/6",
    ]


def test_lists_in_query_are_joined_with_commas() -> None:
    assert targets("GET /Status", query={"x": [1, 2], "none": None}) == ["/Status?x=1,2"]


def test_input_transformers_make_any_number_of_parameter_sets() -> None:
    steps = [{"set": {"path.id": "{{ query.ticket }}"}}, {"remove": ["query.ticket"]}]
    assert targets("GET /Tickets/{id}", query={"ticket": 7}, input_transformers=steps) == ["/Tickets/7"]
    sets = {"sets": [{"path": {"id": 1}}, {"path": {"id": 2}, "query": {"includedetails": True}}]}
    many = [{"set": sets}, {"split": {"items": "sets"}}]
    assert targets("GET /Tickets/{id}", input_transformers=many) == ["/Tickets/1", "/Tickets/2?includedetails=true"]
    assert targets("GET /Tickets/{id}", input_transformers=[{"filter": "`false`"}]) == []


def test_requests_are_the_same_every_time() -> None:
    subscriber = Subscriber(
        None, "GET /Tickets/{id}", path={"id": 1}, input_transformers=[{"set": {"path.id": 2}}], catalogue=CATALOGUE
    )
    assert list(subscriber.requests()) == list(subscriber.requests())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "needs a value for path parameter 'id'"),
        ({"path": {"idd": 1}}, "Did you mean 'id'?"),
        ({"path": {"id": ".."}}, "cannot be"),
        ({"path": {"id": {"a": 1}}}, "must be text or a number"),
        ({"input_transformers": [{"set": {"path": 5}}]}, "need an object under 'path', not int"),
    ],
)
def test_values_that_do_not_fit_are_named(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=re.escape(said)):
        targets("GET /Tickets/{id}", **options)


def test_step_that_fails_and_steps_that_are_none_are_named() -> None:
    with pytest.raises(EntityError, match="input transformers cannot go on"):
        targets("GET /Tickets", input_transformers=[{"set": {"query.x": "a{{ missing }}"}}])
    with pytest.raises(InputError, match="Did you mean 'set'"):
        targets("GET /Tickets", input_transformers=[{"sett": {}}])


def test_operation_that_does_not_read_is_refused() -> None:
    with pytest.raises(InputError, match="GET"):
        Subscriber(None, "POST /Asset", catalogue=CATALOGUE)


def test_subscriber_without_client_cannot_send() -> None:
    with pytest.raises(InputError, match="needs a client"):
        list(Subscriber(None, "GET /Status", catalogue=CATALOGUE))


@given(st.text(min_size=1))
def test_arbitrary_text_stays_in_its_path_segment(text: str) -> None:
    try:
        (target,) = targets("GET /Actions/{id}", path={"id": text})
    except InputError:
        assert text in {".", ".."} or any("\ud800" <= char <= "\udfff" for char in text)
        return
    assert target.count("/") == 2
    assert not set(target) & set("?#&\\ ")
    assert unquote(target.removeprefix("/Actions/")) == text


def test_every_get_operation_yields_a_request() -> None:
    assert len(GETS) > 600
    for operation in GETS:
        (target,) = targets(operation.name, path={parameter.name: "AC12" for parameter in operation.path_parameters})
        assert target.partition("?")[0] == re.sub(r"\{\w+\}", "AC12", operation.path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["id", "tickets", "results", "record_count", "report", "rows", "load_error", "error", "columns"]
            )
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=300)
@given(
    operation=st.sampled_from(GETS),
    status=st.sampled_from([200, 200, 200, 201, 204, 206, 302, 400, 404, 500]),
    media_type=st.sampled_from(
        ["application/json", "text/plain", "text/html", "application/pdf", "", "x;charset=\x00"]
    ),
    disposition=st.none() | st.text(max_size=30),
    body=JSON | st.binary(max_size=40),
)
def test_any_answer_is_entities_or_an_error_in_words(
    respond: Callable[..., Response],
    operation: Operation,
    status: int,
    media_type: str,
    disposition: str | None,
    body: Any,
) -> None:
    headers = {} if disposition is None else {"content_disposition": disposition}
    answer = respond(body, status, media_type, **headers)
    path = {parameter.name: 1 for parameter in operation.path_parameters}
    subscriber = Subscriber(None, operation.name, path=path, catalogue=CATALOGUE)
    try:
        for page in drive(subscriber.flow(), at_once(lambda request: answer)):
            assert page
            assert all(isinstance(entity, dict) for entity in page)
    except ConnectorError:
        pass


def test_deeply_nested_answer_is_no_traceback(respond: Callable[..., Response]) -> None:
    answer = respond(b'{"tickets": [{"name": ' + b"[" * 900 + b"]" * 900 + b"}]}")
    with pytest.raises(AnswerError, match="cannot be handled"):
        list(drive(Subscriber(None, "GET /Tickets", catalogue=CATALOGUE).flow(), at_once(lambda request: answer)))
