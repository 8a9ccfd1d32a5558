"""What the tap and the target have in common: their settings, and how they end."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import SecretStr

from haloitsm_connector.errors import ConnectorError
from haloitsm_connector.hosts.settings import Settings

PACKAGE = "haloitsm-connector"


def settings_schema(names: Iterable[str], more: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the JSON Schema of some settings, and ``more`` of a plugin's own; others are refused."""
    properties = {name: _property(name) for name in names}
    return {"type": "object", "properties": {**properties, **(more or {})}, "additionalProperties": False}


def settings_of(config: Mapping[str, Any]) -> Settings:
    """Return the settings in a plugin's config, without the plugin's own and the SDK's; InputError for wrong ones."""
    return Settings.of({name: config[name] for name in Settings.model_fields if name in config})


def run(plugin: Any) -> None:
    """Run a plugin as a command; what a user can mend is told in one line, and the exit status is 1."""
    try:
        plugin.cli()
    except ConnectorError as error:
        plugin.logger.critical("%s", error)
        sys.exit(1)


def _property(name: str) -> dict[str, Any]:
    field = Settings.model_fields[name]
    told: dict[str, Any] = {"description": field.description, "title": name.replace("_", " ").capitalize()}
    if isinstance(field.get_default(), tuple):
        return {"type": ["array", "string", "null"], "items": {"type": "string"}, **told}
    secret = {"secret": True, "writeOnly": True} if SecretStr in getattr(field.annotation, "__args__", ()) else {}
    dated = {"format": "date-time"} if name == "start_date" else {}
    return {"type": ["string", "null"], **told, **secret, **dated}
