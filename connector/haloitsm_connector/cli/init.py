"""``haloitsm init``: ask for URL and credentials, prove them, write a first configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from dotenv import set_key

from haloitsm_connector.cli import output
from haloitsm_connector.cli.settings import AUTHENTICATION_FIELDS, DEFAULT_CONFIG
from haloitsm_connector.errors import InputError

HIDDEN = {"client_secret", "password", "api_key"}
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


def init(
    target: Annotated[Path, typer.Argument(help="The configuration to write.")] = DEFAULT_CONFIG,
    env_file: Annotated[Path, typer.Option(help="Where the credentials go, readable by you alone.")] = Path(".env"),
    base_uri: Annotated[
        str, typer.Option(prompt="URL of your Halo", help="For example https://acme.haloitsm.com")
    ] = "",
    tenant: Annotated[str, typer.Option(help="Only where it cannot be asked of Halo itself.")] = "",
    authentication: Annotated[
        str, typer.Option(prompt=f"Authentication ({', '.join(AUTHENTICATION_FIELDS)})", help="How Halo knows you.")
    ] = "client_credentials",
    connect: Annotated[bool, typer.Option(help="Prove URL and credentials before writing.")] = True,
) -> None:
    """Ask for URL and credentials, test them, and write a first configuration."""
    if authentication not in AUTHENTICATION_FIELDS:
        raise InputError(
            f"there is no authentication '{authentication}'", f"There are: {', '.join(AUTHENTICATION_FIELDS)}."
        )
    for path in (target, env_file):
        if path.exists():
            raise InputError(f"{path} exists already", "Name another file, or move it away first.")
    credentials = {
        name: typer.prompt(name.replace("_", " ").capitalize(), hide_input=name in HIDDEN)
        for name in AUTHENTICATION_FIELDS[authentication]
    }
    if connect:
        _prove(base_uri, tenant, authentication, credentials)
    _write_variables(env_file, {"base_uri": base_uri, "tenant": tenant, **credentials})
    lines = "\n".join(f"      {name}: ${{HALO_{name.upper()}}}" for name in credentials)
    target.write_text(TEMPLATE.format(name=target, type=authentication, credentials=lines), "utf-8")
    output.say(f"Wrote {target}, and the credentials to {env_file} (keep that file out of version control).")
    output.say(f"Next: haloitsm check {target} --connect, then haloitsm run {target}")


def _prove(base_uri: str, tenant: str, authentication: str, credentials: dict[str, str]) -> None:
    from haloitsm_connector.client import HttpClient

    fields = {"type": authentication, **credentials}
    with HttpClient(base_uri, fields, tenant=tenant or None) as client:
        output.say(f"Connected: {client.connect()}")


def _write_variables(path: Path, values: dict[str, str]) -> None:
    path.touch(mode=0o600)
    for name, value in values.items():
        set_key(path, f"HALO_{name.upper()}", value)
