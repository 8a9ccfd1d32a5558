"""What commands print: data on standard output, everything said to a person on standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

PLAIN_WIDTH = 240
"""Columns of a table that goes to a file or a pipe, where nothing should be folded."""


def console(stderr: bool = False) -> Console:
    """Return a console on standard output or standard error; colours and folding only on a terminal."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else PLAIN_WIDTH
    return Console(file=stream, width=width, highlight=False, markup=False, emoji=False)


def say(text: str = "") -> None:
    """Tell the person something."""
    console(stderr=True).print(text, soft_wrap=True)


def error(text: str) -> None:
    """Tell the person what went wrong."""
    console(stderr=True).print(f"error: {text}", soft_wrap=True, style="red")


def json_text(value: Any, indent: bool = True) -> str:
    """Write a value as JSON text, keys in their order; what JSON does not know becomes text."""
    options = orjson.OPT_NON_STR_KEYS | (orjson.OPT_INDENT_2 if indent else 0)
    return orjson.dumps(value, default=str, option=options).decode()


def json(value: Any) -> None:
    """Print one value as indented JSON."""
    sys.stdout.write(json_text(value) + "\n")


def json_line(value: Any) -> None:
    """Print one value as a line of JSON."""
    sys.stdout.write(json_text(value, indent=False) + "\n")


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], title: str = "") -> None:
    """Print rows under column names."""
    grid = Table(*columns, title=title or None, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for row in rows:
        grid.add_row(*("" if cell is None else str(cell) for cell in row))
    console().print(grid)
