"""``haloitsm init``: ask for URL and credentials, prove them, write a first configuration."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from haloitsm_connector.cli import output
from haloitsm_connector.cli.settings import (
    AUTHENTICATION_FIELDS,
    DEFAULT_CONFIG,
    DEFAULT_ENV_FILE,
    Settings,
    authentication_from,
    variable,
    write_variables,
)
from haloitsm_connector.errors import InputError

HIDDEN = {"client_secret", "password", "api_key"}
LABELS = {"base_uri": "URL of your Halo", "api_key": "API key", "client_id": "Client ID"}
HEADING = "Written by haloitsm init; keep it out of version control."
TEMPLATE = """\
# A first configuration. haloitsm check {name} --connect proves it; haloitsm run {name} runs it.
clients:
  halo:
    prototype: haloitsm
    base_uri: ${{HALO_BASE_URI}}
    tenant: ${{HALO_TENANT:-}}
    authentication:
      type: {type}
{credentials}

incoming:
  open-tickets:
    subscriber:
      prototype: haloitsm
      client: halo
      entity: GET /Tickets
      request_parameters:
        query: {{open_only: true}}
    transformers:
      - select: {{id: id, subject: summary, client: client_name}}

outgoing:
  tickets-file:
    publisher:
      prototype: file
      path: open-tickets.jsonl

routes:
  open-tickets: {{incoming: open-tickets, outgoing: tickets-file}}
"""


class Authentication(StrEnum):
    """How Halo knows you."""

    CLIENT_CREDENTIALS = "client_credentials"
    PASSWORD = "password"  # noqa: S105 (the name of a grant)
    API_KEY = "api_key"


def init(
    context: typer.Context,
    target: Annotated[Path, typer.Argument(help="The configuration to write.")] = DEFAULT_CONFIG,
    env_file: Annotated[Path, typer.Option(help="Where what you type goes, readable by you alone.")] = DEFAULT_ENV_FILE,
    base_uri: Annotated[str, typer.Option(help="For example https://acme.haloitsm.com")] = "",
    tenant: Annotated[str, typer.Option(help="Only where it cannot be asked of Halo itself.")] = "",
    authentication: Annotated[Authentication | None, typer.Option(help="How Halo knows you.")] = None,
    connect: Annotated[bool, typer.Option(help="Prove URL and credentials before writing.")] = True,
) -> None:
    """Ask for URL and credentials, write a configuration.

    They are proved by signing in first. What is in the variables HALO_BASE_URI, HALO_CLIENT_ID, HALO_CLIENT_SECRET,
    HALO_USERNAME, HALO_PASSWORD, HALO_API_KEY and HALO_TENANT is not asked for.
    """
    settings: Settings = context.obj
    if target.exists():
        raise InputError(f"{target} exists already", "Name another file, or move it away first.")
    kind = (authentication or _known_kind(settings.environ) or _ask_kind()).value
    known = {
        name: settings.environ.get(variable(name), "") for name in ("base_uri", "tenant", *AUTHENTICATION_FIELDS[kind])
    }
    options = {name: value for name, value in (("base_uri", base_uri), ("tenant", tenant)) if value}
    missing = [name for name in known if not known[name] and name not in options and name != "tenant"]
    new = [*missing, *(name for name in options if options[name] != known[name])]
    _refuse(missing, new, known, env_file)
    values = known | options | {name: _ask(name) for name in missing}
    if connect:
        _prove(values, kind)
    if new:
        write_variables(env_file, {variable(name): values[name] for name in new}, HEADING)
        output.say(f"Wrote {', '.join(map(variable, new))} to {env_file}; keep that file out of version control.")
    lines = "\n".join(f"      {name}: ${{{variable(name)}}}" for name in AUTHENTICATION_FIELDS[kind])
    target.write_text(TEMPLATE.format(name=target, type=kind, credentials=lines), "utf-8")
    output.say(f"Wrote {target}. Next: haloitsm check {target} --connect, then haloitsm run {target}")


def _known_kind(environ: Mapping[str, str]) -> Authentication | None:
    found = authentication_from(environ)
    return Authentication(found["type"]) if found else None


def _refuse(missing: list[str], new: list[str], known: Mapping[str, str], env_file: Path) -> None:
    """Refuse, before anything is asked, what nobody can answer or what could not be kept."""
    if missing and not sys.stdin.isatty():
        names = ", ".join(map(variable, missing))
        raise InputError("there is nobody to ask: this is not a terminal", f"Set {names} in the environment.")
    if new and env_file.exists():
        names = ", ".join(map(variable, new))
        raise InputError(f"{env_file} exists already and has no {names}", "Add them to it, or name another --env-file.")
    for name in new:
        if known[name]:
            raise InputError(f"{variable(name)} is set to another value", "Unset it, or leave the option out.")


def _ask_kind() -> Authentication:
    kinds = ", ".join(Authentication)

    def chosen(text: str) -> Authentication:
        try:
            return Authentication(text.strip())
        except ValueError:
            raise typer.BadParameter(f"there is no authentication '{text}'; there are: {kinds}") from None

    usual = Authentication.CLIENT_CREDENTIALS
    if not sys.stdin.isatty():
        return usual
    kind: Authentication = _prompt(f"Authentication ({kinds})", default=usual.value, value_proc=chosen)
    return kind


def _ask(name: str) -> str:
    label = LABELS.get(name, name.replace("_", " ").capitalize())
    text: str = _prompt(label, hide_input=name in HIDDEN)
    return f"https://{text}" if name == "base_uri" and "://" not in text else text


def _prompt(label: str, **options: Any) -> Any:
    try:
        return typer.prompt(label, err=True, **options)
    except typer.Abort:
        raise typer.Exit(130) from None


def _prove(values: Mapping[str, str], kind: str) -> None:
    from haloitsm_connector.client import HttpClient

    fields = {"type": kind, **{name: values[name] for name in AUTHENTICATION_FIELDS[kind]}}
    with HttpClient(values["base_uri"], fields, tenant=values["tenant"] or None) as client:
        if kind == Authentication.API_KEY:
            client.get("/Agent/me")
        output.say(f"Connected to {client.connect().api_uri}.")
