"""Values as they stand in files and on command lines, turned into what a field of Halo holds; and whether two agree."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

import orjson

from haloitsm_connector.client.request import scalar
from haloitsm_transformers.conditions import same as same_json

_INTEGER = re.compile(r"([+-]?\d{1,18})(?:\.0*|,0*)?")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}([.,]000)+")
"""What may be thousands, or a whole number with three zeros behind the comma."""
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
TRUTHS = {
    **dict.fromkeys(("true", "yes", "1", "wahr", "ja", "vrai", "oui"), True),
    **dict.fromkeys(("false", "no", "0", "falsch", "nein", "faux", "non", "nee", "onwaar"), False),
    "waar": True,
}
"""What people and their spreadsheets write for true and false, in English, German, French and Dutch."""
Order = Literal["", "dmy", "mdy"]
"""Which of day and month comes first in dates that can be read in two ways; empty where nobody knows."""
_TIME = r"(?:[ T](\d{1,2}):(\d\d)(?::(\d\d))?)?"
_DATE = re.compile(rf"(\d{{1,2}})([./-])(\d{{1,2}})\2(\d{{4}}){_TIME}", re.ASCII)
DATES = "--dates dmy (day first) or --dates mdy (month first)"
"""How to say which of day and month comes first."""
SPREADSHEET_ERRORS = frozenset({"#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!", "#SPILL!"})
"""What a spreadsheet shows in place of a value that its formula could not give."""


class MisfitError(ValueError):
    """A value cannot be one of a field; the text says why."""


def typed(type_: str, value: Any, order: Order = "") -> Any:
    """Return a value as a field of a catalogue type holds it: ``"1.0"`` is the integer 1, empty text is null.

    Text stays what it is where the field holds text: leading zeros stay. Dates such as ``31.12.2026`` become ISO;
    ``order`` is that of those which can be read in two ways. Raises MisfitError.
    """
    if isinstance(value, str) and value.strip() in SPREADSHEET_ERRORS:
        raise MisfitError(f"the spreadsheet shows {value.strip()}: its formula has no value")
    convert = _CONVERSIONS.get(type_)
    if value is None or convert is None:
        return value
    if isinstance(value, str) and type_ != "string":
        value = value.strip()
        if not value:
            return None
    return _date(value, order) if convert is _date else convert(value)


def is_empty(value: Any) -> bool:
    """Whether a cell holds nothing, or blanks alone."""
    return value is None or (isinstance(value, str) and not value.strip())


def agree(type_: str, old: Any, new: Any) -> bool:
    """Whether a record has a value already; ``old`` is as Halo writes it, ``new`` as it would be sent.

    Of custom fields and the like, which are lists of objects with id or name and value, only those in ``new`` count
    (halo-api-facts 4.4).
    """
    if old in (None, "") or new in (None, ""):
        return old in (None, "") and new in (None, "")
    if isinstance(new, list) and isinstance(old, list) and new and all(map(_is_entry, new)):
        return all(any(_same_entry(one, each) for one in old) for each in new)
    if type_ in ("date", "date-time"):
        moments = _moment(old), _moment(new)
        return moments[0] == moments[1] if None not in moments else bool(old == new)
    try:
        return same_json(typed(type_, old), typed(type_, new))
    except MisfitError:
        return same_json(old, new)


def touched(old: Any, new: Any) -> Any:
    """Return the old value to keep for a new one: of a list of custom fields those that the new one changes."""
    if isinstance(new, list) and isinstance(old, list) and new and all(map(_is_entry, new)):
        return [
            {name: one[name] for name in ("id", "name", "value") if name in one}
            for one in old
            if isinstance(one, dict) and any(_same_field(one, each) for each in new)
        ]
    return old


def _integer(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and _THOUSANDS.fullmatch(value):
        digits = re.split("[.,]", value)
        raise MisfitError(
            f"{_shown(value)} can mean {digits[0]} or {''.join(digits)}: write it without a point or comma"
        )
    if isinstance(value, str) and (found := _INTEGER.fullmatch(value)):
        return int(found[1])
    raise MisfitError(f"{_shown(value)} is no whole number")


def _number(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return int(value) if value.lstrip("+-").isdecimal() and len(value) < 19 else float(value)
    hint = ": decimals stand behind a point" if isinstance(value, str) and "," in value else ""
    raise MisfitError(f"{_shown(value)} is no number{hint}")


def _boolean(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, str | int | float) and scalar(value).casefold() in TRUTHS:
        return TRUTHS[scalar(value).casefold()]
    raise MisfitError(f"{_shown(value)} is neither true nor false: write one of these, yes or no, 1 or 0")


def _text(value: Any) -> Any:
    if isinstance(value, dict | list):
        raise MisfitError(f"{_shown(value)} is {'a list' if isinstance(value, list) else 'an object'}, and no text")
    return value if isinstance(value, str) else scalar(value)


def order_of(value: Any) -> Order:
    """Tell from a date which of day and month comes first: one above 12 is the day; empty where it does not tell."""
    found = _DATE.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None or found[2] == ".":
        return ""
    first, second = int(found[1]) > 12, int(found[3]) > 12
    return "" if first == second else "dmy" if first else "mdy"


def is_doubtful(value: Any) -> bool:
    """Whether a date can be read in two ways, as day and month and as month and day."""
    found = _DATE.fullmatch(value.strip()) if isinstance(value, str) else None
    return found is not None and found[2] != "." and found[1] != found[3] and max(int(found[1]), int(found[3])) <= 12


def _date(value: Any, order: Order = "") -> Any:
    if isinstance(value, str) and _moment(value):
        return value
    if is_doubtful(value) and not order:
        raise MisfitError(f"{_shown(value)} can be read in two ways: write it as 2026-12-31, or add {DATES}")
    made = _iso(value, order_of(value) or order) if isinstance(value, str) else None
    if made is None:
        raise MisfitError(f"{_shown(value)} is no date: write 2026-12-31 or 2026-12-31T09:30:00")
    return made


def _iso(text: str, order: Order) -> str | None:
    """Return a date as spreadsheets save it in ISO 8601; with dots the day is always first."""
    found = _DATE.fullmatch(text)
    if found is None:
        return None
    first, mark, second, year, hours, minutes, seconds = found.groups()
    day, month = (second, first) if order == "mdy" and mark != "." else (first, second)
    try:
        moment = datetime(int(year), int(month), int(day), int(hours or 0), int(minutes or 0), int(seconds or 0))
    except ValueError:
        return None
    return moment.isoformat() if hours else moment.date().isoformat()


def _uuid(value: Any) -> Any:
    try:
        UUID(str(value))
    except ValueError:
        raise MisfitError(f"{_shown(value)} is no UUID") from None
    return value


def _json(kind: type, words: str) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        if isinstance(value, str):
            try:
                value = orjson.loads(value)
            except orjson.JSONDecodeError:
                raise MisfitError(f"{_shown(value)} is no {words} in JSON") from None
        if not isinstance(value, kind):
            raise MisfitError(f"{_shown(value)} is no {words}")
        return value

    return convert


_CONVERSIONS: Mapping[str, Callable[[Any], Any]] = {
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "string": _text,
    "date": _date,
    "date-time": _date,
    "uuid": _uuid,
    "array": _json(list, "list"),
    "object": _json(dict, "object"),
}


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else orjson.dumps(value, default=str).decode()
    return f"'{text[:60]}…'" if len(text) > 60 else f"'{text}'"


def _moment(value: Any) -> datetime | None:
    """Read a moment as Halo writes it: without a zone it means UTC (halo-api-facts 8)."""
    try:
        moment = datetime.fromisoformat(str(value).strip())
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _is_entry(value: Any) -> bool:
    return isinstance(value, dict) and "value" in value and ("id" in value or "name" in value)


def _same_field(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    for name in ("id", "name"):
        if name in other and one.get(name) is not None:
            return scalar(one[name]).casefold() == scalar(other[name]).casefold()
    return False


def _same_entry(one: Any, other: Mapping[str, Any]) -> bool:
    if not isinstance(one, dict) or not _same_field(one, other):
        return False
    old, new = one.get("value"), other["value"]
    if isinstance(old, dict | list) or isinstance(new, dict | list):
        return same_json(old, new)
    return ("" if old is None else scalar(old)) == ("" if new is None else scalar(new))
