"""The settings of the source and of the destination: as Airbyte's forms show them, and read back from there."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from logging import getLogger
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import orjson
from pydantic import Field, SecretStr

from haloitsm_connector.client.fields import ApiKey, ClientCredentials, Password
from haloitsm_connector.errors import InputError, sentence
from haloitsm_connector.hosts.settings import Settings
from haloitsm_connector.prototypes import Fields
from haloitsm_connector.store import state_of
from haloitsm_connector.validation import unknown_key, validated

Property = dict[str, Any]

AUTHENTICATION = "authentication"
YAML = "yaml"
STATE = "HALOITSM_STATE"
_WAYS: Mapping[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "client_credentials": ("Client id and secret of an API application", ("client_id", "client_secret"), ("scopes",)),
    "password": (
        "User name and password of an agent",
        ("client_id", "username", "password"),
        ("client_secret", "scopes"),
    ),
    "api_key": ("API key", ("api_key",), ()),
}
"""The ways to sign in: what a form calls it, the settings that it needs, and those that it may have."""
FILES = ("--config", "--catalog", "--state")
_TITLES = {"base_uri": "Address", "client_id": "Client ID", "api_key": "API key", "config": "YAML files"}


def form(names: Iterable[str], more: Mapping[str, Property], required: Iterable[str] = ()) -> dict[str, Any]:
    """Return the form (JSON Schema) of some settings and of ``more``, a plugin's own, with all ways to sign in."""
    properties = {name: _property(name) for name in ("base_uri", "tenant")}
    properties[AUTHENTICATION] = {
        "type": "object",
        "title": "Authentication",
        "description": "How to sign in.",
        "oneOf": [_way(kind, *fields) for kind, fields in _WAYS.items()],
    }
    properties |= {name: _property(name) for name in names}
    properties[YAML] = {
        "type": "string",
        "multiline": True,
        "title": "YAML",
        "description": "What a YAML file would hold, where no file can be had: on Airbyte's own servers.",
    }
    properties |= {name: dict(one) for name, one in more.items()}
    for order, one in enumerate(properties.values()):
        one["order"] = order
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "required": list(required),
        "properties": properties,
        "additionalProperties": True,
    }


class _SignIn(Fields):
    authentication: Annotated[ClientCredentials | Password | ApiKey, Field(discriminator="type")] | None


def check_files(arguments: list[str], known: Iterable[str]) -> None:
    """Read the files that a command names, and the settings; InputError says what is wrong, and shows no value.

    The CDK does not say it in a sentence, and shows the values of settings that are wrong. A setting that is not
    ``known`` is told of in the log: it may be one of another version.
    """
    for option, path in pairwise(arguments):
        if option in FILES:
            try:
                content = orjson.loads(Path(path).read_bytes())
            except (OSError, ValueError) as error:
                raise InputError(f"{option} {path} cannot be read as JSON: {error}") from None
            if option == "--config":
                _check_settings(content, known)


def _check_settings(config: Any, known: Iterable[str]) -> None:
    if not isinstance(config, dict):
        raise InputError("the configuration must be an object")
    for name in config.keys() - set(known):
        if not name.startswith("_"):  # as the CDK's own do
            finding = unknown_key((name,), known)
            getLogger("airbyte").warning("%s", sentence(finding.what, finding.hint))
    with settings_of(config):
        pass


@contextmanager
def settings_of(config: Mapping[str, Any]) -> Iterator[tuple[Settings, dict[str, str]]]:
    """Return the settings that a form was filled in with, as long as they are used, and the environment they are for.

    InputError says which are wrong.
    """
    authentication = config.get(AUTHENTICATION) or None
    validated(_SignIn, {AUTHENTICATION: authentication})
    told = {**config, **(authentication or {})}
    told = {name: told[name] for name in Settings.model_fields if name in told}
    settings = Settings.of(told)
    environ = {**os.environ, **({STATE: config["state"]} if config.get("state") else {})}
    if not (text := config.get(YAML)):
        yield settings, environ
        return
    if not settings.config:  # a text has its state as a file in the current folder would: its own folder goes
        environ[STATE] = str(state_of(".", environ))
    with TemporaryDirectory(prefix="haloitsm-") as folder:
        file = Path(folder) / "configuration.yaml"
        file.write_text(text, "utf-8")
        yield settings.model_copy(update={"config": (*settings.config, file)}), environ


def _way(kind: str, title: str, needed: tuple[str, ...], possible: tuple[str, ...]) -> Property:
    told = {"type": {"type": "string", "const": kind, "default": kind, "order": 0}}
    fields = {name: {**_property(name), "order": order} for order, name in enumerate((*needed, *possible), start=1)}
    return {"title": title, "type": "object", "required": ["type", *needed], "properties": {**told, **fields}}


def _property(name: str) -> Property:
    field = Settings.model_fields[name]
    told: Property = {"title": _TITLES.get(name, name.replace("_", " ").capitalize()), "description": field.description}
    if isinstance(default := field.get_default(), tuple):
        return {"type": "array", "items": {"type": "string"}, "default": list(default), **told}
    if SecretStr in getattr(field.annotation, "__args__", ()):
        told["airbyte_secret"] = True
    if name == "start_date":
        told |= {"format": "date-time", "examples": ["2026-01-01T00:00:00Z"]}
    return {"type": "string", **told}
