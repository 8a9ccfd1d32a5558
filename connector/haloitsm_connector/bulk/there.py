"""Which of the records that are to be created Halo has already, by the field that tells them apart."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any

from haloitsm_connector.bulk.current import NAMING, WIDER, Current
from haloitsm_connector.bulk.record import PAGE, READ, READY, THERE, Record, Row
from haloitsm_connector.bulk.target import Target
from haloitsm_connector.client.drive import Flow, drive
from haloitsm_connector.errors import InputError
from haloitsm_connector.publisher.journal import identity_of
from haloitsm_connector.publisher.once import LookUp, Wanted, comparable
from haloitsm_connector.store.intents import JobRun
from haloitsm_transformers import Entity


def once_by(target: Target, name: str) -> Mapping[str, Any]:
    """Return how a record is looked for by one of its fields; InputError where there is no list to look in.

    By a query parameter that is named like the field, or by a search where people know records by it; else the list is
    not narrowed, as nobody knows in which fields Halo searches.
    """
    if target.rows is None:
        raise InputError(f"Halo has no list of {target.name} to look for records in", "Leave out --once.")
    known = {parameter.name for parameter in target.rows.query_parameters}
    narrows = name if name in known else "search" if "search" in known and name in NAMING else ""
    query = {narrows: f"{{{{ payload.{name} }}}}"} if narrows else {}
    wider = {name: True for name in WIDER if name in known}
    return {"find": target.rows.name, "query": {**wider, **query}, "match": name}


def looked_up(record: Record, current: Current, most: int, *, list_only: bool = False) -> Generator[int, None, None]:
    """Leave out the rows of which Halo has the record, numbered up to ``most``; yield how many are through with it.

    The pages of the list are read where they take fewer requests than a look-up for each row, and where no query finds
    a record by the field. What the journal has is left to be sent again: there the publisher tells whether the record
    is the one that was sent. InputError where no row of the list shows the field, unless ``list_only`` takes it to be
    empty in all records.
    """
    once = record.info.plan["once"]
    look = LookUp(once_by(current.target, once), current.client, current.target.write, current.catalogue)
    counts = record.counts(most=most)
    total = counts[READ] + counts[READY]
    if not total:
        return
    narrowed = look.once.query.keys() - {*WIDER}
    listed = current.by_list(total) or (current.has_list and not narrowed)
    record.change(plan={**record.info.plan, "listed": listed})
    rows = _Rows(record, current, look, once, most)
    yield from rows.in_list(list_only) if listed else rows.by_themselves()
    while others := list(islice(record.rows(READ, most=most), PAGE)):
        record.settle(replace(row, status=READY) for row in others)
    yield total


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows of a run that are looked up, those numbered up to ``most``."""

    record: Record
    current: Current
    look_up: LookUp
    once: str
    most: int

    def in_list(self, list_only: bool) -> Iterator[int]:
        """Read the list, and leave out the rows whose records it shows; yield how many records were read."""
        under_way, seen, hides, shows = self._under_way(), 0, False, list_only
        for page in self.current.pages():
            shows = shows or any(self.once in found for found in page)
            hides = not shows
            there = {comparable(found.get(self.once)): found for found in page}
            keys = [key for key in there if key is not None]
            for start in range(0, len(keys), PAGE):
                some = self._about(keys[start : start + PAGE])
                self.record.settle(
                    self._there(row, there[row.record]) for row in some if self._identity(row) not in under_way
                )
                seen += len(some)
            yield seen
        if hides:
            what = (
                f"no row of the list of {self.current.target.name} shows '{self.once}', so it cannot tell what is there"
            )
            raise InputError(what, "Name another field with --once, or say --list-only where no record has it yet.")

    def by_themselves(self) -> Iterator[int]:
        """Look each record up; yield how many."""
        under_way = self._under_way()
        for done, row in enumerate(self.record.rows(READ, READY, most=self.most), start=1):
            wanted = self._wanted(row)
            found = [one for rows in drive(_rows(self.look_up, wanted), self.current.client.start) for one in rows]
            there = next(filter(wanted.is_in, found), None)
            if there is not None and self._identity(row) not in under_way:
                self.record.settle([self._there(row, there)])
            yield done

    def _about(self, keys: Sequence[str]) -> list[Row]:
        return [*chain(*(self.record.about(keys, status, self.most) for status in (READ, READY)))]

    def _there(self, row: Row, found: Entity) -> Row:
        what = f"the {self.current.target.name} with this {self.once} is there already"
        return replace(row, status=THERE, id=self.look_up.id_of(found), reason=what)

    def _wanted(self, row: Row) -> Wanted:
        return self.look_up.wanted({"payload": dict(row.wanted)}, dict(row.wanted))

    def _identity(self, row: Row) -> str:
        return identity_of(self.current.client.api_uri, self._wanted(row).identity)

    def _under_way(self) -> set[str]:
        """Return what an earlier start of this run has sent, or may have."""
        if self.record.info.status == "planned":
            return set()
        return {intent.identity for intent in JobRun(self.record.database, self.record.job).recorded()}


def _rows(look_up: LookUp, wanted: Wanted) -> Flow[Entity]:
    yield (yield from look_up.rows(wanted))
