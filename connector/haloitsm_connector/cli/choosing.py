"""How commands on many things are told which of them are meant, and make sure before they change them."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import typer

from haloitsm_connector.errors import InputError

UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_SPAN = re.compile(r"(\d{1,6}(?:\.\d+)?)\s*([smhdw])")


def holding(where: str | None) -> Callable[[Any], bool]:
    """Return what tells whether a condition in JMESPath holds for a value; without one it always does."""
    from haloitsm_transformers import StepsError, condition

    if where is None:
        return lambda value: True
    try:
        return condition(where)
    except StepsError as error:
        raise InputError(f"--where: {error}") from None


def since(text: str, option: str = "--since") -> float:
    """Read ``2h``, ``30m``, ``7d``, or an ISO date or moment, as seconds since 1970; InputError for anything else."""
    from haloitsm_connector.subscriber.moments import moment

    if span := _SPAN.fullmatch(text.strip()):
        return datetime.now(UTC).timestamp() - float(span[1]) * UNIT_SECONDS[span[2]]
    try:
        return moment(text).timestamp()
    except ValueError as error:
        raise InputError(f"{option}: {error}", "Write 2h, 30m or 7d, or a date such as 2026-03-31T06:00.") from None


def make_sure(what: str, yes: bool) -> None:
    """Ask whether something is meant, unless ``yes``; a no ends the command with status 1.

    InputError where nobody is there to answer.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise InputError(f"{what}, and nobody is there to say yes", "Nothing was changed; --yes says it.")
    try:
        meant = typer.confirm(f"{what}. Go on?", err=True)
    except typer.Abort:
        raise typer.Exit(130) from None
    if not meant:
        typer.echo("Nothing was changed.", err=True)
        raise typer.Exit(1)
