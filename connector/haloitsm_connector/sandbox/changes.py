"""Rows that change between requests, as if others were at work."""

from __future__ import annotations

from random import Random

from haloitsm_connector.sandbox import rules
from haloitsm_connector.sandbox.errors import Refusal
from haloitsm_connector.sandbox.faults import Change
from haloitsm_connector.sandbox.seed.world import Record
from haloitsm_connector.sandbox.tables import Key
from haloitsm_connector.sandbox.writes import Desk, deleted, named

_TEXTS = ("summary", "name", "note", "subject", "outcome", "inventory_number", "filename", "details", "title", "ref")


def make_changes(change: Change, desk: Desk, chance: Random) -> None:
    """Insert, update and delete as many rows of the desk's table as the change says; which ones is left to chance.

    An inserted row is a copy of one that the table began with, under a new id; an updated one has other text, and new
    dates where Halo keeps them. A row that Halo would not let go stays.
    """
    table, models = desk.tables[desk.shape.name], desk.tables.first(desk.shape.name)
    for _ in range(change.insert if models else 0):
        record = dict(chance.choice(models))
        key = named(record, desk)
        table[key] = _marked(record, desk, chance, new=True)
        desk.did("created", key)
    for _ in range(change.update if table else 0):
        key = chance.choice(list(table))
        table[key] = _marked(table[key], desk, chance, new=False)
        desk.did("updated", key)
    for _ in range(min(change.delete, len(table))):
        _delete(desk, chance.choice(list(table)))


def _delete(desk: Desk, key: Key) -> None:
    try:
        deleted(desk, key)
    except Refusal:
        return


def _marked(record: Record, desk: Desk, chance: Random, *, new: bool) -> Record:
    """Return the record with a text that no other row has, and with the dates of now."""
    column = next((name for name in _TEXTS if isinstance(record.get(name), str)), None)
    sent = {column: f"{str(record[column]).partition(' ~')[0]} ~{chance.getrandbits(32):08x}"} if column else {}
    record = {name: value for name, value in record.items() if not (new and name in rules.CREATED)} | sent
    if not desk.fields:
        return record
    return rules.filled(desk.table, record, sent, new=new, tables=desk.tables, now=desk.now, known=desk.fields)
