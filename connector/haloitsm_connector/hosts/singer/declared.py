"""The settings of the tap and of the target, as the SDK wants them declared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import SecretStr

from haloitsm_connector.hosts.settings import Settings

PACKAGE = "haloitsm-connector"


def settings_schema(names: Iterable[str], more: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the JSON Schema of some settings, and ``more`` of a plugin's own; others are refused."""
    properties = {name: _property(name) for name in names}
    return {"type": "object", "properties": {**properties, **(more or {})}, "additionalProperties": False}


def settings_of(config: Mapping[str, Any]) -> Settings:
    """Return the settings in a plugin's config, without the plugin's own and the SDK's; InputError for wrong ones."""
    return Settings.of({name: config[name] for name in Settings.model_fields if name in config})


def _property(name: str) -> dict[str, Any]:
    field = Settings.model_fields[name]
    told: dict[str, Any] = {"description": field.description, "title": name.replace("_", " ").capitalize()}
    if isinstance(field.get_default(), tuple):
        return {"type": ["array", "string", "null"], "items": {"type": "string"}, **told}
    secret = {"secret": True, "writeOnly": True} if SecretStr in getattr(field.annotation, "__args__", ()) else {}
    dated = {"format": "date-time"} if name == "start_date" else {}
    return {"type": ["string", "null"], **told, **secret, **dated}
