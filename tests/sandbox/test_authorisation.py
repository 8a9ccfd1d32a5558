from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from haloitsm_connector.sandbox import Sandbox


def ask(sandbox: Sandbox, *, tenant: str = "", headers: dict[str, str] | None = None, **form: str) -> httpx.Response:
    query = {"tenant": tenant} if tenant else {}
    return httpx.post(f"{sandbox.base_uri}/auth/token", params=query, data=form, headers=headers)


def client_credentials(sandbox: Sandbox, **changes: str) -> dict[str, str]:
    form = {"grant_type": "client_credentials", "client_id": sandbox.client_id, "client_secret": sandbox.client_secret}
    return form | changes


def basic(sandbox: Sandbox, secret: str) -> dict[str, str]:
    pair = base64.b64encode(f"{sandbox.client_id}:{secret}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


def test_a_token_comes_with_its_lifetime_and_scope(sandbox: Sandbox) -> None:
    answer = ask(sandbox, **client_credentials(sandbox, scope="read:tickets edit:tickets")).json()
    assert answer["token_type"] == "Bearer"
    assert answer["expires_in"] == 3600
    assert answer["scope"].split() == ["edit:tickets", "read:tickets"]


def test_the_secret_may_come_as_a_basic_header(sandbox: Sandbox) -> None:
    grant = {"grant_type": "client_credentials", "scope": "all"}
    assert ask(sandbox, headers=basic(sandbox, sandbox.client_secret), **grant).status_code == 200
    assert ask(sandbox, headers=basic(sandbox, "wrong"), **grant).json()["error"] == "invalid_client"


@pytest.mark.parametrize("tenant", ["", "sandbox", "SANDBOX"])
def test_the_tenant_may_be_in_the_query_or_the_form_or_absent(sandbox: Sandbox, tenant: str) -> None:
    assert ask(sandbox, tenant=tenant, **client_credentials(sandbox)).status_code == 200
    assert ask(sandbox, **client_credentials(sandbox, **({"tenant": tenant} if tenant else {}))).status_code == 200


def test_a_wrong_tenant_gives_a_server_error(sandbox: Sandbox) -> None:
    answer = ask(sandbox, tenant="elsewhere", **client_credentials(sandbox))
    assert (answer.status_code, answer.json()["ClassName"]) == (500, "System.Exception")


def test_a_tenant_can_be_made_a_must(start: Callable[..., Sandbox]) -> None:
    sandbox = start(tenant_required=True)
    assert ask(sandbox, **client_credentials(sandbox)).status_code == 500


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "wrong"}, 401, "invalid_client"),
        ({"scope": "read:users"}, 400, "invalid_scope"),
        ({"grant_type": "telepathy"}, 400, "unsupported_grant_type"),
        ({"grant_type": "refresh_token", "refresh_token": "used"}, 400, "invalid_grant"),
        ({"grant_type": "password", "username": "robin.teal", "password": "wrong"}, 400, "invalid_grant"),
    ],
)
def test_token_errors_are_told_apart(sandbox: Sandbox, changes: dict[str, str], status: int, error: str) -> None:
    answer = ask(sandbox, **client_credentials(sandbox, **changes))
    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_an_agent_gets_a_token_for_name_and_password(sandbox: Sandbox) -> None:
    form = {"grant_type": "password", "client_id": sandbox.client_id, "scope": "all"}
    assert ask(sandbox, username=sandbox.username, password=sandbox.password, **form).status_code == 200


def test_a_refresh_token_works_once(start: Callable[..., Sandbox]) -> None:
    sandbox = start(refresh_tokens=True)
    refresh = ask(sandbox, **client_credentials(sandbox)).json()["refresh_token"]
    form = {"grant_type": "refresh_token", "client_id": sandbox.client_id, "refresh_token": refresh}
    assert [ask(sandbox, **form).status_code for _ in range(2)] == [200, 400]


def test_without_a_token_the_api_answers_401(sandbox: Sandbox) -> None:
    answer = httpx.get(f"{sandbox.base_uri}/api/Tickets")
    assert (answer.status_code, answer.content, answer.headers["www-authenticate"]) == (401, b"", "Bearer")


def test_a_token_ends_with_its_lifetime_or_when_revoked(
    start: Callable[..., Sandbox], enter: Callable[..., Any]
) -> None:
    short = start(token_lifetime_seconds=0)
    assert enter(short).get("/Agent/me").status_code == 401
    sandbox = start()
    client = enter(sandbox)
    assert client.get("/Agent/me").json()["name"] == "Robin Teal"
    sandbox.revoke_tokens()
    assert client.get("/Agent/me").status_code == 401


@pytest.mark.parametrize(
    ("scope", "method", "path", "status"),
    [
        ("read:tickets", "GET", "/Tickets", 200),
        ("read:tickets", "GET", "/Agent/me", 200),
        ("read:tickets", "GET", "/Client", 403),
        ("read:tickets", "DELETE", "/Tickets/2001", 403),
        ("edit:tickets", "DELETE", "/Tickets/2001", 200),
        ("edit:tickets", "DELETE", "/Status/1", 403),
        ("all:standard", "GET", "/UserRoles", 403),
        ("all", "GET", "/UserRoles", 200),
    ],
)
def test_scopes_narrow_what_a_token_may_do(
    sandbox: Sandbox, enter: Callable[..., httpx.Client], scope: str, method: str, path: str, status: int
) -> None:
    answer = enter(sandbox, scope).request(method, path)
    assert answer.status_code == status
    if status == 403:
        assert answer.content == b""


def test_an_api_key_stands_in_for_a_token_except_for_new_actions(sandbox: Sandbox) -> None:
    headers = {"X-Halo-Api-Key": sandbox.api_key}
    assert httpx.get(f"{sandbox.base_uri}/api/Tickets?count=1", headers=headers).status_code == 200
    assert httpx.post(f"{sandbox.base_uri}/api/Actions", headers=headers, json=[{}]).status_code == 401


def test_auth_info_and_discovery_need_no_token(sandbox: Sandbox) -> None:
    info = httpx.get(f"{sandbox.base_uri}/api/authinfo").json()
    assert info == {"auth_url": f"{sandbox.base_uri}/auth", "tenant_id": "sandbox"}
    known = httpx.get(f"{sandbox.base_uri}/auth/.well-known/openid-configuration").json()
    assert known["token_endpoint"] == f"{sandbox.base_uri}/auth/token"


def test_secrets_do_not_show(sandbox: Sandbox) -> None:
    ask(sandbox, headers=basic(sandbox, sandbox.client_secret), **client_credentials(sandbox))
    shown = repr(sandbox.requests) + str(sandbox.requests[0]) + repr(sandbox._credentials)
    for secret in (sandbox.client_secret, sandbox.password, sandbox.api_key):
        assert secret not in shown
