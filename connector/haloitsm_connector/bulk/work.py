"""One command, one run: which run a command begins, goes on with, or has carried out already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from haloitsm_connector.bulk.change import Rules
from haloitsm_connector.bulk.record import LISTED, READ, READY, Kind, Record, RunInfo, Runs
from haloitsm_connector.bulk.rows import Source
from haloitsm_connector.bulk.target import Target
from haloitsm_connector.publisher.journal import identity_of
from haloitsm_connector.store import Database

Beginning = Literal["new", "goes on", "done before"]
UNDO = "undo of run {}"


@dataclass(frozen=True, slots=True)
class Command:
    """What a person asks for; ``steps`` are the transformers of the rows, ``system`` is the address of the API."""

    kind: Kind
    target: Target
    system: str
    source: Source
    rules: Rules
    steps: Sequence[Any] = ()

    @property
    def mark(self) -> str:
        """What is the same for the same command with the same rows."""
        rules = [self.rules.columns, self.rules.values, self.rules.clear_empty, *filter(None, [self.rules.dates])]
        return identity_of(
            self.kind, self.target.write.name, self.system, self.source.mark, rules, self.steps, self.rules.once
        )  # fmt: skip

    @property
    def repeats_safely(self) -> bool:
        """Whether carrying it out again, after it is done, changes nothing that it has changed.

        A create makes new records. An update whose values come from rows that it has changed itself goes on changing
        them. A delete of the same rows finds nothing any more, which is no mistake.
        """
        if self.kind == "create":
            return False
        if self.kind == "delete":
            return self.source.of_halo
        moved = any(name not in self.target.key for name in self.rules.columns.values())
        reads = moved or bool(self.steps) or any("{{" in text for text in self.rules.values.values())
        return not (self.source.of_halo and reads)

    def info(self) -> RunInfo:
        """Return the run that it is on record as."""
        plan: dict[str, Any] = {"values": dict(self.rules.values), "once": self.rules.once}
        name = self.target.write.name if self.kind != "delete" else f"DELETE {self.target.write.path}"
        return RunInfo(0, self.kind, name, self.system, self.source.name, self.mark, plan)


def opened_run(database: Database, command: Command, *, again: bool = False) -> tuple[Record, Beginning]:
    """Return the run of a command: one that was cut off is gone on with, as is a create of which a part failed.

    A run that never sent anything is planned anew. ``again`` begins a new one whatever was done before.
    """
    runs = Runs(database)
    last = None if again else runs.latest(command.mark)
    if last and last.status == "planned":
        runs.forget(last.number)
        last = None
    if last and (last.status == "undone" or (last.status == "done" and command.repeats_safely)):
        last = None
    if last is None:
        return Record(database, runs.add(command.info())), "new"
    return resumed(Record(database, last))


def opened_undo(database: Database, undone: RunInfo) -> tuple[Record, Beginning]:
    """Return the run that undoes another one; one that was cut off is gone on with."""
    runs = Runs(database)
    mark = UNDO.format(undone.number)
    last = runs.latest(mark)
    if last and last.status == "begun":
        return resumed(Record(database, last))
    if last and last.status == "planned":
        runs.forget(last.number)
    kind: Kind = "undo"
    entity = undone.entity
    if undone.kind == "create":
        kind, entity = "delete", f"DELETE {undone.entity.removeprefix('POST ')}"
    info = RunInfo(0, kind, entity, undone.system, f"run {undone.number}", mark, {}, undoes=undone.number)
    return Record(database, runs.add(info)), "new"


def resumed(record: Record) -> tuple[Record, Beginning]:
    """Return a run that is gone on with; what failed for the moment, or waits, is tried once more."""
    again = ["failed", "waiting"] + (["refused"] if record.info.status == "done" else [])
    record.again(READY, *again)
    record.again(READ, LISTED)
    counts = record.counts()
    return record, "goes on" if counts[READ] + counts[READY] else "done before"


def custom_field_ids(record: Record) -> list[str]:
    """Return the ids of the custom fields that rows are about; none where one is named without its id.

    Lists show those that are asked for by id (halo-api-facts 2.3).
    """
    found: dict[str, None] = {}
    if "customfields" not in record.info.plan.get("fields", ()):
        return []
    for row in record.rows(READ):
        for entry in row.wanted.get("customfields") or ():
            if not isinstance(entry, Mapping) or entry.get("id") in (None, ""):
                return []
            found[str(entry["id"])] = None
    return list(found)


def most_of(record: Record, limit: int | None) -> int:
    """Return the number of the row up to which this call compares and sends."""
    return 2**62 if limit is None else record.until(limit, READ, READY)
