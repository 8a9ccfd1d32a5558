"""How dlt knows the settings: the way to Halo as credentials, in secrets.toml or in the environment."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from dlt import TSecretStrValue
from dlt.common.configuration import configspec
from dlt.common.configuration.specs import CredentialsConfiguration

from haloitsm_connector.hosts.settings import Settings


@configspec
class HaloITSMCredentials(CredentialsConfiguration):
    """How to reach Halo; where none are given, a YAML file says it.

    They stand under ``sources.haloitsm.credentials`` and ``destination.haloitsm.credentials``, or under ``credentials``
    for both.
    """

    base_uri: str | None = None
    tenant: str | None = None
    client_id: str | None = None
    client_secret: TSecretStrValue | None = None
    username: str | None = None
    password: TSecretStrValue | None = None
    api_key: TSecretStrValue | None = None
    scopes: list[str] | None = None

    def __str__(self) -> str:
        return self.base_uri or "as the YAML file says"


Files = str | Path | list[str] | None


def settings_of(credentials: HaloITSMCredentials | None, config: Files, **more: Any) -> Settings:
    """Return the settings; InputError says what is wrong with them."""
    if isinstance(config, str) and config.startswith("["):  # as dlt hands over a list that it found in its own files
        with suppress(ValueError):
            config = json.loads(config)
    return Settings.of({**(credentials or {}), "config": config, **more})
