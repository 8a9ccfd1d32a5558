"""The commands ``tap-haloitsm`` and ``target-haloitsm``, and how they end."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from haloitsm_connector.errors import ConnectorError


def tap() -> None:
    """Run the tap; what a user can mend is told in a line, and the exit status is 1."""
    _run(_plugin("tap", "TapHaloITSM"))


def target() -> None:
    """Run the target; what a user can mend is told in a line, and the exit status is 1."""
    _run(_plugin("target", "TargetHaloITSM"))


def _plugin(module: str, name: str) -> Any:
    try:
        return getattr(import_module(f"{__package__}.{module}"), name)
    except ModuleNotFoundError as error:
        if error.name != "singer_sdk":
            raise
        sys.exit("Singer's SDK is not installed. Install it: pip install 'haloitsm-connector[singer]'.")


def _run(plugin: Any) -> None:
    try:
        plugin.cli()
    except ConnectorError as error:
        plugin.logger.critical("%s", error)
        sys.exit(1)
