"""Secrets never come out: not in logs, errors, representations, whatever the secret looks like."""

from __future__ import annotations

import base64
import json
import logging
import traceback
from urllib.parse import quote, quote_plus

import pytest
from aiohttp import web
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from haloitsm_connector.client import HttpClient, Request
from haloitsm_connector.client.redaction import HIDDEN, Redactor
from haloitsm_connector.errors import ConnectorError

# The odd sign in the middle keeps them apart from words that stand in every log, such as "Client".
SECRETS = st.text(st.characters(exclude_categories=["Cs"]), min_size=6, max_size=30).map(
    lambda text: f"{text[:3]}¤{text[3:]}"
)
FUNCTION_FIXTURES = [HealthCheck.function_scoped_fixture]


@given(secret=SECRETS, before=st.text(max_size=20), after=st.text(max_size=20))
def test_a_known_secret_is_hidden_wherever_and_however_it_is_written(secret, before, after):
    redactor = Redactor([secret])
    for spelling in (secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1], repr(secret)[1:-1]):
        assume(spelling not in before + after)
        assert spelling not in redactor.text(f"{before} {spelling} {after}")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"access_token": "abc", "expires_in": 5}', '{"access_token": "***", "expires_in": 5}'),
        ('{"password":"a\\"b","x":1}', '{"password":"***","x":1}'),
        ('{"client_secret": "cut o', '{"client_secret": "***"'),
        ("grant_type=password&password=a%20b&scope=all", "grant_type=password&password=***&scope=all"),
        ("client_secret=abc", "client_secret=***"),
        ("authorization: Bearer abcdefghijk", "authorization: Bearer ***"),
        ("Basic YWJjOmRlZmdo end", "Basic *** end"),
        ("the password was changed; a token is needed", "the password was changed; a token is needed"),
    ],
)
def test_what_stands_behind_a_telling_name_is_hidden(text, shown):
    assert Redactor().text(text) == shown


def test_headers_with_credentials_are_hidden_by_name():
    headers = {"Authorization": "Bearer x", "X-Halo-Api-Key": "y", "Set-Cookie": "z", "Accept": "application/json"}
    assert Redactor().headers(headers) == dict.fromkeys(headers, HIDDEN) | {"Accept": "application/json"}


def test_new_tokens_are_learnt_and_old_ones_forgotten_at_last():
    redactor = Redactor(["lasting-secret"])
    for number in range(100):
        redactor.learn([f"token-{number:04}"])
    assert redactor.text("token-0099 lasting-secret token-0000") == "*** *** token-0000"


async def echo(request: web.BaseRequest) -> web.Response:
    """Repeat everything that was sent, as a careless server does."""
    body = (await request.read()).decode()
    return web.json_response(
        {"Message": f"{request.raw_path} {dict(request.headers)} {body}"},
        status=int(request.query.get("status", 500)),
        headers={"x-echo": request.headers.get("authorization", "none")},
    )


async def echo_text(request: web.BaseRequest) -> web.Response:
    return web.Response(text=f"nonsense {dict(request.headers)}", content_type="text/html")


def everything_said(error: BaseException) -> str:
    chain = []
    while error is not None:
        chain += [str(error), repr(error), repr(vars(error)), *traceback.format_exception(error)]
        error = error.__cause__ or error.__context__
    return "\n".join(chain)


def assert_silent(secret: str, said: str) -> None:
    basic = base64.b64encode(f"id-1:{quote(secret, safe='')}".encode()).decode()
    for spelling in (secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1], basic):
        assert spelling not in said


@pytest.mark.parametrize("level", ["simple", "full"])
@pytest.mark.parametrize("where", ["body", "basic_header"])
@settings(max_examples=8, suppress_health_check=FUNCTION_FIXTURES, deadline=None)
@given(secret=SECRETS)
def test_a_client_secret_never_comes_out(server, caplog, where, level, secret):
    caplog.clear()
    caplog.set_level(logging.DEBUG)
    grant = {"type": "client_credentials", "client_id": "id-1", "client_secret": secret, "credentials_in": where}
    said = []
    options = {"tenant": "acme", "retry": {"attempts": 1}, "logging": level}
    for token, api in ((echo, None), (echo_text, None), (None, echo), (None, echo_text)):
        server.token, server.api = token, api
        with HttpClient(server.uri, grant, **options) as client:
            said += [repr(client), repr(client.fields), str(client.fields)]
            said.append(client.url(Request("GET", "/Tickets", (("q", secret),))))
            for path in (f"/Tickets/{quote(secret, safe='')}", "/Tickets"):
                with pytest.raises(ConnectorError) as caught:
                    client.get(path, query={"q": secret})
                said.append(everything_said(caught.value))
    said += [record.getMessage() for record in caplog.records if record.name != "aiohttp.access"]
    assert len(caplog.records) > 4
    assert_silent(secret, "\n".join(said))


@settings(max_examples=15, suppress_health_check=FUNCTION_FIXTURES, deadline=None)
@given(text=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=6, max_size=60))
def test_an_access_token_never_comes_out(server, caplog, text):
    token = f"{text[:3]}~^{text[3:]}"
    caplog.clear()
    caplog.set_level(logging.DEBUG)
    server.token, server.api = server.answers(lambda: server.issued(token, refresh_token=token + "r")), echo
    grant = {"type": "client_credentials", "client_id": "id-1", "client_secret": server.secret}
    with HttpClient(server.uri, grant, tenant="a", logging="full", retry={"attempts": 1}) as client:
        with pytest.raises(ConnectorError) as caught:
            client.get("/Tickets")
        response = client.send(Request("GET", "/Tickets"))
        said = [everything_said(caught.value), repr(response), response.body.decode(), repr(client.connect())]
    said += [record.getMessage() for record in caplog.records if record.name != "aiohttp.access"]
    assert_silent(token, "\n".join(said))


@pytest.mark.parametrize(
    "options",
    [
        {"proxy": "http://ann:not-to-be-seen@127.0.0.1:9"},
        {"headers": {"X-Other-Key": "not-to-be-seen"}},
    ],
)
def test_secrets_in_other_fields_never_come_out(server, caplog, options):
    caplog.set_level(logging.DEBUG)
    server.api = echo
    key = {"type": "api_key", "api_key": "key-0123456789"}
    quick = {"attempts": 2, "longest_wait_seconds": 0.01}
    with HttpClient(server.uri, key, logging="full", retry=quick, **options) as client:
        with pytest.raises(ConnectorError) as caught:
            client.get("/Tickets")
        said = [everything_said(caught.value), repr(client), repr(client.fields)]
    said += [record.getMessage() for record in caplog.records if record.name != "aiohttp.access"]
    assert "not-to-be-seen" not in "\n".join(said)
    assert "key-0123456789" not in "\n".join(said)
