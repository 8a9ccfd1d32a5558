"""What the records of rows hold that are still to be sent, where a run is gone on with that was cut off."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import replace
from typing import Any

from haloitsm_connector.bulk.current import Current
from haloitsm_connector.bulk.record import PAGE, READY, Record, Row
from haloitsm_connector.bulk.values import agree, touched


def refreshed(record: Record, current: Current, most: int) -> Generator[int, None, None]:
    """Put on record as old values what somebody has changed meanwhile; yield how many rows are through with it.

    Where a record holds what it shall hold, the run itself may have sent that: then the old value stays as it is.
    Pages of the list are read where that takes fewer requests; what they show as changed is asked for by itself.
    """
    count = record.counts(most=most)[READY]
    done = 0
    for rows in _shown_as_changed(record, current, most) if current.by_list(count) else _all(record, most):
        known = {row.record: row for row in rows}
        found = current.each(known) if current.target.one else ()
        changed = [_with_changes(known[name], now, current) for name, now in found if isinstance(now, dict)]
        record.settle(row for row in changed if row is not None)
        done += len(rows)
        yield done


def _all(record: Record, most: int) -> Iterator[list[Row]]:
    some: list[Row] = []
    for row in record.rows(READY, most=most):
        some.append(row)
        if len(some) == PAGE:
            yield some
            some = []
    yield some


def _shown_as_changed(record: Record, current: Current, most: int) -> Iterator[list[Row]]:
    """Yield the rows of which a page of the list does not show what is on record."""
    for page in current.pages():
        by_record = {current.target.identity(row): row for row in page}
        names = list(by_record)
        for start in range(0, len(names), PAGE):
            rows = record.about(names[start : start + PAGE], READY, most)
            yield [row for row in rows if _with_changes(row, by_record[row.record], current, missing=True)]


def _with_changes(row: Row, found: Mapping[str, Any], current: Current, *, missing: bool = False) -> Row | None:
    """Return a row with what its record holds now; None where that is the old value, or what it shall be.

    With ``missing``, a field that is not there counts as changed.
    """
    changed = {}
    for name, value in row.wanted.items():
        if name in current.target.key or name not in (row.old or {}) or (name not in found and not missing):
            continue
        kind = current.target.fields[name].type if name in current.target.fields else "any"
        now = touched(found.get(name), value)
        if name not in found or not (agree(kind, now, value) or agree(kind, now, row.old[name])):
            changed[name] = now
    return replace(row, old={**row.old, **changed}) if changed else None
