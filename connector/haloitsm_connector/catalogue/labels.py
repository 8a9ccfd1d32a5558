"""What an operation is called in plain English, made from its method and its path."""

from __future__ import annotations

from collections.abc import Mapping

from .words import plural, singular, split

_ONE = {"GET": "Get one", "POST": "Create or update one", "DELETE": "Delete one"}


def label(method: str, path: str, body: str | None, record: str | None, nouns: Mapping[str, str]) -> str:
    """Return a label such as "Get one action"; ``nouns`` maps a path segment to the noun that it stands for."""
    literals = [part for part in path.split("/") if part and "{" not in part]
    first, *rest = literals or [path]
    if first == "IntegrationData" and rest:
        return _integration(method, path, rest)
    if first == "Notify":
        return f"{'Get' if method == 'GET' else 'Send'} a {' '.join([*rest, 'notification'])}"
    noun = nouns.get(first) or singular(" ".join(split(first)))
    what = " ".join(word for part in rest for word in split(part))
    if method == "POST" and (what or "{" in path):
        return f"{_capital(plural(noun))}: {what or 'run'}"
    noun = f"{noun} {singular(what)}".strip()
    if method == "DELETE" or "{" in path or body == "object":
        return f"{_ONE[method]} {_item(noun)}"
    many = "List" if method == "GET" else "Create or update" if record else "Process"
    return f"{many} {plural(noun)}"


def _integration(method: str, path: str, rest: list[str]) -> str:
    """``/IntegrationData/Get/Xero`` gets or sends what a third party holds."""
    verb, *system = rest
    if verb.casefold() not in {"get", "post", "import", "export", "send", "search", "link", "unlink", "validate"}:
        verb, system = ("Get" if method == "GET" else "Post"), rest
    one = " by id" if "{" in path else ""
    return f"{verb} {' '.join(system)} integration data{one}"


def _item(noun: str) -> str:
    return f"set of {noun}" if noun.endswith("details") else noun


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
