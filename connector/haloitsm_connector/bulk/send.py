"""Send the rows that are ready, and put what became of each on record."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from haloitsm_connector.bulk.compare import left_as_it_is, missing
from haloitsm_connector.bulk.current import Current
from haloitsm_connector.bulk.record import PARTLY, PUT_BACK, READ, READY, THERE, Record, Row
from haloitsm_connector.bulk.there import once_by
from haloitsm_connector.bulk.values import agree
from haloitsm_connector.context import stopping
from haloitsm_connector.publisher import Outcome, Publisher
from haloitsm_connector.publisher.haloitsm import BATCH
from haloitsm_connector.publisher.journal import EndingWith
from haloitsm_connector.store import JobJournal
from haloitsm_transformers import Entity

if TYPE_CHECKING:
    pass

_NOT_THERE = "answered 404"
STORE_EVERY = 100
STORE_SECONDS = 1.0
PARALLEL = 4
"""Requests under way at a time, unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Sending:
    """How to send: records in one array at most, and requests under way."""

    batch: int = BATCH
    parallel: int = PARALLEL


def sent(record: Record, current: Current, sending: Sending, most: int) -> Generator[int, None, None]:
    """Send the rows that are ready, numbered up to ``most``; yield how many have their outcome so far.

    Cut off at any instant, it goes on where it was when it is called again: an update is sent once more, which changes
    nothing, and of a create the journal knows. Raises RemoteError where going on makes no sense.
    """
    publisher = publisher_of(record, current, sending)
    if record.info.status != "begun":
        record.change(status="begun")
    rows = _Rows(record, current, most)
    with ExitStack() as told:
        # What was created may be forgotten after its row says so, and not before.
        journal = JobJournal(lambda: record.database, record.job)
        publisher.journal = EndingWith(journal, told)
        try:
            for outcome in publisher.publish(rows.entities()):
                if rows.told(outcome):
                    yield rows.done
        finally:
            rows.store()
    counts = record.counts()
    if not counts[READ] + counts[READY]:
        record.change(status="done")
    yield rows.done


def publisher_of(record: Record, current: Current, sending: Sending) -> Publisher:
    """Make the publisher of a run."""
    target = current.target
    options: dict[str, Any] = {"batch": sending.batch, "parallel": sending.parallel, "catalogue": current.catalogue}
    if record.info.kind != "delete":
        name = record.info.plan.get("once")
        publisher = Publisher(
            current.client, target.write.name, once=once_by(target, name) if name else None, **options
        )
        publisher.looks_first = not record.info.plan.get("listed")
        return publisher
    assert target.remove is not None, "checked before"
    known = {parameter.name for parameter in target.remove.query_parameters}
    others = {name: f"{{{{ {name} }}}}" for name in target.key if name != target.id and name in known}
    return Publisher(
        current.client, target.remove.name, path={"id": f"{{{{ {target.id} }}}}"}, query=others, **options
    )  # fmt: skip


@dataclass(slots=True)
class _Rows:
    """The rows under way: sent as entities, stored with their outcomes some at a time."""

    record: Record
    current: Current
    most: int
    done: int = 0
    _under_way: dict[int, Row] = field(default_factory=dict)
    _outcomes: list[tuple[Row, Outcome]] = field(default_factory=list)
    _stored: float = field(default_factory=time.monotonic)

    def entities(self) -> Iterator[Entity]:
        """Yield the rows that are ready, as the publisher takes them; no more once the work at hand shall stop."""
        delete = self.record.info.kind == "delete"
        for row in takewhile(lambda _: not stopping(), self.record.rows(READY, most=self.most)):
            self._under_way[row.number] = row
            yield {"row": row.number, **row.wanted} if delete else {"row": row.number, "payload": dict(row.wanted)}

    def told(self, outcome: Outcome) -> bool:
        """Note an outcome; whether those so far were stored."""
        self._outcomes.append((self._under_way.pop(outcome.entity["row"]), outcome))
        if len(self._outcomes) < STORE_EVERY and time.monotonic() < self._stored + STORE_SECONDS:
            return False
        self.store()
        return True

    def store(self) -> None:
        """Store the outcomes that are not stored yet."""
        rows = [self._settled(row, outcome) for row, outcome in self._outcomes]
        intents = [outcome.intent for _, outcome in self._outcomes if outcome.intent]
        self.record.settle(rows, forget=intents)
        self.done += len(rows)
        self._outcomes, self._stored = [], time.monotonic()

    def _settled(self, row: Row, outcome: Outcome) -> Row:
        if outcome.status == "refused" and self._is_gone(row, outcome.reason):
            if self.record.info.kind != "delete":
                return replace(row, status="refused", reason=f"{missing(row, self.current.target).reason} any more")
            return replace(row, status="deleted", id=row.record, reason="it is gone")  # as where the answer was lost
        of_record = row.record if self.record.info.kind != "create" and row.record else None
        id_ = of_record if outcome.id is None else outcome.id
        status, reason = str(outcome.status), outcome.reason
        if self.record.info.kind == "create" and status == THERE and outcome.intent:
            status = "created"  # by this run, before it was cut off: its journal knows
        if status == "created" and isinstance(outcome.response, dict):
            row = replace(row, wanted=self._as_answered(row.wanted, outcome.response))
        if self.record.info.kind == "undo" and status in ("created", "updated", "sent"):
            reason = left_as_it_is(row)
            status = PARTLY if reason else PUT_BACK
        return replace(row, status=status, id=id_, reason=reason)

    def _as_answered(self, wanted: Mapping[str, Any], answer: Entity) -> dict[str, Any]:
        """Return the fields of a record that was created, with the values that Halo has made of those sent."""
        fields = self.current.target.fields
        return {
            name: value
            if name not in answer or agree(fields[name].type if name in fields else "any", answer[name], value)
            else answer[name]
            for name, value in wanted.items()
        }

    def _is_gone(self, row: Row, reason: str) -> bool:
        """Whether somebody has deleted a record since it was read; asked only where that is what was refused."""
        asks = self.record.info.kind == "delete" or (row.record and _NOT_THERE in reason)
        return bool(asks and self.current.target.one and self.current.one(row.record) is None)
