"""What Halo asks of a record before it keeps it, and what it fills in by itself (halo-api-facts 4)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from haloitsm_connector.sandbox.errors import Refusal
from haloitsm_connector.sandbox.seed.desk import TICKET_BLANKS
from haloitsm_connector.sandbox.seed.setup import CLOSED
from haloitsm_connector.sandbox.seed.world import CONTENT, NO_DATE, Record, stamp
from haloitsm_connector.sandbox.tables import Tables

TICKET_TABLES = ("tickets", "opportunities", "projects")

_REQUIRED: dict[str, tuple[tuple[str, ...], ...]] = {
    "tickets": (("summary",),),
    "opportunities": (("summary",),),
    "projects": (("summary",),),
    "actions": (("ticket_id",),),
    "asset": (("assettype_id",), ("site_id", "client_id"), ("inventory_number",)),
    "client": (("name",),),
    "site": (("name",), ("client_id",)),
    "users": (("name", "firstname", "surname"), ("site_id", "site_id_int")),
    "agent": (("name",), ("email",)),
    "appointment": (("subject",), ("start_date",), ("end_date",), ("agents", "agent_id")),
    "crmnote": (("note",), ("client_id", "supplier_id", "site_id", "user_id")),
    "attachment": (("filename",), ("data_base64",)),
    "kbarticle": (("name",),),
    "item": (("name",),),
    "supplier": (("name",),),
    "team": (("name",),),
    "status": (("name",),),
    "outcome": (("outcome", "buttonname"),),
    "timesheetevent": (("start_date",), ("end_date",)),
    "todo": (("ticket_id",),),
}
"""Per table: groups of fields; one of each group must be there when a record is created."""

_TEXTS = {
    ("todo", "ticket_id"): "Ticket ID must be specified",
    ("actions", "outcome"): "An Outcome must be entered for this Action",
}
_UNIQUE = {"client": "name", "outcome": "outcome"}
_NAMES = {
    "client_id": ("Client", "client_name"), "site_id": ("Site", "site_name"), "user_id": ("Users", "user_name"),
    "agent_id": ("Agent", "agent_name"), "status_id": ("Status", "status_name"),
    "tickettype_id": ("TicketType", "tickettype_name"), "supplier_id": ("Supplier", "supplier_name"),
    "assettype_id": ("AssetType", "assettype_name"), "toplevel_id": ("TopLevel", "toplevel_name"),
}  # fmt: skip
_UPDATED = ("last_update", "last_modified", "lastmodified", "last_updated", "date_edited", "lastactiondate")
CREATED = ("datecreated", "dateoccurred", "date_created", "datetime", "actiondatecreated", "date")
"""Dates of a new record."""


_TICKET_DEFAULTS: Record = {
    "status_id": 1, "tickettype_id": 1, "priority_id": 3, "sla_id": 1, "agent_id": 1, "client_id": 1, "site_id": 1,
    "user_id": 0, "team_id": 1, "hasbeenclosed": False, "dateclosed": NO_DATE, "source": 0,
}  # fmt: skip


def check(table: str, record: Record, sent: Mapping[str, Any], *, new: bool, tables: Tables) -> None:
    """Refuse a record that lacks something; ``sent`` is what the client wrote of it."""
    groups = _REQUIRED.get(table, ()) if new or table == "todo" else ()
    for group in groups:
        if all((sent if table == "todo" else record).get(name) in (None, "", []) for name in group):
            raise Refusal(_TEXTS.get((table, group[0]), f"{' or '.join(group)} must be specified"), field=group[0])
    column = _UNIQUE.get(table)
    if column and column in sent:
        name = str(record[column]).casefold()
        twins = [row for row in tables[table].values() if str(row.get(column)).casefold() == name]
        if any(row.get("id") != record.get("id") or new for row in twins):
            raise Refusal(f"The name '{record[column]}' is already in use", field=column)
    if table == "webhook" and record.get("type", 0) == 0 and "://" not in str(record.get("url") or ""):
        raise Refusal("Please enter a valid URL", field="url")
    if table == "actions":
        _check_action(record, new, tables)
    if table in TICKET_TABLES and sent.get("user_id") and not record.get("site_id"):
        raise Refusal("site_id must be specified when a user is set", field="site_id")


def _check_action(record: Record, new: bool, tables: Tables) -> None:
    if not any(record["ticket_id"] in tables[name] for name in TICKET_TABLES):
        raise Refusal(f"There is no ticket {record['ticket_id']}", field="ticket_id")
    if new and record.get("outcome") in (None, "") and record.get("outcome_id") is None:
        raise Refusal(_TEXTS["actions", "outcome"], field="outcome")


def filled(table: str, record: Record, sent: Mapping[str, Any], *, new: bool, tables: Tables, now: datetime,
           known: Mapping[str, Any]) -> Record:  # fmt: skip
    """Return the record with what Halo adds: names of what its ids point at, dates, defaults of new ones."""
    if new and table in TICKET_TABLES:
        record = _new_ticket(record)
    for column, (other, name) in _NAMES.items():
        if column in known and name in known and record.get(column) is not None and (column in sent or new):
            record[name] = tables[other].get(int(record[column]), {}).get("name", record.get(name))
    moment = stamp(now)
    record |= {name: moment for name in _UPDATED if name in known}
    if new:
        record |= {name: moment for name in CREATED if name in known and not record.get(name)}
    if fill := _FILLED.get(table):
        fill(record, sent, tables, moment)
    return record


def _new_ticket(record: Record) -> Record:
    return TICKET_BLANKS | _TICKET_DEFAULTS | {name: value for name, value in record.items() if value is not None}


def _ticket(record: Record, sent: Mapping[str, Any], tables: Tables, moment: str) -> None:
    """Tie a ticket's team, client, details and closing date together."""
    teams = tables["Team"]
    if "team" in sent:
        wanted = str(record.get("team")).casefold()
        record["team_id"] = next((row["id"] for row in teams.values() if str(row.get("name")).casefold() == wanted), 0)
    record.setdefault("team", teams.get(record.get("team_id"), {}).get("name"))
    if "client_id" not in sent and "site_id" in sent and (site := tables["Site"].get(record["site_id"])):
        record |= _client_of(site)
    if sent.get("details") is not None and "details_html" not in sent:
        record["details_html"] = f"<p>{record['details']}</p>"
    record["idsummary"] = f"{record.get('id', 0):07} {record.get('summary')}"
    if record.get("status_id") == CLOSED and not record.get("hasbeenclosed"):
        record |= {"hasbeenclosed": True, "dateclosed": moment}
    elif record.get("status_id") != CLOSED and record.get("hasbeenclosed"):
        record |= {"hasbeenclosed": False, "dateclosed": NO_DATE}


