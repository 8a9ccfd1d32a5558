"""Derives the catalogue from Halo's OpenAPI document and the facts known beyond it: a pure function."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from haloitsm_connector.catalogue.encoding import code, compact
from haloitsm_connector.catalogue.facts import Facts
from haloitsm_connector.catalogue.labels import label
from haloitsm_connector.catalogue.model import METHODS
from haloitsm_connector.catalogue.types import Schema, field_type, mapping, parameter_type, reference, sequence

Rows = dict[str, dict[str, Any]]
_PAGING = {"pageinate", "page_no", "page_size"}
_NOT_ROWS = {"columns", "folders", "statuses", "priorities", "agents", "actionsdetails"}
"""Arrays that stand beside the rows in an envelope (halo-api-facts 2.2)."""


def derive(openapi: Mapping[str, Any], facts: Facts) -> dict[str, Rows]:
    """Return the rows of ``operations.json`` (aliases, paths) and of ``schemas.json`` (schemas).

    Tolerates what it does not know: whatever is not a GET, POST or DELETE of the document is left out.
    """
    schemas = {
        name: mapping(schema) for name, schema in mapping(mapping(openapi.get("components")).get("schemas")).items()
    }
    document = _Document(openapi, schemas, facts)
    paths = {path: _path(document, path) for path in document.paths}
    for name, tag in facts.undocumented.items():
        method, _, path = name.partition(" ")
        row = paths.setdefault(path, {"tag": tag})
        row.setdefault(method, {**_operation(document, method, path, {}), "undocumented": True})
    return {
        "aliases": _aliases(document),
        "paths": {path: row for path, row in paths.items() if set(METHODS) & set(row)},
        "schemas": {name: _fields(schema, schemas) for name, schema in schemas.items() if "properties" in schema},
    }


@dataclass(frozen=True, slots=True)
class _Document:
    openapi: Mapping[str, Any]
    schemas: Mapping[str, Schema]
    facts: Facts

    @property
    def paths(self) -> Mapping[str, Any]:
        paths = mapping(self.openapi.get("paths"))
        return {path: item for path, item in paths.items() if path.startswith("/")}

    def operation(self, method: str, path: str) -> Schema:
        return mapping(mapping(self.paths.get(path)).get(method.lower()))

    def first(self, *names: str | None) -> str | None:
        """Return the first of these names that is a schema of records."""
        return next((name for name in names if name and "properties" in self.schemas.get(name, {})), None)


def _path(document: _Document, path: str) -> dict[str, Any]:
    item = mapping(document.paths[path])
    operations = {method: document.operation(method, path) for method in METHODS if method.lower() in item}
    tags = [tag for operation in operations.values() for tag in _tags(operation)]
    parameters = {
        name: code(type_) for each in operations.values() for name, type_, _ in _parameters(item, each, "path")
    }
    template = sorted(parameters, key=lambda name: path.find(f"{{{name}}}"))
    return {
        "tag": tags[0] if tags else root(path),
        **compact({"path": {name: parameters[name] for name in template}}),
        **{method: _operation(document, method, path, operation) for method, operation in operations.items()},
    }


def _operation(document: _Document, method: str, path: str, operation: Schema) -> dict[str, Any]:
    facts, name = document.facts, f"{method} {path}"
    item = mapping(document.paths.get(path))
    body, _ = _body(operation)
    query = {
        n: code(facts.types.get(n, type_), mark=required)
        for n, type_, required in _parameters(item, operation, "query")
    }
    for extra in (name, f"{method} {body}"):
        query |= {n: code(type_) for n, type_ in facts.query.get(extra, {}).items() if n not in query}
    binary = name in facts.binaries
    listing = None if binary or method != "GET" else _list(document, path, operation, query)
    record = None if binary else _record(document, method, path, operation, listing is not None)
    return compact(
        {
            "label": facts.labels.get(name) or label(method, path, _verb(method, body, record, listing), facts.nouns),
            "query": query,
            "body": body,
            "record": record,
            "key": _key(document, path, record),
            "requires": facts.requires.get(name),
            "binary": binary,
        }
    ) | ({} if listing is None else {"list": listing})


def _verb(method: str, body: str | None, record: str | None, listing: object) -> str:
    if method == "POST":
        by_body = {"array": "Create or update" if record else "Process", "object": "Send"}
        return by_body.get(body or "", "Post")
    return "List" if listing is not None else method.capitalize()


def _parameters(item: Schema, operation: Schema, where: str) -> Iterator[tuple[str, str, bool]]:
    """Yield name, type and whether required, of each parameter once; Halo declares 22 of them twice."""
    seen = set()
    for parameter in [*sequence(operation.get("parameters")), *sequence(item.get("parameters"))]:
        facts = mapping(parameter)
        name = facts.get("name")
        if facts.get("in") == where and isinstance(name, str) and name not in seen:
            seen.add(name)
            yield name, parameter_type(facts), bool(facts.get("required"))


def _body(operation: Schema) -> tuple[str | None, str | None]:
    """Return the shape of what is sent, and the schema of its record."""
    content = mapping(mapping(operation.get("requestBody")).get("content"))
    for media_type, value in content.items():
        if media_type.startswith("multipart/"):
            return "multipart", None
        schema = mapping(mapping(value).get("schema"))
        if schema.get("type") == "array":
            return "array", reference(mapping(schema.get("items"))) or None
        return ("string" if schema.get("type") == "string" else "object"), reference(schema) or None
    return None, None


def _list(document: _Document, path: str, operation: Schema, query: Mapping[str, str]) -> dict[str, Any] | None:
    known = document.facts.lists.get(path)
    if path in document.facts.singles or (known is None and "{" in path):
        return None
    facts = {name: value for name, value in (known or {}).items() if name != "record"}
    facts["paged"] = bool(facts.get("paged")) or query.keys() >= _PAGING
    if not facts.get("sure"):
        facts |= _answered(document, operation)
    return compact(facts)


def _answered(document: _Document, operation: Schema) -> dict[str, Any]:
    """Return the key of a list out of the answer that newer documents declare."""
    responses = mapping(operation.get("responses"))
    for media in mapping(mapping(responses.get("200")).get("content")).values():
        schema = mapping(mapping(media).get("schema"))
        if schema.get("type") == "array":
            return {"key": None, "sure": True}
        properties = mapping(document.schemas.get(reference(schema), {}).get("properties"))
        arrays = [name for name, value in properties.items() if mapping(value).get("type") == "array"]
        if len(rows := [name for name in arrays if name not in _NOT_ROWS]) == 1:
            return {"key": rows[0], "sure": True}
    return {}


def _record(document: _Document, method: str, path: str, operation: Schema, listed: bool) -> str | None:
    """Guess the record: what is posted here or to the collection, else what the tag names; rows may be ``X_List``."""
    facts = document.facts
    own = _body(operation)[1]
    if method == "POST":
        return document.first(own)
    parent = path.partition("/{")[0]
    known = facts.records.get(path) or mapping(facts.lists.get(parent)).get("record")
    posted = _body(document.operation("POST", parent))[1]
    tags = _tags(operation) if parent == f"/{root(path)}" else []
    for name in (known, posted, *tags):
        if name:
            base = name.removesuffix("_List")
            names = (f"{base}_List", base) if listed else (base, f"{base}_List")
            if found := document.first(*names):
                return found
    return None


def _key(document: _Document, path: str, record: str | None) -> list[str]:
    if key := document.facts.keys.get(root(path)):
        return key
    return ["id"] if record is None or "id" in mapping(document.schemas[record]["properties"]) else []


def _aliases(document: _Document) -> Rows:
    """Return other names of first path segments: the schema posted there, the tag, and those known by use."""
    roots = {root(path) for path in document.paths}
    taken = {first.casefold() for first in roots}
    found: dict[str, Any] = {}
    for path in sorted(document.paths, key=lambda path: (path.count("/"), path)):
        tags = [tag for value in mapping(document.paths[path]).values() for tag in _tags(mapping(value))]
        names = [*tags, _body(document.operation("POST", path))[1] if path.count("/") == 1 else None]
        for name in names:
            alias = (name or "").removesuffix("_List")
            if alias and alias.casefold() not in taken:
                taken.add(alias.casefold())
                found[alias] = root(path)
    return found | {alias: first for alias, first in document.facts.aliases.items() if first in roots}


def _fields(schema: Schema, schemas: Mapping[str, Schema]) -> dict[str, str]:
    properties = {name: mapping(value) for name, value in mapping(schema["properties"]).items()}
    return {
        name: code(*field_type(value, schemas), mark=bool(value.get("readOnly"))) for name, value in properties.items()
    }


def _tags(operation: Schema) -> list[str]:
    return [tag for tag in sequence(operation.get("tags")) if isinstance(tag, str)]


def root(path: str) -> str:
    """Return the first segment of a path."""
    return path.strip("/").partition("/")[0]
