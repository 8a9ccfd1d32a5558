from __future__ import annotations

import asyncio
import base64
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from aiohttp import web

from haloitsm_connector.client import HttpClient, HttpClientFields, Request
from haloitsm_connector.errors import AuthenticationError, UnreachableError

PASSWORD = {"type": "password", "client_id": "id-1", "username": "ann", "password": "pass-word-1"}


def json_error(status: int, **body):
    return lambda: web.json_response(body, status=status)


def page(status: int):
    return lambda: web.Response(status=status, text="<html><h1>Not Found</h1></html>", content_type="text/html")


def test_client_credentials_travel_in_the_form(server, connect):
    connect().get("/Tickets")
    [request] = server.token_requests
    assert (request.method, request.target) == ("POST", "/auth/token?tenant=acme")
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert request.form == {
        "grant_type": "client_credentials",
        "client_id": "id-1",
        "client_secret": server.secret,
        "scope": "all",
    }
    assert server.calls[0].headers["authorization"] == "Bearer token-0123456789"


def test_client_credentials_travel_in_a_basic_header_as_postman_sends_them(server, connect):
    credentials = {"type": "client_credentials", "client_id": "id-1", "client_secret": "a:b c%d"}
    connect(
        authentication=credentials | {"credentials_in": "basic_header", "scopes": ["read:tickets", "edit:assets"]}
    ).connect()
    [request] = server.token_requests
    assert request.form == {"grant_type": "client_credentials", "scope": "read:tickets edit:assets"}
    assert base64.b64decode(request.headers["authorization"].split()[1]) == b"id-1:a%3Ab%20c%25d"


def test_user_name_and_password_travel_in_the_form(server, connect):
    connect(authentication=PASSWORD).connect()
    [request] = server.token_requests
    assert request.form == {
        "grant_type": "password",
        "client_id": "id-1",
        "username": "ann",
        "password": "pass-word-1",
        "scope": "all",
    }


def test_an_api_key_needs_no_token(server, connect):
    client = connect(authentication={"type": "api_key", "api_key": "key-0123456789"})
    client.get("/Tickets")
    assert server.token_requests == []
    assert server.calls[0].headers["x-halo-api-key"] == "key-0123456789"
    assert client.connect().token_seconds is None


@pytest.mark.parametrize(
    ("authentication", "name", "value"),
    [
        (
            {"type": "basic", "username": "ann", "password": "pass-word-1"},
            "authorization",
            "Basic YW5uOnBhc3Mtd29yZC0x",
        ),
        ({"type": "bearer", "token": "fixed-token-1"}, "authorization", "Bearer fixed-token-1"),
        ({"type": "header", "name": "X-Api-Key", "value": "key-1234"}, "x-api-key", "key-1234"),
    ],
)
def test_the_generic_client_signs_in_as_the_other_system_wants(server, authentication, name, value):
    fields = HttpClientFields.model_validate({"base_uri": f"{server.uri}/api", "authentication": authentication})
    with HttpClient.from_fields(fields) as client:
        client.get("/things")
    assert server.calls[0].headers[name] == value


def test_the_generic_client_fetches_tokens_from_the_uri_it_is_given(server):
    grant = {
        "type": "client_credentials",
        "client_id": "a",
        "client_secret": "secret-1",
        "token_uri": f"{server.uri}/x/token/?v=2",
    }
    fields = HttpClientFields.model_validate({"base_uri": f"{server.uri}/api", "authentication": grant})
    with HttpClient.from_fields(fields) as client:
        client.get("/things")
    assert [one.target for one in server.seen] == ["/x/token/?v=2", "/api/things"]
    assert "scope" not in server.token_requests[0].form


def test_without_a_tenant_the_system_is_asked_for_it(server, start, connect):
    elsewhere = start()
    server.auth_info = server.answers({"tenant_id": "acme live", "auth_url": f"{elsewhere.uri}/login/"})
    found = connect(tenant=None).connect()
    assert [one.target for one in elsewhere.seen] == ["/login/token?tenant=acme%20live"]
    assert (found.tenant, found.token_uri) == ("acme live", f"{elsewhere.uri}/login/token")


