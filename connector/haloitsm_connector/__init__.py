"""Read, transform and write HaloITSM, declared in YAML or called from Python.

The names below are the public ones; each is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from haloitsm_connector.catalogue import Catalogue, Operation
    from haloitsm_connector.client import ApiKey, ClientCredentials, HttpClient, Password, Request, Response
    from haloitsm_connector.errors import (
        AnswerError,
        AuthenticationError,
        ConfigError,
        ConnectorError,
        EntityError,
        HeldError,
        InputError,
        LostAnswerError,
        Problem,
        RemoteError,
        StateError,
        StatusError,
        UnreachableError,
    )
    from haloitsm_connector.pipeline import Pipeline
    from haloitsm_connector.publisher import FilePublisher, HttpPublisher, Outcome, Publisher
    from haloitsm_connector.sandbox import Sandbox
    from haloitsm_connector.store import Cursors, Intents, journal, open_state
    from haloitsm_connector.subscriber import FileSubscriber, HttpSubscriber, Incremental, Slice, Subscriber

_HOME = {
    "catalogue": ("Catalogue", "Operation"),
    "client": ("ApiKey", "ClientCredentials", "HttpClient", "Password", "Request", "Response"),
    "errors": (
        "AnswerError",
        "AuthenticationError",
        "ConfigError",
        "ConnectorError",
        "EntityError",
        "HeldError",
        "InputError",
        "LostAnswerError",
        "Problem",
        "RemoteError",
        "StateError",
        "StatusError",
        "UnreachableError",
    ),
    "pipeline": ("Pipeline",),
    "publisher": ("FilePublisher", "HttpPublisher", "Outcome", "Publisher"),
    "sandbox": ("Sandbox",),
    "store": ("Cursors", "Intents", "journal", "open_state"),
    "subscriber": ("FileSubscriber", "HttpSubscriber", "Incremental", "Slice", "Subscriber"),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "AnswerError",
    "ApiKey",
    "AuthenticationError",
    "Catalogue",
    "ClientCredentials",
    "ConfigError",
    "ConnectorError",
    "Cursors",
    "EntityError",
    "FilePublisher",
    "FileSubscriber",
    "HeldError",
    "HttpClient",
    "HttpPublisher",
    "HttpSubscriber",
    "Incremental",
    "InputError",
    "Intents",
    "LostAnswerError",
    "Operation",
    "Outcome",
    "Password",
    "Pipeline",
    "Problem",
    "Publisher",
    "RemoteError",
    "Request",
    "Response",
    "Sandbox",
    "Slice",
    "StateError",
    "StatusError",
    "Subscriber",
    "UnreachableError",
    "journal",
    "open_state",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
