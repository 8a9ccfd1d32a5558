"""The Halo clients of a draft: one for each address and way to sign in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from haloitsm_connector.client.uri import host_of
from haloitsm_connector.interchange.draft import Draft
from haloitsm_connector.interchange.halo_address import pairs
from haloitsm_connector.interchange.placeholders import TOKEN, Variables
from haloitsm_connector.interchange.postman_file import Auth

API_KEY = "x-halo-api-key"
_GRANTS = {"client_credentials": "client_credentials", "password_credentials": "password", "password": "password"}


@dataclass(slots=True)
class HaloClients:
    """Adds clients to a draft as they are asked for; ``signing_in`` is a token request found among the requests."""

    draft: Draft
    variables: Variables
    signing_in: Auth | None = None
    _known: list[tuple[str, Auth, str]] = field(default_factory=list)

    def name(self, base: str, shown: str, auth: tuple[Auth, ...], where: str) -> str:
        """Return the name of the client for a request; ``shown`` is how a configuration writes its address."""
        chosen = self._chosen(auth, where)
        address = self.variables.plain(base).casefold()
        for known_address, known, name in self._known:
            if known_address == address and _same(known, chosen):
                return name
        number = len(self._known) + 1
        name = "halo" if number == 1 else f"halo-{number}"
        self._known.append((address, chosen, name))
        prefix = name.upper().replace("-", "_")
        self.draft.clients[name] = self._fields(address, shown, chosen, prefix, where)
        return name

    def _chosen(self, auth: tuple[Auth, ...], where: str) -> Auth:
        """Return the nearest settings that a client can sign in with; what is passed over is noted."""
        for one in auth:
            if one.kind == "oauth2" and one.settings.get("clientId"):
                if _GRANTS.get(one.settings.get("grant_type", "client_credentials")):
                    return one
                grant = one.settings["grant_type"]
                self.draft.note(where, f"its grant '{grant}' needs a person in a browser: client credentials instead")
            elif one.kind == "apikey" and one.settings.get("key", "").casefold() == API_KEY:
                return one
            elif one.kind not in {"oauth2", "noauth", "inherit"}:
                self.draft.note(where, f"its authorisation '{one.kind}' is left out: the client signs in by itself")
        return self.signing_in or Auth("oauth2")

    def _fields(self, base: str, shown: str, auth: Auth, prefix: str, where: str) -> dict[str, Any]:
        settings = auth.settings
        fields: dict[str, Any] = {"prototype": "haloitsm", "base_uri": shown}
        if auth.kind == "apikey":
            key = self.variables.secret(settings.get("value", ""), f"{prefix}_API_KEY")
            return {**fields, "authentication": {"type": "api_key", "api_key": key}}
        fields |= self._server(base, settings.get("accessTokenUrl", ""), where)
        grant = _GRANTS.get(settings.get("grant_type", ""), "client_credentials")
        names = {
            "client_id": "clientId",
            "client_secret": "clientSecret",
            "username": "username",
            "password": "password",
        }
        needed = (
            ["client_id", "client_secret"] if grant == "client_credentials" else ["client_id", "username", "password"]
        )
        authentication: dict[str, Any] = {"type": grant}
        for field_name in needed:
            text = settings.get(names[field_name], "")
            authentication[field_name] = self.variables.secret(text, f"{prefix}_{field_name.upper()}")
        if scope := self.variables.plain(settings.get("scope", "")).split():
            authentication["scopes"] = scope
        if settings.get("clientId") and settings.get("client_authentication", "header") == "header":
            authentication["credentials_in"] = "basic_header"
        if settings.get("accessToken"):
            self.draft.note(where, "its fixed token (accessToken) is left out: the client fetches its own")
        if settings.get("addTokenTo") == "queryParams":
            self.draft.note(where, "sends its token in the query: the client sends it in a header")
        return {**fields, "authentication": authentication}

    def _server(self, base: str, token_url: str, where: str) -> Mapping[str, str]:
        """Return tenant and address of the authorisation server, as far as the token URL tells them."""
        if not token_url:
            return {}
        head, _, query = token_url.partition("?")
        fields: dict[str, str] = {}
        address = self.variables.plain(head).rstrip("/")
        if not TOKEN.search(address) and address.casefold() not in {f"{base}/auth/token", f"{base}/token"}:
            fields["auth_uri"] = address.removesuffix("/token")
            self.draft.note(where, f"gets its tokens from {host_of(address)}, which is written as auth_uri")
        elif address.casefold() == f"{base}/token":
            fields["auth_uri"] = address.removesuffix("/token")
        tenant = dict(pairs(query)).get("tenant", "")
        if tenant:
            known = self.variables.plain(tenant)
            written = self.variables.written(tenant)
            is_unknown = TOKEN.fullmatch(tenant) and TOKEN.search(known)
            if is_unknown:
                self.variables.wanted.pop(written[2:-1], None)
            fields["tenant"] = f"{written[:-1]}:-}}" if is_unknown else written
        return fields


def _same(one: Auth, other: Auth) -> bool:
    """Whether two ways to sign in are the same application; a request's own copy may hold a token as well."""
    told = ("clientId", "clientSecret", "username", "accessTokenUrl", "value", "scope")
    return one.kind == other.kind and all(one.settings.get(name) == other.settings.get(name) for name in told)
