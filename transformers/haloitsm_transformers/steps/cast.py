"""``cast``: make values numbers, texts, truth values or lists."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Literal

from pydantic import Field, RootModel

from haloitsm_transformers.contract import Builder, EntityFunction, Example, Transformer
from haloitsm_transformers.errors import TransformError, kind_of
from haloitsm_transformers.fields import Pattern
from haloitsm_transformers.in_place import in_place
from haloitsm_transformers.numerals import number
from haloitsm_transformers.placeholders import as_text

Type = Literal["boolean", "integer", "list", "number", "text"]


class Cast(RootModel[dict[Pattern, Type]]):
    """Make values of a type, where nothing is lost by it; fails where something would be.

    `integer` and `number` take texts such as "12.0"; `boolean` takes true, false, 1, 0 and these as text; `text` writes
    numbers without a needless fraction; `list` makes a list of one of anything else. Missing path: nothing happens.
    Null stays null. Wrong type: fails, a fraction for `integer` too. Empty list: is a list, and fails as anything else.
    """

    root: dict[Pattern, Type] = Field(min_length=1, description="Pattern of the values to their type.")


def build(params: Cast, builder: Builder) -> EntityFunction:
    """Compile the patterns."""
    return in_place((pattern, _to(CASTS[kind])) for pattern, kind in params.root.items())


def _to(cast: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda value, entity: None if value is None else cast(value)


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    written = value.strip().lower() if isinstance(value, str) else as_text(value)
    if written not in _TRUTHS:
        raise TransformError(f"is {kind_of(value)} that is neither true nor false")
    return _TRUTHS[written]


_TRUTHS: Mapping[str | None, bool] = {"true": True, "1": True, "false": False, "0": False}


def _number(value: Any) -> int | float:
    return int(value) if isinstance(value, bool) else number(value)


def _integer(value: Any) -> int:
    found = _number(value)
    if isinstance(found, int):
        return found
    exact = Decimal(value.strip()) if isinstance(value, str) else Decimal(found)  # a float has 17 digits, a text any
    if not found.is_integer() or exact != exact.to_integral_value():
        raise TransformError("is a number with a fraction; 'convert' can round it")
    return int(exact)


def _text(value: Any) -> str:
    try:
        written = str(value) if type(value) is int else as_text(value)
    except ValueError:  # Python refuses to write out numbers of more than 4,300 digits
        written = None
    if written is None:
        raise TransformError(f"is {kind_of(value)}, which is not written as text; 'convert' can encode it")
    return written


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


CASTS: Mapping[str, Callable[[Any], Any]] = {
    "boolean": _boolean,
    "integer": _integer,
    "list": _list,
    "number": _number,
    "text": _text,
}

TRANSFORMER = Transformer(
    "cast",
    "entity",
    Cast,
    build,
    examples=(
        Example(
            "What an API or a file wrote as text",
            {"id": "integer", "lines.*.price": "number", "active": "boolean"},
            {"id": "12.0", "lines": [{"price": "9.50"}, {"price": " 3 "}], "active": "TRUE"},
            {"id": 12, "lines": [{"price": 9.5}, {"price": 3}], "active": True},
        ),
        Example(
            "Text",
            {"a": "text", "b": "text", "c": "text"},
            {"a": 12.0, "b": True, "c": 0.5},
            {"a": "12", "b": "true", "c": "0.5"},
        ),
        Example(
            "A list of one, where one item comes without its list",
            {"line": "list", "tags": "list"},
            {"line": {"sku": "A"}, "tags": []},
            {"line": [{"sku": "A"}], "tags": []},
        ),
        Example(
            "Whole numbers stay exact, however long",
            {"n": "integer"},
            {"n": "123456789012345678901"},
            {"n": 123456789012345678901},
        ),
        Example("A missing path is fine, null stays null", {"x": "integer", "a": "list"}, {"a": None}, {"a": None}),
        Example("A fraction is not thrown away", {"n": "integer"}, {"n": "10.5"}, fails="n: is a number with a frac"),
        Example("Nor is a text guessed at", {"n": "number"}, {"n": "1,5"}, fails="n: is text that is not a number"),
        Example("A truth value is one of few", {"b": "boolean"}, {"b": "yes"}, fails="b: is text that is neither"),
        Example("An empty list is no text", {"t": "text"}, {"t": []}, fails="t: is a list, which is not written"),
    ),
    json=True,
)
