"""The steps of a saved configuration that read written values as a bulk command does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from haloitsm_connector.bulk.values import TRUTHS, Order

_CASTS = {"integer": "integer", "number": "number", "string": "text"}
_TIMES = {"": "", r"[ T]\d{1,2}:\d\d": " %H:%M", r"[ T]\d{1,2}:\d\d:\d\d": " %H:%M:%S"}
_SAME = "|".join(f"0{number}[/-]0{number}|{number}[/-]{number}" for number in range(1, 13))
"""Day and month that are the same number."""
_FIRST = {
    "dmy": r"(\d{1,2}\.\d{1,2}\.|(1[3-9]|[23]\d)[/-]\d{1,2}[/-]|(" + _SAME + r")[/-])",
    "mdy": r"\d{1,2}[/-](1[3-9]|[23]\d)[/-]",
}
"""How dates begin that can be read in one way only."""


def steps_for(types: Mapping[str, str], orders: Mapping[str, Order], emptied: Sequence[str]) -> list[Any]:
    """Return the steps for fields of some types; ``emptied`` are those where text without a letter empties the field.

    ``orders``: which of day and month comes first in the dates of a field that can be read in two ways.
    """
    steps: list[Any] = []
    if emptied:
        blank = {name: "" if types.get(name, "string") in ("string", "any") else None for name in emptied}
        cases = {
            f"payload.{name}": {
                "cases": [{"matches": r"^\s*$", "value": value}],
                "otherwise": "{{ payload." + name + " }}",
            }
            for name, value in blank.items()
        }
        steps.append({"map_values": cases})
    for name, type_ in types.items():
        path = f"payload.{name}"
        if type_ in ("date", "date-time"):
            steps += _date(path, orders.get(name, ""))
        elif type_ in ("array", "object"):
            steps.append(_when(path, r"\S", {"convert": {path: {"decode": "json"}}}))
        elif type_ in _WRITTEN:
            steps += _WRITTEN[type_](path)
    casts = {f"payload.{name}": _CASTS[type_] for name, type_ in types.items() if type_ in _CASTS}
    return [*steps, {"cast": casts}] if casts else steps


def _when(path: str, pattern: str, *steps: Any) -> Any:
    return {"when": {"if": {path: {"matches": pattern}}, "then": list(steps)}}


def _date(path: str, order: Order) -> list[Any]:
    """Return the steps that make ISO dates of those that spreadsheets save."""
    forms = {"dmy": "%d-%m-%Y", "mdy": "%m-%d-%Y"}
    first = dict(_FIRST)
    if order:
        first[order] = rf"({first[order]}|(0?[1-9]|1[0-2])[/-](0?[1-9]|1[0-2])[/-])"
    steps: list[Any] = [{"convert": {path: "trim"}}]
    for name, begins in first.items():
        for pattern, time in _TIMES.items():
            marks = {"replace": {".": "-", "/": "-", "T": " "}}
            read = {"convert": {path: [marks, {"date": {"from": f"{forms[name]}{time}"}}]}}
            steps.append(_when(path, rf"^{begins}\d{{4}}{pattern}$", read))
    return [*steps, _when(path, r"^\d{1,2}[./-]", {"fail": "it has a date that can be read in two ways"})]


def _integer(path: str) -> list[Any]:
    whole = {"convert": {path: [{"replace": {",": "."}}, {"split": "."}, {"expression": "[0]"}]}}
    thousands = {"fail": "it has a whole number with a point or comma, which may be thousands"}
    return [
        _when(path, r"^\s*[+-]?\d{1,3}([.,]000)+\s*$", thousands),
        _when(path, r"^\s*[+-]?\d+[.,]0*\s*$", whole),
    ]


def _number(path: str) -> list[Any]:
    """Return the step that reads ``.5`` and ``5.``, which a cast does not."""
    return [
        _when(path, r"^\s*[+-]?(\.\d+|\d+\.)([eE][+-]?\d+)?\s*$", {"convert": {path: {"expression": "to_number(@)"}}})
    ]


def _boolean(path: str) -> list[Any]:
    return [{"convert": {path: ["trim", "lower"]}}, {"map_values": {path: {"values": dict(TRUTHS)}}}]


def _uuid(path: str) -> list[Any]:
    return [{"convert": {path: "trim"}}]


_WRITTEN = {"integer": _integer, "number": _number, "boolean": _boolean, "uuid": _uuid}
