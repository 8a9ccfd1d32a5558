"""POST and DELETE: create, update, delete, and what Halo answers to them (halo-api-facts 4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any, Literal

import orjson

from haloitsm_connector.catalogue import Field, Operation
from haloitsm_connector.sandbox import rules
from haloitsm_connector.sandbox.answers import Answer, Asked, answer, flag
from haloitsm_connector.sandbox.errors import Refusal
from haloitsm_connector.sandbox.journal import Did, Effect
from haloitsm_connector.sandbox.quirks import Quirks
from haloitsm_connector.sandbox.rows import UNDECLARED
from haloitsm_connector.sandbox.seed.world import Record, guid
from haloitsm_connector.sandbox.tables import Key, Shape, Tables
from haloitsm_connector.sandbox.values import converted

_POSTED_NAMES = {"last_update": "lastupdate", **{f"category_{n}": f"category{n}" for n in range(1, 5)}}
"""A ticket's fields that have other names in the answer to a POST (halo-api-facts 4.1)."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What a write needs: the tables, a moment in time, the table's shape and its declared fields."""

    tables: Tables
    quirks: Quirks
    now: datetime
    shape: Shape
    fields: Mapping[str, Field]
    chance: Random
    effects: list[Effect]
    by: Literal["request", "fault"] = "request"

    @property
    def table(self) -> str:
        """The table's name in small letters."""
        return self.shape.name.casefold()

    def did(self, what: Did, key: Key) -> None:
        """Write down what happened to a record of this table."""
        self.effects.append(Effect(what, self.shape.name, key, self.by))


def decoded(asked: Asked, operation: Operation) -> Any:
    """Return the JSON body; Refusal 415 or 400 when it is none, or not of the kind the operation wants."""
    kind = asked.content_type
    if kind not in ("application/json", "text/json", "application/json-patch+json") and not (
        kind.startswith("application/") and kind.endswith("+json")
    ):
        raise Refusal("Unsupported Media Type", status=415, shape="empty")
    try:
        value = orjson.loads(asked.body)
    except orjson.JSONDecodeError:
        raise Refusal("The body is not valid JSON.", field="$", shape="model_state") from None
    wanted: type = {"array": list, "object": dict, "string": str}[operation.body or "object"]
    if not isinstance(value, wanted):
        raise Refusal(f"The JSON value could not be converted: an {operation.body} is wanted", field="$")
    return value


def posted(asked: Asked, operation: Operation, desk: Desk) -> Answer:
    """Create and update the records of a POST: the answer is the last of them, or all with ``returnall=true``."""
    body = decoded(asked, operation)
    items = body if operation.body == "array" else [body]
    if not items:
        raise Refusal("There is nothing to save")
    table, quirks = desk.tables[desk.shape.name], desk.quirks
    before = dict(table) if quirks.partial_failure == "nothing" else {}
    earlier = len(desk.effects)
    saved: list[Record] = []
    refusal: Refusal | None = None
    for number, item in enumerate(items):
        try:
            saved.append(_saved(item, desk))
        except Refusal as problem:
            problem.field = f"[{number}].{problem.field}" if operation.body == "array" else problem.field
            refusal = refusal or problem
            if quirks.partial_failure != "keep_valid":
                break
    if refusal is not None:
        if quirks.partial_failure == "nothing":
            table.clear()
            table.update(before)
            del desk.effects[earlier:]
        raise refusal
    shown = [_answered(record, desk) for record in saved]
    return answer(shown if flag(asked.query, "returnall") else shown[-1], quirks.write_status)


def _answered(record: Record, desk: Desk) -> Record:
    names = _POSTED_NAMES if desk.table in rules.TICKET_TABLES else {}
    return {
        names.get(name, name): value
        for name, value in record.items()
        if not isinstance(value, bytes) and not (desk.quirks.omit_nulls and value is None)
    }


