"""Which single record a path means (halo-api-facts 3)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from haloitsm_connector.catalogue import Parameter
from haloitsm_connector.sandbox.answers import whole
from haloitsm_connector.sandbox.errors import Refusal
from haloitsm_connector.sandbox.quirks import Quirks
from haloitsm_connector.sandbox.tables import Key, Shape, Tables


def check_value(parameter: Parameter, value: str, table: str) -> None:
    """Refuse a path value that is not of its type; an action may be written ``AC12``."""
    if parameter.type == "integer" and not _is_integer(action_number(value) if table == "Actions" else value):
        raise Refusal(f"The value '{value}' is not valid.", field=parameter.name, shape="model_state")
    if parameter.type == "uuid" and not _is_uuid(value):
        raise Refusal(f"The value '{value}' is not valid.", field=parameter.name, shape="model_state")


def action_number(text: str) -> str:
    """Return the number in ``AC12``; any other text as it is."""
    return text[2:] if text[:2].casefold() == "ac" and text[2:].isdigit() else text


def located(shape: Shape, values: tuple[str, ...], query: Mapping[str, str], tables: Tables, quirks: Quirks) -> Key:
    """Return the key of the record; Refusal with the status for a missing id when there is none."""
    if shape.name == "Actions":
        key = _action(values[0], query, tables, quirks)
    elif len(values) > 1 and shape.name == "TicketApproval":
        key = next((key for key, row in tables[shape.name].items() if _pair(row) == values), None)
    elif len(values) > 1:
        key = next(iter(tables[shape.name]), None)  # a receiver's address, not an id: anything will do
    else:
        key = tables.find(shape, values[0])
    if key is None:
        raise Refusal(
            f"There is no {shape.name} {values[0]}", status=quirks.missing_id_status, shape=quirks.missing_id_body
        )
    return key


def _action(text: str, query: Mapping[str, str], tables: Tables, quirks: Quirks) -> Key:
    """Actions are numbered per ticket, so the ticket is wanted too, except for ``AC12``."""
    number, ticket = int(action_number(text)), query.get("ticket_id", "")
    if _is_integer(ticket):
        key = (int(ticket), number)
        return key if key in tables["Actions"] else None
    if action_number(text) == text and quirks.action_id_alone == "refuse":
        raise Refusal("ticket_id must be specified", field="ticket_id")
    return next((key for key in tables["Actions"] if key[1] == number), None)


def _pair(row: Mapping[str, object]) -> tuple[str, str]:
    """What stands in ``/TicketApproval/{id}&{seq}``."""
    return str(row.get("ticket_id")), str(row.get("seq"))


def _is_integer(text: str) -> bool:
    try:
        whole(text)
    except ValueError:
        return False
    return True


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
