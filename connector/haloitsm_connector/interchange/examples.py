"""Example values and bodies, made of what the catalogue says about types, and of what Halo asks of a new record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haloitsm_connector.catalogue import Catalogue, Field, Operation

_BY_TYPE: Mapping[str, Any] = {
    "integer": 1,
    "number": 1.5,
    "boolean": False,
    "date-time": "2026-01-31T09:00:00",
    "date": "2026-01-31",
    "time": "09:00:00",
    "uuid": "00000000-0000-0000-0000-000000000001",
    "array": [],
    "object": {},
}
_BY_NAME: Mapping[str, Any] = {
    "ticket_id": 2001,
    "summary": "An example",
    "details": "Written from Postman.",
    "note": "Written from Postman.",
    "outcome": "Note",
    "name": "An example",
    "firstname": "Alex",
    "surname": "Example",
    "email": "alex@example.com",
    "emailaddress": "alex@example.com",
    "subject": "An example",
    "inventory_number": "EXAMPLE-1",
    "start_date": "2026-01-31T09:00:00",
    "end_date": "2026-01-31T10:00:00",
    "filename": "example.txt",
    "data_base64": "data:text/plain;base64,ZXhhbXBsZQ==",
    "url": "https://example.com/hook",
}
_NEW_RECORDS: Mapping[str, tuple[str, ...]] = {
    "/Actions": ("ticket_id", "outcome", "note"),
    "/Agent": ("name", "email"),
    "/Appointment": ("subject", "start_date", "end_date", "agent_id"),
    "/Asset": ("inventory_number", "assettype_id", "client_id", "site_id"),
    "/Attachment": ("ticket_id", "filename", "data_base64"),
    "/Client": ("name", "toplevel_id"),
    "/CRMNote": ("client_id", "note"),
    "/Item": ("name",),
    "/Opportunities": ("summary", "details"),
    "/Outcome": ("outcome", "buttonname"),
    "/Projects": ("summary", "details"),
    "/Site": ("name", "client_id"),
    "/Supplier": ("name",),
    "/Team": ("name",),
    "/Tickets": ("summary", "details", "client_id", "site_id"),
    "/TimesheetEvent": ("start_date", "end_date", "ticket_id", "note"),
    "/ToDo": ("ticket_id",),
    "/Users": ("firstname", "surname", "emailaddress", "site_id"),
    "/Webhook": ("name", "url"),
}
"""What people write into a new record, by path; some of it Halo demands (halo-api-facts 4.1 to 4.5)."""
_FIELDS = 5
"""Fields of any other example; a ticket has 278."""
_SCALAR = frozenset({"integer", "number", "boolean", "string", "date", "date-time", "uuid", "any"})


def example_body(catalogue: Catalogue, operation: Operation) -> Any:
    """Return an example payload of an operation in the shape of its body; None where it takes none.

    It names no existing record, so where Halo creates, sending it creates (halo-api-facts 4.1).
    """
    if operation.body is None or operation.method != "POST" or operation.body == "multipart":
        return None
    if operation.body == "string":
        return "text"
    record = example_record(catalogue, operation)
    return [record] if operation.body == "array" else record


def example_record(catalogue: Catalogue, operation: Operation) -> dict[str, Any]:
    """Return an example record: what people write into a new one or, where that is not known, its first fields."""
    fields = catalogue.fields(operation.record) if operation.record else {}
    known = [fields[name] for name in _NEW_RECORDS.get(operation.path, ()) if name in fields]
    chosen = known or [one for one in fields.values() if _is_plain(one, operation)][:_FIELDS]
    return {field.name: example_value(field.type, field.name) for field in chosen}


def example_value(type_: str, name: str = "") -> Any:
    """Return an example of a type of the catalogue; well-known names have one of their own."""
    return _BY_NAME.get(name, _BY_TYPE.get(type_, "1" if name.endswith("_id") else "text"))


def _is_plain(field: Field, operation: Operation) -> bool:
    """Whether a field shows something: no key, no switch (halo-api-facts 4.2), nothing nested, no guid."""
    hidden = field.read_only or field.name.startswith("_") or field.name in {"id", "guid", *operation.key}
    return not hidden and field.type in _SCALAR