def _saved(item: Any, desk: Desk) -> Record:
    """Create or update one record and return it."""
    if not isinstance(item, dict):
        raise Refusal("Could not convert the item to an object", field="$")
    sent = _known(item, desk)
    key = _existing(item, sent, desk)
    new = key is None
    table = desk.tables[desk.shape.name]
    record: Record = {"id": None} | sent if new else table[key] | sent
    rules.check(desk.table, record, sent, new=new, tables=desk.tables)
    if new:
        key = named(record, desk)
    elif desk.table == "appointment" and desk.quirks.appointment_renews_id:
        del table[key]
        record["id"] = key = desk.tables.next_id(desk.shape)
    if desk.fields:
        record = rules.filled(
            desk.table, record, sent, new=new, tables=desk.tables, now=desk.now, known=desk.fields
        )  # fmt: skip
    table[key] = record
    desk.did("created" if new else "updated", key)
    return record


def _known(item: dict[str, Any], desk: Desk) -> Record:
    """Keep the properties Halo knows, in their own case, converted; control flags (``_...``) are not stored."""
    if not desk.fields:
        return dict(item)
    declared = {name.casefold(): name for name in desk.fields}
    declared |= {name: name for name in UNDECLARED.get(desk.table, ())}
    sent: Record = {}
    for name, value in item.items():
        proper = declared.get(name.casefold(), "")
        if not proper or proper.startswith("_"):
            continue
        field = desk.fields.get(proper)
        sent[proper] = converted(field, value) if field else value
    return sent


def _existing(item: dict[str, Any], sent: Record, desk: Desk) -> Key:
    """Return the key of the record that is to be updated, None for a new one; Refusal when it does not exist."""
    shape, table = desk.shape, desk.tables[desk.shape.name]
    if sent.get("id") in (None, 0, "", "0", "00000000-0000-0000-0000-000000000000"):
        composite = tuple(sent.get(name) for name in shape.key)
        return composite if len(composite) > 1 and composite in table and "id" not in shape.key else None
    if len(shape.key) > 1 and "id" in shape.key:
        key = tuple(sent.get(name) for name in shape.key)
        return key if key in table else _missing(desk)
    key = desk.tables.find(shape, str(sent["id"]))
    if key is None and item.get("_recover") is True:
        binned = desk.tables.bin.get(shape.name, {})
        if sent["id"] in binned:
            table[sent["id"]] = binned.pop(sent["id"])
            return sent["id"]
    return key if key is not None else _missing(desk)


def _missing(desk: Desk) -> Key:
    raise Refusal(
        f"There is no {desk.shape.name} with this id", status=desk.quirks.missing_id_status,
        shape=desk.quirks.missing_id_body,
    )  # fmt: skip


def named(record: Record, desk: Desk) -> Key:
    """Give a new record its id: a number (per ticket for actions, negative for recurring invoices) or a GUID."""
    shape, tables = desk.shape, desk.tables
    if shape.textual and shape.key == ("id",):
        record["id"] = guid(desk.chance)
        return record["id"]
    if len(shape.key) > 1:
        group, number = record.get(shape.key[0]), shape.key[-1]
        if number != "id" and "id" in desk.fields:
            record["id"] = guid(desk.chance)
        record[number] = tables.next_id(shape, group)
        return tuple(record.get(name) for name in shape.key)
    key = tables.next_id(shape)
    key = -key if desk.table == "recurringinvoice" else key
    declared = desk.fields.get("id")
    record["id"] = guid(desk.chance) if declared and declared.type == "uuid" else key
    return key


def deleted(desk: Desk, key: Key) -> Answer:
    """Delete a record: tickets softly, everything else for good; Refusal when it is in use."""
    table = desk.tables[desk.shape.name]
    record = table[key]
    if desk.table == "priority":
        number = record.get("priorityid")
        if any(ticket.get("priority_id") == number for ticket in desk.tables["Tickets"].values()):
            raise Refusal("This Priority is in use; reassign its tickets or hide it")
    del table[key]
    desk.did("deleted", key)
    if desk.table in rules.TICKET_TABLES:
        desk.tables.bin.setdefault(desk.shape.name, {})[key] = record
    if desk.quirks.delete_answer == "record":
        return answer(_answered(record, desk))
    return Answer(200 if desk.quirks.delete_answer == "empty" else 204, content_type="")
