from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from haloitsm_connector.catalogue import Catalogue, Operation
from haloitsm_connector.sandbox import Sandbox

FILE = {"file": ("a.txt", b"hello", "text/plain")}


def example_path(operation: Operation, sandbox: Sandbox) -> str:
    """Fill the path with what identifies the first record of the table that the operation is about."""
    name = operation.path.partition("/{")[0].strip("/")
    table = sandbox.tables["Invoice" if name == "Invoice/PDF" else name]
    key, record = next(iter(table.items()))
    if name == "TicketApproval":
        values = [str(part) for part in key]
    elif name == "ReportData":
        values = [next(iter(sandbox.tables["Report"].values()))["published_id"]]
    elif operation.method == "POST" and operation.path_parameters[0].type == "uuid":
        values = ["7d9f1c52-31a8-4a58-9a53-0d3f6a1b2c4e"]
    else:
        number = operation.path_parameters[0].type == "integer" and not isinstance(key, tuple)
        values = [str(key if number else record.get("id", key))] * len(operation.path_parameters)
    filled = iter(values)
    return re.sub(r"\{\w+\}", lambda _: next(filled), operation.path)


def example_query(operation: Operation) -> dict[str, str]:
    return {"lookupid": "12"} if "lookupid" in operation.requires else {"ticket_id": "2001", "client_id": "2"}


def example_body(operation: Operation) -> dict[str, Any]:
    record = {"summary": "s", "name": "n", "ticket_id": 2001, "note": "n", "email": "a@b.example"}
    record |= {"client_id": 2, "site_id": 2, "assettype_id": 130, "inventory_number": "X1", "subject": "s"}
    record |= {"start_date": "2026-01-01T09:00:00Z", "end_date": "2026-01-01T10:00:00Z", "agent_id": 3}
    record |= {"filename": "a.txt", "data_base64": "data:text/plain;base64,aGVsbG8=", "url": "https://a.example"}
    record |= {"/Actions": {"outcome": "Reply"}, "/Outcome": {"outcome": "New"}}.get(operation.path, {})
    match operation.body:
        case "array":
            return {"json": [record]}
        case "object":
            return {"json": record}
        case "string":
            return {"json": "text"}
        case "multipart":
            return {"files": FILE}
    return {}


def test_every_operation_of_the_catalogue_answers(catalogue: Catalogue, sandbox: Sandbox, halo: httpx.Client) -> None:
    odd = []
    for operation in sorted(catalogue.operations(), key=lambda each: (each.method == "DELETE", each.name)):
        path = example_path(operation, sandbox) if operation.path_parameters else operation.path
        body = example_body(operation)
        if operation.name == "DELETE /Priority/{id}":
            continue  # in use, so it is refused
        answer = halo.request(operation.method, path, params=example_query(operation), **body)
        if answer.status_code not in (200, 201):
            odd.append(f"{operation.name} {path} {answer.status_code} {answer.text[:80]}")
        elif operation.method == "GET" and not operation.binary:
            shape = "list" if operation.listing and operation.listing.key is None else "dict"
            if operation.path not in ("/Agent", "/Attachment/image"):
                assert type(answer.json()).__name__ == shape, operation.name
    assert "\n".join(odd) == ""


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_updating_with_put_or_patch_is_not_allowed(halo: httpx.Client, method: str) -> None:
    answer = halo.request(method, "/Tickets/2001", json={})
    assert (answer.status_code, answer.content) == (405, b"")
