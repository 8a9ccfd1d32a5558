"""Things and money: assets, items, contracts, invoices, quotes, orders, reports, webhooks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from random import Random

from haloitsm_connector.sandbox.seed.world import Record, World, custom_field, guid, stamp, uneven

_GOODS = ('Laptop 14"', "Docking Station", 'Monitor 27"', "Headset", "Keyboard ÅÄÖ", "Support Hour", "Backup Licence")
_REPORTS = (
    ("All clients", "select id, name, inactive from Client"),
    ("Open tickets", "select id, summary, client_id, status_id from Tickets where status_id <> 9"),
    ("Assets of client 2", "select id, inventory_number from Asset where client_id = 2"),
    ("A broken report", "select nonsense from Nowhere"),
)


def assets(world: World) -> Iterator[Record]:
    """Build the assets of the sites."""
    chance, sites, types = world.chance("Asset"), world.rows("Site"), world.rows("AssetType")
    for number in range(1, world.many(260) + 1):
        site, kind, start = chance.choice(sites), chance.choice(types), world.ago(chance, 1500)
        serial = f"SN{chance.randrange(16**8):08X}"
        yield {
            "id": number, "inventory_number": f"{str(kind.get('name'))[:2].upper()}-{number:05}", "key_field": serial,
            "key_field2": "", "key_field3": "", "client_id": int(site.get("client_id") or 1),
            "client_name": site.get("client_name"), "site_id": site["id"], "site_name": site.get("name"),
            "username": "", "assettype_id": kind["id"], "assettype_name": kind.get("name"),
            "inactive": number % 19 == 0, "status_id": 40, "status_name": "In Use", "parent_id": 0,
            "warranty_start": stamp(start), "warranty_end": stamp(start + timedelta(days=1095)), "contract_id": 0,
            "supplier_id": 1, "item_id": 0, "criticality": number % 4, "sla_id": 0, "priority_id": 0,
            "business_owner_id": 0, "technical_owner_id": 0, "use": "asset", "notes": "",
            "fields": [{"id": 1, "name": "Serial Number", "value": serial, "display": serial, "mandatory": False}],
            "customfields": [custom_field(201, "CFCostCentre", "Cost centre", f"CC-{number % 40:03}")],
            "users": [], "contracts": [], "software": [], "licences": [], "services": [], "parent_assets": [],
            "child_assets": [], "last_modified": uneven(chance, world.ago(chance, 200)),
        }  # fmt: skip


def items(world: World) -> Iterator[Record]:
    """Build the price list; quantities are doubles."""
    chance = world.chance("Item")
    for number in range(1, world.many(30) + 1):
        price = round(chance.random() * 900 + 10, 2)
        yield {
            "id": number, "name": f"{_GOODS[number % len(_GOODS)]} {number}", "description": "", "assetgroup_id": 1,
            "assetgroup_name": "IT Equipment", "supplier_id": 1, "supplier_part_code": f"P{number:04}",
            "quantity_in_stock": float(chance.randrange(40)), "quantity_reserved": 0.0, "quantity_on_order": 0.0,
            "baseprice": price, "costprice": round(price * 0.7, 2), "taxcode": 1, "nominalcode": "4000",
            "isrecurringitem": number % 7 == 6, "recurringprice": 0.0, "recurringcost": 0.0, "type": 0, "status": 0,
            "accountsid": "", "datecreated": uneven(chance, world.ago(chance, 900)),
            "lastmodified": uneven(chance, world.ago(chance, 90)),
        }  # fmt: skip


def contracts(world: World) -> Iterator[Record]:
    """Build one support contract per client."""
    chance = world.chance("ClientContract")
    for number, client in enumerate(world.rows("Client")[1:], 1):
        start = world.ago(chance, 700)
        yield {
            "id": number, "client_id": client["id"], "client_name": client.get("name"), "ref": f"CON-{number:04}",
            "start_date": stamp(start), "end_date": stamp(start + timedelta(days=1095)), "started": True,
            "expired": False, "billingperiod": 1, "subtype": 0, "status": 0, "site_id": 0, "user_id": 0, "sla_id": 1,
            "periodchargeamount": float(chance.randrange(100, 900)), "contracttype": 1, "active": True,
            "contracttype_name": "Managed Service", "next_invoice_date": stamp(world.now + timedelta(days=20)),
            "last_modified": uneven(chance, world.ago(chance, 200)),
        }  # fmt: skip


def _money(chance: Random, client: Record, number: int, date: str, line_schema: str = "invoice") -> Record:
    """What invoices, quotes and orders have in common."""
    quantity, price = float(chance.randint(1, 5)), round(chance.random() * 300 + 5, 2)
    net = round(quantity * price, 2)
    tax = round(net * 0.2, 2)
    line = {"id": number, "item_shortdescription": chance.choice(_GOODS), "unit_price": price, "tax_amount": tax}
    if line_schema == "invoice":
        line |= {"qty_order": quantity, "net_amount": net}
    return {
        "id": number, "client_id": client["id"], "client_name": client.get("name"), "currency_code": 1,
        "total": round(net + tax, 2), "tax_total": tax, "revenue": net, "date": date, "lines": [line],
    }  # fmt: skip


def _invoice(chance: Random, world: World, client: Record, number: int) -> Record:
    issued = world.ago(chance, 400)
    record = _money(chance, client, number, stamp(issued))
    del record["date"]
    paid = number % 3 == 0
    return record | {
        "invoicenumber": f"INV{abs(number):06}", "thirdpartyinvoicenumber": "", "posted": number % 4 != 0,
        "invoice_date": stamp(issued), "duedate": stamp(issued + timedelta(days=30)), "dateposted": stamp(issued),
        "currency": "GBP", "currency_code_name": "Pound", "pdftemplate_name": "Standard", "ticket_id": 0,
        "amountpaid": record["total"] if paid else 0.0, "amountdue": 0.0 if paid else record["total"],
        "paymentstatus": 2 if paid else 0, "contract_id": 0, "salesorder_id": 0, "schedule_id": 0, "payments": [],
    }  # fmt: skip


def invoices(world: World) -> Iterator[Record]:
    """Build invoices with lines."""
    chance, clients = world.chance("Invoice"), world.rows("Client")
    return (_invoice(chance, world, chance.choice(clients), number) for number in range(1, world.many(70) + 1))


def recurring_invoices(world: World) -> Iterator[Record]:
    """Build recurring invoices; their ids are negative."""
    chance, clients = world.chance("RecurringInvoice"), world.rows("Client")
    due = stamp(world.now + timedelta(days=12))
    for number in range(1, world.many(12) + 1):
        yield _invoice(chance, world, chance.choice(clients), -number) | {"nextcreationdate": due, "schedule_id": 1}


def quotations(world: World) -> Iterator[Record]:
    """Build quotes; total and lines show in details only."""
    chance, clients = world.chance("Quotation"), world.rows("Client")
    for number in range(1, world.many(20) + 1):
        date = world.ago(chance, 120)
        yield _money(chance, chance.choice(clients), number, stamp(date), "quote") | {
            "title": f"Quote for {chance.choice(_GOODS)}", "ticket_id": 0, "status": number % 4, "approvalstate": 0,
            "expiry_date": stamp(date + timedelta(days=30)), "assigned_agent": 2, "pdftemplate_id": 1, "use": "quote",
        }  # fmt: skip


def sales_orders(world: World) -> Iterator[Record]:
    """Build sales orders."""
    chance, clients = world.chance("SalesOrder"), world.rows("Client")
    for number in range(1, world.many(16) + 1):
        record = _money(chance, chance.choice(clients), number, stamp(world.ago(chance, 120)), "order")
        del record["revenue"], record["currency_code"]
        yield record | {
            "title": f"Order {number}",
            "status": 0,
            "open_status": 0,
            "quotation_id": number,
            "use": "salesorder",
        }


def purchase_orders(world: World) -> Iterator[Record]:
    """Build purchase orders; one property starts with a digit."""
    chance, sellers = world.chance("PurchaseOrder"), world.rows("Supplier")
    for number in range(1, world.many(12) + 1):
        seller, price = chance.choice(sellers), round(chance.random() * 2000, 2)
        yield {
            "id": number, "title": f"Purchase {number}", "supplier_id": seller["id"], "price": price,
            "supplier_name": seller.get("name"), "date": stamp(world.ago(chance, 90)), "tax_total": 0.0,
            "total": price, "status": 0, "goodsin_status": 0, "approval_status": 0, "salesorder_id": 0,
            "3rd_party_ponumber": f"X{number:05}", "lines": [],
        }  # fmt: skip


def reports(world: World) -> Iterator[Record]:
    """Build saved reports that run over the sandbox's own tables; the last one fails."""
    chance = world.chance("Report")
    for number, (name, sql) in enumerate(_REPORTS, 1):
        yield {
            "id": number, "name": name, "sql": sql, "type": 0, "group_id": 1, "group_name": "Sandbox",
            "description": "", "is_published": True, "published_id": guid(chance), "charttype": 0,
            "sqlhasdatefilter": False, "available_columns": [], "filters": [], "columns": [],
        }  # fmt: skip


def webhooks(world: World) -> Iterator[Record]:
    """Build a webhook; its id is a GUID."""
    chance = world.chance("Webhook")
    yield {
        "id": guid(chance), "name": "Ticket changes", "type": 0, "url": "https://hooks.example/tickets", "method": 0,
        "content_type": "application/json", "authentication_type": 0, "active": False, "events": [],
        "custom_payload": False, "payload_type": 0, "last_status": 0, "log_retention_policy_days": 14,
    }  # fmt: skip