@pytest.mark.parametrize(
    "answer",
    [404, 500, {}, [], {"tenant_id": None, "auth_url": ""}, {"auth_url": "x y"}, {"auth_url": 5}, page(200), "cut"],
)
def test_a_system_that_does_not_tell_its_tenant_is_used_without(server, connect, answer):
    server.auth_info = server.cut_off if answer == "cut" else server.answers(answer)
    connect(tenant=None).get("/Tickets")
    assert server.token_requests[0].target == "/auth/token"


def test_an_authorisation_server_that_is_set_wins(server, start, connect):
    elsewhere = start()
    server.auth_info = server.answers({"tenant_id": "acme", "auth_url": "https://auth.example.invalid"})
    connect(tenant=None, auth_uri=f"{elsewhere.uri}/auth/token").connect()
    assert [one.target for one in elsewhere.seen] == ["/auth/token?tenant=acme"]


def test_credentials_are_not_taken_from_https_to_http(start, connect, server):
    secure = start(tls=True)
    secure.auth_info = secure.answers({"auth_url": server.uri})
    connect(secure.uri, tenant=None, ca_bundle=str(server.data / "localhost.pem")).connect()
    assert len(secure.token_requests) == 1
    assert server.seen == []


def test_an_api_of_its_own_address_is_used(server, start, connect):
    elsewhere = start()
    connect(api_uri=f"{elsewhere.uri}/api/v1/").get("/Tickets")
    assert [one.target for one in elsewhere.seen] == ["/api/v1/Tickets"]


def test_connect_tells_what_the_token_is_good_for(server, connect):
    server.token = server.answers(lambda: server.issued(expires_in=1800, scope="read:tickets read:assets"))
    found = connect().connect()
    assert (found.token_seconds, found.scopes, found.tenant) == (1800, ("read:tickets", "read:assets"), "acme")
    assert str(found) == f"{server.uri}/api, tenant acme, token for 30 min with scope read:tickets read:assets"


@pytest.mark.parametrize(
    ("answer", "what", "hint"),
    [
        (json_error(401, error="invalid_client"), "client secret is wrong", "View Applications"),
        (json_error(400, error="invalid_client"), "client id is unknown", "View Applications"),
        (401, "client secret is wrong", "View Applications"),
        (json_error(400, error="invalid_scope"), "may not have scope 'all'", "scopes: "),
        (json_error(400, error="unauthorized_client"), "not set up for 'client_credentials'", "Client ID & Secret"),
        (json_error(400, error="unsupported_grant_type"), "not set up for", "authentication method"),
        (json_error(400, error="odd", error_description="Very odd."), "refused .odd.", "Very odd"),
        (500, "a tenant that it does not know", "tenant 'acme'"),
        (501, "the server failed .501.", "base_uri"),
        (429, "rate limit", "retry"),
        (404, "no token endpoint at", "base_uri"),
        (405, "no token endpoint at", "auth_uri"),
        (page(200), "with a web page", "base_uri"),
        ({"hello": "there"}, "no access_token", "base_uri"),
        ([1], "no access_token", "base_uri"),
        (lambda: web.Response(status=302, headers={"location": "https://sso.example/"}), "sso.example", "base_uri"),
        (lambda: web.json_response({"access_token": "line\nbreak"}), "no access_token", ""),
        (lambda: web.Response(text="Bad things", status=400), "refused .400.", "Bad things"),
    ],
)
def test_token_errors_are_told_apart(server, connect, answer, what, hint):
    server.token = server.answers(answer)
    with pytest.raises(AuthenticationError, match=what) as caught:
        connect(retry={"longest_wait_seconds": 0.01, "total_seconds": 0.3}).connect()
    assert hint in caught.value.hint
    assert server.secret not in str(caught.value)
    assert server.calls == []


