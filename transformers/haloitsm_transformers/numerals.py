"""Numbers written as text, as other systems and Halo itself send them (halo-api-facts 4.1)."""

from __future__ import annotations

import math
import re
from decimal import Context, Decimal, DivisionByZero, InvalidOperation, Overflow
from typing import Any

from haloitsm_transformers.errors import TransformError, kind_of

_WHOLE = re.compile(r"[+-]?[0-9]{1,4000}")
_NUMBER = re.compile(r"[+-]?[0-9]{1,4000}(\.[0-9]{1,4000})?([eE][+-]?[0-9]{1,4})?")
_DIGITS = 100
EXACT = Context(prec=2 * _DIGITS, traps=[DivisionByZero, InvalidOperation, Overflow])
"""Decimal arithmetic, so that 0.1 + 0.2 is 0.3, with room for the product of any two numbers that are taken."""


def number(value: Any) -> int | float:
    """Return a number, or the number that a text writes; TransformError for anything else.

    A whole number stays exact, however long. Spaces around it are fine; ``1_000``, ``1,5`` and ``inf`` are no numbers.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise TransformError(f"is {kind_of(value)}, not a number")
    if not isinstance(value, str):
        return value
    text = value.strip()
    if _WHOLE.fullmatch(text):
        return int(text)
    if not _NUMBER.fullmatch(text):
        raise TransformError("is text that is not a number")
    found = float(text)
    if math.isinf(found):
        raise TransformError("is a number that is too large")
    return found


def decimal(value: Any) -> Decimal:
    """Return a number, or the number that a text writes, as Decimal; TransformError for anything else."""
    found = number(value)
    if isinstance(found, float) and not math.isfinite(found):
        raise TransformError("is not a finite number")
    exact = (
        Decimal(value.strip())
        if isinstance(value, str)
        else Decimal(repr(found) if isinstance(found, float) else found)
    )
    if exact.adjusted() >= _DIGITS:
        raise TransformError(f"is a number of more than {_DIGITS} digits")
    return exact


def plain(value: Decimal) -> int | float:
    """Return a Decimal as JSON has it: a whole number where it has no fraction; TransformError when it is too large."""
    if value.adjusted() >= _DIGITS:
        raise TransformError(f"comes to a number of more than {_DIGITS} digits")
    return int(value) if value == value.to_integral_value() else float(value)
