"""What a run is about to do, as data: counts, old and new values, what is left out and why."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from haloitsm_connector.bulk.change import NOT_MEANT
from haloitsm_connector.bulk.current import called
from haloitsm_connector.bulk.record import DONE_BEFORE, LEFT_OUT, PARTLY, READ, READY, Record, Row
from haloitsm_connector.bulk.target import Target

SAMPLE = 10
"""Records that are shown unless all are asked for."""
MOST_REASONS = 20
EXAMPLES = 3
"""Rows that are named of many with a reason of the same kind."""
_VARYING = re.compile(r"'[^']*'|\d+")


def preview(record: Record, target: Target, most: int) -> dict[str, Any]:
    """Return what is to be sent of the rows numbered up to ``most``, what is left out, and what was done before."""
    info, counts, now = record.info, record.counts(), record.counts(most=most)
    fields: Counter[str] = Counter()
    for row in record.rows(READY, most=most):
        fields.update(name for name in row.wanted if name not in target.key)
    return {
        "run": info.number,
        "kind": info.kind,
        "entity": info.entity,
        "system": info.system,
        "source": info.source,
        "rows": counts.total(),
        "sending": now[READY],
        "later": counts[READ] + counts[READY] - now[READY],
        "fields": dict(fields),
        "empty": info.plan.get("empty", {}) if info.kind == "update" else {},
        "left_out": _left_out(record),
        "columns": {name: field for name, field in info.plan.get("used", {}).items() if field not in target.key},
        "unused_columns": {
            name: hint for name, hint in info.plan.get("unused", {}).items() if hint != NOT_MEANT
        },
        "done_before": counts[DONE_BEFORE],
        "outcomes": {name: count for name, count in counts.items() if name not in (READ, READY, *LEFT_OUT)},
        "notes": info.plan.get("notes", []),
    }  # fmt: skip


def changes(record: Record, target: Target, most: int) -> Iterator[dict[str, Any]]:
    """Yield what is to become of each record that is to be sent: its line, id and name, and the values old and new."""
    for row in record.rows(READY, most=most):
        id_ = "" if record.info.kind == "create" else row.record
        yield {"line": row.line, "id": id_, "name": _name(row), "changes": _changes(row, target, record)}


def _changes(row: Row, target: Target, record: Record) -> dict[str, list[Any]]:
    if record.info.kind == "delete":
        return {}
    old = row.old or {}
    return {name: [old.get(name), value] for name, value in row.wanted.items() if name not in target.key}


def _name(row: Row) -> str:
    """Return what people call a record, as far as the row or the record itself tells."""
    return next((str(name) for told in (row.old or {}, row.content) for name in called(told).values()), "")


def _left_out(record: Record) -> list[dict[str, Any]]:
    """Return the rows that are left out, and those of an undo of which some fields are."""
    groups = grouped(record, *(status for status in LEFT_OUT if status != DONE_BEFORE), READY)
    return [{**group, "status": PARTLY if group["status"] == READY else group["status"]} for group in groups]


def grouped(record: Record, *statuses: str) -> list[dict[str, Any]]:
    """Return why rows have some statuses: reasons that differ in names and numbers only are told together.

    Each group has its ``status``, how many ``rows`` it is about, and ``reasons``: some, each with the ``lines`` of its
    first ``rows``.
    """
    groups: dict[tuple[str, str], dict[str, Any]] = {}
    for status, reason, line in record.reasons(*statuses):
        kind = (status, _shape(reason))
        if kind not in groups and len(groups) >= MOST_REASONS:
            kind, reason = (status, ""), "other reasons"
        group = groups.setdefault(kind, {"status": status, "rows": 0, "reasons": {}})
        group["rows"] += 1
        if reason in group["reasons"] or len(group["reasons"]) < EXAMPLES:
            told = group["reasons"].setdefault(reason, {"reason": reason, "rows": 0, "lines": []})
            told["rows"] += 1
            told["lines"] += [line] if len(told["lines"]) < EXAMPLES else []
    return [{**group, "reasons": list(group["reasons"].values())} for group in groups.values()]


def _shape(reason: str) -> str:
    """Return a reason without the names and numbers in it, but for the column or field that it begins with."""
    where, colon, rest = reason.partition("': ") if reason.startswith(("column '", "'")) else ("", "", reason)
    return f"{where}{colon}{_VARYING.sub('…', rest)}"
