"""A Postman collection becomes a configuration: its sign-in a client, its requests incoming and outgoing."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import orjson

from haloitsm_connector.catalogue import Catalogue
from haloitsm_connector.client.uri import host_of
from haloitsm_connector.interchange.draft import Draft, payload_template
from haloitsm_connector.interchange.halo_address import Address, Asked, Matcher, Pairs, address
from haloitsm_connector.interchange.halo_clients import API_KEY, HaloClients
from haloitsm_connector.interchange.placeholders import TOKEN, Variables, is_secret, payload_variable, scalar
from haloitsm_connector.interchange.postman_file import Auth, Collection, Sent, read_collection

_USUAL_HEADERS = frozenset({
    "accept", "accept-encoding", "accept-language", "cache-control", "connection", "content-length", "content-type",
    "host", "postman-token", "user-agent",
})  # fmt: skip
_SIGNING = {"authorization", "cookie", API_KEY}
_UNQUOTED = re.compile(r'("(?:[^"\\]|\\.)*")|(\{\{[^{}"]+\}\})', re.DOTALL)
_MOST_ROWS = 1000


def from_postman(path: Path, environments: list[Path], folder: Path, catalogue: Catalogue) -> Draft:
    """Return the configuration that a collection becomes; its notes say what did not come along.

    InputError where the file is no collection.
    """
    collection = read_collection(path, environments)
    draft = Draft(path.name, folder)
    for where, extra in collection.extras:
        draft.note(where, f"{extra}: left out")
    taking = _Taking(draft, collection.variables, Matcher(catalogue), HaloClients(draft, collection.variables))
    taking.clients.signing_in = _signing_in(collection)
    for sent in collection.requests:
        taking.take(sent)
    for made_up in sorted(collection.variables.made_up):
        draft.note(made_up, "Postman makes it up for each request: it is written as text, put something in its place")
    for name in collection.variables.unused():
        draft.note(f"variable {name}", "nothing that came along uses it: left out")
    draft.values |= collection.variables.wanted
    return draft


def _signing_in(collection: Collection) -> Auth | None:
    """Return the settings in the first token request among the requests: people keep one to copy the token from."""
    for sent in collection.requests:
        if form := _token_form(sent):
            host = collection.variables.plain(sent.url)
            query = "&".join(f"{name}={value}" for name, value in sent.query)
            names = {"client_id": "clientId", "client_secret": "clientSecret", "client_authentication": ""}
            settings = {names.get(name, name): value for name, value in form.items()}
            basic = next((one.settings for one in sent.auth if one.kind == "basic"), {})
            told = {"clientId": basic.get("username", ""), "clientSecret": basic.get("password", "")} if basic else {}
            place = "header" if basic else "body"
            url = f"{host}?{query}" if query else host
            return Auth("oauth2", {**settings, **told, "accessTokenUrl": url, "client_authentication": place})
    return None


def _token_form(sent: Sent) -> dict[str, str]:
    if sent.method != "POST" or not sent.url.rstrip("/").casefold().endswith("/token"):
        return {}
    rows = sent.body.get("urlencoded") or sent.body.get("formdata") or []
    form = {str(row.get("key")): str(row.get("value") or "") for row in rows if isinstance(row, dict)}
    return form if "grant_type" in form else {}


class _Taking:
    """Takes one request after the other into a draft."""

    def __init__(self, draft: Draft, variables: Variables, matcher: Matcher, clients: HaloClients) -> None:
        self.draft = draft
        self.variables = variables
        self.matcher = matcher
        self.clients = clients

    def take(self, sent: Sent) -> None:
        """Add a request to the draft, or note why it is left out."""
        if _token_form(sent):
            self.draft.note(sent.where, "asks for a token, which the client does by itself: left out")
            return
        found, shown = self._address(sent)
        if found is None:
            host = host_of(self.variables.plain(sent.url)) or sent.url or "no address"
            self.draft.note(sent.where, f"goes to {host}, which is no Halo: left out")
            return
        for extra in sent.extras:
            self.draft.note(sent.where, f"{extra}: left out")
        asked = self.matcher.find(sent.method, found.path)
        if sent.method not in {"GET", "POST", "DELETE"}:
            self.draft.note(sent.where, f"Halo has no {sent.method}: left out")
        elif asked is None:
            self.draft.note(sent.where, f"{sent.method} {found.path} is no operation of the catalogue: left out")
        else:
            auth = self._headers(sent)
            client = self.clients.name(found.base, shown, auth, sent.where)
            query = [*found.query, *sent.query]
            (self._read if sent.method == "GET" else self._write)(sent, asked, query, client)

    def _address(self, sent: Sent) -> tuple[Address | None, str]:
        """Take the URL apart, and say how a configuration writes the address: by the variable that it begins with."""
        url = re.sub(r"(?<=/):([\w-]+)", lambda match: sent.segments.get(match[1]) or f"{{{{{match[1]}}}}}", sent.url)
        token = TOKEN.match(url)
        value = self.variables.plain(token[0]) if token else ""
        if token and "://" in value:
            found = address(value.rstrip("/") + url[token.end() :], bare=True)
            if found and re.sub(r"(?i)/api$", "", value.rstrip("/")) == found.base:
                return found, self.variables.written(token[0])
        elif token:
            rest = re.sub(r"(?i)^/api(?=/)", "", url[token.end() :])
            return Address(token[0], rest or "/", []), self.variables.written(token[0])
        else:
            found = address(url, bare=True)
            if found is None and "://" not in url:
                found = address(f"https://{url}", bare=True)
        return found, self.variables.written(found.base) if found else ""

    def _headers(self, sent: Sent) -> tuple[Auth, ...]:
        """Return how the request signs in, its headers taken into account; others are noted."""
        auth = sent.auth
        for name, value in sent.headers:
            if name.casefold() == API_KEY:
                auth = (Auth("apikey", {"key": name, "value": value}), *auth)
            elif name.casefold() in _SIGNING:
                self.draft.note(sent.where, f"its header {name} is left out: the client signs in by itself")
            elif name.casefold() not in _USUAL_HEADERS:
                self.draft.note(sent.where, f"its header {name} is left out")
        return auth

    def _read(self, sent: Sent, asked: Asked, query: Pairs, client: str) -> None:
        subscriber: dict[str, Any] = {"prototype": "haloitsm", "client": client, "entity": asked.operation.name}
        values = self._query(query, asked)
        if asked.operation.listing:
            paging = {name: values.pop(name) for name in ("pageinate", "page_no", "page_size") if name in values}
            if paging:
                self.draft.note(sent.where, "asks for one page: all pages are read")
            if isinstance(size := paging.get("page_size"), int) and 0 < size <= _MOST_ROWS:
                subscriber["page_size"] = size
            if isinstance(values.get("count"), int) and values["count"] > 0:
                subscriber["limit"] = values.pop("count")
        path = {name: scalar(self.variables.written(value)) for name, value in asked.path.items()}
        if open_ := [path[name] for name, value in asked.path.items() if self._is_open(value)]:
            self.draft.note(sent.where, f"no route of this folder runs before {', '.join(open_)} is set")
        parameters = {name: part for name, part in (("path", path), ("query", values)) if part}
        self.draft.read(sent.name, {**subscriber, **({"request_parameters": parameters} if parameters else {})})

    def _write(self, sent: Sent, asked: Asked, query: Pairs, client: str) -> None:
        publisher: dict[str, Any] = {"prototype": "haloitsm", "client": client, "entity": asked.operation.name}
        payload, reason = self._body(sent, asked) if sent.method == "POST" else (None, "")
        if sent.method == "POST" and payload is None and asked.operation.body is not None:
            self.draft.note(sent.where, f"{reason or 'it has no body'}: left out")
            return
        records = payload if isinstance(payload, list) else [{} if payload is None else payload]
        fixed = _holds_token(payload) or not records or not all(isinstance(one, dict) for one in records)
        rows = [{}] if fixed else [dict(one) for one in records]
        path = {}
        for name, value in asked.path.items():
            if self._is_open(value) and not any(name in row for row in rows):
                path[name] = f"{{{{ {name} }}}}"
                rows = [{name: None, **row} for row in rows]
                self.draft.note(sent.where, f"nothing is known of its {name}: put it into the rows")
            elif TOKEN.search(value) or any(name in row for row in rows):
                path[name] = self.variables.written(value, template=True)
            else:
                path[name] = f"{{{{ {name} }}}}"
                rows = [{name: scalar(value), **row} for row in rows]
        if path:
            publisher["path"] = path
        if query:
            publisher["query"] = self._query(query, asked, template=True)
        if fixed:
            publisher["payload"] = self._written(payload)
        elif payload is not None:
            publisher["payload"] = payload_template(records)
        self.draft.write(sent.name, publisher, rows)

    def _is_open(self, value: str) -> bool:
        """Whether a value of a path is one variable that has no value, such as ``:id`` left empty."""
        return TOKEN.fullmatch(value) is not None and TOKEN.search(self.variables.plain(value)) is not None

    def _secret(self, value: str, name: str, what: str) -> str:
        """Return the variable, ``${NAME}``, for a secret that a request sends."""
        written = self.variables.secret(value, payload_variable(name))
        self.draft.purposes[written[2:-1]] = f"the {what}"
        return written

    def _query(self, query: Pairs, asked: Asked, *, template: bool = False) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, value in query:
            if value and is_secret(name, value) and not TOKEN.fullmatch(value):
                what = f"query parameter {name} of {asked.operation.name}"
                written: Any = self._secret(value, name, what)
            else:
                written = scalar(self.variables.written(value, template=template))
            values[name] = f"{values[name]},{written}" if name in values else written
        return values

    def _body(self, sent: Sent, asked: Asked) -> tuple[Any, str]:
        """Return the JSON that a request sends, variables as ``{{name}}``; None with the reason where there is none."""
        mode = sent.body.get("mode")
        if mode is None or (mode == "raw" and not str(sent.body.get("raw") or "").strip()):
            return None, "it has no body"
        if mode != "raw":
            return None, f"its body is '{mode}', not JSON"
        text = _UNQUOTED.sub(lambda match: match[1] or f'"{match[2]}"', str(sent.body["raw"]))
        try:
            return self._guarded(orjson.loads(text), asked), ""
        except ValueError as error:
            return None, f"its body is not JSON ({error})"

    def _guarded(self, value: Any, asked: Asked, name: str = "") -> Any:
        """Put a variable where a field holds a secret."""
        if isinstance(value, dict):
            named = {key: f"{value.get('name') or ''}_{key}".strip("_") if key == "value" else key for key in value}
            return {key: self._guarded(one, asked, named[key]) for key, one in value.items()}
        if isinstance(value, list):
            return [self._guarded(one, asked, name) for one in value]
        if isinstance(value, str) and value and is_secret(name, value) and not TOKEN.search(value):
            variable = self._secret(value, name, f"field {name} of {asked.operation.name}")
            return f"{{{{{variable[2:-1]}}}}}"
        return value

    def _written(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._written(one) for key, one in value.items()}
        if isinstance(value, list):
            return [self._written(one) for one in value]
        return self.variables.written(value, template=True) if isinstance(value, str) else value


def _holds_token(value: Any) -> bool:
    return TOKEN.search(json.dumps(value, ensure_ascii=False)) is not None
