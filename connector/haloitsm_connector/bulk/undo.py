"""Undo: a run whose rows are those of another one, with the old values as what is wanted."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from haloitsm_connector.bulk.preview import NAMING
from haloitsm_connector.bulk.record import LEFT_OUT, PAGE, READ, Record, Row, RunInfo
from haloitsm_connector.bulk.target import RECOVERABLE, Target
from haloitsm_connector.errors import InputError


def check_undo(info: RunInfo, target: Target) -> None:
    """Raise InputError for a run that cannot be undone, with what can be done instead."""
    if info.status == "planned":
        raise InputError(f"run {info.number} has sent nothing", "There is nothing to undo.")
    if info.kind == "create":
        hint = (
            f"Delete what it created: haloitsm bulk show {info.number} --result created.csv, take the rows you want, "
        )
        raise InputError(
            f"run {info.number} created records, which have no old values",
            f"{hint}then haloitsm bulk delete {target.name} --from FILE --map bulk_id={target.id}.",
        )
    if info.kind == "delete" and target.write.path not in RECOVERABLE:
        hint = f"haloitsm bulk show {info.number} --copies FILE writes what they held, for haloitsm bulk create."
        raise InputError(f"a deleted {target.name} does not come back with its id", hint)


def planned_undo(record: Record, undone: Record, target: Target) -> Iterator[int]:
    """Put on record what has to be put back; yield how many rows there are so far.

    ``content`` of a row is what the run wrote, and what the record is called: where a record holds anything else,
    somebody has changed it since.
    """
    rows = (row for row in undone.rows() if row.status not in (*LEFT_OUT, READ))
    number = 0
    fields: dict[str, None] = {}
    while page := list(islice(rows, PAGE)):
        made = [_back(row, target, undone.info) for row in page]
        record.add(made)
        fields |= dict.fromkeys(name for row in made for name in row.wanted)
        number += len(made)
        yield number
    names = [name for name in fields if name not in target.key]
    called = [name for name in undone.info.plan.get("columns", ()) if name in NAMING and name not in names]
    told: dict[str, Any] = {"columns": [*target.key, *called, *names], "fields": names}
    told["between"] = undone.info.plan.get("between", ",")
    record.change(plan={**record.info.plan, **told})


def _back(row: Row, target: Target, undone: RunInfo) -> Row:
    if undone.kind == "delete":
        wanted = {**target.key_values(row.record), "_recover": True}
        return Row(row.number, row.line, row.record, {target.id: wanted[target.id]}, wanted)
    keys = {name: value for name, value in row.wanted.items() if name in target.key}
    old = row.old or {}
    back = {name: old.get(name) for name in row.wanted if name not in target.key}
    called = {name: row.content[name] for name in NAMING if name in row.content}
    return Row(row.number, row.line, row.record, {**called, **row.wanted}, {**keys, **back})
