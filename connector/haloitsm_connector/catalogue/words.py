"""Names as people write them: words inside a name, singular and plural."""

from __future__ import annotations

import re

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SIBILANT = ("s", "x", "ch", "sh")


def split(name: str) -> list[str]:
    """Split a name at its capitals and marks; capitals alone stay capitals: ``CRMNote`` is ``["CRM", "note"]``."""
    return [word if word.isupper() and len(word) > 1 else word.lower() for word in _WORD.findall(name)]


def stem(word: str) -> str:
    """Return what singular and plural of a word have in common, for comparison only: ``status`` is ``statu``."""
    folded = word.casefold()
    return f"{folded[:-3]}y" if folded.endswith("ies") else folded.rstrip("es") or folded


def plural(noun: str) -> str:
    """Return the plural of an English noun: ``category`` gives ``categories``."""
    if noun.endswith("details"):
        return noun
    if noun[-1:] == "y" and noun[-2:-1] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith(_SIBILANT) else f"{noun}s"


def singular(noun: str) -> str:
    """Return the singular of an English noun: ``tickets`` gives ``ticket``."""
    if noun.endswith("ies"):
        return f"{noun[:-3]}y"
    return noun[:-1] if noun.endswith("s") and not noun.endswith(("ss", "us", "is", "details")) else noun
