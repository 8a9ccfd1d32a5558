"""Who is there: agents, top levels, clients, their sites and users, suppliers."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from haloitsm_connector.sandbox.seed.setup import TEAMS
from haloitsm_connector.sandbox.seed.words import (
    COLOURS,
    COMPANY_FIRST,
    COMPANY_FORM,
    COMPANY_SECOND,
    FIRST_NAMES,
    JOB_TITLES,
    LAST_NAMES,
    SITE_NAMES,
    STREETS,
    TOWNS,
)
from haloitsm_connector.sandbox.seed.world import NO_DATE, Record, World, custom_field, guid, uneven

_TOP_LEVELS = ("Customers", "Partners", "Internal")


def agents(world: World) -> Iterator[Record]:
    """Build the agents; id 1 stands for "nobody" (halo-api-facts 4.2)."""
    chance = world.chance("Agent")
    yield _agent(chance, world, 1, "Unassigned", "", "")
    yield _agent(chance, world, 2, "Robin", "Teal", "robin.teal") | {"isapiagent": True}
    for number in range(3, 3 + world.many(11)):
        first, last = chance.choice(FIRST_NAMES), chance.choice(LAST_NAMES)
        yield _agent(chance, world, number, first, last, f"agent{number}") | {"isdisabled": number % 9 == 0}


def _agent(chance: Random, world: World, number: int, first: str, last: str, login: str) -> Record:
    name, team = f"{first} {last}".strip(), chance.randrange(len(TEAMS))
    return {
        "id": number, "name": name, "firstname": first, "surname": last, "initials": f"{first[:1]}{last[:1]}",
        "email": f"{login or 'nobody'}@servicedesk.example", "team": TEAMS[team], "isdisabled": False,
        "is_agent": True, "is_online": number % 3 == 0, "onlinestatus": number % 3,
        "lastonline": uneven(chance, world.ago(chance, 7)), "lastlogindate": uneven(chance, world.ago(chance, 7)),
        "jobtitle": "Support Engineer", "colour": chance.choice(COLOURS), "licence_type": 0, "isapiagent": False,
        "linemanager": 0, "teams": [{"team_id": team + 1, "team_name": TEAMS[team]}], "departments": [],
        "workday_id": 1, "sms": "", "ad": login, "namewithinactive": name, "use": "agent", "costprice": 35.0,
    }  # fmt: skip


def top_levels(world: World) -> Iterator[Record]:
    """Build the top levels above the clients."""
    for number, name in enumerate(_TOP_LEVELS, 1):
        yield {"id": number, "name": name, "use": "toplevel", "inactive": False, "type_id": 0}


def clients(world: World) -> Iterator[Record]:
    """Build the clients; id 1 stands for "unknown", names are unique."""
    chance = world.chance("Client")
    yield _client(chance, world, 1, "Unknown")
    taken = set()
    for number in range(2, 2 + world.many(24)):
        name = f"{chance.choice(COMPANY_FIRST)} {chance.choice(COMPANY_SECOND)} {chance.choice(COMPANY_FORM)}"
        name = f"{name} {number}" if name in taken else name
        taken.add(name)
        yield _client(chance, world, number, name)


def _client(chance: Random, world: World, number: int, name: str) -> Record:
    top = chance.randrange(2)
    return {
        "id": number, "name": name, "toplevel_id": top + 1, "toplevel_name": _TOP_LEVELS[top],
        "inactive": number > 5 and number % 11 == 0, "colour": chance.choice(COLOURS), "confirmemail": 0,
        "actionemail": 0, "clearemail": 0, "messagegroup_id": -1, "mailbox_override": 0, "default_mailbox_id": 0,
        "item_tax_code": 0, "service_tax_code": 0, "prepay_tax_code": 0, "contract_tax_code": 0, "pritech": 0,
        "sectech": 0, "accountmanagertech": chance.randint(2, 6), "use": "client", "key": number, "table": 1,
        "client_to_invoice": 0, "xero_tenant_id": "", "accountsid": f"ACC{number:04}", "default_currency_code": 0,
        "customertype": 0, "customer_relationship": [], "ref": f"C{number:05}", "is_vip": number % 7 == 0,
        "taxable": True, "is_account": False, "stopped": 0, "main_site_id": 0, "notes": "",
        "website": f"https://client{number}.example", "accountsemailaddress": f"accounts@client{number}.example",
        "customfields": [custom_field(201, "CFCostCentre", "Cost centre", f"CC-{number:03}")],
        "popup_notes": [], "allowed_tickettypes": [], "external_links": [], "custombuttons": [],
        "last_modified": uneven(chance, world.ago(chance, 200)),
    }  # fmt: skip


def sites(world: World) -> Iterator[Record]:
    """Build one to three sites per client; client_id is a double."""
    chance, number = world.chance("Site"), 0
    for client in world.rows("Client"):
        for place in range(1 if client["id"] == 1 else chance.randint(1, 3)):
            number += 1
            yield _site(chance, world, number, SITE_NAMES[(place + number) % len(SITE_NAMES) if place else 0], client)


def _site(chance: Random, world: World, number: int, name: str, client: Record) -> Record:
    town, street = chance.choice(TOWNS), f"{chance.randint(1, 180)} {chance.choice(STREETS)}"
    address = {"id": number, "type": 1, "line1": street, "line2": town, "postcode": f"ZZ{number % 90 + 1} 1ZZ"}
    return {
        "id": number, "name": name, "client_id": float(client["id"]), "client_name": client.get("name"),
        "clientsite_name": f"{client.get('name')}/{name}", "inactive": client.get("inactive", False), "sla_id": 1,
        "phonenumber": f"01632 960{number % 1000:03}", "timezone": chance.choice(("", "GMT Standard Time", "UTC")),
        "colour": "", "isstocklocation": False, "stockbin_id": 0, "maincontact_id": 0, "ref": f"S{number:05}",
        "country_code_name": "", "region_code_name": "", "delivery_address_line1": street,
        "delivery_address_line2": town, "delivery_address_line3": "", "delivery_address_line4": "",
        "delivery_address_line5": "", "notes": "", "use": "site",
        "customfields": [custom_field(202, "CFFloor", "Floor", number % 5, 2)],
        "delivery_address": address, "invoice_address": address | {"type": 2}, "popup_notes": [], "stockbins": [],
        "last_modified": uneven(chance, world.ago(chance, 200)),
    }  # fmt: skip


def users(world: World) -> Iterator[Record]:
    """Build a general user and a handful of people per site; site_id is a double, site_id_int is not."""
    chance, number = world.chance("Users"), 0
    for site in world.rows("Site"):
        names = [("General", "User")]
        names += [(chance.choice(FIRST_NAMES), chance.choice(LAST_NAMES)) for _ in range(chance.randint(2, 7))]
        for first, last in names:
            number += 1
            yield _user(chance, world, number, first, last, site)


def _user(chance: Random, world: World, number: int, first: str, last: str, site: Record) -> Record:
    general, client_id = first == "General", int(site.get("client_id") or 1)
    login = "" if general else f"{first[0]}{last}{number}".casefold()
    return {
        "id": number, "name": f"{first} {last}", "firstname": first, "surname": last, "site_id": float(site["id"]),
        "site_id_int": site["id"], "site_name": site.get("name"), "client_id": client_id,
        "client_name": site.get("client_name"),
        "emailaddress": "" if general else f"user{number}@client{client_id}.example",
        "phonenumber": site.get("phonenumber"), "sitephonenumber": site.get("phonenumber"),
        "mobilenumber": None if general else f"07700 900{number % 1000:03}", "mobilenumber2": "", "homenumber": "",
        "telpref": chance.choice((1, 2, 4)), "title": "" if general else chance.choice(JOB_TITLES), "login": login,
        "inactive": not general and number % 13 == 0, "isimportantcontact": number % 17 == 0, "linked_agent_id": 0,
        "azure_id": None if general else guid(chance), "okta_id": None, "other1": "", "other2": "", "other3": "",
        "other4": "", "other5": "", "use": "user", "notes": "",
        "customfields": [custom_field(202, "CFFloor", "Floor", number % 5, 2)], "roles": [], "departments": [],
        "addresses": [], "popup_notes": [], "external_links": [], "ischangeapprover": False,
        "contract_end_date": NO_DATE, "last_modified": uneven(chance, world.ago(chance, 200)),
    }  # fmt: skip


def suppliers(world: World) -> Iterator[Record]:
    """Build a few suppliers."""
    chance = world.chance("Supplier")
    for number in range(1, world.many(8) + 1):
        name = f"{chance.choice(COMPANY_FIRST)} Supplies {number}"
        yield {
            "id": number, "name": name, "toplevel_id": 1, "contact_name": chance.choice(FIRST_NAMES),
            "email_address": f"orders@supplier{number}.example", "support_email_address": "",
            "phone_number": f"01632 960{number + 800:03}", "inactive": number % 8 == 0,
            "website": f"https://supplier{number}.example", "contract_count": 0, "is_supplier": True,
            "is_manufacturer": number % 2 == 0, "datecreated": uneven(chance, world.ago(chance, 900)),
        }  # fmt: skip
