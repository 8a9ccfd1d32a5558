"""Conversions: small named changes of one value, alone or one after the other.

    trim
    {cut: 64}
    [trim, {replace: {" ": "-"}}, {prefix: "{{ client }}/"}]

Placeholders in options read the entity. Null passes through every conversion as null.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal, DivisionByZero, InvalidOperation, Overflow
from typing import Any, NamedTuple

from haloitsm_transformers.date_formats import DATE_SCHEMA, date_conversion
from haloitsm_transformers.encodings import ENCODINGS, text_of
from haloitsm_transformers.errors import StepsError, TransformError, compile_each, kind_of, suggest
from haloitsm_transformers.expressions import expression
from haloitsm_transformers.in_place import Change
from haloitsm_transformers.numerals import EXACT, decimal, plain
from haloitsm_transformers.placeholders import template


class Conversion(NamedTuple):
    """A named conversion: what it does, its option as JSON Schema (None: it has none), and how to make it of that.

    ``build`` raises StepsError for an option that it does not take.
    """

    summary: str
    schema: Mapping[str, Any] | None
    build: Callable[[Any], Change]


def conversion(written: Any) -> Change:
    """Compile one conversion or a list of them; StepsError has all problems."""
    if isinstance(written, list):
        if not written:
            raise StepsError.of("an empty list of conversions does nothing")
        changes = list(compile_each(dict(enumerate(written)), lambda _, one: _one(one)).values())
    else:
        changes = [_one(written)]

    def convert(value: Any, entity: Any) -> Any:
        for change in changes:
            if value is None:
                break
            value = change(value, entity)
        return value

    return convert


def _one(written: Any) -> Change:
    if isinstance(written, str):
        found = _named(written)
        if found.schema is not None:
            raise StepsError.of(f"'{written}' is written with its option: '{written}: ...'")
        return found.build(None)
    if not isinstance(written, dict) or len(written) != 1:
        raise StepsError.of(
            f"a conversion is a name, or a mapping of one name to its option, not {_got(written)}",
            "For example: trim, {cut: 64}, or a list of these.",
        )
    return next(iter(compile_each(written, _with_option).values()))


def _got(written: Any) -> str:
    return f"one with {len(written)}" if isinstance(written, dict) else kind_of(written)


def _with_option(name: str, option: Any) -> Change:
    found = _named(name)
    if found.schema is None:
        raise StepsError.of(f"'{name}' has no option", f"Write it alone: {name}.")
    return found.build(option)


def _named(name: str) -> Conversion:
    if name not in CONVERSIONS:
        hint = suggest(name, CONVERSIONS) or f"There are: {', '.join(CONVERSIONS)}."
        raise StepsError.of(f"there is no conversion '{name}'", hint)
    return CONVERSIONS[name]


def _wanted(accepts: bool, name: str, words: str, option: Any) -> None:
    if not accepts:
        raise StepsError.of(f"'{name}' takes {words}, not {kind_of(option)}")


def _is_count(option: Any) -> bool:
    return isinstance(option, int) and not isinstance(option, bool) and option >= 0


def _of_text(change: Callable[[str], Any]) -> Callable[[Any], Change]:
    return lambda option: lambda value, entity: change(text_of(value))


def _slug(text: str) -> str:
    plain_letters = "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
    return re.sub(r"[\W_]+", "-", plain_letters).strip("-")


def _filled(name: str, option: Any) -> Callable[[Any], str]:
    _wanted(isinstance(option, str), name, "text", option)
    fill = template(option)
    return lambda entity: text_of(fill(entity))


def _prefix(option: Any) -> Change:
    fill = _filled("prefix", option)
    return lambda value, entity: fill(entity) + text_of(value)


def _suffix(option: Any) -> Change:
    fill = _filled("suffix", option)
    return lambda value, entity: text_of(value) + fill(entity)


def _replace(option: Any) -> Change:
    right = isinstance(option, dict) and all(
        isinstance(old, str) and old and isinstance(new, str) for old, new in option.items()
    )
    _wanted(right and bool(option), "replace", "a mapping of texts to what takes their place", option)
    # Longer ones first, and all at once: what was put in is not replaced again.
    pattern = re.compile("|".join(re.escape(old) for old in sorted(option, key=len, reverse=True)))
    return lambda value, entity: pattern.sub(lambda found: option[found[0]], text_of(value))


def _cut(option: Any) -> Change:
    bounds = {"start": 0, **option} if isinstance(option, dict) else {"start": 0, "length": option}
    right = bounds.keys() == {"start", "length"} and all(map(_is_count, bounds.values()))
    _wanted(right, "cut", "a number of characters, or {start, length}", option)
    return lambda value, entity: text_of(value)[bounds["start"] : bounds["start"] + bounds["length"]]


def _split(option: Any) -> Change:
    _wanted(isinstance(option, str) and option != "", "split", "the text between two items", option)
    return lambda value, entity: text_of(value).split(option) if value != "" else []


def _join(option: Any) -> Change:
    _wanted(isinstance(option, str), "join", "the text between two items", option)
    between: str = option

    def join(value: Any, entity: Any) -> str:
        if not isinstance(value, list):
            raise TransformError(f"is {kind_of(value)}, not a list")
        return between.join(text_of(item) for item in value if item is not None)

    return join


_HASHES = ("md5", "sha1", "sha256", "sha512")


def _hash(option: Any) -> Change:
    if option not in _HASHES:
        raise StepsError.of(f"'hash' takes one of {', '.join(_HASHES)}", suggest(str(option), _HASHES))
    return lambda value, entity: hashlib.new(
        option, text_of(value).encode("utf-8", "surrogatepass"), usedforsecurity=False
    ).hexdigest()


def _arithmetic(name: str, compute: Callable[[Decimal, Decimal], Decimal]) -> Callable[[Any], Change]:
    def build(option: Any) -> Change:
        fill = template(option)
        if "{{" not in str(option):
            _operand(option, name)

        def change(value: Any, entity: Any) -> int | float:
            left, right = decimal(value), decimal(fill(entity))
            try:
                return plain(compute(left, right))
            except (DivisionByZero, InvalidOperation):
                raise TransformError("cannot be divided by 0") from None
            except Overflow:
                raise TransformError("comes to a number that is too large") from None

        return change

    return build


def _operand(option: Any, name: str) -> None:
    try:
        decimal(option)
    except TransformError:
        _wanted(False, name, "a number, or a placeholder that gives one", option)


def _round(option: Any) -> Change:
    way = _ROUNDINGS.get(option) if isinstance(option, str) else None
    digits = 0 if way else option
    _wanted(_is_count(digits) and digits <= _MOST_DECIMALS, "round", "a number of decimals, 'up' or 'down'", option)
    step = Decimal(1).scaleb(-digits)
    return lambda value, entity: plain(decimal(value).quantize(step, way or ROUND_HALF_UP, EXACT))


_ROUNDINGS = {"up": ROUND_CEILING, "down": ROUND_FLOOR}
_MOST_DECIMALS = 20


def _number(option: Any) -> Change:
    shape = {"point": ".", "thousands": "", **option} if isinstance(option, dict) else {}
    right = (
        shape.keys() == {"decimals", "point", "thousands"}
        and _is_count(shape["decimals"])
        and shape["decimals"] <= _MOST_DECIMALS
        and isinstance(shape["point"], str)
        and isinstance(shape["thousands"], str)
    )
    _wanted(right, "number", "{decimals: 2, point: '.', thousands: ''}, where decimals is needed", option)
    step = Decimal(1).scaleb(-shape["decimals"])
    marks = str.maketrans({",": shape["thousands"], ".": shape["point"]})

    def write(value: Any, entity: Any) -> str:
        rounded = decimal(value).quantize(step, ROUND_HALF_UP, EXACT)
        return f"{rounded if rounded else abs(rounded):,.{shape['decimals']}f}".translate(marks)

    return write


def _form(name: str, act: Callable[[Any], Callable[[Any], Any]]) -> Callable[[Any], Change]:
    def build(option: Any) -> Change:
        if not isinstance(option, str) or option not in ENCODINGS:
            raise StepsError.of(f"'{name}' takes one of {', '.join(ENCODINGS)}", suggest(str(option), ENCODINGS))
        change = act(ENCODINGS[option])
        return lambda value, entity: change(value)

    return build


def _expression(option: Any) -> Change:
    _wanted(isinstance(option, str), "expression", "JMESPath, where @ is the value", option)
    read = expression(option)
    return lambda value, entity: read(value)


_TEXT: Mapping[str, Any] = {"type": "string"}
_NUMBER: Mapping[str, Any] = {"anyOf": [{"type": "number"}, {"type": "string"}]}
_COUNT: Mapping[str, Any] = {"type": "integer", "minimum": 0}
_CUT: Mapping[str, Any] = {
    "anyOf": [_COUNT, {"type": "object", "properties": {"start": _COUNT, "length": _COUNT}, "required": ["length"]}]
}
_ROUND: Mapping[str, Any] = {"anyOf": [{**_COUNT, "maximum": _MOST_DECIMALS}, {"enum": ["up", "down"]}]}
_NUMBER_SHAPE: Mapping[str, Any] = {
    "type": "object",
    "properties": {"decimals": _COUNT, "point": _TEXT, "thousands": _TEXT},
    "required": ["decimals"],
    "additionalProperties": False,
}
_FORM: Mapping[str, Any] = {"enum": [*ENCODINGS]}
_REPLACE: Mapping[str, Any] = {"type": "object", "minProperties": 1, "additionalProperties": _TEXT}

CONVERSIONS: Mapping[str, Conversion] = {
    "trim": Conversion("without the space around it", None, _of_text(str.strip)),
    "lower": Conversion("in small letters", None, _of_text(str.lower)),
    "upper": Conversion("in capitals", None, _of_text(str.upper)),
    "capitalise": Conversion("the first letter a capital", None, _of_text(lambda text: text[:1].upper() + text[1:])),
    "slug": Conversion("letters and digits in small, joined by hyphens", None, _of_text(_slug)),
    "replace": Conversion("texts in it exchanged for others, all at once", _REPLACE, _replace),
    "prefix": Conversion("with a text before it", _TEXT, _prefix),
    "suffix": Conversion("with a text behind it", _TEXT, _suffix),
    "cut": Conversion("so many characters of it, from the first or from `start`", _CUT, _cut),
    "hash": Conversion("its checksum in hexadecimal digits", {"enum": [*_HASHES]}, _hash),
    "split": Conversion("the list of texts between separators", {"type": "string", "minLength": 1}, _split),
    "join": Conversion("the items of a list as one text", _TEXT, _join),
    "add": Conversion("plus a number", _NUMBER, _arithmetic("add", EXACT.add)),
    "subtract": Conversion("minus a number", _NUMBER, _arithmetic("subtract", EXACT.subtract)),
    "multiply": Conversion("times a number", _NUMBER, _arithmetic("multiply", EXACT.multiply)),
    "divide": Conversion("divided by a number", _NUMBER, _arithmetic("divide", EXACT.divide)),
    "round": Conversion("to so many decimals, half away from zero; or up, or down, to a whole number", _ROUND, _round),
    "number": Conversion("a number as text, with decimals, a point and thousands", _NUMBER_SHAPE, _number),
    "date": Conversion("a date from one form to another", DATE_SCHEMA, date_conversion),
    "encode": Conversion("written in a form", _FORM, _form("encode", lambda encoding: encoding.encode)),
    "decode": Conversion("read from a form", _FORM, _form("decode", lambda encoding: encoding.decode)),
    "expression": Conversion("what a JMESPath expression finds in it", _TEXT, _expression),
}
