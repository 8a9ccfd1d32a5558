"""``haloitsm check``: every problem of a configuration, located, before anything is sent."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from haloitsm_connector.cli import output
from haloitsm_connector.cli.settings import Settings, user_catalogue
from haloitsm_connector.errors import ConfigError, ConnectorError, Problem

if TYPE_CHECKING:
    from haloitsm_connector.config import Config

SECTIONS = {"clients": "client", "incoming": "incoming", "outgoing": "outgoing", "routes": "route"}
COLUMNS = ("client", "result", "authentication", "tenant", "scopes", "token lifetime", "requests left")


def check(
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(help="Files or folders of YAML.")],
    connect: Annotated[bool, typer.Option("--connect", help="Also get a token for every client.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List every problem of a configuration.

    Each as file:line:column, with what to do about it. --connect proves every client by signing in.
    """
    from haloitsm_connector.config import load

    settings: Settings = context.obj
    try:
        config = load(paths, environ=settings.environ, catalogue=user_catalogue())
    except ConfigError as error:
        _show({"problems": error.problems}, as_json)
        raise typer.Exit(error.exit_status) from None
    report: dict[str, Any] = {
        "problems": config.warnings,
        "counts": {section: len(getattr(config, section)) for section in SECTIONS},
    }
    if connect:
        report["connections"] = _connections(config, settings.http_log)
    _show(report, as_json)
    if any(row["result"] == "failed" for row in report.get("connections", ())):
        raise typer.Exit(3)


def _show(report: dict[str, Any], as_json: bool) -> None:
    if as_json:
        output.show_json(report)
        return
    problems: list[Problem] = report["problems"]
    for problem in problems:
        output.show(str(problem))
    errors = sum(problem.severity == "error" for problem in problems)
    found = f"{output.counted(errors, 'error')}, {output.counted(len(problems) - errors, 'warning')}"
    if "counts" not in report:
        output.say(f"{found}.")
        return
    parts = (output.counted(count, SECTIONS[section], plural=section) for section, count in report["counts"].items())
    output.say(f"{found if problems else 'No errors'}: {', '.join(parts)}.")
    if "connections" in report:
        output.table(COLUMNS, ([row[column] for column in COLUMNS] for row in report["connections"]))
        for row in report["connections"]:
            if row["error"]:
                output.error(f"client '{row['client']}': {row['error']}")


def _connections(config: Config, http_log: str) -> list[dict[str, Any]]:
    """Sign in with every client at the same time, so that several dead hosts take no longer than one."""
    from haloitsm_connector.assemble import build_client

    def connected(name: str) -> dict[str, Any]:
        row = dict.fromkeys((*COLUMNS, "error"), "")
        authentication = getattr(config.clients[name].fields, "authentication", None)
        row |= {"client": name, "authentication": getattr(authentication, "type", "")}
        try:
            with build_client(config, name, http_log=http_log) as client:
                found, left = client.connect(), client.budget_left()
        except ConnectorError as error:
            return row | {"result": "failed", "error": str(error)}
        lifetime = f"{found.token_seconds / 60:.0f} min" if found.token_seconds else ""
        result = "connected" if found.token_uri else "no token needed"
        return row | {
            "result": result,
            "tenant": found.tenant or "",
            "scopes": " ".join(found.scopes),
            "token lifetime": lifetime,
            "requests left": "no limit" if left is None else str(left),
        }

    with ThreadPoolExecutor(max_workers=16) as pool:
        return list(pool.map(connected, config.clients))
