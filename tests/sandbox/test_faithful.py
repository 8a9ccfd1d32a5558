"""The sandbox against Halo's own OpenAPI document, checked by jsonschema and schemathesis.

``HALO_OPENAPI`` names the document (JSON, may be gzipped); it is Halo's and not part of this project.
"""

from __future__ import annotations

import contextlib
import copy
import gzip
import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import orjson
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import status_code_conformance

from haloitsm_connector.catalogue import Catalogue, Operation
from haloitsm_connector.sandbox import Sandbox

SOURCE = os.environ.get("HALO_OPENAPI", "")
pytestmark = pytest.mark.skipif(not SOURCE, reason="HALO_OPENAPI does not name Halo's OpenAPI document")

STATUSES = ("200", "201", "400", "401", "403", "404", "405", "415")
"""What the facts know besides 429 and 500 (halo-api-facts 5)."""
SECONDS = 60
TYPES: dict[str, dict[str, Any]] = {
    "int": {"type": "integer"},
    "bool": {"type": "boolean"},
    "double": {"type": "number"},
    "byte": {"type": "string"},
    "obj": {"type": "object"},
    "DateTime": {"type": "string", "format": "date-time"},
    "List<int>": {"type": "array", "items": {"type": "integer"}},
}
"""The document's own type names in JSON Schema's words (halo-api-facts 10)."""


def as_json_schema(node: Any) -> Any:
    """Rewrite a part of the document as JSON Schema: types by their right names, nullable, no closed objects."""
    if isinstance(node, list):
        return [as_json_schema(each) for each in node]
    if not isinstance(node, dict):
        return node
    schema = {name: as_json_schema(value) for name, value in node.items()}
    if isinstance(kind := schema.get("type"), str):
        schema |= copy.deepcopy(TYPES.get(kind, {}))
        if schema.pop("nullable", False) and "enum" not in schema:
            schema["type"] = [schema["type"], "null"]
    if schema.get("additionalProperties") is False:
        del schema["additionalProperties"]
    return schema


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    content = Path(SOURCE).read_bytes()
    return orjson.loads(gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content)


@pytest.fixture(scope="module")
def problems(document: dict[str, Any]) -> Callable[[str, Any], list[str]]:
    """Return what is wrong with a record, by the name of its schema."""
    whole = {"components": {"schemas": as_json_schema(document["components"]["schemas"])}}
    validators: dict[str, jsonschema.Draft202012Validator] = {}

    def find(schema: str, record: Any) -> list[str]:
        if schema not in validators:
            validators[schema] = jsonschema.Draft202012Validator(whole | {"$ref": f"#/components/schemas/{schema}"})
        return [
            f"{schema}{error.json_path[1:]}: {error.message}"[:200] for error in validators[schema].iter_errors(record)
        ]

    return find


def documented_record(operation: Operation, document: dict[str, Any]) -> str | None:
    """Return the schema of the records of an operation if the document has it."""
    return operation.record if operation.record in document["components"]["schemas"] else None


def rows_of(body: Any, key: str | None) -> list[Any]:
    return body if isinstance(body, list) else body[key]


def test_every_list_row_is_what_the_document_declares(
    catalogue: Catalogue, document: dict[str, Any], halo: httpx.Client, problems: Callable[[str, Any], list[str]]
) -> None:
    wrong, seen = [], 0
    for operation in catalogue.operations():
        schema = documented_record(operation, document)
        if operation.listing is None or operation.path_parameters or schema is None:
            continue
        everything = {"count": "500", "includeinactive": "true", "include_custom_fields": "201,202,203"}
        query = {"lookupid": "12", "ticket_id": "2001", "client_id": "3"} if operation.requires else everything
        rows = rows_of(halo.get(operation.path, params=query).json(), operation.listing.key)
        seen += len(rows)
        wrong += [f"{operation.name}: {problem}" for row in rows for problem in problems(schema, row)]
    assert wrong == []
    assert seen > 1500


