"""What all commands share: the environment, the user's catalogue, and the client that a single request uses."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs
from dotenv import dotenv_values

from haloitsm_connector.catalogue import Catalogue
from haloitsm_connector.errors import InputError

if TYPE_CHECKING:
    from haloitsm_connector.client import HttpClient

DEFAULT_CONFIG = Path("halo.yaml")
AUTHENTICATION_FIELDS = {
    "client_credentials": ("client_id", "client_secret"),
    "password": ("client_id", "username", "password"),
    "api_key": ("api_key",),
}
"""What each kind of authentication asks for; as variables, HALO_CLIENT_ID and so on."""
LEVELS = ("off", "simple", "long", "full")


@dataclass(frozen=True)
class Settings:
    """The environment that configurations see, and how much of HTTP is logged (off, simple, long, full)."""

    environ: Mapping[str, str]
    http_log: str

    @classmethod
    def read(cls, env_file: Path, verbose: int) -> Settings:
        """Read the environment and, behind it, the variables of a file; a missing file is an empty one."""
        written = dotenv_values(env_file, interpolate=False) if env_file.is_file() else {}
        environ = {**{name: value or "" for name, value in written.items()}, **os.environ}
        level = LEVELS[min(verbose, len(LEVELS) - 1)]
        if verbose:
            logging.basicConfig(format="%(message)s")
            logging.getLogger("haloitsm.http").setLevel(logging.DEBUG)
        return cls(environ, level)


def catalogue_folder() -> Path:
    """Return where a refreshed catalogue is kept: ``catalogue`` in the user's configuration folder."""
    return platformdirs.user_config_path("haloitsm") / "catalogue"


def user_catalogue() -> Catalogue:
    """Load the catalogue refreshed from the user's own instance, or the one that comes with the package."""
    folder = catalogue_folder()
    return Catalogue.load(folder) if folder.is_dir() else Catalogue.load()


def single_client(settings: Settings, config: Path | None, name: str | None) -> HttpClient:
    """Build the client for one request: from a configuration, or from the HALO_* variables when there is none.

    Raises InputError when several clients could be meant, or none is known.
    """
    from haloitsm_connector.assemble import build_client
    from haloitsm_connector.config import load

    path = config or (DEFAULT_CONFIG if DEFAULT_CONFIG.is_file() else None)
    if path is None:
        return _client_from_environment(settings)
    loaded = load([path], environ=settings.environ, catalogue=user_catalogue())
    names = list(loaded.clients)
    if name is None and len(names) != 1:
        raise InputError(f"{path} declares {len(names)} clients", f"Choose one with --client: {', '.join(names)}.")
    return build_client(loaded, name or names[0], http_log=settings.http_log)


def authentication_from(environ: Mapping[str, str]) -> dict[str, str] | None:
    """Return the authentication whose HALO_* variables are all set, or None."""
    for kind, fields in AUTHENTICATION_FIELDS.items():
        if all(environ.get(f"HALO_{field.upper()}") for field in fields):
            return {"type": kind, **{field: environ[f"HALO_{field.upper()}"] for field in fields}}
    return None


def _client_from_environment(settings: Settings) -> HttpClient:
    from haloitsm_connector.client import HttpClient

    base_uri = settings.environ.get("HALO_BASE_URI")
    authentication = authentication_from(settings.environ)
    if not base_uri or not authentication:
        raise InputError(
            "no Halo is known: there is no halo.yaml here and HALO_BASE_URI with its credentials is not set",
            "haloitsm init writes a first configuration; haloitsm sandbox --write-env .env starts a Halo to try.",
        )
    tenant = settings.environ.get("HALO_TENANT") or None
    return HttpClient(base_uri, authentication, tenant=tenant, logging=settings.http_log)
