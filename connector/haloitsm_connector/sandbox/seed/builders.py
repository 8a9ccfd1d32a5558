"""Which function builds which table, and from which other tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from haloitsm_connector.sandbox.seed import desk, people, setup, trade
from haloitsm_connector.sandbox.seed.world import Record, World

BUILDERS: dict[str, Callable[[World], Iterable[Record]]] = {
    "Actions": desk.actions, "Agent": people.agents, "Appointment": desk.appointments, "Asset": trade.assets,
    "AssetType": setup.asset_types, "Attachment": desk.attachments, "CRMNote": desk.crm_notes,
    "Category": setup.categories, "Client": people.clients, "ClientContract": trade.contracts,
    "FieldInfo": setup.field_infos, "Invoice": trade.invoices, "Item": trade.items, "KBArticle": desk.articles,
    "Lookup": setup.lookups, "Opportunities": desk.opportunities, "Outcome": setup.outcomes,
    "Priority": setup.priorities, "Projects": desk.projects, "PurchaseOrder": trade.purchase_orders,
    "Quotation": trade.quotations, "RecurringInvoice": trade.recurring_invoices, "Report": trade.reports,
    "SLA": setup.slas, "SalesOrder": trade.sales_orders, "Site": people.sites, "Status": setup.statuses,
    "Supplier": people.suppliers, "Tags": setup.tags,
    "Tax": setup.taxes, "Team": setup.teams, "TicketType": setup.ticket_types, "Tickets": desk.tickets,
    "TopLevel": people.top_levels, "Users": people.users, "Webhook": trade.webhooks,
}  # fmt: skip

NEEDS: dict[str, tuple[str, ...]] = {
    "Actions": ("Tickets", "Agent", "Outcome"), "Appointment": ("Agent", "Tickets"), "Asset": ("Site", "AssetType"),
    "CRMNote": ("Client",), "Invoice": ("Client",), "Opportunities": ("Users", "Agent", "Priority"),
    "Projects": ("Users", "Agent", "Priority"), "PurchaseOrder": ("Supplier",), "Quotation": ("Client",),
    "RecurringInvoice": ("Client",), "SalesOrder": ("Client",), "Tickets": ("Users", "Agent", "Priority"),
}  # fmt: skip
"""Tables without which another stays empty: a user's own data may leave one without records."""
