"""Compare what is wanted with what is there: old values are put on record, and what needs no change is left out."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

import orjson

from haloitsm_connector.bulk.current import Current, Found, called
from haloitsm_connector.bulk.record import LEFT, LISTED, PAGE, READ, READY, Record, Row, RunInfo
from haloitsm_connector.bulk.target import RECOVER, Target
from haloitsm_connector.bulk.there import looked_up
from haloitsm_connector.bulk.values import agree, touched
from haloitsm_connector.errors import StatusError
from haloitsm_transformers import Entity

SAMPLE = 3
"""Records of which the list is compared with the record itself."""
WIDE_SAMPLE = 20
"""Records that the list does not show of which it is looked whether any is there."""
RECORDS_AT_ONCE = 100
LONGEST_VALUE = 60
"""Characters of a value that are told."""


def compared(
    record: Record, current: Current, most: int, *, list_only: bool = False, tell: Callable[[str], object] = str
) -> Generator[int, None, None]:
    """Compare the rows that are read, numbered up to ``most``; yield how many are through with it so far.

    Where the pages of a list tell the old values, no record is asked for by itself, but for those that the list does
    not show, and a few by which the list is checked. A field that some row of the list shows is empty where a row does
    not have it. Of one that no row shows nobody knows: the records are asked, after ``tell`` was told how many, or
    with ``list_only`` it is taken to be empty, which becomes a note of the run.
    """
    kind = record.info.kind
    if kind == "create":
        if record.info.plan.get("once"):
            yield from looked_up(record, current, most, list_only=list_only)
        else:
            yield from _settled(record, (replace(row, status=READY) for row in record.rows(READ, most=most)))
        return
    count = record.counts(most=most)[READ]
    done = 0
    by_list = kind != "delete" and current.by_list(count)
    if by_list:
        yield from _listed(record, current, most)
        unseen, count = _unseen(record, current.target, most)
        if unseen:
            _tell_unseen(record, unseen, count, list_only, tell)
        for done in _by_list(record, current, most, unseen, list_only):
            yield done
    left = record.rows(READ, most=most)
    if by_list and (current.target.one is None or (done and _all_missing(record, current, most))):
        gone = (missing(row, current.target) for row in left)
        yield from (done + more for more in _settled(record, gone))
        return
    yield from (done + more for more in _settled(record, _one_by_one(record, current, left)))


def _listed(record: Record, current: Current, most: int) -> Iterator[int]:
    """Keep the values that the pages of the list show, and on record which fields any of its rows shows."""
    seen = 0
    plan = record.info.plan
    fields, shown = {*plan.get("fields", ())}, {*plan.get("shown", ())}
    for page in current.pages():
        shown.update(name for found in page for name in fields - shown if found.get(name) is not None)
        by_record = {current.target.identity(row): row for row in page}
        for part in parts(list(by_record)):
            rows = record.about(part, READ, most)
            record.settle(replace(row, status=LISTED, old=_seen(row, by_record[row.record])) for row in rows)
            seen += len(rows)
        yield seen
    record.change(plan={**plan, "shown": sorted(shown)})


def _seen(row: Row, found: Entity) -> dict[str, Any]:
    return {
        **called(found),
        **{name: touched(found[name], value) for name, value in row.wanted.items() if name in found},
    }


def _unseen(record: Record, target: Target, most: int) -> tuple[set[str], int]:
    """Return the fields that no row of the list shows though records have them, maybe, and how many rows want one."""
    fields = {*record.info.plan.get("fields", ())} - {*record.info.plan["shown"], *target.key}
    unseen: set[str] = set()
    count = 0
    for row in record.rows(LISTED, most=most) if target.one else ():
        unseen |= fields & row.wanted.keys()
        count += not fields.isdisjoint(row.wanted)
    return unseen, count


def _tell_unseen(record: Record, unseen: set[str], count: int, list_only: bool, tell: Callable[[str], object]) -> None:
    """Say what is done about fields that no row of the list shows: before it takes long, or with the preview."""
    plan = record.info.plan
    names = " or ".join(f"'{name}'" for name in sorted(unseen))
    what = f"no row of the list shows {names}"
    if list_only:
        note = f"{what}: taken to be empty, so an undo empties it"
        record.change(plan={**plan, "taken": sorted(unseen), "notes": [*plan.get("notes", ()), note]})
        return
    instead = " (--list-only takes it to be empty)" if record.info.kind == "update" else ""
    tell(f"{what}: {count:,} record{'s are' if count != 1 else ' is'} read one by one{instead}")


def _by_list(record: Record, current: Current, most: int, unseen: set[str], list_only: bool) -> Iterator[int]:
    """Compare the rows that the list shows with what it shows, or with their records where it does not tell."""
    differs = _differs(record, current, most, unseen)
    asked = (
        row
        for row in record.rows(LISTED, most=most)
        if differs or not (list_only or unseen.isdisjoint(row.wanted))
    )  # fmt: skip
    done = 0
    for done in _settled(record, _one_by_one(record, current, asked)):
        yield done
    trusted = (_compared(row, row.old, current.target, record.info) for row in record.rows(LISTED, most=most))
    yield from (done + more for more in _settled(record, trusted))


def _differs(record: Record, current: Current, most: int, unseen: set[str]) -> bool:
    """Whether rows of the list show something else than the records hold, so that these have to be read one by one."""
    rows = list(_sampled(record, LISTED, most, SAMPLE)) if current.target.one else []
    details = dict(current.each(row.record for row in rows))
    types = current.target.fields
    return any(
        not agree(types[name].type if name in types else "any", found.get(name), row.old.get(name))
        for row in rows
        if isinstance(found := details[row.record], dict)
        for name in row.wanted.keys() - unseen
    )


def _all_missing(record: Record, current: Current, most: int) -> bool:
    """Whether so many records are in no list, and none of a sample is there, that the others need not be asked for."""
    if record.counts(most=most)[READ] <= 5 * WIDE_SAMPLE or current.query:
        return False
    sample = [row.record for row in _sampled(record, READ, most, WIDE_SAMPLE)]
    return all(found is None for _, found in current.each(sample))


def _sampled(record: Record, status: str, most: int, size: int) -> Iterator[Row]:
    count = record.counts(most=most)[status]
    return islice(record.rows(status, most=most), 0, None, max(1, count // size)) if count else iter(())


def _one_by_one(record: Record, current: Current, rows: Iterable[Row]) -> Iterator[Row]:
    known: dict[str, list[Row]] = {}

    def asked() -> Iterator[str]:
        for row in rows:
            known.setdefault(row.record, []).append(row)
            yield row.record

    for identity, found in current.each(asked()):
        row = known[identity].pop(0)
        if not known[identity]:
            del known[identity]
        yield _compared(row, found, current.target, record.info)


def _compared(row: Row, found: Found, target: Target, info: RunInfo) -> Row:
    """Return a row with what comes of comparing it with its record."""
    kind = info.kind
    if isinstance(found, StatusError):
        return replace(row, status="invalid", reason=f"its record cannot be read: {found}")
    recovering = kind == "undo" and RECOVER in row.wanted
    if found is None and not recovering:
        return missing(row, target)
    if recovering:
        reason = "" if found is None else "it is there already"
        return replace(row, status=READY if found is None else "equal", reason=reason)
    assert found is not None, "what is missing was left out"
    if kind == "delete":
        return kept(row, found, target, info)
    types = {name: target.fields[name].type if name in target.fields else "any" for name in row.wanted}
    differing = {
        name: value
        for name, value in row.wanted.items()
        if name not in target.key and not agree(types[name], found.get(name), value)
    }
    old = {name: touched(found.get(name), value) for name, value in differing.items()}
    if not differing:
        asked = any(name not in target.key for name in row.wanted)
        reason = "it has these values already" if asked else f"it asks for nothing: it has no more than the {target.id}"
        return replace(row, wanted={}, old={}, status="equal", reason=reason)
    keys = {name: value for name, value in row.wanted.items() if name in target.key}
    if kind != "undo":
        return replace(row, wanted={**keys, **differing}, old={**called(found), **old}, status=READY)
    back = {name: value for name, value in differing.items() if _is_ours(name, row, found, types)}
    compared = replace(row, wanted={**keys, **back}, old=old, status=READY if back else LEFT)
    return replace(compared, reason=left_as_it_is(compared))


def kept(row: Row, found: Entity, target: Target, info: RunInfo) -> Row:
    """Return a row whose record is to be deleted, with its copy.

    Of what a run created, a record that somebody has changed since is left as it is. Fields that begin with ``_`` steer
    a write and are not kept (halo-api-facts 4.2).
    """
    types = {name: target.fields[name].type if name in target.fields else "any" for name in row.content}
    changed = [
        _changed(name, found.get(name), value)
        for name, value in (row.content.items() if info.undoes is not None else ())
        if name not in target.key and not name.startswith("_") and not agree(types[name], found.get(name), value)
    ]
    return replace(row, old=dict(found), status=LEFT if changed else READY, reason="; ".join(changed))


def _is_ours(name: str, row: Row, found: Mapping[str, Any], types: Mapping[str, str]) -> bool:
    """Whether a field still holds what the run wrote."""
    return name not in row.content or agree(types[name], found.get(name), row.content[name])


def left_as_it_is(row: Row) -> str:
    """Say which fields of a row of an undo somebody has changed since, and what they hold; nothing where none is."""
    left = [name for name in row.old or {} if name not in row.wanted]
    return "; ".join(_changed(name, row.old[name], row.content.get(name)) for name in left)


def _changed(name: str, now: Any, then: Any) -> str:
    return f"{name} is {_shown(now)} now, and not {_shown(then)}"


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else orjson.dumps(value, default=str).decode()
    short = text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"
    return "empty" if value in (None, "") else f"'{short}'" if isinstance(value, str) else short


def missing(row: Row, target: Target) -> Row:
    """Return a row as one whose record is not there."""
    what = f"there is no {target.name}" if target.one else f"the list of {target.name} does not show"
    return replace(row, status="missing", reason=f"{what} {row.record}")


def _settled(record: Record, rows: Iterator[Row]) -> Iterator[int]:
    """Store rows, and yield how many are stored."""
    done = 0
    while page := list(islice(rows, RECORDS_AT_ONCE)):
        record.settle(page)
        done += len(page)
        yield done


def parts(records: list[str]) -> Iterator[list[str]]:
    """Cut records into as many as are looked for at a time."""
    for start in range(0, len(records), PAGE):
        yield records[start : start + PAGE]
