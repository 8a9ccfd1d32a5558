"""Finds one operation by whatever people call it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from haloitsm_connector.catalogue.model import METHODS
from haloitsm_connector.catalogue.words import stem
from haloitsm_connector.errors import InputError, suggest

_PLACEHOLDER = re.compile(r"\{[^{}/]*\}")
_LONGEST = 200
"""Longer texts name no operation; what is beyond is not even looked at."""


class UnknownOperation(InputError):  # noqa: N818 (the word users meet)
    """No operation, or more than one, is called this; the hint says which could be meant."""


@dataclass(frozen=True, slots=True)
class Index:
    """Every way to say an operation's name, mapped to the names meant: made by `index`, read by `find`."""

    exact: Mapping[str, list[str]]
    near: Mapping[str, list[str]]
    labels: Mapping[str, list[str]]
    aliases: Mapping[str, str]
    segments: Mapping[str, str]
    titles: Collection[str]


def index(labels: Mapping[str, str], aliases: Mapping[str, str]) -> Index:
    """Make the index of operations: ``labels`` maps name to label, ``aliases`` another name to a first segment."""
    exact: dict[str, list[str]] = {}
    near: dict[str, list[str]] = {}
    phrases: dict[str, list[str]] = {}
    for name, label in labels.items():
        path = name.partition(" ")[2]
        exact.setdefault(_shape(path), []).append(name)
        near.setdefault(_stems(path), []).append(name)
        phrases.setdefault(_phrase(label), []).append(name)
    near_aliases = {stem(alias): first for alias, first in aliases.items()}
    folded = {alias.casefold(): first for alias, first in aliases.items()}
    return Index(exact, near, phrases, near_aliases | folded, aliases, labels.values())


def find(text: str, methods: Collection[str], names: Index) -> str:
    """Return the name of the one operation that ``text`` means, among ``methods``; raises UnknownOperation."""
    text = " ".join(text[:_LONGEST].split())
    method, path = _split(text)
    found = _by_path(path, names)
    if method:
        found = [name for name in found if name.startswith(f"{method} ")]
    found = found or names.labels.get(_phrase(text), [])
    allowed = [name for name in found if name.partition(" ")[0] in methods]
    if len(allowed) == 1:
        return allowed[0]
    if allowed:
        raise UnknownOperation(f"'{text}' can mean more than one operation", f"Write one of: {', '.join(allowed)}.")
    if found:
        meant = found[0] if text != found[0] else f"a {method} operation"
        raise UnknownOperation(
            f"'{text}' is {meant}, but {' or '.join(methods)} is needed here", _nearest(found[0], methods, names)
        )
    raise UnknownOperation(f"Halo has no operation '{text}'", _hint(text, method, path, methods, names))


def _by_path(path: str, names: Index) -> list[str]:
    """Exact paths first, then Halo's schema names, then singular for plural."""
    first, slash, rest = path.strip("/").partition("/")
    if first.casefold() == "api":
        first, slash, rest = rest.partition("/")
        path = f"{first}{slash}{rest}"
    exact = first.casefold().removesuffix("_list")
    aliased = [f"{names.aliases[key]}{slash}{rest}" for key in (exact, stem(first)) if key in names.aliases]
    for candidate in (path, *aliased):
        if found := names.exact.get(_shape(candidate)):
            return found
    for candidate in (path, *aliased):
        if found := names.near.get(_stems(candidate)):
            return found
    return []


def _hint(text: str, method: str, path: str, methods: Collection[str], names: Index) -> str:
    if method not in ("", *METHODS):
        return "Halo creates and updates with POST, and has no PUT or PATCH."
    if "?" in path:
        return "Leave out the question mark and what follows; it goes into the query."
    if template := _template(path, names):
        return f"Write {template} and give the value as a path parameter."
    wanted = [method] if method else methods
    return _nearest(text, wanted, names)


def _nearest(text: str, methods: Collection[str], names: Index) -> str:
    """Suggest the nearest name: of whole operations if the text starts with a method, else of paths and labels."""
    operations = {name for found in names.exact.values() for name in found if name.partition(" ")[0] in methods}
    aliased = {
        f"{method} /{alias}": f"{method} /{first}" for method in methods for alias, first in names.segments.items()
    }
    known = sorted(operations) + sorted(alias for alias, name in aliased.items() if name in operations)
    method, path = _split(text)
    if method and (near := suggest(f"{method} /{path.strip('/')}", known)):
        return near
    return suggest(text, [*(name.partition(" ")[2] for name in known), *names.titles])


def _template(path: str, names: Index) -> str:
    """Return the operation of a path that has a value where a placeholder belongs: ``/Actions/12``."""
    head, slash, value = path.strip("/").rpartition("/")
    found = _by_path(f"{head}/{{}}", names) if slash and value else []
    return found[0] if found else ""


def _split(text: str) -> tuple[str, str]:
    """Split off the method, in capitals; empty when the text does not start with one."""
    method, space, path = text.partition(" ")
    known = (*METHODS, "PUT", "PATCH")
    return (method.upper(), path) if space and method.upper() in known else ("", text)


def _shape(path: str) -> str:
    """Fold a path: any case, any placeholder names, with or without slashes at its ends."""
    return _PLACEHOLDER.sub("{}", path).strip("/").casefold()


def _stems(path: str) -> str:
    return "/".join(map(stem, _shape(path).split("/")))


def _phrase(label: str) -> str:
    """Fold a label: any case, and "a" or "the" for "one"."""
    articles: Iterable[str] = ("a", "an", "the")
    return " ".join("one" if word in articles else word for word in label.casefold().split())
