"""Slips with JMESPath that people make who come from other languages, each with what to write instead."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from jmespath.lexer import Lexer

_HINTS = tuple(
    (re.compile(pattern), hint)
    for pattern, hint in (
        (r"\{\{", "Here an expression stands without {{ }}."),
        (r"^\s*\$", "A path begins with a name, without $: client.name."),
        (r"(^|[^=!<>])=([^=]|$)", "'Equal' is written ==."),
        (r"\b(or|and|not)\b", "'or', 'and' and 'not' are written ||, && and !."),
        (r"([=<>]\s*|^\s*)-?\d", "A number stands in backquotes: `3`."),
        (r"-", """A name that holds '-' or a space stands in double quotes: "first-name"."""),
        (
            r"\w\s+\w",
            """A name that holds a space stands in double quotes: "first name". A text stands in single ones.""",
        ),
    )
)
_QUOTED = re.compile(r"""'[^']*'|"[^"]*"|`[^`]*`""")
_COMPARATORS = frozenset({"eq", "ne", "lt", "lte", "gt", "gte"})
_GO_ON = frozenset({"dot", "lbracket", "flatten", "filter", "lparen"})
_CONSTANTS = frozenset({"true", "false"})


def parse_hint(text: str) -> str:
    """Return what to write instead where a text is no expression, as far as that can be guessed, or an empty text."""
    bare = _QUOTED.sub("''", text)
    return next((hint for pattern, hint in _HINTS if pattern.search(bare)), "")


def silent_slips(text: str) -> Iterator[tuple[str, str]]:
    """Find what is an expression and never means what it says: a field compared with a text written as a name."""
    tokens: list[Mapping[str, Any]] = list(Lexer().tokenize(text))
    for (before, token), after in zip(pairwise(tokens), tokens[2:], strict=False):
        if before["type"] not in _COMPARATORS or after["type"] in _GO_ON:
            continue
        name = token["value"]
        if token["type"] == "quoted_identifier":
            yield (
                f'"{name}" is the name of a field, and not a text',
                f"""A text stands in single quotes: '{name}'. A field of this name is written @."{name}".""",
            )
        elif token["type"] == "unquoted_identifier" and name in _CONSTANTS:
            yield f"{name} is the name of a field here", f"True and false stand in backquotes: `{name}`."
