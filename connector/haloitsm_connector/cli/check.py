"""``haloitsm check``: every problem of a configuration, located, before anything is sent."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from haloitsm_connector.cli import output
from haloitsm_connector.cli.settings import Settings, user_catalogue
from haloitsm_connector.errors import ConfigError, ConnectorError, Problem

if TYPE_CHECKING:
    from haloitsm_connector.config import Config


def check(
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(help="Files or folders of YAML.")],
    connect: Annotated[bool, typer.Option("--connect", help="Also get a token for every client.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the problems as JSON.")] = False,
) -> None:
    """List every problem of a configuration as file:line:column, and with --connect prove its clients."""
    from haloitsm_connector.config import load

    settings: Settings = context.obj
    try:
        config = load(paths, environ=settings.environ, catalogue=user_catalogue())
    except ConfigError as error:
        _show(error.problems, as_json)
        raise typer.Exit(error.exit_status) from None
    _show(config.warnings, as_json)
    if not as_json:
        parts = {name: getattr(config, name) for name in ("clients", "incoming", "outgoing", "routes")}
        output.say("No errors: " + ", ".join(f"{len(part)} {name}" for name, part in parts.items()) + ".")
    if connect and not _connect(config):
        raise typer.Exit(3)


def _show(problems: list[Problem], as_json: bool) -> None:
    if as_json:
        output.json(problems)
        return
    for problem in problems:
        output.say(str(problem))
    errors = sum(problem.severity == "error" for problem in problems)
    if problems:
        output.say(f"{errors} errors, {len(problems) - errors} warnings.")


def _connect(config: Config) -> bool:
    """Print one row per client; whether all of them could connect."""
    from haloitsm_connector.assemble import build_client

    rows = []
    for name in config.clients:
        try:
            with build_client(config, name) as client:
                rows.append((name, "connected", str(client.connect())))
        except ConnectorError as error:
            rows.append((name, "failed", str(error)))
    output.table(("client", "result", "detail"), rows)
    return all(result == "connected" for _, result, _ in rows)
