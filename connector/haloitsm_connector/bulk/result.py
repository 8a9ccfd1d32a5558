"""What became of a run, as files: one row per row, which can be read again; and the old values."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from haloitsm_connector.bulk.record import DONE_BEFORE, LEFT_OUT, LISTED, READ, READY, Record, Row
from haloitsm_connector.bulk.rows import TOLD, WITHOUT
from haloitsm_connector.bulk.target import Target
from haloitsm_connector.errors import InputError
from haloitsm_connector.publisher.sinks import csv_cell

TO_DO = "to do"
"""What a result says of a row that was not sent yet."""


def check_place(path: Path) -> None:
    """Raise InputError where no file can be written: better now than when all is sent."""
    try:
        path.open("ab").close()
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}", "Nothing was sent.") from error


def write_result(record: Record, path: Path) -> None:
    """Write a CSV with a row for each row of a run: its columns, line, record, outcome, reason and run.

    It begins with the mark by which Excel knows UTF-8, has between its cells what the file of the rows has, and holds
    nothing that Excel would run, whichever delimiter it splits by. Given as the rows of the same command, it brings
    those that are not done. InputError when the file cannot be written.
    """
    plan = record.info.plan
    columns, between, sparse = plan.get("columns", []), plan.get("between", ","), plan.get("sparse", False)
    heading = (*columns, *TOLD, *((WITHOUT,) if sparse else ()))
    try:
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            csv.writer(file, delimiter=between, quoting=csv.QUOTE_ALL).writerow(map(csv_cell, heading))
            writer = csv.writer(file, delimiter=between)
            created = record.info.kind == "create"
            for row in record.rows():
                run = row.old if row.status == DONE_BEFORE else record.number
                told = (row.line or None, row.id if created else _id(row), _outcome(row), row.reason, run)
                without = [[name for name in columns if name not in row.content] or None] if sparse else []
                writer.writerow(csv_cell(value) for value in (*map(row.content.get, columns), *told, *without))
    except OSError as error:
        hint = f"Write it elsewhere: haloitsm bulk show {record.number} --result FILE."
        raise InputError(f"{path}: cannot be written: {error.strerror}", hint) from error


def write_copies(record: Record, target: Target, path: Path) -> int:
    """Write the old values that a run has kept, as JSON lines with the key of each record; return how many.

    Of deleted records these are full copies. InputError when the file cannot be written.
    """
    count = 0
    try:
        with path.open("wb") as file:
            for copy in _copies(record, target):
                file.write(orjson.dumps(copy, option=orjson.OPT_APPEND_NEWLINE))
                count += 1
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from error
    return count


def _copies(record: Record, target: Target) -> Iterator[dict[str, Any]]:
    for row in record.rows():
        if row.old and row.status not in LEFT_OUT:
            kept = row.old if record.info.kind == "delete" else {name: row.old.get(name) for name in row.wanted}
            yield {**kept, **target.key_values(row.record)}


def _outcome(row: Row) -> str:
    return TO_DO if row.status in (READ, LISTED, READY) else row.status


def _id(row: Row) -> Any:
    return row.record if row.id is None else row.id
