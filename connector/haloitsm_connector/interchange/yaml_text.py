"""Data as YAML text that a configuration reads back as it was."""

from __future__ import annotations

import re
from typing import Any

import yaml

_DOUBTFUL = re.compile(r"[-+.\d]")
"""Texts that begin so could be read as numbers: YAML 1.1, by which PyYAML quotes, and 1.2 differ on them."""


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        """Write a value out wherever it occurs."""
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    style = '"' if _DOUBTFUL.match(text) or "{{" in text or not text.isprintable() else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def yaml_text(data: Any, heading: str) -> str:
    """Return data as YAML below a comment; keys stay in their order."""
    comment = "".join(f"# {line}\n" for line in heading.splitlines())
    return comment + yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
