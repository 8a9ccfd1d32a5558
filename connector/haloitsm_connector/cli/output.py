"""What commands print: data on standard output, everything said to a person on standard error."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from logging import Logger
from typing import Any

import typer

ERASE_LINE = "\r\x1b[2K"
LONGEST_NAME = 60
_COMMANDING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""Characters that make a terminal do something, or show text in another order than it has."""

_LOGGER: Logger | None = None


def harmless(text: str) -> str:
    r"""Return text whose control characters are written out, as ``\u001b``, which JSON reads as the same character.

    What was read from elsewhere can so neither move the cursor nor pass for something else. Line ends and tabs stay.
    """
    return _COMMANDING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def one_line(value: Any) -> str:
    """Write a value as text on one line, so that what comes from elsewhere does not look like a line of ours."""
    return " ".join(str(value).split())


def log_instead(logger: Logger | None) -> None:
    """Have what is said to a person become lines of a log from now on; None has it said."""
    global _LOGGER
    _LOGGER = logger


def say_from_a_signal(text: str) -> None:
    """Tell the person something past the streams: a signal may come while a line is being written to them."""
    if not _LOGGER:  # a log in JSON is for machines, and says itself what is done
        os.write(2, f"{text}\n".encode())


def say(text: str = "") -> None:
    """Tell the person something, after all that was printed before and in place of a line of progress."""
    sys.stdout.flush()
    if _LOGGER:
        _LOGGER.info("%s", text)
        return
    typer.echo(f"{_erase()}{harmless(text)}", err=True)


def error(text: str) -> None:
    """Tell the person what went wrong."""
    sys.stdout.flush()
    if _LOGGER:
        _LOGGER.error("%s", text)
        return
    typer.secho(f"{_erase()}error: {harmless(text)}", err=True, fg="red")


def progress(text: str) -> None:
    """Tell the person at a terminal how far things are, in a line that the next one replaces."""
    if sys.stderr.isatty() and not _LOGGER:
        typer.echo(f"{ERASE_LINE}{harmless(text)}", err=True, nl=False)


def _erase() -> str:
    return ERASE_LINE if sys.stderr.isatty() else ""


def show(text: str = "") -> None:
    """Print a line of data."""
    sys.stdout.write(f"{harmless(text)}\n")


def show_json(value: Any) -> None:
    """Print one value as indented JSON."""
    show(json_text(value, indent=2))


def show_json_line(value: Any) -> None:
    """Print one value as a line of JSON."""
    show(json_text(value))


def json_text(value: Any, indent: int | None = None) -> str:
    """Write a value as JSON text, keys in their order; what JSON does not know becomes text."""
    separators = (",", ": " if indent else ":")
    return json.dumps(value, ensure_ascii=False, indent=indent, separators=separators, default=_plain)


def _plain(value: Any) -> Any:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else str(value)


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print rows under column names: folded to the width of a terminal, one line per row anywhere else."""
    texts = [["" if cell is None else harmless(one_line(cell)) for cell in row] for row in rows]
    if sys.stdout.isatty():
        _folded(columns, texts)
        return
    widths = [max(map(len, column)) for column in zip(columns, *texts, strict=True)]
    for row in (columns, *texts):
        show("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _folded(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table

    grid = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        grid.add_row(*row)
    Console(file=sys.stdout, highlight=False, markup=False, emoji=False).print(grid)


def moment(seconds: float) -> str:
    """Write a moment, in seconds since 1970, the way logs do, in UTC: ``2026-03-02 09:30:00``."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"


def span(seconds: float) -> str:
    """Write a length of time in its two largest units: ``4 s``, ``3 min 20 s``, ``2 h 5 min``, ``3 d 4 h``."""
    left = max(0, round(seconds))
    parts = []
    for name, length in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        count, left = divmod(left, length)
        parts.append(f"{count} {name}" if count else "")
    first = next((index for index, part in enumerate(parts) if part), len(parts) - 1)
    return " ".join(filter(None, parts[first : first + 2])) or "0 s"


def counted(number: int, singular: str, plural: str = "") -> str:
    """Write a number with its noun: ``1 error``, ``3 errors``, ``2 entities``."""
    return f"{number} {singular if number == 1 else plural or f'{singular}s'}"


def shortened(text: str, width: int) -> str:
    """Cut text that is longer than ``width`` and say so with an ellipsis."""
    return text if len(text) <= width else f"{text[: width - 1]}…"


def naming(entity: Mapping[str, Any]) -> str:
    """Name an entity to a person: ``id 7``, else its first text or number, ``serial LT-0001``; "" if it has neither."""
    for name in ("id", *entity):
        value = entity.get(name)
        if isinstance(value, str | int | float) and not isinstance(value, bool) and value != "":
            return f"{name} {shortened(one_line(value), LONGEST_NAME)}"
    inner = entity.get("payload")
    return naming(inner) if isinstance(inner, Mapping) else ""
