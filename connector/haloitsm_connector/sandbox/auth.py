"""The authorisation server: credentials, tokens, scopes (halo-api-facts 1)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from urllib.parse import parse_qsl, unquote_plus

from haloitsm_connector.sandbox.answers import Answer, Asked, answer
from haloitsm_connector.sandbox.errors import shaped
from haloitsm_connector.sandbox.quirks import Quirks

_FAMILIES = (
    "tickets", "calendar", "customers", "crm", "timesheets", "contracts", "suppliers", "items", "projects", "sales",
    "quotes", "sos", "pos", "invoices", "reporting", "software", "softwarelicensing", "kb", "assets",
)  # fmt: skip
_WHOLE = frozenset({"all", "all:standard", "admin"})
SCOPES = _WHOLE | {f"{mode}:{family}" for mode in ("read", "edit") for family in _FAMILIES}
SCOPES |= {"editMine:timesheets", "access:chat", "access:adpasswordreset"}

_FAMILY_OF = {
    "tickets": "tickets", "actions": "tickets", "attachment": "tickets", "todo": "tickets", "ticketapproval": "tickets",
    "feedback": "tickets", "appointment": "calendar", "client": "customers", "site": "customers", "users": "customers",
    "toplevel": "customers", "crmnote": "crm", "timesheet": "timesheets", "timesheetevent": "timesheets",
    "clientcontract": "contracts", "suppliercontract": "contracts", "supplier": "suppliers", "item": "items",
    "itemstock": "items", "itemgroup": "items", "projects": "projects", "opportunities": "sales", "quotation": "quotes",
    "salesorder": "sos", "purchaseorder": "pos", "invoice": "invoices", "recurringinvoice": "invoices",
    "invoicepayment": "invoices", "report": "reporting", "reportdata": "reporting", "assetsoftware": "software",
    "softwarelicence": "softwarelicensing", "kbarticle": "kb", "asset": "assets", "assettype": "assets",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Credentials:
    """What opens a sandbox; the secrets are made up from its seed and never printed."""

    tenant: str
    client_id: str
    client_secret: str = field(repr=False)
    username: str
    password: str = field(repr=False)
    api_key: str = field(repr=False)

    @classmethod
    def made_up(cls, seed: int) -> Credentials:
        """Make credentials in Halo's format: the id is a GUID, the secret two GUIDs joined by a hyphen."""
        chance = Random(f"credentials/{seed}")  # noqa: S311 - these secrets guard made-up data
        guids = [str(uuid.UUID(int=chance.getrandbits(128), version=4)) for _ in range(5)]
        return cls("sandbox", guids[0], f"{guids[1]}-{guids[2]}", "robin.teal", f"Pw-{guids[3][:13]}", guids[4])


@dataclass(slots=True)
class Tokens:
    """The tokens handed out so far, and until when each is good; ``now`` is a monotonic clock in seconds."""

    seed: int
    now: Callable[[], float] = time.monotonic
    _granted: dict[str, tuple[float, frozenset[str]]] = field(default_factory=dict, repr=False)
    _refresh: dict[str, frozenset[str]] = field(default_factory=dict, repr=False)
    _numbers: dict[str, int] = field(default_factory=dict, repr=False)
    _issued: int = 0

    def issue(self, scopes: frozenset[str], quirks: Quirks) -> dict[str, object]:
        """Hand out a token and return the answer of the token endpoint."""
        token = self._next("access")
        real = quirks.token_true_lifetime_seconds
        self._granted[token] = (self.now() + (quirks.token_lifetime_seconds if real is None else real), scopes)
        self._numbers[token] = len(self._numbers) + 1
        granted: dict[str, object] = {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": quirks.token_lifetime_seconds,
            "scope": " ".join(sorted(scopes)),
        }
        if quirks.refresh_tokens:
            granted["refresh_token"] = refresh = self._next("refresh")
            self._refresh[refresh] = scopes
        return granted

    def refreshed(self, refresh_token: str) -> frozenset[str] | None:
        """Return the scopes behind a refresh token and use it up; None when there is no such token."""
        return self._refresh.pop(refresh_token, None)

    def scopes(self, token: str) -> frozenset[str] | None:
        """Return what a token may do; None when it is unknown or too old."""
        until, scopes = self._granted.get(token, (0.0, frozenset()))
        return scopes if self.now() < until else None

    def number(self, token: str) -> int:
        """Return the how-manieth token this is, from 1; 0 for a token that was never handed out."""
        return self._numbers.get(token, 0)

    def revoke(self) -> None:
        """Forget every token, as if all had expired."""
        self._granted.clear()

    def _next(self, kind: str) -> str:
        self._issued += 1
        return hashlib.sha256(f"{kind}/{self.seed}/{self._issued}".encode()).hexdigest()


