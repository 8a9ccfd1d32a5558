"""What the records of rows hold now that are still to be sent: where a run is gone on with, or an answer took long."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

from haloitsm_connector.bulk.compare import kept, left_as_it_is, missing, parts
from haloitsm_connector.bulk.current import Current, Found
from haloitsm_connector.bulk.record import LEFT, PAGE, READY, Record, Row, RunInfo
from haloitsm_connector.bulk.target import RECOVER, Target
from haloitsm_connector.bulk.values import agree, touched


def refreshed(record: Record, current: Current, most: int) -> Generator[int, None, None]:
    """Put on record what somebody has changed meanwhile, or deleted; yield how many rows are through with it.

    An update overwrites that, and keeps it as the old value. An undo leaves it as it is. A delete keeps new copies.
    Where a record holds what it shall hold, the run itself may have sent that: then the old value stays as it is.
    Pages of the list are read where that takes fewer requests; what they do not show as it was is asked for by itself.
    """
    kind, target = record.info.kind, current.target
    if kind == "create" or RECOVER in record.info.plan.get("fields", ()):
        return
    known = {name for told in ("shown", "taken") for name in record.info.plan.get(told, ())}
    seen: set[int] = set()
    if kind != "delete" and current.by_list(record.counts(most=most)[READY]):
        for rows, shown in _listed(record, current, most):
            seen.update(row.number for row in rows)
            if target.one is None:
                record.settle(_renewed(row, shown[row.record], target, record.info) for row in rows)
            else:
                doubtful = [row for row in rows if _moved(row, shown[row.record], target, known)]
                record.settle(_asked(doubtful, current, record.info))
            yield len(seen)
    done, others = len(seen), (row for row in record.rows(READY, most=most) if row.number not in seen)
    while some := list(islice(others, PAGE)):
        record.settle(_asked(some, current, record.info) if target.one else (missing(row, target) for row in some))
        done += len(some)
        yield done


def _listed(record: Record, current: Current, most: int) -> Iterator[tuple[list[Row], Mapping[str, Any]]]:
    """Yield the rows that pages of the list show, with the records by what tells them apart."""
    for page in current.pages():
        shown = {current.target.identity(found): found for found in page}
        for part in parts(list(shown)):
            yield record.about(part, READY, most), shown


def _asked(rows: list[Row], current: Current, info: RunInfo) -> Iterator[Row]:
    known = {row.record: row for row in rows}
    for name, found in current.each(known):
        yield _renewed(known[name], found, current.target, info)


def _renewed(row: Row, found: Found, target: Target, info: RunInfo) -> Row:
    """Return a row with what comes of what its record holds now; as it is where Halo does not show that."""
    if info.kind == "delete":
        if found is None:
            return replace(row, status="deleted", id=row.record, reason="it is gone")  # the run itself may have done it
        return kept(row, found, target, info) if isinstance(found, dict) else row
    if found is None:
        return missing(row, target)
    moved = _moved(row, found, target) if isinstance(found, dict) else {}
    if not moved:
        return row
    changed = replace(row, old={**row.old, **moved})
    if info.kind != "undo":
        return changed
    back = {name: value for name, value in row.wanted.items() if name not in moved}
    left = replace(changed, wanted=back, status=READY if back.keys() - {*target.key} else LEFT)
    return replace(left, reason=left_as_it_is(left))


def _moved(row: Row, found: Mapping[str, Any], target: Target, known: Collection[str] | None = None) -> dict[str, Any]:
    """Return the fields that hold neither what they held nor what they shall hold, with what they hold now.

    Of a row of the list those are among them that it does not have, but for those ``known`` to be empty there.
    """
    moved = {}
    for name, value in row.wanted.items():
        if name in target.key or name not in row.old:
            continue
        kind = target.fields[name].type if name in target.fields else "any"
        now = touched(found.get(name), value)
        told = known is None or name in known or name in found
        if not told or not (agree(kind, now, value) or agree(kind, now, row.old[name])):
            moved[name] = now
    return moved
