"""One operation as one request of a Postman collection."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from haloitsm_connector.catalogue import Operation, Parameter
from haloitsm_connector.client.request import encode_query, placeholders
from haloitsm_connector.interchange.postman_scripts import test

Item = dict[str, Any]
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_MEANINGS: Mapping[str, str] = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "date-time": "a date and time, 2026-01-31T09:00:00",
    "uuid": "a GUID",
    "array": "one value, or several joined with commas",
    "any": "any value",
}
_PAGING: Mapping[str, str] = {
    "pageinate": "true switches pages on",
    "page_size": "rows of a page; Halo cuts larger pages without a word",
    "page_no": "which page, from 1",
}
"""halo-api-facts 2.1"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request to export: what it is called, its operation, and the values that are known for it.

    ``remembers`` lets a list's test keep the first id for the request of one record.
    """

    name: str
    operation: Operation
    path: Mapping[str, Any] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    payload: Any = None
    remembers: bool = False
    origin: str = ""


def request_item(wanted: Wanted) -> Item:
    """Return the item of a collection (v2.1) for one request: URL, described variables, example body, test."""
    operation = wanted.operation
    request: Item = {
        "method": operation.method,
        "header": [{"key": "Accept", "value": "*/*" if operation.binary else "application/json"}],
        "url": _url(wanted),
        "description": _description(wanted),
    }
    if operation.body == "multipart":
        file = {"key": "file", "type": "file", "src": [], "description": "Choose the file here."}
        request["body"] = {"mode": "formdata", "formdata": [file]}
    elif wanted.payload is not None:
        request["header"].append({"key": "Content-Type", "value": "application/json"})
        request["body"] = {
            "mode": "raw",
            "raw": json.dumps(wanted.payload, indent=2, ensure_ascii=False, default=str),
            "options": {"raw": {"language": "json"}},
        }
    script = {"type": "text/javascript", "exec": test(operation, wanted.remembers)}
    return {"name": wanted.name, "event": [{"listen": "test", "script": script}], "request": request, "response": []}


def _url(wanted: Wanted) -> Item:
    operation = wanted.operation
    path = _PLACEHOLDER.sub(r":\1", operation.path).strip("/")
    if "&:" in path:  # two values in one segment, which Postman's path variables cannot be
        path = _PLACEHOLDER.sub(r"{{\1}}", operation.path).strip("/")
    query = _query(wanted)
    sent = "&".join(f"{one['key']}={one['value']}" for one in query if not one.get("disabled"))
    raw = f"{{{{api_uri}}}}/{path}"
    url: Item = {"raw": f"{raw}?{sent}" if sent else raw, "host": ["{{api_uri}}"], "path": path.split("/")}
    if query:
        url["query"] = query
    named = {one.name: one for one in operation.path_parameters}
    variables = [
        {"key": name, "value": _text(wanted.path.get(name, "")), "description": _meaning(named[name])}
        for name in placeholders(operation.path)
        if f":{name}" in path
    ]
    return url | ({"variable": variables} if variables else {})


def _query(wanted: Wanted) -> list[Item]:
    """Return every parameter that the operation knows, those without a value switched off; and what else is given."""
    operation = wanted.operation
    known = {one.name: one for one in operation.query_parameters}
    given = dict(encode_query(_first_page(operation) | dict(wanted.query)))
    rows = [
        {"key": name, "value": value, "description": _query_meaning(operation, known.get(name), name)}
        for name, value in given.items()
    ]
    taken = {name.casefold() for name in given}
    return rows + [
        {"key": name, "value": "", "disabled": True, "description": _query_meaning(operation, one, name)}
        for name, one in known.items()
        if name.casefold() not in taken
    ]


def _first_page(operation: Operation) -> dict[str, Any]:
    listing = operation.listing
    if listing is None or not listing.paged:
        return {}
    return {"pageinate": True, "page_size": listing.page_size, "page_no": 1}


def _query_meaning(operation: Operation, parameter: Parameter | None, name: str) -> str:
    listing = operation.listing
    said = _PAGING.get(name) if listing else None
    if said is None:
        said = _meaning(parameter) if parameter else "not in Halo's own document"
    if listing and name in listing.incremental:
        said += "; narrows the list by date"
    return f"{said}; the list is empty without one of these" if name in operation.requires else said


def _meaning(parameter: Parameter) -> str:
    said = _MEANINGS.get(parameter.type, parameter.type)
    return f"{said}; required" if parameter.required else said


def _description(wanted: Wanted) -> str:
    operation = wanted.operation
    lines = [f"{operation.label}: `{operation.name}`."]
    if wanted.origin:
        lines.append(f"Made of {wanted.origin}.")
    if operation.method != "GET":
        lines.append("Sent only while the variable `writes` is `send`.")
    if operation.body == "array":
        lines.append("An array of records: one with an id is updated, one without is created.")
    if operation.requires:
        lines.append(f"Answers no rows without one of: {', '.join(operation.requires)}.")
    if not operation.documented:
        lines.append("Seen in use, though Halo's document does not list it.")
    return "\n\n".join(lines)


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return _text(value[0]) if value else ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
