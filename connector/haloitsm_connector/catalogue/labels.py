"""What an operation is called in plain English, made from its method and its path."""

from __future__ import annotations

from collections.abc import Mapping

from haloitsm_connector.catalogue.words import plural, singular, split

_INTEGRATION_VERBS = {"Get", "Post", "Import", "Export", "Send", "Search", "Link", "Unlink", "Validate"}


def label(method: str, path: str, verb: str, nouns: Mapping[str, str]) -> str:
    """Return a label such as "Get one action".

    ``verb`` is what the operation does when the path is a collection's or a record's; ``nouns`` maps a path segment to
    the noun that it stands for. What else stands in the path of a POST is said after a colon: "Agents: clear cache".
    """
    one = "{" in path
    first, *rest = [part for part in path.split("/") if part and "{" not in part] or [path]
    if first == "IntegrationData" and rest:
        return _integration(method, rest, one)
    if first == "Notify":
        return f"{'Get' if method == 'GET' else 'Send'} notification{' from ' if rest else ''}{' '.join(rest)}"
    noun = nouns.get(first) or _noun(first)
    what = " ".join(nouns.get(part) or " ".join(split(part)) for part in rest)
    if method == "POST" and (what or one):
        many = plural(noun)
        return f"{many[:1].upper()}{many[1:]}: {what or 'process'}"
    noun = f"{noun} {singular(what)}".strip()
    if not one and verb in ("List", "Create or update", "Process", "Post"):
        return f"{verb} {plural(noun)}"
    return f"{verb} one {'set of ' if noun.endswith('details') else ''}{noun}"


def _integration(method: str, rest: list[str], one: bool) -> str:
    """``/IntegrationData/Get/Xero`` gets or sends what another system holds."""
    verb, *system = rest if rest[0] in _INTEGRATION_VERBS else (method.capitalize(), *rest)
    return f"{verb} {' '.join([*system, 'integration data'])}{' by id' if one else ''}"


def _noun(segment: str) -> str:
    """Names of other systems keep their spelling: ``SnipeITDetails`` is "SnipeIT details"."""
    if segment.endswith("Details"):
        return f"{segment.removesuffix('Details')} details"
    return singular(" ".join(split(segment)))
