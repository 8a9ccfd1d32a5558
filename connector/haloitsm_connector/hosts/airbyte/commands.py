"""The commands ``source-haloitsm`` and ``destination-haloitsm``, and how they end."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any


def source() -> None:
    """Run the source: spec, check, discover, read."""
    _run("source", "run")


def destination() -> None:
    """Run the destination: spec, check, write."""
    _run("destination", "run")


def _run(module: str, name: str) -> None:
    _plugin(module, name)(sys.argv[1:])


def _plugin(module: str, name: str) -> Any:
    try:
        return getattr(import_module(f"{__package__}.{module}"), name)
    except ModuleNotFoundError as error:
        if error.name != "airbyte_cdk":
            raise
        sys.exit("Airbyte's CDK is not installed. Install it: pip install 'haloitsm-connector[airbyte]'.")
