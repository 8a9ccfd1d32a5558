"""Dates from one written form to another: ISO 8601, a pattern such as ``%d.%m.%Y``, or seconds since 1970."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any

from haloitsm_transformers.dates import Moment, read_moment, zone_named
from haloitsm_transformers.errors import StepsError, TransformError, compile_each, kind_of, suggest
from haloitsm_transformers.numerals import EXACT, decimal, plain

DATE_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {name: {"type": "string"} for name in ("from", "to", "from_zone", "to_zone")},
    "minProperties": 1,
    "additionalProperties": False,
}
Read = Callable[[Any], Moment]
Write = Callable[[Moment], Any]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DIRECTIVE = re.compile(r"%(.?)", re.DOTALL)
_DAY = "YymdjbBaA%"
_TIME = "HIpMSfz"


def date_conversion(option: Any) -> Callable[[Any, Any], Any]:
    """Compile ``{from, to, from_zone, to_zone}``; StepsError has what is wrong with it.

    ``from`` and ``to`` are ``iso`` (the default), ``unix`` or a pattern of strftime. A date that names no zone is of
    ``from_zone`` (default UTC); ``to_zone`` moves it to another, without it the date stays as the clock showed it.
    """
    if not isinstance(option, dict) or not option:
        raise StepsError.of(f"'date' takes a mapping with {', '.join(_OPTIONS)}, not {kind_of(option)}")
    compiled = compile_each(option, _option)
    read: Read = compiled.get("from", read_moment)
    write: Write = compiled.get("to", Moment.iso)
    own_zone: tzinfo = compiled.get("from_zone", UTC)
    to_zone: tzinfo | None = compiled.get("to_zone")
    zoned = "from_zone" in compiled or to_zone is not None

    def convert(value: Any, entity: Any) -> Any:
        moment = read(value)
        if zoned:
            moment = moment.of(own_zone)
        return write(moment.within(to_zone) if to_zone else moment)

    return convert


def _option(name: str, written: Any) -> Any:
    if name not in _OPTIONS:
        raise StepsError.of(f"unknown option '{name}'", suggest(name, _OPTIONS) or f"Options: {', '.join(_OPTIONS)}.")
    if not isinstance(written, str):
        raise StepsError.of(f"must be text, not {kind_of(written)}")
    return _OPTIONS[name](written)


def _reader(form: str) -> Read:
    if form == "iso":
        return read_moment
    if form == "unix":
        return _from_unix
    _check_pattern(form)
    try:
        datetime.strptime(datetime(2001, 2, 3).strftime(form), form)
    except (ValueError, re.error) as error:
        raise StepsError.of(f"'{form}' is not a pattern of dates: {error}") from None
    whole_day = not any(directive in _TIME for directive in _DIRECTIVE.findall(form))

    def read(value: Any) -> Moment:
        if not isinstance(value, str):
            raise TransformError(f"is {kind_of(value)}, not a date")
        try:
            at = datetime.strptime(value.strip(), form)
        except (ValueError, OverflowError):
            raise TransformError(f"is text that is not a date of the form {form}") from None
        fraction = f"{at.microsecond:06}".rstrip("0")
        return Moment(at.replace(microsecond=0), fraction, whole_day)

    return read


def _writer(form: str) -> Write:
    if form == "iso":
        return Moment.iso
    if form == "unix":
        return _to_unix
    _check_pattern(form)
    return lambda moment: moment.at.replace(microsecond=int(f"{moment.fraction:0<6}"[:6])).strftime(form)


def _check_pattern(form: str) -> None:
    directives = _DIRECTIVE.findall(form)
    if unknown := [found for found in directives if not found or found not in _DAY + _TIME]:
        raise StepsError.of(f"'%{unknown[0]}' has no meaning in a pattern of dates", _HINT)
    if not directives:
        raise StepsError.of(f"'{form}' is not a form of dates", _HINT)


_HINT = "There are: iso, unix, and patterns such as %d.%m.%Y or %Y-%m-%d %H:%M:%S."


def _from_unix(value: Any) -> Moment:
    seconds, millionths = divmod(int(decimal(value).scaleb(6, EXACT)), 10**6)
    try:
        at = _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        raise TransformError("is a date at the end of time") from None
    return Moment(at, f"{millionths:06}".rstrip("0"))


def _to_unix(moment: Moment) -> int | float:
    whole = moment.of(UTC).at - _EPOCH
    return plain(Decimal(whole.days * 86400 + whole.seconds) + Decimal(f"0.{moment.fraction or 0}"))


_OPTIONS: Mapping[str, Callable[[str], Any]] = {
    "from": _reader,
    "to": _writer,
    "from_zone": zone_named,
    "to_zone": zone_named,
}
