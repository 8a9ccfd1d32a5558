"""What all commands share: the environment, the user's catalogue, and how a configuration or a client is had."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from haloitsm_connector.cli import output
from haloitsm_connector.errors import InputError

if TYPE_CHECKING:
    from haloitsm_connector.catalogue import Catalogue
    from haloitsm_connector.cli.logs import Style
    from haloitsm_connector.client import HttpClient
    from haloitsm_connector.client.redaction import Redactor
    from haloitsm_connector.config import Config
    from haloitsm_connector.pipeline import Pipeline
    from haloitsm_connector.store import Database

DEFAULT_CONFIG = Path("halo.yaml")
DEFAULT_ENV_FILE = Path(".env")
AUTHENTICATION_FIELDS = {
    "client_credentials": ("client_id", "client_secret"),
    "password": ("client_id", "username", "password"),
    "api_key": ("api_key",),
}
"""What each kind of authentication asks for; as variables, HALO_CLIENT_ID and so on."""
State = Annotated[
    str | None,
    typer.Option(
        "--state", help="Where what is remembered is kept, a file or postgresql://…, if not in its own place."
    ),
]
"""The option of every command that looks into the state."""
Sure = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
"""The option of every command that changes much at once."""
LEVELS = ("off", "simple", "long", "full")


@dataclass
class Settings:
    """The environment that configurations see, and how much of HTTP is logged (off, simple, long, full)."""

    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    http_log: str = "off"
    log_style: Style = "text"

    def read(self, env_file: Path | None) -> None:
        """Put the variables of a file behind the environment.

        Raises InputError when a file that was asked for is not there, or cannot be read.
        """
        if env_file or DEFAULT_ENV_FILE.is_file():
            self.environ = {**_variables(env_file or DEFAULT_ENV_FILE), **os.environ}

    def log_http(self, verbose: int) -> None:
        """Log HTTP to standard error from now on: 1 a line, 2 headers, 3 bodies; 0 leaves things as they are."""
        if verbose:
            self.http_log = LEVELS[min(verbose, len(LEVELS) - 1)]
            self.log_again()

    def sendable(self) -> Settings:
        """Return the same settings as another process can be sent them."""
        return replace(self, environ=dict(self.environ))

    def log_again(self) -> None:
        """Set logs up as these settings say, in a process where nobody did yet."""
        import logging

        if self.http_log != "off" or self.log_style == "json":
            self.write_logs()
        if self.http_log != "off":
            logging.getLogger("haloitsm.http").setLevel(logging.DEBUG)

    def write_logs(self, *, timed: bool = False) -> None:
        """Write logs in the style that was asked for; in JSON, also what is said to a person."""
        import logging

        from haloitsm_connector.cli.logs import set_up

        set_up(self.log_style, timed=timed)
        output.log_instead(logging.getLogger("haloitsm.cli") if self.log_style == "json" else None)

    def hidden(self, text: str) -> str:
        """Return text without the values of variables that are secret by their names."""
        return self.redactor().text(text)

    def redactor(self) -> Redactor:
        """Return what hides the values of variables that are secret by their names."""
        from haloitsm_connector.client.redaction import Redactor, is_telling

        return Redactor(value for name, value in self.environ.items() if is_telling(name))


def _variables(path: Path) -> dict[str, str]:
    from dotenv import dotenv_values

    try:
        with path.open(encoding="utf-8") as file:
            return {name: value or "" for name, value in dotenv_values(stream=file, interpolate=False).items()}
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"cannot read {path}: it is not UTF-8 text", "It holds lines NAME=value.") from error


def variable(field_name: str) -> str:
    """Return the variable of an authentication field, or of base_uri and tenant: ``HALO_CLIENT_ID``."""
    return f"HALO_{field_name.upper()}"


def write_variables(path: Path, values: Mapping[str, str], heading: str) -> None:
    """Write variables below a heading, to a file that is readable by its owner alone."""
    lines = [f"# {heading}", *(f"{name}={_quoted(value)}" for name, value in values.items())]
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


def _quoted(value: str) -> str:
    if value.isalnum() or all(char.isalnum() or char in "-._:/" for char in value):
        return value
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def catalogue_folder() -> Path:
    """Return where a refreshed catalogue is kept: ``catalogue`` in the user's configuration folder."""
    import platformdirs

    return platformdirs.user_config_path("haloitsm") / "catalogue"


