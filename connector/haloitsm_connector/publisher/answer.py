"""What a write did, told from what was sent and from Halo's motley answers (halo-api-facts 4.1)."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any
from urllib.parse import unquote

from haloitsm_connector.catalogue import Operation
from haloitsm_connector.client.request import scalar


def is_upsert(operation: Operation) -> bool:
    """Whether the operation creates records without an id and updates those with one: a POST to a collection."""
    return operation.method == "POST" and operation.body == "array" and operation.path.count("/") == 1


def ids_of(records: Sequence[Any], key: Sequence[str]) -> list[Any]:
    """Return the id of every record, None for each without one, or with 0 for it."""
    return [_id(record, key) if isinstance(record, dict) else None for record in records]


def one_or_all(ids: Sequence[Any]) -> Any:
    """Return the only id, a list of several, None where there is none."""
    if len(ids) == 1:  # nearly always
        return ids[0]
    known = [id_ for id_ in ids if id_ is not None]
    return known if len(known) > 1 else known[0] if known else None


def same_id(one: Any, other: Any) -> bool:
    """Whether two ids are the same, where one may be a number and the other its text (halo-api-facts 4.1)."""
    return one is not None and other is not None and scalar(one) == scalar(other)


def records_done(value: Any, sent: Sequence[Any], key: Sequence[str]) -> list[Any]:
    """Return what an accepted array says of its first records that were carried out: a record, or None for not told.

    ``sent`` are the ids of all of them. The answer is the last record only, or all of them (halo-api-facts 4.1); an
    answer that ends before the last sent is that of an array carried out in part. An empty list is returned for an
    answer that does not fit what was sent.
    """
    records = _records(value)
    ids = ids_of(records, key)
    if not records:
        return [None] * len(sent)
    if len(records) == len(sent):
        return records
    if len(records) == 1:
        last = next((place for place in reversed(range(len(sent))) if same_id(sent[place], ids[0])), None)
        return [] if last is None else [*[None] * last, records[0]]
    prefix = len(records) < len(sent) and all(map(same_id, ids, sent))
    return records if prefix else []


def concerned(record: Any, id_: Any, key: Sequence[str]) -> list[Hashable]:
    """Return what the write of a record concerns: the record itself, where it has an id, and that which it belongs to.

    Actions of one ticket stay in their order, as they are seen there.
    """
    if len(key) < 2:
        return [] if id_ is None else [scalar(id_)]
    of: list[Hashable] = [] if id_ is None else [(*[str(record.get(name)) for name in key[:-1]], scalar(id_))]
    if isinstance(record, dict) and record.get(key[0]) is not None:
        of.append((key[0], scalar(record[key[0]])))
    return of


def id_of(value: Any, key: Sequence[str]) -> Any:
    """Return the id of the record in an answer, a list of them for several, None without one.

    The answer is an object, a list, or either inside an envelope; an update may come back with a new id.
    """
    if value is None:
        return None
    if isinstance(value, dict) and len(value) == 1 and _id(value, key) is None:
        value = next(iter(value.values()))
    return one_or_all(ids_of(_records(value), key))


def last_segment(path: str) -> str:
    """Return the value at the end of a path, which is the id in a DELETE."""
    return unquote(path.rpartition("/")[2])


def load_error(value: Any) -> str:
    """Return why an ad hoc report failed, which a 201 hides in ``load_error`` (halo-api-facts 4.6)."""
    report = value.get("report") if isinstance(value, dict) else None
    for each in (report, value):
        if isinstance(each, dict) and isinstance(each.get("load_error"), str) and each["load_error"]:
            return str(each["load_error"])
    return ""


def _records(value: Any) -> list[dict[str, Any]]:
    return [record for record in (value if isinstance(value, list) else [value]) if isinstance(record, dict)]


def _id(record: dict[str, Any], key: Sequence[str]) -> Any:
    value = record.get(key[-1] if key else "id")
    if type(value) is int and value:  # nearly all of them
        return value
    for name in (*key[-1:], "id"):
        value = record.get(name)
        if isinstance(value, str | int | float) and not isinstance(value, bool) and _is_set(value):
            return int(value) if isinstance(value, float) and value.is_integer() else value
    return None


def _is_set(value: str | float) -> bool:
    """Whether an id names a record: not 0, "0", 0.0, an empty text or a UUID of zeros."""
    return any(character not in "0.- " for character in str(value))