def _client_of(site: Record) -> Record:
    return {"client_id": int(site.get("client_id") or 1), "client_name": site.get("client_name")}


def _action(record: Record, sent: Mapping[str, Any], tables: Tables, moment: str) -> None:
    """Name the outcome, and let the ticket know."""
    outcomes = tables["Outcome"].values()
    if record.get("outcome") in (None, ""):
        record["outcome"] = next((row.get("outcome") for row in outcomes if row["id"] == record.get("outcome_id")), "")
    elif record.get("outcome_id") is None:
        named = str(record["outcome"]).casefold()
        record["outcome_id"] = next((row["id"] for row in outcomes if str(row.get("outcome")).casefold() == named), -1)
    if "note" in sent and "note_html" not in sent:
        record["note_html"] = f"<p>{record['note']}</p>"
    record.setdefault("who", "Robin Teal")
    record.setdefault("who_agentid", 2)
    record.setdefault("hiddenfromuser", False)
    table = next((name for name in TICKET_TABLES if record.get("ticket_id") in tables[name]), None)
    if table is None:
        return  # the ticket was deleted, its actions were not
    ticket = tables[table][record["ticket_id"]] | {"last_update": moment, "lastactiondate": moment}
    if (status := sent.get("new_status")) and int(status) in tables["Status"]:
        ticket |= {"status_id": int(status), "status_name": tables["Status"][int(status)].get("name")}
        _ticket(ticket, {}, tables, moment)
    tables[table][record["ticket_id"]] = ticket


def _attachment(record: Record, sent: Mapping[str, Any], tables: Tables, moment: str) -> None:
    """Decode the data URI and keep the bytes."""
    if "data_base64" not in sent:
        return
    head, comma, encoded = str(record.pop("data_base64")).partition(",")
    try:
        content = base64.b64decode(encoded if comma else head, validate=True)
    except (binascii.Error, ValueError):
        raise Refusal("data_base64 is not a base64 text", field="data_base64") from None
    kind = head.removeprefix("data:").partition(";")[0] if comma else "application/octet-stream"
    record |= {CONTENT: content, "filesize": len(content), "content_type": kind}


def _user(record: Record, sent: Mapping[str, Any], tables: Tables, moment: str) -> None:
    record["site_id_int"] = int(record.get("site_id") or record.get("site_id_int") or 0)
    record["site_id"] = float(record["site_id_int"])
    record["name"] = record.get("name") or f"{record.get('firstname', '')} {record.get('surname', '')}".strip()
    if site := tables["Site"].get(record["site_id_int"]):
        record |= _client_of(site) | {"site_name": site.get("name")}


def _appointment(record: Record, sent: Mapping[str, Any], tables: Tables, moment: str) -> None:
    agents = record.get("agents")
    if agents and isinstance(agents[0], dict) and "agent_id" not in sent:
        record["agent_id"] = agents[0].get("id")


def _site_of(record: Record, sent: Mapping[str, Any], tables: Tables, moment: str) -> None:
    """An asset's client follows from its site."""
    if "client_id" not in sent and (site := tables["Site"].get(record.get("site_id"))):
        record |= _client_of(site)


_FILLED: dict[str, Callable[[Record, Mapping[str, Any], Tables, str], None]] = {
    "tickets": _ticket, "opportunities": _ticket, "projects": _ticket, "actions": _action,
    "attachment": _attachment, "users": _user, "appointment": _appointment, "asset": _site_of,
}  # fmt: skip
