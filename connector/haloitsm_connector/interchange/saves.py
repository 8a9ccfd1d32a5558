"""What a browser saved in Halo: the records that were sent, and which of their fields changed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from haloitsm_connector.catalogue import Operation
from haloitsm_connector.client.redaction import HIDDEN
from haloitsm_connector.interchange.captured import Captured
from haloitsm_connector.interchange.halo_address import Asked, Pairs
from haloitsm_connector.interchange.placeholders import holds_secret

Record = dict[str, Any]
Known = Literal["changed", "same", "perhaps changed", "not known before", "switch"]
"""``perhaps changed`` is a field that the part of the record which is known does not have, such as a row of a list."""
Basis = Literal["recording", "halo", "nothing", "new"]
"""What a save was compared with: earlier answers and saves in the recording, the record as Halo has it now, or nothing
as none is known; ``new`` is a create."""
Current = Callable[[Operation, Record], Record | None]
DETAILS = "includedetails"
"""The parameter with which Halo answers the whole record (halo-api-facts 3)."""
_DATE = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?Z?")
_NUMBER = re.compile(r"-?\d{1,15}(\.\d+)?")


@dataclass(frozen=True, slots=True)
class FieldSent:
    """One field of a save: its value before, None where it is empty or not known, and the one that was sent."""

    name: str
    before: Any
    sent: Any
    known: Known


@dataclass(frozen=True, slots=True)
class Save:
    """One record that was sent: by which operation, its key, its fields, and what they were compared with."""

    where: str
    operation: Operation
    path: Mapping[str, str]
    query: Pairs
    key: Record
    fields: list[FieldSent]
    basis: Basis

    @property
    def chosen(self) -> Record:
        """The fields that a payload needs: those that changed; where none is known to, those that may have."""
        if self.basis == "new":
            return {one.name: one.sent for one in self.fields if not _is_nothing(one.sent) and one.known != "switch"}
        changed = [one for one in self.fields if one.known == "changed"]
        unknown = [one for one in self.fields if one.known in {"perhaps changed", "not known before"}]
        return {one.name: _narrowed(one) for one in changed or unknown}

    @property
    def doubtful(self) -> list[str]:
        """The names of the fields that perhaps changed, too, and are not in the payload."""
        chosen = self.chosen
        return [one.name for one in self.fields if one.known == "perhaps changed" and one.name not in chosen]


@dataclass(slots=True)
class History:
    """What is known of each record while a recording goes by, by first path segment and key.

    Of those in ``_whole`` all is known: a field that they do not have is empty (halo-api-facts 8).
    """

    current: Current | None = None
    _records: dict[tuple[str, ...], Record] = field(default_factory=dict)
    _whole: set[tuple[str, ...]] = field(default_factory=set)

    def seen(self, captured: Captured, asked: Asked, query: Pairs) -> None:
        """Learn from an answer: one record, or the rows of a list."""
        answer = captured.answered
        if asked.operation.method != "GET" or captured.status not in (200, 304):
            return
        if asked.operation.listing is None:
            self._learn(asked.operation, answer, whole=_has_details(asked.operation, query))
        elif isinstance(answer, dict):
            self._learn(asked.operation, answer.get(asked.operation.listing.key or ""))
        else:
            self._learn(asked.operation, answer)

    def saves(self, captured: Captured, asked: Asked, query: Pairs) -> list[Save]:
        """Return the records that a POST sent, each compared with what is known; then learn from it."""
        payload = captured.payload
        records = [one for one in (payload if isinstance(payload, list) else [payload]) if isinstance(one, dict)]
        found = [self._save(captured.where, asked, query, record) for record in records]
        self._learn(asked.operation, records, whole=True)
        self._learn(asked.operation, captured.answered, whole=True)
        return found

    def _save(self, where: str, asked: Asked, query: Pairs, record: Record) -> Save:
        operation = asked.operation
        names = operation.key or ("id",)
        key = {name: record[name] for name in names if record.get(name) not in (None, "", 0)}
        if len(key) < len(names):
            sent = [FieldSent(name, None, value, _known(name, value, {})) for name, value in record.items()]
            return Save(where, operation, asked.path, query, {}, sent, "new")
        place = _address(operation, record)
        known, basis, whole = self._records.get(place), "recording", place in self._whole
        if known is None:
            known, basis, whole = (self.current(operation, key) if self.current else None), "halo", True
        told = known or {}
        fields = [
            FieldSent(name, told.get(name), value, _known(name, value, told, whole=whole))
            for name, value in record.items()
            if name not in key
        ]
        return Save(where, operation, asked.path, query, key, fields, basis if known else "nothing")  # type: ignore[arg-type]

    def _learn(self, operation: Operation, answer: Any, *, whole: bool = False) -> None:
        for record in answer if isinstance(answer, list) else [answer]:
            if isinstance(record, dict) and all(name in record for name in operation.key or ("id",)):
                place = _address(operation, record)
                self._records.setdefault(place, {}).update(record)
                self._whole |= {place} if whole else set()


def _address(operation: Operation, record: Mapping[str, Any]) -> tuple[str, ...]:
    segment = operation.path.split("/")[1].casefold()
    return (segment, *(_plain(record.get(name)) for name in operation.key or ("id",)))


def _has_details(operation: Operation, query: Pairs) -> bool:
    """Whether an answer is the whole record: without its details some fields are missing (halo-api-facts 3)."""
    return DETAILS not in {one.name for one in operation.query_parameters} or (DETAILS, "true") in query


def _known(name: str, sent: Any, told: Mapping[str, Any], *, whole: bool = False) -> Known:
    if name.startswith("_"):
        return "switch"  # it steers the write and is no field of the record (halo-api-facts 4.2)
    if not told:
        return "not known before"
    if name not in told and not whole:
        return "same" if _is_nothing(sent) else "perhaps changed"
    return "same" if alike(told.get(name), sent) else "changed"


def alike(one: Any, other: Any) -> bool:
    """Whether two values mean the same to Halo, which writes 12 as 12.0 or "12" at times (halo-api-facts 8)."""
    if _is_nothing(one) or _is_nothing(other):
        return _is_nothing(one) and _is_nothing(other)
    if isinstance(one, dict) and isinstance(other, dict):
        return all(alike(one.get(name), other.get(name)) for name in one | other)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(alike, one, other))
    if (
        isinstance(one, bool)
        or isinstance(other, bool)
        or isinstance(one, dict | list)
        or isinstance(other, dict | list)
    ):
        return bool(one is other)
    return _plain(one) == _plain(other)


def _is_nothing(value: Any) -> bool:
    return value is None or value in ("", [], {})


def _plain(value: Any) -> str:
    text = str(value)
    if date := _DATE.fullmatch(text):
        return date[1]
    return f"{float(text):g}" if isinstance(value, float) and _NUMBER.fullmatch(text) else text.removesuffix(".0")


def _narrowed(sent: FieldSent) -> Any:
    """Return the value to send: of custom fields only those that changed, by name and value (halo-api-facts 4.4)."""
    if sent.name != "customfields" or not isinstance(sent.sent, list) or not isinstance(sent.before, list):
        return sent.sent
    before = {_plain(one.get("id")): one.get("value") for one in sent.before if isinstance(one, dict)}
    changed = [
        {name: one[name] for name in ("id", "name", "value") if name in one}
        for one in sent.sent
        if isinstance(one, dict) and not alike(before.get(_plain(one.get("id"))), one.get("value"))
    ]
    return changed or sent.sent


def described(save: Save) -> dict[str, Any]:
    """Return a save as data that may be shown: what was sent, and what changed; values of secret fields are hidden."""
    chosen = {name: shown(name, value) for name, value in save.chosen.items()}
    return {
        "where": save.where,
        "entity": save.operation.name,
        "key": save.key,
        "compared_with": save.basis,
        "payload": {**save.key, **chosen},
        "perhaps_changed": save.doubtful,
        "fields": [
            {
                "name": one.name,
                "before": shown(one.name, one.before),
                "sent": shown(one.name, one.sent),
                "known": one.known,
            }
            for one in save.fields
        ],
    }


def shown(name: str, value: Any) -> Any:
    """Return a field's value as it may be shown."""
    return HIDDEN if holds_secret(name, value) else value


def latest(saves: Sequence[Save]) -> list[Save]:
    """Return the saves without those that a later one of the same record and fields replaces."""
    last: dict[tuple[Any, ...], Save] = {}
    for number, save in enumerate(saves):
        place = (save.operation.name, tuple(save.chosen), tuple(map(str, save.key.values())) or number)
        last.pop(place, None)
        last[place] = save
    return list(last.values())