def test_a_wrong_password_is_told_as_such(server, connect):
    server.token = server.answers(json_error(400, error="invalid_grant", error_description="pass-word-1 is wrong"))
    with pytest.raises(AuthenticationError, match="'ann' is unknown or the password is wrong") as caught:
        connect(authentication=PASSWORD).get("/Tickets")
    assert "pass-word-1" not in str(caught.value)


def test_a_server_failure_without_tenant_asks_for_one(server, connect):
    server.token = server.answers(500)
    with pytest.raises(AuthenticationError) as caught:
        connect(tenant=None).connect()
    assert "set `tenant`" in caught.value.hint


def test_an_authorisation_server_that_is_down_is_named(server, connect):
    with pytest.raises(UnreachableError, match=r"127\.0\.0\.1:9 refuses connections"):
        connect(auth_uri="http://127.0.0.1:9").get("/Tickets")


def test_one_token_serves_any_number_of_threads(server, connect):
    async def slow(_):
        await asyncio.sleep(0.05)
        return server.issued()

    server.token = slow
    client = connect()
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda n: client.get(f"/Tickets/{n}"), range(48)))
    assert len(server.token_requests) == 1
    assert len(server.calls) == 48


def test_a_failed_token_request_is_shared_too(server, connect):
    async def slow(_):
        await asyncio.sleep(0.1)
        return web.json_response({"error": "invalid_client"}, status=401)

    server.token = slow
    client, barrier = connect(), threading.Barrier(8)

    def attempt(_):
        barrier.wait()
        with pytest.raises(AuthenticationError):
            client.get("/Tickets")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(attempt, range(8)))
    assert len(server.token_requests) == 1


def test_a_token_is_renewed_before_it_expires(server, connect):
    server.token = server.answers(lambda: server.issued(expires_in=3))  # renewed at half of so short a life
    client = connect()
    client.get("/Tickets")
    client.get("/Tickets")
    assert len(server.token_requests) == 1
    time.sleep(1.6)
    client.get("/Tickets")
    assert len(server.token_requests) == 2


@pytest.mark.parametrize("lifetime", [None, "soon", -5, 0, "3600", 1e300])
def test_an_odd_lifetime_does_not_make_every_request_fetch_a_token(server, connect, lifetime):
    server.token = server.answers(lambda: server.issued(expires_in=lifetime))
    client = connect()
    client.get("/Tickets")
    client.get("/Tickets")
    assert len(server.token_requests) == 1


def test_a_refused_token_is_renewed_once_and_the_request_repeated_once(server, connect):
    server.token = server.answers(lambda: server.issued("first-token"), lambda: server.issued("second-token"))
    server.api = server.answers(401, {"id": 5})
    assert connect().post("/Tickets", [{"summary": "x"}]) == {"id": 5}
    assert [one.headers["authorization"] for one in server.calls] == ["Bearer first-token", "Bearer second-token"]
    assert len(server.token_requests) == 2


def test_a_lasting_401_is_an_answer_after_one_renewal(server, connect):
    server.api = server.answers(401)
    response = connect().send(Request("GET", "/ClientContract/5"))
    assert response.status == 401
    assert (len(server.calls), len(server.token_requests)) == (2, 2)


def test_threads_with_the_same_refused_token_renew_it_once(server, connect):
    tokens = iter(f"token-{n:08}" for n in range(99))

    async def fresh(_):
        return server.issued(next(tokens))

    async def only_the_second(request):
        return web.Response(status=200 if request.headers["authorization"].endswith("00000001") else 401)

    server.token, server.api = fresh, only_the_second
    client = connect()
    client.connect()
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda n: client.send(Request("GET", f"/Tickets/{n}")).status, range(24)))
    assert statuses == [200] * 24
    assert len(server.token_requests) == 2


def test_a_401_for_a_fixed_key_is_not_repeated(server, connect):
    server.api = server.answers(401)
    client = connect(authentication={"type": "api_key", "api_key": "key-0123456789"})
    assert client.send(Request("GET", "/Tickets")).status == 401
    assert len(server.calls) == 1
