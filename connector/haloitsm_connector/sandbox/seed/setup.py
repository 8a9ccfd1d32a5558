"""Set-up tables: teams, statuses, priorities, ticket types, categories, outcomes, lookups and the like."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from haloitsm_connector.sandbox.seed.words import COLOURS, SYMPTOMS
from haloitsm_connector.sandbox.seed.world import Record, World, guid

CLOSED = 9
"""The status id that closes a ticket (halo-entities, /Status)."""
_SLAS = ("Standard", "Gold")
_PRIORITIES = (("Critical", 1, 4), ("High", 2, 8), ("Medium", 4, 24), ("Low", 8, 72))
_STATUSES = (
    (1, "New", "NEW"), (2, "In Progress", "WIP"), (3, "Action Required", "ACT"), (4, "With User", "USR"),
    (5, "With Supplier", "SUP"), (8, "Resolved", "RES"), (CLOSED, "Closed", "CLS"), (21, "On Hold", "HLD"),
)  # fmt: skip
_OUTCOMES = (
    (0, "Email Update", True), (1, "Reply", True), (4, "Phone Call", False), (7, "Internal note", False),
    (8, "Resolve", True), (9, "Close", False), (16, "Email User", True), (23, "Re-Assign", False),
)  # fmt: skip
_TYPES = (
    (1, "Incident", 1), (2, "Change Request", 2), (3, "Service Request", 3), (4, "Problem", 4), (5, "Project", 22),
    (6, "Opportunity", 21), (7, "Task", 23),
)  # fmt: skip
_TAXES = ((1, "20% (Sales)", 20.0), (2, "5% (Sales)", 5.0), (3, "Zero rated", 0.0), (4, "20% (Purchases)", 20.0))
_ASSET_TYPES = ((130, "Laptop"), (131, "Desktop"), (132, "Monitor"), (133, "Printer"), (134, "Server"), (135, "Phone"))
_LOOKUPS: dict[int, tuple[str, ...]] = {
    12: ("Company Wide", "Multiple Users", "Single User"),
    17: ("Standard Rate", "Out of Hours", "Project Rate"),
    19: ("Starters", "Leavers"),
    21: ("Incident", "Service Request"),
    22: ("Manual", "E-mail", "Portal", "Phone", "Chat"),
    26: ("Delivery", "Collection"),
    27: ("Critical", "Normal", "Can Wait"),
    30: ("Delivery", "Invoice", "Home"),
    32: ("Draft", "Sent", "Received"),
}
_CUSTOM_FIELDS = (
    (201, "CFCostCentre", "Cost centre", 0), (202, "CFFloor", "Floor", 2), (203, "CFSignedOff", "Signed off", 6),
)  # fmt: skip
TEAMS = ("1st Line Support", "2nd Line Support", "Field Services", "Projects", "Sales", "Procurement & Café")


def teams(world: World) -> Iterator[Record]:
    """Build the teams; tickets refer to them by name."""
    chance = world.chance("Team")
    for number, name in enumerate(TEAMS, 1):
        yield {
            "id": number, "guid": guid(chance), "name": name, "sequence": number * 10, "department_id": 1,
            "department_name": "Service Desk", "inactive": False, "forrequests": name != "Sales",
            "foropps": name == "Sales", "forprojects": name == "Projects", "override_column_id": -1, "use": "team",
        }  # fmt: skip


def statuses(world: World) -> Iterator[Record]:
    """Build ticket statuses (type 0) and a few of other things; the ``type`` filter has no effect."""
    chance = world.chance("Status")
    rows = [(*row, 0) for row in _STATUSES] + [(40, "In Use", "USE", 1), (41, "In Stock", "STK", 1)]
    for sequence, (number, name, short, kind) in enumerate(rows, 1):
        yield {
            "id": number, "guid": guid(chance), "name": name, "shortname": short, "type": kind, "sequence": sequence,
            "colour": COLOURS[sequence % len(COLOURS)], "slaaction": "H" if number in (4, 5, 21) else "N",
            "showonquickchange": True, "statuschangeto": 0, "includeinloadbalance": number != CLOSED,
            "useworkinghours": 0, "notifystatuschange": 0, "dontsendslareminders": False, "tickettypes": [],
        }  # fmt: skip


def ticket_types(world: World) -> Iterator[Record]:
    """Build the ticket types, one per ITIL kind that matters."""
    chance = world.chance("TicketType")
    for number, name, itil in _TYPES:
        yield {
            "id": number, "guid": guid(chance), "name": name, "use": "tickettype", "sequence": number,
            "default_sla": 1, "group_id": 1, "group_name": "Service Desk", "cancreate": True,
            "agentscanselect": True, "itilrequesttype": itil, "enduserscanselect": number < 4,
            "anonymouscanselect": False, "allowattachments": True, "default_priority": 3, "fieldidlist": [1, 2],
            "fields": [],
        }  # fmt: skip


def priorities(world: World) -> Iterator[Record]:
    """Build each priority once per SLA: the GUID id is useless, (slaid, priorityid) is the key."""
    chance = world.chance("Priority")
    for sla in range(1, len(_SLAS) + 1):
        for number, (name, respond, fix) in enumerate(_PRIORITIES, 1):
            yield {
                "id": guid(chance), "slaid": sla, "priorityid": number, "name": name, "fixtime": fix / sla,
                "fixunits": "H", "responsetime": respond / sla, "responseunits": "H", "ishidden": False,
                "colour": COLOURS[number], "fixendofday": False, "startofday": False, "setfixtotargetdate": False,
            }  # fmt: skip


def slas(world: World) -> Iterator[Record]:
    """Build the service levels with their priorities inside."""
    for number, name in enumerate(_SLAS, 1):
        yield {
            "id": number, "name": name, "workday_id": 1, "workday_name": "Office Hours",
            "hoursaretechslocaltime": False, "responsereset": False, "trackslaresponsetime": True,
            "trackslafixbytime": True,
            "priorities": [row for row in world.rows("Priority") if row.get("slaid") == number],
        }  # fmt: skip


def categories(world: World) -> Iterator[Record]:
    """Build level 1 categories with ``>`` between the parts, and a few level 2 ones."""
    values = [(value, 1) for _, value in SYMPTOMS] + [("Fixed remotely", 2), ("Fixed on site", 2), ("No fault", 2)]
    for number, (value, level) in enumerate(values, 1):
        yield {
            "id": number, "value": value, "category_name": value, "type_id": level, "sla_id": -1, "priority_id": -1,
            "chargerate": -1, "itilrequesttype": 0,
        }  # fmt: skip


def outcomes(world: World) -> Iterator[Record]:
    """Build the action types; ids 0, 7 and 16 are those of a fresh Halo."""
    chance = world.chance("Outcome")
    for sequence, (number, name, mails) in enumerate(_OUTCOMES):
        yield {
            "id": number, "guid": guid(chance), "outcome": name, "buttonname": name, "labellong": name,
            "colour": COLOURS[sequence % len(COLOURS)], "sequence": sequence, "hidden": False, "systemid": number,
            "respondtype": int(mails), "sendemail": int(mails), "newstatus": CLOSED if number == 9 else -1,
        }  # fmt: skip


def lookups(world: World) -> Iterator[Record]:
    """Build the code lists of ``/Lookup?lookupid=N`` (halo-api-facts 8)."""
    for code, names in _LOOKUPS.items():
        for number, name in enumerate(names, 1):
            yield {"lookupid": code, "id": number, "name": name, "sequence": number, "inactive": False}


def taxes(world: World) -> Iterator[Record]:
    """Build the tax codes that clients and items refer to by number."""
    for number, name, rate in _TAXES:
        yield {"id": number, "name": name, "code": f"T{number}", "value": rate, "is_composite": False}


def asset_types(world: World) -> Iterator[Record]:
    """Build the asset types, 130 upwards."""
    for number, name in _ASSET_TYPES:
        yield {
            "id": number, "name": name, "assetgroup_id": 1, "assetgroup_name": "IT Equipment", "keyfield_id": 1,
            "keyfield_name": "Serial Number", "show_to_users": True, "cost": 250.0, "icon": "fas-laptop",
        }  # fmt: skip


def field_infos(world: World) -> Iterable[Record]:
    """Build the definitions of the custom fields that the other tables carry."""
    kinds = (
        (201, "CFCostCentre", "Cost centre", 0),
        (202, "CFFloor", "Floor", 2),
        (203, "CFSignedOff", "Signed off", 6),
    )
    return ({"id": number, "name": name, "label": label, "type": kind} for number, name, label, kind in kinds)


def tags(world: World) -> Iterable[Record]:
    """Build more tags than the 50 that a list shows by default."""
    return ({"id": number, "text": f"tag-{number:02}"} for number in range(1, 61))
