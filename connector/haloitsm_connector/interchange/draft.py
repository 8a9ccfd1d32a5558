"""A configuration in the making: what is read and written becomes incoming, outgoing and routes, and files of rows."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from haloitsm_connector.client.redaction import HIDDEN, Redactor
from haloitsm_connector.interchange.notes import Note
from haloitsm_connector.interchange.placeholders import is_secret_variable
from haloitsm_connector.interchange.yaml_text import yaml_text

CONFIG = "halo.yaml"
"""The file that a draft's configuration is written to."""
MOST_FIELDS = 20
"""Records with more fields are sent as they stand in the rows; a template would hide what matters."""
SHORTEST_SECRET = 10
"""Shorter ones are not looked for elsewhere: they could be any word."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LONGEST_NAME = 60


@dataclass(slots=True)
class Draft:
    """Clients, incoming, outgoing and routes that are to be written below ``folder``, and notes about the rest.

    ``values`` are the variables to be set, each with its value as far as it is known; they are never written into the
    configuration. ``purposes`` says of those that no client signs in with what they are for.
    """

    source: str
    folder: Path
    command: str = "haloitsm import"
    clients: dict[str, Any] = field(default_factory=dict)
    incoming: dict[str, Any] = field(default_factory=dict)
    outgoing: dict[str, Any] = field(default_factory=dict)
    routes: dict[str, Any] = field(default_factory=dict)
    rows: dict[str, list[Any]] = field(default_factory=dict, repr=False)
    values: dict[str, str] = field(default_factory=dict, repr=False)
    purposes: dict[str, str] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)

    def read(self, name: str, subscriber: Mapping[str, Any]) -> str:
        """Add an incoming, with a route into a file of JSON lines; return the route's name."""
        name = self._free(name)
        self.incoming[name] = {"subscriber": dict(subscriber)}
        self.outgoing[f"{name}-file"] = {"publisher": {"prototype": "file", "path": self._path(f"{name}.jsonl")}}
        self.routes[name] = {"incoming": name, "outgoing": f"{name}-file"}
        return name

    def write(self, name: str, publisher: Mapping[str, Any], rows: list[Any]) -> str:
        """Add an outgoing, with a route from a file of rows, each a record to send; return the route's name.

        The route is disabled: it writes when it is run by name, and not with all others.
        """
        name = self._free(name)
        file = f"{name}.rows.json"
        self.rows[file] = rows
        self.incoming[f"{name}-rows"] = {"subscriber": {"prototype": "file", "path": self._path(file)}}
        self.outgoing[name] = {"publisher": dict(publisher)}
        self.routes[name] = {"incoming": f"{name}-rows", "outgoing": name, "disabled": True}
        return name

    def note(self, where: str, what: str) -> None:
        """Note something that is left out, changed or to be done."""
        self.notes.append(Note(where, what))

    def files(self) -> dict[Path, str]:
        """Return what is to be written: the configuration, and a file of rows per write."""
        sections = {
            "clients": self.clients,
            "incoming": self.incoming,
            "outgoing": self.outgoing,
            "routes": self.routes,
        }
        heading = f"Made of {self.source} by {self.command}. Routes that write are disabled: run them by name."
        parts = {name: self._without_secrets(CONFIG, part) for name, part in sections.items() if part}
        files = {self.folder / CONFIG: yaml_text(parts, heading)}
        for name, rows in self.rows.items():
            text = json.dumps(self._without_secrets(name, rows), ensure_ascii=False, indent=1)
            files[self.folder / name] = f"{text}\n"
        return files

    def _without_secrets(self, name: str, data: Any) -> Any:
        """Hide the value of a secret variable wherever else it stands, in a note to a colleague for one."""
        secrets = {value for name, value in self.values.items() if is_secret_variable(name, value)}
        hidden = Redactor(value for value in secrets if len(value) >= SHORTEST_SECRET).data(data)
        if hidden != data:
            self.note(name, f"holds a secret that is a variable: {HIDDEN} stands for it")
        return hidden

    def _path(self, name: str) -> str:
        return (self.folder / name).as_posix().replace("${", "$${")

    def _free(self, text: str) -> str:
        """Return a name that nothing has yet, made of a text."""
        base = re.sub(r"[^a-z0-9]+", "-", text.casefold())[:_LONGEST_NAME].strip("-") or "request"
        taken = {*self.incoming, *self.outgoing, *self.routes}
        name, number = base, 1
        while taken & {name, f"{name}-file", f"{name}-rows"}:
            number += 1
            name = f"{base}-{number}"
        return name


def payload_template(records: Sequence[Any]) -> Any:
    """Return the payload that a row becomes: its fields by name where all rows have the same, else the row itself."""
    names = list(records[0]) if records and isinstance(records[0], dict) else []
    same = all(isinstance(one, dict) and one.keys() == set(names) for one in records)
    if not same or not 0 < len(names) <= MOST_FIELDS or not all(map(_NAME.fullmatch, names)):
        return "{{ @ }}"
    return {name: f"{{{{ {name} }}}}" for name in names}
