"""How a record shows: list rows are leaner than details, and nulls are left out (halo-api-facts 2.3, 3 and 8)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from haloitsm_connector.sandbox.answers import flag
from haloitsm_connector.sandbox.seed.world import CONTENT, Record

UNDECLARED: dict[str, frozenset[str]] = {
    "tickets": frozenset({"team_id"}),
    "opportunities": frozenset({"team_id"}),
    "projects": frozenset({"team_id"}),
    "actions": frozenset({"who"}),
    "users": frozenset({"site_id_int", "client_id", "azure_id"}),
}
"""Fields that Halo sends although its document does not declare them (halo-api-facts 8)."""

_ON_REQUEST: dict[str, dict[str, tuple[str, ...]]] = {
    "tickets": {
        "includestatus": ("status_name",),
        "includetickettype": ("tickettype_name",),
        "includeagent": ("agent_name",),
        "includesupplier": ("supplier_name",),
        "includetimetaken": ("timetaken",),
        "includeslatimer": ("slatimeleft",),
        "includelastnote": ("lastnote",),
        "includeparentsubject": ("parent_subject", "parent_id"),
        "inlcludeopenchildcount": ("child_count_open",),
        "includecompleted": ("dateclosed", "hasbeenclosed"),
        "": ("sla_name", "priority_name", "priority", "categoryid_1", "dateassigned", "details_html"),
    },
    "actions": {
        "includehtmlnote": ("note_html",),
        "includehtmlemail": ("emailbody_html",),
        "includeattachments": ("attachments",),
        "": ("reactions",),
    },
    "client": {"includenotes": ("notes",)},
    "site": {
        "includenotes": ("notes",),
        "includeaddress": tuple(f"delivery_address_line{n}" for n in range(1, 6)),
    },
    "users": {"includenotes": ("notes",)},
    "asset": {"includeassetfields": ("fields",)},
    "agent": {"includedetails": ("costprice",)},
    "invoice": {"includelines": ("lines",), "": ("payments", "currency_code_name", "pdftemplate_name")},
    "recurringinvoice": {"includelines": ("lines",), "": ("payments", "currency_code_name", "pdftemplate_name")},
    "quotation": {"": ("lines", "total", "revenue", "tax_total")},
    "sla": {"": ("priorities",)},
}
"""Per table: which query switch brings which fields into list rows; those under "" show in details only."""
_ON_REQUEST["opportunities"] = _ON_REQUEST["projects"] = _ON_REQUEST["tickets"]

_DETAILED: dict[str, tuple[str, ...]] = {
    "invoice": ("currency_code_name", "pdftemplate_name", "payments"),
    "client": ("custombuttons",),
    "agent": ("costprice",),
}
"""Fields of a detail that need ``includedetails=true``."""


def hidden_in_rows(table: str, query: Mapping[str, str]) -> frozenset[str]:
    """Return the fields that list rows of a table leave out for this query."""
    groups = _ON_REQUEST.get(table, {})
    hidden = {name for switch, names in groups.items() if not flag(query, switch) for name in names}
    if "include_custom_fields" not in query:
        hidden.add("customfields")
    return frozenset(hidden | {CONTENT, "data_base64"})


def hidden_in_details(table: str, query: Mapping[str, str]) -> frozenset[str]:
    """Return the fields that a detail leaves out for this query."""
    extra = () if flag(query, "includedetails") else _DETAILED.get(table, ())
    return frozenset({CONTENT, "data_base64", *extra})


def shown(record: Record, hidden: Collection[str], known: Collection[str] | None, omit_nulls: bool) -> Record:
    """Return what a client sees of a record; ``known`` limits it to the declared fields, None to nothing."""
    return {
        name: value
        for name, value in record.items()
        if name not in hidden and (known is None or name in known) and not (omit_nulls and value is None)
    }


def custom_fields(record: Record, wanted: str) -> list[Any]:
    """Return the custom fields named by ``include_custom_fields=ID,ID``."""
    ids = {part.strip() for part in wanted.split(",")}
    return [field for field in record.get("customfields", []) if str(field.get("id")) in ids]
