"""Variables of other programs, ``{{name}}``, become those of a configuration: ``${NAME:-value}``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from haloitsm_connector.client.redaction import names_secret

TOKEN = re.compile(r"\{\{\s*([^{}]+?)\s*\}\}")
_DEEPEST = 10
_TELLING = re.compile(r"passw|secret|token|api_?key|authori[sz]ation|cookie|credential", re.IGNORECASE)
_TELLING_VARIABLE = re.compile(r"pwd|bearer|jwt|signature|(?:^|[\W_])(?:key|auth|pat|pw|pin|code)$", re.IGNORECASE)
_GUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_SECRET_VALUE = re.compile(rf"eyJ[\w-]+\.[\w.-]+|(?:Bearer|Basic) .+|{_GUID}-{_GUID}", re.IGNORECASE)
"""Signed tokens, headers that sign in, and the form of Halo's client secrets (halo-api-facts 1.2)."""
_HELD = re.compile(
    rf"://[^\s/?#@:]*:[^\s/?#@]+@|[?&#;][\w.-]*(?:passw|secret|token|api_?key|sig(?:nature)?=)[\w.-]*=?[^\s&#=]"
    rf"|\beyJ[\w-]+\.eyJ[\w-]*|\b{_GUID}-{_GUID}\b",
    re.IGNORECASE,
)
"""What signs in within a text: a URL's user with password or its query, a signed token, a client secret."""
_NUMBER = re.compile(r"-?(0|[1-9]\d{0,14})")


def is_secret(name: str, value: str = "") -> bool:
    """Whether a field of this name, or one with this value, holds a secret."""
    return bool(_TELLING.search(name) or _SECRET_VALUE.fullmatch(value.strip()) or _HELD.search(value))


def holds_secret(name: str, value: Any) -> bool:
    """Whether a field is secret, or holds a secret at any depth; of a custom field the name tells, too."""
    if isinstance(value, dict):
        label = str(value.get("name") or "")
        return any(holds_secret(f"{label}_{key}" if key == "value" else key, one) for key, one in value.items())
    if isinstance(value, list):
        return any(holds_secret(name, one) for one in value)
    return isinstance(value, str) and value != "" and is_secret(name, value)


def is_secret_variable(name: str, value: str) -> bool:
    """Whether a variable holds a secret: people give them shorter names than fields have."""
    return is_secret(name, value) or _TELLING_VARIABLE.search(name) is not None


@dataclass(slots=True)
class Variables:
    """The variables of a file: ``values`` as far as known, ``secrets`` by name.

    ``wanted`` collects the environment variables that a configuration made of them needs, each with its value, empty
    where it is not known; ``made_up`` the dynamic ones, which no configuration knows; ``used`` all that were asked for.
    """

    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: frozenset[str] = frozenset()
    wanted: dict[str, str] = field(default_factory=dict, repr=False)
    made_up: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)
    _named: dict[str, str] = field(default_factory=dict)

    def plain(self, text: str) -> str:
        """Return text with the values of its variables, theirs included; those not known stay as they are."""
        for _ in range(_DEEPEST):
            self.used |= {match[1] for match in TOKEN.finditer(text)}
            filled = TOKEN.sub(lambda match: self.values.get(match[1]) or match[0], text)
            if filled == text:
                break
            text = filled
        return text

    def written(self, text: str, *, template: bool = False) -> str:
        """Return text as a configuration has it: variables as ``${NAME}``, with their values as defaults.

        In a ``template`` braces that are meant as text are written so that nothing is filled in for them.
        """
        parts: list[str] = []
        end = 0
        for match in TOKEN.finditer(text):
            parts += [literal(text[end : match.start()], template), self._variable(match, template)]
            end = match.end()
        return "".join([*parts, literal(text[end:], template)])

    def secret(self, text: str, name: str) -> str:
        """Return a credential as a variable: its own where it is one, else ``name``; its value goes to ``wanted``."""
        token = TOKEN.fullmatch(text.strip())
        value = self.plain(text)
        value = "" if TOKEN.search(value) else value
        if not token:
            return f"${{{self.kept(value, name)}}}"
        name = self._name(token[1])
        self.wanted[name] = value
        return f"${{{name}}}"

    def kept(self, value: str, name: str) -> str:
        """Return the environment variable for a secret, ``name`` or like it: no two secrets share one."""
        base, number = name, 1
        while self.wanted.get(name, value) != value:
            number += 1
            name = f"{base}_{number}"
        self.wanted[name] = value
        self._named.setdefault(name, name)
        return name

    def unused(self) -> list[str]:
        """Return the names of variables that have a value which nothing asked for."""
        return [name for name in self.values if name not in self.used]

    def _variable(self, match: re.Match[str], template: bool) -> str:
        if match[1].startswith("$"):
            self.made_up.add(match[0])
            return literal(match[0], template)
        name, value = self._name(match[1]), self.plain(match[0])
        known = value if not TOKEN.search(value) else ""
        hidden = match[1] in self.secrets or is_secret_variable(match[1], known)
        if hidden or not known or "}" in known or "\n" in known:
            self.wanted[name] = known or self.wanted.get(name, "")
            return f"${{{name}}}"
        return f"${{{name}:-{known}}}"

    def _name(self, token: str) -> str:
        """Return the environment variable of one of these; two that differ in punctuation only get two."""
        if token not in self._named:
            name = base = variable_name(token)
            number = 1
            while name in self._named.values():
                number += 1
                name = f"{base}_{number}"
            self._named[token] = name
        return self._named[token]


def variable_name(name: str) -> str:
    """Return the environment variable for a name: ``base-url`` is ``BASE_URL``."""
    made = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_").upper() or "VALUE"
    return f"_{made}" if made[0].isdigit() else made


def payload_variable(field_name: str) -> str:
    """Return the environment variable for a secret that is sent in a record: never one that a client signs in with."""
    name = f"PAYLOAD_{variable_name(field_name)}"
    return name if names_secret(name) else f"{name}_SECRET"


def scalar(text: str) -> Any:
    """Return a whole number or a truth value where a text is one: values of paths and queries are easier to read so."""
    if _NUMBER.fullmatch(text):
        return int(text)
    return {"true": True, "false": False}.get(text, text)


def literal(text: str, template: bool) -> str:
    """Return text as a configuration has it, so that nothing in it is taken for a variable or a placeholder."""
    text = text.replace("${", "$${")
    return text.replace("{{", "{{ '{{' }}") if template else text
