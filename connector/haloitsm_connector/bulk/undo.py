"""Undo: a run whose rows are those of another one, with the old values as what is wanted; creates are deleted again."""

from __future__ import annotations

from collections.abc import Generator
from itertools import islice
from typing import Any

from haloitsm_connector.bulk.current import called
from haloitsm_connector.bulk.record import LEFT_OUT, PAGE, PROBLEMS, PUT_BACK, READ, Record, Row, RunInfo, Runs
from haloitsm_connector.bulk.target import RECOVER, RECOVERABLE, Target
from haloitsm_connector.errors import InputError


def check_undo(info: RunInfo, target: Target) -> None:
    """Raise InputError for a run that cannot be undone, with what can be done instead."""
    if info.status == "planned":
        raise InputError(f"run {info.number} has sent nothing", "There is nothing to undo.")
    if info.kind == "create" and target.remove is None:
        raise InputError(f"run {info.number} created records, and Halo has no operation that deletes a {target.name}")
    if info.kind == "delete" and target.write.path not in RECOVERABLE:
        raise InputError(
            f"a deleted {target.name} does not come back with its id",
            f"To create them anew, under new ids: haloitsm bulk show {info.number} --copies deleted.jsonl, then "
            f"haloitsm bulk create {target.name} --from deleted.jsonl.",
        )


def planned_undo(record: Record, undone: Record, target: Target) -> Generator[int, None, None]:
    """Put on record what has to be put back, or deleted; yield how many rows there are so far.

    ``content`` of a row is what the run wrote, and what the record is called: where a record holds anything else,
    somebody has changed it since.
    """
    if undone.info.kind == "create":
        rows = (_created(row, target) for row in undone.rows("created") if row.id is not None)
    else:
        rows = (_back(row, target, undone.info) for row in undone.rows() if row.status not in (*LEFT_OUT, READ))
    number = 0
    names: dict[str, None] = {}
    fields: dict[str, None] = {}
    while page := list(islice(rows, PAGE)):
        record.add(page)
        fields |= dict.fromkeys(name for row in page for name in row.wanted if name not in target.key)
        names |= dict.fromkeys(name for row in page for name in called(row.content))
        number += len(page)
        yield number
    columns = list(dict.fromkeys((*target.key, *names, *fields)))
    told: dict[str, Any] = {"columns": columns, "fields": list(fields)}
    told["between"] = undone.info.plan.get("between", ",")
    record.change(plan={**record.info.plan, **told})


def standing(runs: Runs, info: RunInfo) -> str:
    """Return the status of a run, and of one that was undone whether all of it was, and still is."""
    undo = runs.undo_of(info.number) if info.status == "undone" else None
    if undo is None:
        return info.status
    if undo.status == "undone":
        return "done again"
    counts = Record(runs.database, undo).counts()
    complete = undo.status == "done" and not any(counts[status] for status in PROBLEMS)
    return "undone" if complete else "partly undone"


def is_undone(record: Record, number: int | None, identity: str) -> bool:
    """Whether an earlier run of the same kind did something to a record that was undone since."""
    runs, info = Runs(record.database), record.info
    undo = runs.undo_of(number) if number is not None else None
    if number is None or undo is None or undo.status == "undone":
        return False
    done = runs.get(number)
    same = (done.kind, done.entity, done.system) == (info.kind, info.entity, info.system)
    back = Record(record.database, undo)
    return same and any(back.about([identity], status, 2**62) for status in (PUT_BACK, "deleted"))


def _created(row: Row, target: Target) -> Row:
    keys = {**{name: row.wanted.get(name) for name in target.key}, target.id: row.id}
    return Row(row.number, row.line, target.identity(keys), {**row.wanted, **keys}, keys)


def _back(row: Row, target: Target, undone: RunInfo) -> Row:
    old = row.old or {}
    if undone.kind == "delete":
        wanted = {**target.key_values(row.record), RECOVER: True}
        return Row(row.number, row.line, row.record, {**called(old), target.id: wanted[target.id]}, wanted)
    keys = {name: value for name, value in row.wanted.items() if name in target.key}
    back = {name: old.get(name) for name in row.wanted if name not in target.key}
    return Row(row.number, row.line, row.record, {**called(row.content), **called(old), **row.wanted}, {**keys, **back})
