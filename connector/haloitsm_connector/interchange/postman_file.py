"""Postman collections (v2.0 and v2.1) and environments as plain values: requests with what they inherit."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from haloitsm_connector.catalogue.types import mapping, sequence
from haloitsm_connector.errors import InputError
from haloitsm_connector.interchange.halo_address import Pairs, pairs
from haloitsm_connector.interchange.placeholders import Variables

Attributes = dict[str, str]


@dataclass(frozen=True, slots=True)
class Auth:
    """How a request signs in: ``oauth2``, ``apikey``, ``bearer``, ``basic``, ``noauth``, …, and its settings."""

    kind: str
    settings: Attributes = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Sent:
    """One request of a collection; variables in it stand as ``{{name}}``.

    ``url`` is without its query; ``segments`` fills ``:name`` in it. ``auth`` are its own settings and those of the
    folders and the collection around it, the nearest first. ``extras`` names what else it has, such as a test script.
    """

    where: str
    name: str
    method: str
    url: str
    segments: Mapping[str, str]
    query: Pairs
    headers: Pairs
    body: Mapping[str, Any]
    auth: tuple[Auth, ...]
    extras: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection: its name, its requests in order, its variables, and what else it and its folders have."""

    name: str
    requests: list[Sent]
    variables: Variables
    extras: list[tuple[str, str]]


def read_collection(path: Path, environments: list[Path]) -> Collection:
    """Read a collection and environments, whose values come first; InputError for anything else."""
    document = mapping(_json(path))
    document = mapping(document.get("collection")) or document
    if "requests" in document and "item" not in document:
        hint = "Export it again and choose 'Collection v2.1'."
        raise InputError(f"{path} is a Postman collection of the old form v1", hint)
    if not isinstance(document.get("item"), list):
        hint = "In Postman: the collection's menu, Export, Collection v2.1."
        raise InputError(f"{path} is no Postman collection: it has no list 'item'", hint)
    name = _text(mapping(document.get("info")).get("name")) or path.stem
    extras: list[tuple[str, str]] = []
    requests = list(_requests(document, "", (), extras, name))
    return Collection(name, requests, _variables(document, environments), extras)


def _variables(document: Mapping[str, Any], environments: list[Path]) -> Variables:
    values: dict[str, str] = {}
    secrets: set[str] = set()
    rows = list(sequence(document.get("variable")))
    for path in environments:
        environment = mapping(_json(path))
        if not isinstance(environment.get("values"), list):
            raise InputError(f"{path} is no Postman environment: it has no list 'values'")
        rows += environment["values"]
    for row in map(mapping, rows):
        name = _text(row.get("key") or row.get("id"))
        if not name or row.get("disabled") or row.get("enabled") is False:
            continue
        if row.get("type") == "secret":
            secrets.add(name)
        if value := _text(row.get("value")):
            values[name] = value
    return Variables(values, frozenset(secrets))


def _requests(
    group: Mapping[str, Any], where: str, around: tuple[Auth, ...], extras: list[tuple[str, str]], title: str
) -> Iterator[Sent]:
    extras += [(where or f"collection {title}", extra) for extra in _extras(group)]
    around = (*_auth(group.get("auth")), *around)
    for item in map(mapping, sequence(group.get("item"))):
        name = _text(item.get("name")) or "request"
        place = f"{where} / {name}" if where else name
        if "request" in item:
            yield _sent(item, name, place, around)
        else:
            yield from _requests(item, place, around, extras, title)


def _sent(item: Mapping[str, Any], name: str, where: str, around: tuple[Auth, ...]) -> Sent:
    request = item["request"] if isinstance(item["request"], dict) else {"url": item["request"]}
    url, segments, query, off = _url(request.get("url"))
    headers, unsent = _pairs(request.get("header"))
    extras = [*_extras(item), *(["saved examples"] if item.get("response") else [])]
    extras += [f"switched-off query parameters ({', '.join(off)})"] if off else []
    extras += [f"switched-off headers ({', '.join(unsent)})"] if unsent else []
    return Sent(
        where,
        name,
        (_text(request.get("method")) or "GET").upper(),
        url,
        segments,
        query,
        headers,
        mapping(request.get("body")),
        (*_auth(request.get("auth")), *around),
        tuple(extras),
    )


def _extras(item: Mapping[str, Any]) -> list[str]:
    found = []
    for event in map(mapping, sequence(item.get("event"))):
        script = mapping(event.get("script")).get("exec")
        lines = script if isinstance(script, list) else [script or ""]
        if any(str(line).strip() for line in lines):
            found.append("a test script" if event.get("listen") == "test" else "a pre-request script")
    return found + (["protocol settings"] if item.get("protocolProfileBehavior") else [])


def _url(value: Any) -> tuple[str, dict[str, str], Pairs, list[str]]:
    """Return the URL without its query, the values of its path variables, its query, and what is switched off."""
    if isinstance(value, str):
        head, _, query = value.partition("#")[0].partition("?")
        return head, {}, pairs(query), []
    url = mapping(value)
    segments = {_text(row.get("key")): _text(row.get("value")) for row in map(mapping, sequence(url.get("variable")))}
    head, _, query = _text(url.get("raw")).partition("#")[0].partition("?")
    if host := _joined(url.get("host"), "."):
        scheme = f"{_text(url['protocol']).removesuffix('://')}://" if url.get("protocol") else ""
        port = f":{_text(url['port'])}" if url.get("port") else ""
        path = _joined(url.get("path"), "/").lstrip("/")
        head = f"{scheme}{host}{port}" + (f"/{path}" if path else "")
    rows, off = _pairs(url.get("query")) if isinstance(url.get("query"), list) else (pairs(query), [])
    return head, segments, rows, off


def _joined(value: Any, mark: str) -> str:
    parts = value if isinstance(value, list) else [value] if value else []
    return mark.join(_text(mapping(part).get("value") if isinstance(part, dict) else part) for part in parts)


def _pairs(value: Any) -> tuple[Pairs, list[str]]:
    """Return names and values of a list of rows, and the names of those that are switched off."""
    if isinstance(value, str):
        rows = [line.partition(":") for line in value.splitlines() if ":" in line]
        return [(name.strip(), text.strip()) for name, _, text in rows], []
    found = [row for row in map(mapping, sequence(value)) if row.get("key")]
    sent = [(_text(row["key"]), _text(row.get("value"))) for row in found if not row.get("disabled")]
    return sent, [_text(row["key"]) for row in found if row.get("disabled") and row.get("value")]


def _auth(value: Any) -> tuple[Auth, ...]:
    auth = mapping(value)
    kind = _text(auth.get("type"))
    if not kind:
        return ()
    settings = auth.get(kind)
    if isinstance(settings, list):
        rows = map(mapping, settings)
        return (Auth(kind, {_text(row.get("key")): _text(row.get("value")) for row in rows}),)
    return (Auth(kind, {name: _text(one) for name, one in mapping(settings).items()}),)


def _text(value: Any) -> str:
    if value is None or isinstance(value, dict | list):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{path} is not JSON: {error}") from error
