"""The commands ``source-haloitsm`` and ``destination-haloitsm``."""

from __future__ import annotations

import sys
from importlib import import_module


def source() -> None:
    """Run the source: spec, check, discover, read."""
    _run("source")


def destination() -> None:
    """Run the destination: spec, check, write."""
    _run("destination")


def _run(module: str) -> None:
    try:
        connector = import_module(f"{__package__}.{module}")
    except ModuleNotFoundError as error:
        if error.name != "airbyte_cdk":
            raise
        sys.exit("Airbyte's CDK is not installed. Install it: pip install 'haloitsm-connector[airbyte]'.")
    connector.run(sys.argv[1:] or ["--help"])