def user_catalogue() -> Catalogue:
    """Load the catalogue refreshed from the user's own instance, or the one that comes with the package."""
    from haloitsm_connector.catalogue import Catalogue

    folder = catalogue_folder()
    return Catalogue.load(folder) if folder.is_dir() else Catalogue.load()


def load_pipeline(settings: Settings, path: Path, state: str | None = None) -> Pipeline:
    """Load a configuration with the user's environment and catalogue; ConfigError holds every problem in it."""
    from haloitsm_connector.pipeline import Pipeline

    if settings.log_style == "text":
        _show_log()
    return Pipeline.load(
        path, environ=settings.environ, catalogue=user_catalogue(), state=state, http_log=settings.http_log
    )


def open_state_of(settings: Settings, config: Path | None, state: str | None) -> Database:
    """Open the state that is named, else that of a configuration or, without one, of this folder."""
    from haloitsm_connector.store import open_state, state_of

    return open_state(state or state_of(config or DEFAULT_CONFIG, settings.environ))


def _show_log() -> None:
    """Show the person the lines that steps log."""
    import logging

    class Saying(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            output.say(record.getMessage())

    logger = logging.getLogger("haloitsm.steps")
    logger.handlers, logger.propagate = [Saying()], False
    logger.setLevel(logging.INFO)


def hiding(config: Config) -> Callable[[Any], Any]:
    """Return what hides the secrets of a configuration in data that is shown."""
    from haloitsm_connector.client.redaction import Redactor

    return Redactor(config.secrets).data


def single_client(settings: Settings, config: Path | None, name: str | None) -> HttpClient:
    """Build the client for one request: from a configuration, or from the HALO_* variables when there is none.

    Raises InputError when several clients could be meant, or none is known.
    """
    from haloitsm_connector.assemble import build_client
    from haloitsm_connector.config import load

    path = config or (DEFAULT_CONFIG if DEFAULT_CONFIG.is_file() else None)
    if path is None:
        if name:
            raise InputError("--client names a client of a configuration, and there is none here", "Add --config FILE.")
        return _client_from_environment(settings)
    loaded = load([path], environ=settings.environ, catalogue=user_catalogue())
    names = list(loaded.clients)
    if not names:
        raise InputError(f"{path} declares no client", "Declare one under 'clients:'; haloitsm init writes an example.")
    if name is None and len(names) > 1:
        raise InputError(f"{path} declares {len(names)} clients", f"Choose one with --client: {', '.join(names)}.")
    return build_client(loaded, name or names[0], http_log=settings.http_log)


def authentication_from(environ: Mapping[str, str]) -> dict[str, str] | None:
    """Return the authentication whose HALO_* variables are all set, or None."""
    for kind, fields in AUTHENTICATION_FIELDS.items():
        if all(environ.get(variable(name)) for name in fields):
            return {"type": kind, **{name: environ[variable(name)] for name in fields}}
    return None


def client_in_environment(settings: Settings) -> dict[str, Any]:
    """Return the YAML fields of the client that the HALO_* variables describe, without their values."""
    kind = (authentication_from(settings.environ) or {"type": "client_credentials"})["type"]
    credentials = {name: f"${{{variable(name)}}}" for name in AUTHENTICATION_FIELDS[kind]}
    address = {"base_uri": f"${{{variable('base_uri')}}}", "tenant": f"${{{variable('tenant')}:-}}"}
    return {"prototype": "haloitsm", **address, "authentication": {"type": kind, **credentials}}


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
