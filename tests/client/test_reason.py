from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haloitsm_connector.client.reason import LONGEST, reason, status_error
from haloitsm_connector.client.request import Response

URL = "https://acme.haloitsm.com/api/Tickets"
DEEP = "[" * 900 + "]" * 900
JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "errors", "Message", "errorMessage", "title", "id"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)


def answer(status: int, body: str | bytes, **headers: str) -> Response:
    return Response(status, headers, body.encode() if isinstance(body, str) else body, URL)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('"Please enter a summary."', "Please enter a summary"),
        ('{"resultCode": 3, "errorMessage": "No such ticket"}', "No such ticket"),
        ('{"ClassName": "System.Exception", "Message": "Site is closed", "HResult": -2}', "Site is closed"),
        ('{"Message": "The request is invalid."}', "The request is invalid"),
        ('{"error": "Rate Limit Reached"}', "Rate Limit Reached"),
        ('{"error": "invalid_scope", "error_description": "No such scope."}', "No such scope"),
        ('{"error": {"message": "nested"}}', "nested"),
        ('{"client_id": "Client is required"}', "client_id: Client is required"),
        ('{"[0].id": ["not a number", "too long"]}', "[0].id: not a number, too long"),
        ('{"title": "One or more errors", "errors": {"$": ["bad JSON"], "": ["x"]}}', "$: bad JSON; x"),
        ('{"type": "about:blank", "title": "Not Found", "status": 404}', "Not Found"),
        ('[{"Message": "in a list"}]', "in a list"),
        ("plain\r\n text", "plain text"),
        ('\ufeff"with a mark"', "with a mark"),
        (
            "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>",
            "502 Bad Gateway",
        ),
        ("<html><style>p{}</style><p>Service &amp; more</p></html>", "Service & more"),
        ('{"a": 1, "b": 2}', '{"a": 1, "b": 2}'),
        ('{"cut": "o', '{"cut": "o'),
        ("", ""),
        ("null", ""),
        ("{}", ""),
        ("[]", ""),
    ],
)
def test_every_known_error_body_is_put_in_plain_words(body, said):
    assert reason(answer(400, body)) == said


@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()) | st.just(DEEP.encode()))
def test_any_body_gives_one_line_of_bounded_length(body):
    said = reason(answer(400, body))
    assert len(said) <= LONGEST + 2
    assert said.isprintable()


@pytest.mark.parametrize(
    ("status", "hint"),
    [
        (400, "list of objects"),
        (401, "module"),
        (403, "scopes"),
        (404, "path and id"),
        (404, "normal_statuses: [404]"),
        (405, "POST"),
        (415, "JSON"),
        (429, "rate limit"),
        (500, "other side"),
        (504, "other side"),
    ],
)
def test_a_status_comes_with_what_to_do(status, hint):
    error = status_error(answer(status, ""), "GET")
    assert str(error).startswith(f"GET {URL} answered {status}.")
    assert hint in error.hint
    assert (error.status, error.url) == (status, URL)


def test_a_redirect_names_where_it_leads_and_no_more():
    error = status_error(answer(302, "", location="https://sso.example.com/login?state=abc"), "GET")
    assert "moved to sso.example.com" in str(error)
    assert "state" not in str(error)
    assert "moved to another path" in str(status_error(answer(301, "", location="/login"), "GET"))


@pytest.mark.parametrize("target", ["http://[::1", "//[sso", "http://sso.example\u2100.com/x"])
def test_a_redirect_to_what_is_no_url_is_told_like_any_other(target):
    assert "moved to another path" in str(status_error(answer(302, "", location=target), "GET"))


@pytest.mark.parametrize("tag", ["<h1>", "<head ", "<", "<h1"])
def test_a_large_page_of_open_tags_takes_no_time(tag):
    body = tag * (2_000_000 // len(tag))
    started = time.perf_counter()
    assert len(reason(answer(502, body))) <= LONGEST + 2
    assert time.perf_counter() - started < 10  # by the square it would be hours