def test_every_detail_is_what_the_document_declares(
    catalogue: Catalogue,
    document: dict[str, Any],
    sandbox: Sandbox,
    halo: httpx.Client,
    problems: Callable[[str, Any], list[str]],
) -> None:
    wrong, seen = [], 0
    for operation in catalogue.operations():
        schema = documented_record(operation, document)
        if operation.method != "GET" or operation.listing or operation.binary or schema is None:
            continue
        for path in list(single_paths(operation, sandbox))[:20]:
            answer = halo.get(path, params={"includedetails": "true", "ticket_id": "2001"})
            assert answer.status_code == 200, path
            seen += 1
            wrong += [f"{operation.name}: {problem}" for problem in problems(schema, answer.json())]
    assert wrong == []
    assert seen > 500


def single_paths(operation: Operation, sandbox: Sandbox) -> Iterator[str]:
    """Yield the operation's path for each record of its table."""
    if not operation.path_parameters:
        yield operation.path
        return
    head, _, _ = operation.path.partition("/{")
    for key, record in sandbox.tables[head.strip("/")].items():
        if head == "/Actions" and key[0] != 2001:
            return
        number = operation.path_parameters[0].type == "integer" and not isinstance(key, tuple)
        name = key if number else record.get("id", key[0] if isinstance(key, tuple) else key)
        yield f"{head}/{name}"


def test_what_is_posted_comes_back_as_the_document_declares(
    halo: httpx.Client, problems: Callable[[str, Any], list[str]]
) -> None:
    ticket = halo.post("/Tickets", json=[{"summary": "New", "client_id": "2", "site_id": 2}]).json()
    detail = halo.get(f"/Tickets/{ticket['id']}").json()
    asset = halo.post("/Asset", json=[{"inventory_number": "N1", "assettype_id": "130", "site_id": 2}]).json()
    user = halo.post("/Users", json=[{"name": "Ada", "site_id": 2}]).json()
    assert problems("Faults", ticket) + problems("Faults", detail) == []
    assert problems("Device", asset) + problems("Users", user) == []


def requestable(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document with real JSON Schema types, the statuses that Halo answers, and bodies of bounded size."""
    small: dict[str, Any] = {}
    for name, schema in document["components"]["schemas"].items():
        plain = [(each, kind) for each, kind in schema.get("properties", {}).items() if "$ref" not in str(kind)]
        small[name] = schema | {"properties": dict(plain[:12])} if "properties" in schema else schema
    paths = copy.deepcopy(document["paths"])
    for operations in paths.values():
        for operation in operations.values():
            unique = {
                (each["in"], each["name"].casefold()): {"schema": {}} | each for each in operation.get("parameters", [])
            }
            operation["parameters"] = list(unique.values())
            operation["responses"] = {status: {"description": ""} for status in STATUSES}
            content = operation.get("requestBody", {}).get("content", {})
            for kind in set(content) - {"application/json", "multipart/form-data"}:
                del content[kind]
    whole = {"openapi": "3.1.0", "info": document["info"], "paths": paths, "components": {"schemas": small}}
    return as_json_schema(whole)


def test_generated_requests_get_known_answers(document: dict[str, Any], sandbox: Sandbox, halo: httpx.Client) -> None:
    schema = schemathesis.openapi.from_dict(requestable(document))
    wanted = re.compile(r"/(Tickets|Actions|Asset|Client|Users|Appointment|Priority|Report|Invoice|Webhook)(/\{id\})?$")
    until, fired, tried = time.monotonic() + SECONDS, 0, 0
    for number, result in enumerate(schema.get_all_operations()):
        operation = result.ok()
        if not (wanted.match(operation.path) or number % 12 == 0) or time.monotonic() > until:
            continue
        tried += 1

        @settings(
            max_examples=4, derandomize=True, database=None, deadline=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=operation.as_strategy(generation_mode=list(GenerationMode)[tried % 2]))
        def fire(case: schemathesis.Case) -> None:
            nonlocal fired
            fired += 1
            headers = {"Authorization": halo.headers["Authorization"]}
            answer = case.call(base_url=f"{sandbox.base_uri}/api", headers=headers)
            case.validate_response(answer, checks=[not_a_server_error, status_code_conformance])

        with contextlib.suppress(Unsatisfiable):  # nothing about it can be wrong
            fire()
    assert tried > 60
    assert fired > 150
