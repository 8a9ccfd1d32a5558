"""Resolve variables in a configuration: ``${NAME}``, ``${NAME:-default}`` and ``${file:path}``.

They are resolved in every text value, never in keys, and the result is always text. ``$${`` stands for a plain ``${``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from haloitsm_connector.client.redaction import names_secret
from haloitsm_connector.errors import Finding, NodePath, suggest

VARIABLE = re.compile(r"\$(?P<escaped>\$\{)|\$\{(?P<inside>[^}]*)(?P<end>\}?)")
NAMED = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<with_default>:-(?P<default>.*))?", re.DOTALL)
MAX_FILE_BYTES = 1_000_000


@dataclass(slots=True)
class Resolution:
    """What variables became: the data, what is wrong, and the texts that are secret: from files, or by name."""

    environ: Mapping[str, str] = field(repr=False)
    folder: Path
    stand_in: str | None = None
    """What stands for variables and files that are not there, where nothing will be sent."""
    findings: list[Finding] = field(default_factory=list)
    secrets: set[str] = field(default_factory=set, repr=False)

    def resolve(self, data: Any, path: NodePath = ()) -> Any:
        """Return ``data`` with its variables resolved; one that cannot be resolved stays as written."""
        if isinstance(data, str):
            return VARIABLE.sub(lambda match: self._value(match, path), data) if "$" in data else data
        if isinstance(data, dict):
            return {key: self.resolve(value, (*path, key)) for key, value in data.items()}
        if isinstance(data, list):
            return [self.resolve(value, (*path, index)) for index, value in enumerate(data)]
        return data

    def _value(self, match: re.Match[str], path: NodePath) -> str:
        if match["escaped"]:
            return "${"
        inside = match["inside"]
        if not match["end"]:
            return self._fail(match, path, "'${' is not closed", "Close it with '}', or write $${ for plain text.")
        if named := NAMED.fullmatch(inside):
            value = self.environ.get(named["name"])
            if value and names_secret(named["name"]):
                self.secrets.add(value)
            # As in a shell, a default also replaces an empty value.
            if named["with_default"] and not value:
                return named["default"]
            return value if value is not None else self._unset(match, path, named["name"])
        if inside.startswith("file:"):
            return self._file(match, path, inside.removeprefix("file:"))
        hint = "Write ${NAME}, ${NAME:-default} or ${file:path}; $${ for plain text."
        return self._fail(match, path, f"'{match[0]}' is not a variable", hint)

    def _unset(self, match: re.Match[str], path: NodePath, name: str) -> str:
        hint = suggest(name, self.environ) or f"Set it, in a file .env here for one, or give a default: ${{{name}:-…}}."
        return self._unknown(match, path, f"the environment variable {name} is not set", hint)

    def _file(self, match: re.Match[str], path: NodePath, name: str) -> str:
        try:
            with (self.folder / name).open("rb") as file:
                content = file.read(MAX_FILE_BYTES + 1)
            text = content.decode()
        except UnicodeDecodeError:
            return self._fail(match, path, f"the file '{name}' is not UTF-8 text")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "this is not a file name"
            hint = "A relative path starts at the folder of this configuration file."
            return self._unknown(match, path, f"the file '{name}' cannot be read: {reason}", hint)
        if len(content) > MAX_FILE_BYTES:
            return self._fail(match, path, f"the file '{name}' is larger than {MAX_FILE_BYTES} bytes")
        text = text.removesuffix("\n").removesuffix("\r")
        self.secrets.add(text)
        return text

    def _unknown(self, match: re.Match[str], path: NodePath, what: str, hint: str = "") -> str:
        return self._fail(match, path, what, hint) if self.stand_in is None else self.stand_in

    def _fail(self, match: re.Match[str], path: NodePath, what: str, hint: str = "") -> str:
        self.findings.append(Finding(path, what, hint))
        return match[0]
