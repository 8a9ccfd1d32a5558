"""Begin a run: read all rows, make changes of them, and put both on record before anything is compared or sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

from haloitsm_connector.bulk.change import Changes, KeylessError
from haloitsm_connector.bulk.record import DONE_BEFORE, DUPLICATE, PAGE, READ, Record, Row
from haloitsm_connector.bulk.rows import Done, Read, Source
from haloitsm_connector.bulk.undo import is_undone
from haloitsm_connector.bulk.values import MisfitError
from haloitsm_connector.errors import InputError
from haloitsm_connector.subscriber.tables import UnsavedError
from haloitsm_transformers import Chain, Entity, Failure


def planned(record: Record, source: Source, chain: Chain | None, changes: Changes) -> Generator[int, None, None]:
    """Put the rows of a source on record, with the changes that they ask for; yield how many there are so far."""
    apart = record.info.kind != "create" or record.info.plan.get("once")
    changes.check_values()
    if source.cells and chain is None:
        changes.learn_dates(row for _, row in _rows(record, source) if isinstance(row, dict))
    columns: Counter[str] = Counter()
    contents = 0
    prepared = _prepared(_rows(record, source), chain)
    number = 0
    while page := list(islice(prepared, PAGE)):
        rows: list[Row] = []
        for line, content in page:
            number += 1
            row = _row(number, line, content, changes)
            rows.append(replace(row, content=changes.meant(row.content)) if source.whole else row)
            columns.update(rows[-1].content.keys())
            contents += len(rows[-1].content) > 0
        record.add(_without_doubles(record, rows) if apart else rows)
        if source.cells and chain is None:
            changes.check_columns(columns)  # each row has all of them: no need to read on
        yield number
    changes.check_columns(columns)
    if apart:
        record.leave_what_is_done()
    fields = dict.fromkeys((*changes.used.values(), *record.info.plan.get("values", {})))
    told: dict[str, Any] = {
        "columns": list(columns),
        "used": changes.used,
        "unused": changes.unused,
        "fields": list(fields),
        "named": list(changes.named),
        "empty": changes.empty,
        "dates": changes.dates,
        "sparse": changes.clears and any(count < contents for count in columns.values()),
    }
    record.change(plan={**record.info.plan, **told, "notes": source.notes, "between": source.between})


def _rows(record: Record, source: Source) -> Iterator[Read]:
    """Yield the rows of a source; those that a run has done which was undone since, as rows to be done."""
    for line, row in source.rows():
        yield line, row.content if isinstance(row, Done) and is_undone(record, row.run, row.record) else row


def _prepared(rows: Iterator[Read], chain: Chain | None) -> Iterator[Read]:
    """Yield the rows as they leave the transformers, each with the line of the row that it was made of."""
    if chain is None or not len(chain):
        yield from rows
        return
    failed: list[Failure] = []
    run = chain.open(failed.append)
    for line, row in rows:
        if isinstance(row, InputError | Done):
            yield line, row
            continue
        yield from ((line, made) for made in run([row]))
        while failed:
            yield line, InputError(str(failed.pop()))
    yield from ((0, made) for made in run.finish())
    yield from ((0, InputError(str(failure))) for failure in failed)


def _row(number: int, line: int, content: Entity | InputError | Done, changes: Changes) -> Row:
    if isinstance(content, InputError):
        cells = content.cells if isinstance(content, UnsavedError) else {}
        return Row(number, line, content=cells, status="invalid", reason=str(content))
    if isinstance(content, Done):
        record, reason = changes.identity_of_done(content), "an earlier run has done it"
        return Row(number, line, record, content.content, {}, content.run, DONE_BEFORE, content.record, reason)
    try:
        wanted = changes.of(content)
    except KeylessError as error:
        return Row(number, line, content=content, status="no id", reason=str(error))
    except MisfitError as error:
        return Row(number, line, content=content, status="invalid", reason=str(error))
    return Row(number, line, changes.identity(wanted), content, wanted)


def _without_doubles(record: Record, rows: list[Row]) -> list[Row]:
    """Leave out rows about a record that an earlier row is about: which of them should win, nobody can tell."""
    first = record.earlier([row.record for row in rows if row.status == READ])
    made = []
    for row in rows:
        if row.status != READ:
            made.append(row)
            continue
        before = first.setdefault(row.record, row)
        if before is row:
            made.append(row)
        elif dict(before.wanted) == dict(row.wanted):
            made.append(replace(row, status="equal", reason=f"line {before.line} asks for the same"))
        else:
            made.append(replace(row, status=DUPLICATE, reason=f"line {before.line} is about the same record"))
    return made
