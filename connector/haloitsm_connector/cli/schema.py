"""``haloitsm schema``: the JSON Schema that completes and checks the YAML in an editor."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from haloitsm_connector.cli import output
from haloitsm_connector.cli.settings import user_catalogue


def schema(
    target: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write it here instead of standard output.")
    ] = None,
) -> None:
    """Write the JSON Schema that editors check the YAML with.

    It knows the transformers and prototypes that are installed here.
    """
    from haloitsm_connector.config import json_schema

    text = output.json_text(json_schema(catalogue=user_catalogue()), indent=2)
    if target is None:
        output.show(text)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(f"{text}\n", "utf-8")
    output.say(f"Wrote {target}. Name it in the first line of a configuration, seen from that file:")
    output.say(f"# yaml-language-server: $schema={target}")
