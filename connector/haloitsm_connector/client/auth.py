"""Signing in, as pure functions: what to ask the authorisation server, and what its answers mean."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import orjson

from haloitsm_connector.client import uri
from haloitsm_connector.client.fields import (
    ApiKey,
    Authentication,
    Basic,
    Bearer,
    ClientCredentials,
    HaloClientFields,
    Header,
    HttpClientFields,
    Password,
    TokenClientCredentials,
)
from haloitsm_connector.client.reason import reason
from haloitsm_connector.client.redaction import basic
from haloitsm_connector.client.request import Response
from haloitsm_connector.errors import AuthenticationError, InputError

APPLICATIONS = "Configuration > Integrations > Halo API > View Applications"
RENEW_EARLY_SECONDS = 60.0
USUAL_LIFETIME_SECONDS = 3600.0
"""Where a token answer does not say how long it lives (halo-api-facts 1.3)."""

Headers = tuple[tuple[str, str], ...]
Grant = ClientCredentials | Password
"""The kinds of authentication that fetch a token."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where a system is: its API, its token endpoint (None without tokens), its tenant if it has one.

    ``auth_info_uri`` is where to ask for what is not known yet; None where there is nothing to ask.
    """

    api_uri: str
    token_uri: str | None = None
    tenant: str | None = None
    auth_info_uri: str | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """An access token, when to renew it (on the clock of the client), how long it lives and what it may do."""

    value: str = field(repr=False)
    renew_at: float
    lifetime_seconds: float
    scopes: tuple[str, ...]


def endpoints(fields: HaloClientFields | HttpClientFields) -> Endpoints:
    """Derive the endpoints from the fields (halo-api-facts 1.1)."""
    if isinstance(fields, HttpClientFields):
        grant = fields.authentication
        return Endpoints(fields.base_uri, grant.token_uri if isinstance(grant, TokenClientCredentials) else None)
    api_uri = fields.api_uri or f"{fields.base_uri}/api"
    if not isinstance(fields.authentication, Grant):
        return Endpoints(api_uri, tenant=fields.tenant)
    token_uri = f"{fields.auth_uri or f'{fields.base_uri}/auth'}/token"
    return Endpoints(api_uri, token_uri, fields.tenant, None if fields.tenant else f"{api_uri}/AuthInfo")


def completed(known: Endpoints, answer: Response, *, keep_token_uri: bool) -> Endpoints:
    """Add what ``/AuthInfo`` tells: ``auth_url`` and ``tenant_id``, each as far as it is there.

    An old or self-hosted system may not know the route (halo-api-facts 1.1); then things stay as derived. An address
    that would take the credentials from https to http is not followed.
    """
    info = _object(answer) if answer.status == 200 else {}
    tenant, told = info.get("tenant_id"), None if keep_token_uri else _told_uri(info.get("auth_url"))
    safe = told is not None and (told.startswith("https://") or known.api_uri.startswith("http://"))
    token_uri = f"{told}/token" if safe else known.token_uri
    return Endpoints(known.api_uri, token_uri, str(tenant) if tenant else known.tenant)


def _told_uri(text: Any) -> str | None:
    try:
        return uri.auth_uri(text) if isinstance(text, str) else None
    except InputError:
        return None


def token_url(known: Endpoints) -> str:
    """Return the URL that tokens are had from, with the tenant if there is one."""
    return f"{known.token_uri}?tenant={quote(known.tenant, safe='')}" if known.tenant else str(known.token_uri)


def token_request(grant: Grant) -> tuple[Headers, bytes]:
    """Return headers and form body of a token request (halo-api-facts 1.2)."""
    secret = grant.client_secret.get_secret_value() if grant.client_secret else None
    form: dict[str, str] = {"grant_type": grant.type}
    if isinstance(grant, Password):
        form |= {"username": grant.username, "password": grant.password.get_secret_value()}
    if grant.scopes:
        form["scope"] = " ".join(grant.scopes)
    headers: Headers = (("content-type", "application/x-www-form-urlencoded"), ("accept", "application/json"))
    if grant.credentials_in == "basic_header" and secret is not None:
        # RFC 6749 2.3.1: each percent-encoded before they are joined; Halo's ids and secrets stay as they are.
        headers += (("authorization", basic(quote(grant.client_id, safe=""), quote(secret, safe=""))),)
    else:
        form["client_id"] = grant.client_id
        if secret is not None:
            form["client_secret"] = secret
    return headers, urlencode(form).encode()


def fixed_headers(authentication: Authentication) -> Headers:
    """Return the headers of the kinds of authentication that need no token."""
    match authentication:
        case ApiKey():
            return (("x-halo-api-key", authentication.api_key.get_secret_value()),)
        case Basic():
            return (("authorization", basic(authentication.username, authentication.password.get_secret_value())),)
        case Bearer():
            return (("authorization", f"Bearer {authentication.token.get_secret_value()}"),)
        case Header():
            return ((authentication.name, authentication.value.get_secret_value()),)
    return ()


def secrets_of(authentication: Authentication) -> list[str]:
    """Return every text that must never be shown, the Basic form of credentials included."""
    match authentication:
        case Password() | ClientCredentials():
            secrets = [value.get_secret_value() for value in (authentication.client_secret,) if value]
            pairs = [(quote(authentication.client_id, safe=""), quote(secret, safe="")) for secret in secrets]
            if isinstance(authentication, Password):
                secrets.append(authentication.password.get_secret_value())
        case Basic():
            secrets = [authentication.password.get_secret_value()]
            pairs = [(authentication.username, secrets[0])]
        case ApiKey():
            secrets, pairs = [authentication.api_key.get_secret_value()], []
        case Bearer():
            secrets, pairs = [authentication.token.get_secret_value()], []
        case Header():
            secrets, pairs = [authentication.value.get_secret_value()], []
        case _:
            secrets, pairs = [], []
    return secrets + [basic(user, secret).removeprefix("Basic ") for user, secret in pairs]


def read_token(answer: Response, grant: Grant, known: Endpoints, now: float) -> Token:
    """Read the token out of the answer, or raise AuthenticationError that says what is wrong and what to do."""
    if answer.status != 200:
        raise token_error(answer, grant, known)
    body = _object(answer)
    value = body.get("access_token")
    if not isinstance(value, str) or not value.isascii() or not value.isprintable() or not value.strip():
        raise token_error(answer, grant, known) if "error" in body else _no_token_endpoint(answer)
    lifetime = _lifetime(body.get("expires_in"))
    granted = body.get("scope")
    scopes = tuple(granted.split()) if isinstance(granted, str) else grant.scopes
    # A token that lives shorter than twice the margin would else be renewed for every request.
    return Token(value, now + lifetime - min(RENEW_EARLY_SECONDS, lifetime / 2), lifetime, scopes)


def _lifetime(expires_in: Any) -> float:
    try:
        seconds = float(expires_in)
    except (TypeError, ValueError, OverflowError):
        return USUAL_LIFETIME_SECONDS
    return min(seconds, 1e9) if seconds > 0 else USUAL_LIFETIME_SECONDS


def token_error(answer: Response, grant: Grant, known: Endpoints) -> AuthenticationError:
    """Tell the token errors apart (RFC 6749 5.2, halo-api-facts 1.4)."""
    code = _error_code(answer)
    said = f" It said: {reason(answer)}." if code and reason(answer) not in {"", code} else ""
    what, hint = _by_code(code, grant) or _by_status(answer, known) or ("", "")
    if not what:
        return _no_token_endpoint(answer)
    return AuthenticationError(f"no token from {answer.url}: {what}", hint + said, url=answer.url)


def _error_code(answer: Response) -> str:
    code = _object(answer).get("error")
    if isinstance(code, str):
        return code
    return "invalid_client" if answer.status == 401 else ""


def _by_code(code: str, grant: Grant) -> tuple[str, str] | None:
    match code:
        case "invalid_client":
            what = "the client id is unknown or the client secret is wrong (invalid_client)"
            return what, f"Compare client_id and client_secret with {APPLICATIONS}."
        case "invalid_scope":
            what = f"the application may not have scope '{' '.join(grant.scopes)}' (invalid_scope)"
            return what, f"Set scopes: [all], or tick the permissions of the application under {APPLICATIONS}."
        case "invalid_grant" if isinstance(grant, Password):
            what = f"the user name '{grant.username}' is unknown or the password is wrong (invalid_grant)"
            return what, "Sign in to Halo with them in a browser; single sign-on accounts have no password there."
        case "unsupported_grant_type" | "unauthorized_client":
            what = f"the application is not set up for '{grant.type}' ({code})"
            method = "Username & Password" if isinstance(grant, Password) else "Client ID & Secret"
            return what, f"Choose the authentication method '{method}' of the application under {APPLICATIONS}."
        case "":
            return None
    return f"the request was refused ({code})", f"Compare `authentication` with the application under {APPLICATIONS}."


def _by_status(answer: Response, known: Endpoints) -> tuple[str, str] | None:
    status = answer.status
    if status == 429:
        return "the rate limit is reached (429)", "Run fewer clients at a time, or raise retry.total_seconds."
    if status == 500 and known.tenant:
        what = f"the server failed ({status}), which is how Halo answers a tenant that it does not know"
        return what, f"Compare tenant '{known.tenant}' with tenant_id in {known.api_uri}/AuthInfo."
    if status >= 500:
        what = f"the server failed ({status})"
        if known.tenant:
            return what, "Try again later; if it stays so, check base_uri."
        return what, "If it is a hosted HaloITSM, set `tenant`; else try again later."
    if status in {400, 403} and answer.media_type != "text/html":
        text = reason(answer)
        return f"the request was refused ({status})", f"It said: {text}." if text else "Compare `authentication`."
    return None


def _no_token_endpoint(answer: Response) -> AuthenticationError:
    target = uri.host_of(answer.headers.get("location", ""))
    moved = f" (redirected to {target})" if 300 <= answer.status < 400 and target else ""
    page = "a web page" if answer.media_type == "text/html" else "no access_token"
    return AuthenticationError(
        f"there is no token endpoint at {answer.url}: it answered {answer.status} with {page}{moved}",
        "Correct base_uri, or set auth_uri to the authorisation server shown in Halo's API details.",
        url=answer.url,
    )


def tokens_in(answer: Response) -> list[str]:
    """Return every token that an answer holds, so that it can be kept out of logs and messages."""
    body = _object(answer)
    return [body[name] for name in ("access_token", "refresh_token", "id_token") if isinstance(body.get(name), str)]


def _object(answer: Response) -> dict[str, Any]:
    """Return the JSON object of an answer, empty when it holds none."""
    try:
        body = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}