def token_answer(asked: Asked, credentials: Credentials, tokens: Tokens, quirks: Quirks) -> Answer:
    """Answer a request to ``/auth/token``: a token, or an RFC 6749 error (halo-api-facts 1.4)."""
    if asked.method != "POST":
        return Answer(405, content_type="", headers={"Allow": "POST"})
    if asked.content_type != "application/x-www-form-urlencoded":
        return _oauth_error("invalid_request", "The request is not a form.")
    form = dict(parse_qsl(asked.body.decode("utf-8", "replace"), keep_blank_values=True))
    tenant = asked.query.get("tenant") or form.get("tenant") or ""
    if tenant.casefold() != credentials.tenant and (tenant or quirks.tenant_required):
        return shaped("exception", f"The tenant '{tenant}' is not known here", 500)
    scopes = frozenset(form.get("scope", "all").split()) or frozenset({"all"})
    match form.get("grant_type", ""):
        case "client_credentials":
            if _client(asked.headers, form) != (credentials.client_id, credentials.client_secret):
                return _oauth_error("invalid_client", "The client id or secret is wrong.", 401)
        case "password":
            client_id, secret = _client(asked.headers, form)
            if client_id != credentials.client_id or secret not in ("", credentials.client_secret):
                return _oauth_error("invalid_client", "The client id or secret is wrong.", 401)
            if (form.get("username"), form.get("password")) != (credentials.username, credentials.password):
                return _oauth_error("invalid_grant", "The username or password is wrong.")
        case "refresh_token":
            renewed = tokens.refreshed(form.get("refresh_token", ""))
            if renewed is None:
                return _oauth_error("invalid_grant", "The refresh token is unknown or was used before.")
            scopes = renewed
        case _:
            return _oauth_error("unsupported_grant_type", "This grant type is not offered.")
    if not scopes <= SCOPES:
        return _oauth_error("invalid_scope", "A scope is unknown or not allowed for this application.")
    return answer(tokens.issue(scopes, quirks))


def _client(headers: Mapping[str, str], form: Mapping[str, str]) -> tuple[str, str]:
    """Return the client id and secret, from a Basic header or else from the form."""
    kind, _, encoded = headers.get("authorization", "").partition(" ")
    if kind.casefold() == "basic":
        try:
            client_id, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return "", ""
        return unquote_plus(client_id), unquote_plus(secret)
    return form.get("client_id", ""), form.get("client_secret", "")


def _oauth_error(error: str, description: str, status: int = 400) -> Answer:
    return answer({"error": error, "error_description": description}, status)


def discovery(base_uri: str) -> dict[str, object]:
    """Return the OIDC discovery document of the authorisation server."""
    return {
        "issuer": f"{base_uri}/auth/",
        "token_endpoint": f"{base_uri}/auth/token",
        "grant_types_supported": ["client_credentials", "password", "refresh_token"],
        "scopes_supported": sorted(SCOPES),
        "response_types_supported": ["token"],
        "subject_types_supported": ["public"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
    }


def unauthorised(
    asked: Asked, operation: str, family: str, credentials: Credentials, tokens: Tokens, quirks: Quirks
) -> Answer | None:
    """Return the 401 or 403 that stops this request, or None when it may pass.

    ``operation`` is like ``POST /Actions``; ``family`` is the first path segment.
    """
    if asked.headers.get("x-halo-api-key") == credentials.api_key:
        return shaped(quirks.unauthorised_body, "Unauthorised", 401) if operation in quirks.api_key_refused else None
    kind, _, token = asked.headers.get("authorization", "").partition(" ")
    scopes = tokens.scopes(token.strip()) if kind.casefold() == "bearer" else None
    if scopes is None:
        refusal = shaped(quirks.unauthorised_body, "Unauthorised", 401)
        return Answer(401, refusal.body, refusal.content_type, {"WWW-Authenticate": "Bearer"})
    return None if _allowed(scopes, asked.method, family.casefold()) else Answer(403, content_type="")


def caller(asked: Asked, tokens: Tokens) -> str:
    """Say who asks, without the secret: ``token 1`` for the first token handed out, ``api key``, or ``nobody``."""
    if "x-halo-api-key" in asked.headers:
        return "api key"
    number = tokens.number(asked.headers.get("authorization", "").partition(" ")[2].strip())
    return f"token {number}" if number else "nobody"


def _allowed(scopes: frozenset[str], method: str, family: str) -> bool:
    """Say whether these scopes cover a method on a family; what has no scope of its own is readable by all."""
    if family == "userroles":
        return not scopes.isdisjoint({"all", "admin"})
    if not scopes.isdisjoint(_WHOLE):
        return True
    scope = _FAMILY_OF.get(family)
    if scope is None:
        return method == "GET"
    if method == "GET":
        return f"read:{scope}" in scopes
    return f"edit:{scope}" in scopes or (scope == "timesheets" and "editMine:timesheets" in scopes)
