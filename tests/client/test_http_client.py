from __future__ import annotations

import asyncio
import contextlib
import gc
import sys
import threading

import orjson
import pytest
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from haloitsm_connector.client import File, HttpClient, Request
from haloitsm_connector.client.request import Response, encode_query, fill_path
from haloitsm_connector.errors import AnswerError, InputError, StatusError

KEY = {"type": "api_key", "api_key": "key-0123456789"}
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20).filter(
    lambda text: text not in {".", ".."}
)


@pytest.fixture
def client(connect) -> HttpClient:
    return connect(authentication=KEY)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(segment=ANY_TEXT, name=ANY_TEXT, value=ANY_TEXT)
def test_the_url_that_is_shown_is_what_arrives_byte_for_byte(server, client, segment, name, value):
    path = fill_path("/TicketApproval/{id}&{seq}", {"id": segment, "seq": value})
    request = Request("GET", path, encode_query({name: value}))
    shown = client.url(request)
    assert client.send(request).url == shown
    assert server.seen[-1].target == shown.removeprefix(server.uri)
    assert server.seen[-1].target.split("?")[0].count("/") == 3


@pytest.mark.parametrize("value", ["%2E%2E", "../../Users", "a%2fb", "AC12/../../Users", "x;y", "ü", "a b", "?#"])
def test_a_path_value_cannot_leave_its_segment(server, client, value):
    client.get(fill_path("/Actions/{id}", {"id": value}))
    assert server.seen[-1].target.startswith("/api/Actions/")
    assert server.seen[-1].target.count("/") == 3
    assert "?" not in server.seen[-1].target


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("Tickets", "/api/Tickets"),
        ("/Tickets?open_only=true", "/api/Tickets?open_only=true"),
        ("/Ticket ü", "/api/Ticket%20%C3%BC"),
        ("//other.example/x", "/api//other.example/x"),
    ],
)
def test_paths_are_taken_as_people_type_them(server, client, path, target):
    client.get(path)
    assert server.seen[-1].target == target


def test_a_link_to_the_same_host_is_followed(server, client):
    client.get(f"{server.uri}/api/Tickets?cursor=a%2Bb%7E", query={"n": 1})
    assert server.seen[-1].target == "/api/Tickets?cursor=a%2Bb%7E&n=1"


def test_a_link_to_another_host_is_refused(client, start):
    other = start()
    with pytest.raises(InputError, match="is not the host of this client"):
        client.get(f"{other.uri}/api/Tickets")
    assert other.seen == []


@pytest.mark.parametrize("path", ["/x\ny", "/" + "x" * 70_000])
def test_what_no_url_can_hold_is_an_input_error(client, path):
    with pytest.raises(InputError, match="cannot be sent"):
        client.get(path)


def test_redirects_are_not_followed_and_name_where_they_lead(server, client, start):
    other = start()
    server.api = server.answers(lambda: web.Response(status=302, headers={"location": f"{other.uri}/login"}))
    with pytest.raises(StatusError, match=f"moved to {other.uri.removeprefix('http://')}") as caught:
        client.get("/Tickets")
    assert "base_uri" in caught.value.hint
    assert other.seen == []


def test_get_post_and_delete_return_decoded_json(server, client):
    assert client.get("/Tickets", query={"ids": [1, 2], "open": True, "none": None}) == {"id": 1}
    assert client.post("/Tickets", [{"summary": "ü"}], query={"returnall": True}) == {"id": 1}
    assert client.delete("/Tickets/5") == {"id": 1}
    assert [(one.method, one.target) for one in server.calls] == [
        ("GET", "/api/Tickets?ids=1,2&open=true"),
        ("POST", "/api/Tickets?returnall=true"),
        ("DELETE", "/api/Tickets/5"),
    ]
    assert orjson.loads(server.calls[1].body) == [{"summary": "ü"}]
    assert server.calls[1].headers["content-type"] == "application/json"


def test_the_asynchronous_calls_do_the_same(server):
    async def use():
        async with HttpClient(server.uri, KEY) as client:
            first = await client.aget("/Tickets/1")
            many = await asyncio.gather(*(client.asend(Request("GET", f"/Tickets/{n}")) for n in range(20)))
            await client.apost("/Tickets", [{}])
            await client.adelete("/Tickets/1")
            return first, {response.status for response in many}, (await client.aconnect()).api_uri

    assert asyncio.run(use()) == ({"id": 1}, {200}, f"{server.uri}/api")
    assert len(server.calls) == 23


def test_error_statuses_raise_from_the_calls_and_are_returned_by_send(server, client):
    server.api = server.answers(lambda: web.json_response({"ClassName": "X", "Message": "No such site"}, status=400))
    with pytest.raises(StatusError, match=r"GET .*/api/Tickets answered 400: No such site") as caught:
        client.get("/Tickets")
    assert (caught.value.status, caught.value.reason) == (400, "No such site")
    assert client.send(Request("GET", "/Tickets")).status == 400


