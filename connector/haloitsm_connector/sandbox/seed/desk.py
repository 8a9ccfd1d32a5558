"""The service desk: tickets, opportunities, projects, their actions, attachments, appointments and articles."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from random import Random
from typing import Any

from haloitsm_connector.sandbox.seed.setup import CLOSED
from haloitsm_connector.sandbox.seed.words import DETAILS, NOTES, ODD_TEXTS, SYMPTOMS
from haloitsm_connector.sandbox.seed.world import (
    CONTENT,
    NO_DATE,
    OLDER_NO_DATE,
    Record,
    World,
    custom_field,
    guid,
    stamp,
    uneven,
)

TICKET_BLANKS: dict[str, Any] = {
    "id": 0, "summary": "", "estimate": 0.0, "estimatedays": 0.0,
    "child_count": 0, "child_count_open": 0, "flagged": False, "read": True,
    "enduserstatus": 0, "onhold": False, "excludefromsla": False, "slaholdtime": 0.0, "site_timezone": "",
    "organisation_id": 1, "department_id": 1, "matched_kb_id": 0, "product_id": 0, "release_id": 0, "release2_id": 0,
    "release3_id": 0, "lastincomingemail": OLDER_NO_DATE, "workflow_id": 0, "workflow_step": 0,
    "pipeline_stage_id": 0, "inactive": False, "starttime": "00:00:00", "starttimeslot": 0, "targetdate": NO_DATE,
    "targettime": "00:00:00", "deadlinedate": NO_DATE, "oppvalueadjusted": 0.0, "cost": 0.0, "quantity": 1,
    "userdef1": "", "userdef2": "", "userdef3": "", "userdef4": "", "userdef5": "", "supplier_status": 0,
    "appointment_type": 0, "section_timezone": "", "impactlevel": 0, "reviewed": False, "merged_into_id": 0,
    "table": 2, "use": "ticket", "ticket_tags": "", "purchaseordernumber": "", "parent_id": 0, "supplier_id": 0,
    "category_2": "", "category_3": "", "category_4": "", "is_vip": False, "isimportantcontact": False,
    "attachments": [], "assets": [], "todo_list": [], "items_issued": [], "budgets": [], "approvers": [],
    "related_tickets": [], "popup_notes": [], "external_links": [], "workflow_history": [], "audit_log": [],
}  # fmt: skip
"""What every ticket has until somebody sets it."""

_FIRST_TICKET = 2001
_FIRST_OPPORTUNITY = 700_001
_FIRST_PROJECT = 800_001


def tickets(world: World) -> Iterator[Record]:
    """Build the tickets, oldest first; most are closed, a few carry odd text, custom fields or linked assets."""
    chance = world.chance("Tickets")
    people = [user for user in world.rows("Users") if user.get("client_id", 1) != 1] or world.rows("Users")
    assets: dict[Any, list[Record]] = {}
    for asset in world.rows("Asset"):
        assets.setdefault(asset.get("site_id"), []).append({"id": asset["id"], **_asset_name(asset)})
    number_of_tickets = world.many(320)
    for index in range(number_of_tickets):
        symptom, category = chance.choice(SYMPTOMS)
        record = _ticket(world, chance, _FIRST_TICKET + index, symptom, chance.choice(people))
        age = timedelta(days=180 * (1 - index / number_of_tickets), minutes=chance.randrange(600))
        record |= _life(chance, world, age)
        record |= {"category_1": category, "categoryid_1": 1 + [each for _, each in SYMPTOMS].index(category)}
        if index % 5 == 0:
            record["assets"] = assets.get(record["site_id"], [])[:1]
        if index % 31 == 7:
            record["details"] = f"{record['details']} {ODD_TEXTS[(index // 31) % len(ODD_TEXTS)]}"
        if index % 12 == 5:
            record["parent_id"] = _FIRST_TICKET + index - chance.randint(1, 5)
        yield record


def _asset_name(asset: Record) -> Record:
    return {name: asset.get(name) for name in ("inventory_number", "assettype_id", "assettype_name")}


def _ticket(world: World, chance: Random, number: int, summary: str, user: Record) -> Record:
    agent = chance.choice(world.rows("Agent"))
    priority = chance.choice([row for row in world.rows("Priority") if row.get("slaid") == 1] or world.rows("Priority"))
    details = " ".join(chance.sample(DETAILS, 2))
    team = agent.get("teams") or [{"team_id": 1, "team_name": agent.get("team", "")}]
    return TICKET_BLANKS | {
        "id": number, "guid": guid(chance), "summary": summary, "details": details,
        "details_html": f"<p>{details}</p>", "idsummary": f"{number:07} {summary}", "tickettype_id": 1,
        "tickettype_name": "Incident", "itil_requesttype_id": 1, "sla_id": 1, "sla_name": "Standard",
        "priority_id": priority.get("priorityid"), "priority_name": priority.get("name"), "priority": priority,
        "client_id": user.get("client_id"), "client_name": user.get("client_name"),
        "site_id": int(user.get("site_id") or 0), "site_name": user.get("site_name"), "user_id": user["id"],
        "user_name": user.get("name"), "team": team[0]["team_name"], "team_id": team[0]["team_id"],
        "agent_id": agent["id"], "agent_name": agent.get("name"), "impact": chance.randint(1, 3),
        "urgency": chance.randint(1, 3), "source": chance.randint(0, 4), "ticketage": round(chance.random() * 99, 4),
        "is_vip": number % 7 == 0, "reportedby": user.get("name"), "attachment_count": int(number % 8 == 1),
        "timetaken": round(chance.random() * 3, 2), "slatimeleft": round(chance.random() * 40 - 8, 3),
        "customfields": [
            custom_field(201, "CFCostCentre", "Cost centre", f"CC-{user['id'] % 40:03}"),
            custom_field(203, "CFSignedOff", "Signed off", number % 2 == 0, 6),
        ],
    }  # fmt: skip


def _life(chance: Random, world: World, age: timedelta) -> Record:
    """What dates and status a ticket of this age has."""
    opened = world.now - age
    touched = opened + age * chance.random()
    closed = age > timedelta(days=10) and chance.random() < 0.8
    status = CLOSED if closed else chance.choice((1, 2, 3, 4, 5, 21))
    name = next((row.get("name") for row in world.rows("Status") if row["id"] == status), None)
    dates = {
        "dateoccurred": uneven(chance, opened), "last_update": uneven(chance, touched),
        "lastactiondate": uneven(chance, touched), "dateassigned": uneven(chance, opened),
        "respondbydate": stamp(opened + timedelta(hours=4)), "fixbydate": stamp(opened + timedelta(hours=24)),
        "dateclosed": uneven(chance, touched) if closed else NO_DATE,
    }  # fmt: skip
    return dates | {"status_id": status, "status_name": name, "hasbeenclosed": closed, "onhold": status == 21}


def opportunities(world: World) -> Iterator[Record]:
    """Build sales opportunities: tickets with opp fields."""
    yield from _kin(world, "Opportunities", _FIRST_OPPORTUNITY, world.many(18), 6, "Opportunity", 21, "Interested in")


def projects(world: World) -> Iterator[Record]:
    """Build projects: tickets with budgets; they have a summary, never a name."""
    yield from _kin(world, "Projects", _FIRST_PROJECT, world.many(14), 5, "Project", 22, "Roll-out:")


def _kin(
    world: World, table: str, first: int, many: int, kind: int, kind_name: str, itil: int, words: str
) -> Iterator[Record]:
    chance, people = world.chance(table), world.rows("Users")
    for number in range(first, first + many):
        record = _ticket(world, chance, number, f"{words} {chance.choice(SYMPTOMS)[1]}", chance.choice(people))
        record |= _life(chance, world, timedelta(days=chance.random() * 90))
        record |= {"tickettype_id": kind, "tickettype_name": kind_name, "itil_requesttype_id": itil}
        if table == "Projects":
            record |= {"projecttimebudget": 40.0, "projectmoneybudget": 5000.0, "projecttimeactual": 12.5}
        else:
            record |= {"oppvalue": 1500.0, "oppconversionprobability": 50.0, "oppcompanyname": record["client_name"]}
        yield record


def actions(world: World) -> Iterator[Record]:
    """Build the actions: numbered from 1 inside each ticket, and fourteen of them on the first one."""
    chance, agents = world.chance("Actions"), world.rows("Agent")
    outcomes = world.rows("Outcome")
    for index, ticket in enumerate(world.rows("Tickets")):
        for number in range(1, (14 if index == 0 else chance.randint(1, 4)) + 1):
            yield _action(world, chance, ticket, number, chance.choice(agents), chance.choice(outcomes))


def _action(world: World, chance: Random, ticket: Record, number: int, agent: Record, outcome: Record) -> Record:
    moment = uneven(chance, world.ago(chance, 60))
    note, hours = chance.choice(NOTES), round(chance.random() * 2, 2)
    return {
        "id": number, "ticket_id": ticket["id"], "outcome": outcome.get("outcome"), "outcome_id": outcome["id"],
        "who": agent.get("name"), "who_type": 1, "who_agentid": agent["id"], "who_imgpath": "", "datetime": moment,
        "actiondatecreated": moment, "actionarrivaldate": NO_DATE, "actioncompletiondate": moment, "note": note,
        "note_html": f"<p>{note}</p>", "guid": guid(chance), "project_id": 0, "replied_to_ticket_id": 0,
        "replied_to_action_id": 0, "created_from_ticket_id": 0, "created_from_action_id": 0, "action_contract_id": 0,
        "actionby_agent_id": agent["id"], "actionby_user_id": 0, "actionby_application_id": "",
        "actisbillable": hours > 1, "timetaken": hours, "timetakendays": round(hours / 8, 4),
        "timetakenadjusted": hours, "actionchargehours": hours, "actionnonchargehours": 0.0,
        "actionchargeamount": 0.0, "actionprepayhours": 0.0, "actionprepayamount": 0.0, "chargerate": 1,
        "hiddenfromuser": outcome["id"] == 7, "important": number == 1, "old_status": 1, "new_status": 2,
        "new_status_name": "In Progress", "colour": "", "attachment_count": 0, "unread": 0, "translations": [],
        "on_behalf_of_name": "", "personal_unread": False, "reactions": [],
    }  # fmt: skip


def attachments(world: World) -> Iterator[Record]:
    """Build the attachments that tickets count: small text files, whose bytes GET /Attachment/{id} answers."""
    chance = world.chance("Attachment")
    carriers = [row for row in world.rows("Tickets") if row.get("attachment_count")]
    for number, ticket in enumerate(carriers, 1):
        name = chance.choice(("log.txt", "fehlermeldung ä.txt", "notes; final.txt", 'a "quoted" name.txt'))
        text = f"Attachment {number} of ticket {ticket['id']}: {ticket.get('summary')}\n"
        yield {
            "id": number, "filename": name, "datecreated": uneven(chance, world.ago(chance, 60)), "note": "",
            "filesize": len(text.encode()), "type": 0, "unique_id": ticket["id"], "desc": "", "isimage": False,
            "showforusers": True, "ticket_id": ticket["id"], "action_id": 1, "content_type": "text/plain",
            "guid": guid(chance), CONTENT: text.encode(),
        }  # fmt: skip


def appointments(world: World) -> Iterator[Record]:
    """Build appointments of the agents around now."""
    chance, agents, tickets_ = world.chance("Appointment"), world.rows("Agent"), world.rows("Tickets")
    for number in range(1, world.many(60) + 1):
        agent, ticket = chance.choice(agents), chance.choice(tickets_)
        start = (world.now + timedelta(days=chance.randint(-20, 20))).replace(hour=9 + number % 8, minute=0, second=0)
        yield {
            "id": number, "agent_id": agent["id"], "agent_name": agent.get("name"), "subject": ticket.get("summary"),
            "start_date": stamp(start), "end_date": stamp(start + timedelta(hours=1)), "allday": False,
            "ticket_id": ticket["id"], "client_id": ticket.get("client_id"), "client_name": ticket.get("client_name"),
            "site_id": ticket.get("site_id"), "site_name": ticket.get("site_name"),
            "user_id": ticket.get("user_id"), "user_name": ticket.get("user_name"),
            "appointment_type_name": "Site Visit", "complete_status": -1 if start > world.now else 1,
            "is_private": False, "is_task": False, "colour": "", "online_meeting_url": "", "type": 0,
            "_canupdate": True,
        }  # fmt: skip


def articles(world: World) -> Iterator[Record]:
    """Build knowledge base articles; they have a name, never a title."""
    chance = world.chance("KBArticle")
    for number in range(1, world.many(24) + 1):
        symptom, category = SYMPTOMS[number % len(SYMPTOMS)]
        cure = chance.choice(NOTES)
        yield {
            "id": number, "name": f"{symptom} ({number})", "description": f"<p>{chance.choice(DETAILS)}</p>",
            "view_count": chance.randrange(500), "useful_count": chance.randrange(50), "notuseful_count": 1,
            "date_created": uneven(chance, world.ago(chance, 900)), "inactive": number % 10 == 0,
            "date_edited": uneven(chance, world.ago(chance, 90)), "tag_string": category, "type": 0,
            "next_review_date": NO_DATE, "use": "kb", "link": "", "resolution": cure,
            "description_html": "<p></p>", "resolution_html": f"<p>{cure}</p>", "tags": [], "faqlists": [],
            "attachments": [], "related_articles": [],
        }  # fmt: skip


def crm_notes(world: World) -> Iterator[Record]:
    """Build more notes on one client than the 50 that a list shows."""
    chance, clients = world.chance("CRMNote"), world.rows("Client")
    for number in range(1, world.many(120) + 1):
        client = clients[1 % len(clients)] if number <= 70 else chance.choice(clients)
        yield {
            "id": number, "client_id": client["id"], "site_id": 0, "user_id": 0, "supplier_id": 0,
            "datetime": uneven(chance, world.ago(chance, 300)), "who_agentid": chance.randint(2, 5),
            "note": chance.choice(NOTES), "detail": "", "timetaken": 0.25,
        }  # fmt: skip
