"""The configuration: YAML files in, a checked ``Config`` or every problem at once out."""

from haloitsm_connector.config.json_schema import json_schema
from haloitsm_connector.config.load import load
from haloitsm_connector.config.models import (
    Config,
    IncomingConfig,
    OutgoingConfig,
    Prototyped,
    RetryFields,
    RouteConfig,
    StorageFields,
    steps_fields,
)

__all__ = [
    "Config",
    "IncomingConfig",
    "OutgoingConfig",
    "Prototyped",
    "RetryFields",
    "RouteConfig",
    "StorageFields",
    "json_schema",
    "load",
    "steps_fields",
]