def test_a_status_declared_normal_is_no_entity(server, connect):
    server.api = server.answers(404)
    client = connect(authentication=KEY, normal_statuses=[404])
    assert client.normal(404)
    assert not client.normal(403)
    assert client.get("/Tickets/99") is None


def test_empty_answers_are_none_and_files_are_described(server, client):
    server.api = server.answers(
        lambda: web.Response(status=204), lambda: web.Response(body=b"\x89PNG", content_type="image/png")
    )
    assert client.delete("/Tickets/1") is None
    assert client.get("/Attachment/1") == {
        "filename": "1",
        "content_type": "image/png",
        "size": 4,
        "data_base64": "iVBORw==",
    }


def test_a_web_page_instead_of_json_is_an_answer_error(server, client):
    server.api = server.answers(lambda: web.Response(text="<html>Sign in</html>", content_type="text/html"))
    with pytest.raises(AnswerError, match="web page instead of JSON"):
        client.get("/Tickets")


def test_files_travel_as_a_form(server, client):
    request = Request(
        "POST",
        "/Attachment/image",
        payload={"ticket_id": 12.0, "isimage": True, "note": None},
        files=(File("file", "ä.png", b"\x89PNG", "image/png"),),
    )
    client.send(request)
    body = server.calls[0].body
    assert server.calls[0].headers["content-type"].startswith("multipart/form-data; boundary=")
    assert b'name="ticket_id"\r\n\r\n12\r\n' in body
    assert b'name="isimage"\r\n\r\ntrue\r\n' in body
    assert b"Content-Type: image/png\r\n\r\n\x89PNG\r\n" in body
    assert b"note" not in body


def test_headers_of_client_and_request_are_sent(server, connect):
    client = connect(authentication=KEY, headers={"X-Limit-Override": "yes"})
    client.send(Request("GET", "/Tickets", headers=(("Accept", "text/csv"),)))
    sent = server.calls[0].headers
    assert (sent["x-limit-override"], sent["accept"]) == ("yes", "text/csv")
    assert sent["user-agent"].startswith("haloitsm-connector/")


@pytest.mark.parametrize(
    "request_",
    [
        Request("GET\r\n", "/Tickets"),
        Request("GET", "/Tickets", headers=(("x", "a\r\nb: c"),)),
        Request("GET", "/Tickets", headers=(("x y", "a"),)),
        Request("POST", "/Tickets", payload={1, 2}),
        Request("POST", "/Tickets", payload=[{"n": 2**70}]),
        Request("POST", "/Tickets", payload=["\ud800"]),
        Request("POST", "/Attachment/image", payload=[1], files=(File("file", "a", b""),)),
    ],
)
def test_what_cannot_be_sent_is_an_input_error(server, client, request_):
    with pytest.raises(InputError):
        client.send(request_)
    assert server.seen == []


def test_cookies_are_neither_kept_nor_sent(server, client):
    server.api = server.answers(lambda: web.json_response({}, headers={"set-cookie": "session=abc"}))
    client.get("/Tickets")
    client.get("/Tickets")
    assert "cookie" not in server.calls[1].headers


def test_compressed_answers_are_unpacked(server, client):
    def packed():
        response = web.json_response({"text": "x" * 5000})
        response.enable_compression(web.ContentCoding.gzip)
        return response

    server.api = server.answers(packed)
    response = client.send(Request("GET", "/Tickets"))
    assert response.headers["content-encoding"] == "gzip"
    assert len(response.json()["text"]) == 5000


@pytest.mark.parametrize("body", [b'{"tickets": [' + b'{"id": [[], {}]},' * 20_000 + b"{}]}", b"[{}, [" * 20_000])
def test_collections_are_left_as_they_are_and_none_begins_within_an_answer(body):
    begun = []
    gc.callbacks.append(lambda phase, _: begun.append(phase == "start"))
    try:
        with contextlib.suppress(AnswerError):
            Response(200, {}, body).json()
        assert gc.isenabled()
        assert sum(begun) <= 1
        gc.disable()
        with contextlib.suppress(AnswerError):
            Response(200, {}, body).json()
        assert not gc.isenabled()
    finally:
        gc.callbacks.pop()
        gc.enable()


def test_no_other_thread_finds_collections_off_while_answers_are_decoded():
    body, found, end = b"[" + b'{"id": []},' * 300 + b"{}]", set(), threading.Event()

    def look():
        while not end.is_set():
            found.add(gc.isenabled())

    looking = threading.Thread(target=look)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    looking.start()
    try:
        for _ in range(300):
            Response(200, {}, body).json()
    finally:
        sys.setswitchinterval(before)
        end.set()
        looking.join()
    assert found == {True}


def test_connections_are_kept_between_requests(server, client):
    async def peer(request):
        return web.json_response(request.transport.get_extra_info("peername")[1])

    server.api = peer
    assert client.get("/a") == client.get("/b")


def test_two_clients_share_nothing(server, connect):
    one, other = connect(), connect()
    one.get("/Tickets")
    other.get("/Tickets")
    one.close()
    other.get("/Tickets")
    assert len(server.token_requests) == 2
