"""A Postman collection (v2.1) and its environment, out of a configuration or of the catalogue."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from haloitsm_connector.catalogue import METHODS, Catalogue, Operation
from haloitsm_connector.client.fields import ApiKey, HaloClientFields, Password
from haloitsm_connector.client.redaction import Redactor
from haloitsm_connector.config import Config, Prototyped
from haloitsm_connector.interchange.examples import example_body, example_value
from haloitsm_connector.interchange.notes import Note
from haloitsm_connector.interchange.postman_request import Item, Wanted, request_item
from haloitsm_connector.interchange.postman_scripts import before_requests, first_id

SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
_EXPRESSION = re.compile(r"\{\{.*?\}\}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Exported:
    """A collection, its environment, and what could not go along."""

    collection: Item
    environment: Item
    notes: list[Note] = field(default_factory=list)


def of_operations(catalogue: Catalogue, operations: Iterable[Operation]) -> list[Wanted]:
    """Return a request for each operation, with an example body; those for one record take the first id of its list."""
    return [Wanted(one.label, one, payload=example_body(catalogue, one)) for one in operations]


def of_config(config: Config, client: str, stand_in: str) -> tuple[list[Wanted], list[Note]]:
    """Return the requests of a client's incoming and outgoing; notes say what no request shows.

    ``stand_in`` is what stands for variables that are not set: nothing is written for them.
    """
    wanted: list[Wanted] = []
    notes: list[Note] = []
    parts = [(f"incoming {name}", name, one.subscriber, one.transformers) for name, one in config.incoming.items()]
    parts += [(f"outgoing {name}", name, one.publisher, one.transformers) for name, one in config.outgoing.items()]
    for where, name, part, transformers in parts:
        if part.prototype.name != "haloitsm":
            notes.append(Note(where, f"reads or writes with '{part.prototype.name}', which is no Halo: left out"))
        elif part.fields.client != client:  # type: ignore[attr-defined]
            notes.append(Note(where, f"uses another client than '{client}': left out"))
        else:
            wanted.append(_of_part(config, name, where, part, transformers, notes))
    for number, one in enumerate(wanted):
        emptied = _replaced(one, lambda text: "" if stand_in in text else text)
        hidden = _replaced(emptied, Redactor(config.secrets).values)
        notes += [Note(one.origin, "a variable in it is not set: it is left empty")] * (emptied != one)
        notes += [Note(one.origin, "holds a secret: *** stands for it")] * (hidden != emptied)
        wanted[number] = hidden
    return wanted, notes


def _replaced(wanted: Wanted, change: Callable[[str], str]) -> Wanted:
    """Return a request with all texts in its path, query and payload changed."""

    def changed(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {name: changed(one) for name, one in value.items()}
        if isinstance(value, list):
            return [changed(one) for one in value]
        return change(value) if isinstance(value, str) else value

    return replace(wanted, path=changed(wanted.path), query=changed(wanted.query), payload=changed(wanted.payload))


def _of_part(
    config: Config, name: str, where: str, part: Prototyped, transformers: list[Any], notes: list[Note]
) -> Wanted:
    fields: Any = part.fields
    operation = config.catalogue.find(fields.entity)
    if operation.method == "GET":
        parameters = fields.request_parameters
        if fields.input_transformers:
            notes.append(Note(where, "its input transformers are left out: the request has the parameters they get"))
        return Wanted(name, operation, parameters.path, parameters.query, origin=where)
    payload = fields.payload if fields.payload is not None else _payload_set(transformers)
    if _has_expression([fields.path, fields.query, payload]):
        notes.append(Note(where, "its {{ placeholders }} are filled from each entity: the request has examples"))
    filled = _Filled(config.catalogue, operation)
    body = example_body(config.catalogue, operation) if payload in (None, {}) else filled.payload(payload)
    return Wanted(name, operation, filled.parameters(fields.path), filled.parameters(fields.query), body, origin=where)


def _payload_set(transformers: list[Any]) -> Any:
    """Return the payload that the last ``set`` step of an outgoing writes out, or None."""
    for step in reversed(transformers):
        values = step.get("set") if isinstance(step, Mapping) else None
        if isinstance(values, Mapping) and isinstance(values.get("payload"), Mapping | list):
            return values["payload"]
    return None


def _has_expression(value: Any) -> bool:
    return _EXPRESSION.search(str(value)) is not None


@dataclass(frozen=True, slots=True)
class _Filled:
    """Fills templates with examples where an entity would fill them."""

    catalogue: Catalogue
    operation: Operation

    def payload(self, template: Any) -> Any:
        records = template if isinstance(template, list) else [template]
        fields = self.catalogue.fields(self.operation.record) if self.operation.record else {}
        types = {name: one.type for name, one in fields.items()}
        filled = [
            {name: self._value(value, types.get(name, "string"), name) for name, value in record.items()}
            if isinstance(record, Mapping)
            else self._value(record, "object")
            for record in records
        ]
        return filled if isinstance(template, list) or self.operation.body == "array" else filled[0]

    def parameters(self, template: Mapping[str, Any] | None) -> dict[str, Any]:
        """Leave out what an entity fills: without a value the request is not sent by mistake."""
        return {name: value for name, value in (template or {}).items() if not _has_expression(value)}

    def _value(self, value: Any, type_: str, name: str = "") -> Any:
        if isinstance(value, Mapping):
            return {key: self._value(one, "string", key) for key, one in value.items()}
        if isinstance(value, list):
            return [self._value(one, "string") for one in value]
        return example_value(type_, name) if _has_expression(value) else value


def exported(
    name: str, wanted: Iterable[Wanted], client: HaloClientFields | None, catalogue: Catalogue, notes: list[Note]
) -> Exported:
    """Return collection and environment: a folder per tag, OAuth 2.0 as Halo's guide sets it up (halo-api-facts 1.2).

    Without a client its address and credentials are left for the user to fill in.
    """
    requests = _chained(list(wanted), catalogue)
    grant = _grant(client)
    script = {"type": "text/javascript", "exec": before_requests(grant)}
    collection = {
        "info": {"_postman_id": str(uuid5(NAMESPACE_URL, name)), "name": name, "schema": SCHEMA, "description": _ABOUT},
        "auth": _auth(client),
        "event": [{"listen": "prerequest", "script": script}],
        "item": list(_folders(requests)),
    }
    return Exported(collection, _environment(name, client), notes)


_ABOUT = """\
Requests to HaloITSM. Choose the environment that comes with this collection and fill in what is empty in it.

A token is fetched by itself before the first request. POST and DELETE are held back, so that running the collection
changes nothing, until the variable `writes` is `send`; a request whose path variables are not filled in is not sent."""


def _chained(wanted: list[Wanted], catalogue: Catalogue) -> list[Wanted]:
    """Let each list keep its first id for the request that reads one record of it."""
    lists = {one.operation.path: one.operation for one in wanted if one.operation.listing}
    kept: set[str] = set()
    chained = []
    for one in wanted:
        found = lists.get(one.operation.path.removesuffix("/{id}")) if _reads_one(one) else None
        if found and _has_ids(found, one.operation, catalogue):
            kept.add(found.path)
            one = replace(one, path={"id": f"{{{{{first_id(found)}}}}}"})
        chained.append(one)
    return [replace(one, remembers=True) if one.operation.listing and one.operation.path in kept else one
            for one in chained]  # fmt: skip


def _reads_one(wanted: Wanted) -> bool:
    """Whether this is the request for one record, of which nothing says which."""
    return wanted.operation.method == "GET" and wanted.operation.path.endswith("/{id}") and not wanted.path


def _has_ids(of_list: Operation, of_one: Operation, catalogue: Catalogue) -> bool:
    """Whether the rows of a list carry the id that the request for one record takes."""
    field = catalogue.fields(of_list.record or "").get("id")
    return of_list.key == ("id",) and field is not None and field.type == of_one.path_parameters[-1].type


def _folders(wanted: list[Wanted]) -> Iterator[Item]:
    """Yield a folder per tag: lists first, then single records, then writes."""
    tags: dict[str, list[Wanted]] = {}
    for one in wanted:
        tags.setdefault(one.operation.tag, []).append(one)
    for tag in sorted(tags, key=str.casefold):
        ordered = sorted(tags[tag], key=lambda one: (METHODS.index(one.operation.method), "{" in one.operation.path))
        yield {"name": tag, "item": [request_item(one) for one in ordered]}


def _grant(client: HaloClientFields | None) -> dict[str, str] | None:
    """Return the form of a token request, its values as variables; None for a key that needs no token."""
    authentication = client.authentication if client else None
    if isinstance(authentication, ApiKey):
        return None
    scope = " ".join(authentication.scopes) if authentication else "all"
    if isinstance(authentication, Password):
        user = {"username": "{{username}}", "password": "{{password}}"}
        return {"grant_type": "password", **user, "client_id": "{{client_id}}", "scope": scope}
    return {"grant_type": "client_credentials", "scope": scope}


def _auth(client: HaloClientFields | None) -> Item:
    grant = _grant(client)
    if grant is None:
        return {
            "type": "apikey",
            "apikey": _attributes({"key": "X-Halo-Api-Key", "value": "{{api_key}}", "in": "header"}),
        }
    is_password = grant["grant_type"] == "password"
    return {
        "type": "oauth2",
        "oauth2": _attributes(
            {
                "tokenName": "HaloITSM",
                "grant_type": "password_credentials" if is_password else "client_credentials",
                "accessTokenUrl": "{{auth_uri}}/token?tenant={{tenant}}",
                "clientId": "{{client_id}}",
                "clientSecret": "{{client_secret}}",
                **({"username": "{{username}}", "password": "{{password}}"} if is_password else {}),
                "scope": grant["scope"],
                "client_authentication": "header",
                "addTokenTo": "header",
                "headerPrefix": "Bearer",
                "accessToken": "{{access_token}}",
            }
        ),
    }


def _attributes(values: Mapping[str, str]) -> list[Item]:
    return [{"key": key, "value": value, "type": "string"} for key, value in values.items()]


def _environment(name: str, client: HaloClientFields | None) -> Item:
    """Return the environment; secrets are there by name, without a value."""
    authentication = client.authentication if client else None
    plain = {
        "base_uri": client.base_uri if client else "",
        "api_uri": (client and client.api_uri) or "{{base_uri}}/api",
        "auth_uri": (client and client.auth_uri) or "{{base_uri}}/auth",
        "tenant": (client and client.tenant) or "",
        "client_id": getattr(authentication, "client_id", ""),
        **({"username": authentication.username} if isinstance(authentication, Password) else {}),
        "writes": "",
    }
    secret = ["client_secret", "access_token"]
    if isinstance(authentication, Password):
        secret.insert(1, "password")
    if isinstance(authentication, ApiKey):
        secret = ["api_key"]
        del plain["client_id"]
    values = [{"key": key, "value": value, "type": "default", "enabled": True} for key, value in plain.items()]
    values += [{"key": key, "value": "", "type": "secret", "enabled": True} for key in secret]
    scope = {"_postman_variable_scope": "environment"}
    return {"id": str(uuid5(NAMESPACE_URL, f"{name} environment")), "name": name, "values": values, **scope}
