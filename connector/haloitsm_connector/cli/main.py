"""The ``haloitsm`` command: its sub-commands, and how every error becomes one clear message and an exit status.

Exit status: 0 done, 1 a problem in what you gave, 2 wrong usage, 3 the other side failed, 4 finished with failed
entities.
"""

from __future__ import annotations

import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from haloitsm_connector.cli import (
    catalogue,
    check,
    demo,
    entities,
    init,
    output,
    plugins,
    preview,
    request,
    run,
    sandbox,
    schema,
)
from haloitsm_connector.cli.settings import Settings
from haloitsm_connector.errors import ConnectorError

app = typer.Typer(
    name="haloitsm",
    help="Read, transform and write HaloITSM, declared in YAML.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"haloitsm-connector {version('haloitsm-connector')}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    env_file: Annotated[
        Path, typer.Option(help="Read variables from this file; the environment itself comes first.")
    ] = Path(".env"),
    verbose: Annotated[
        int, typer.Option("--verbose", "-v", count=True, help="Log HTTP: -v a line, -vv headers, -vvv whole bodies.")
    ] = 0,
    show_version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and stop.")
    ] = False,
) -> None:
    context.obj = Settings.read(env_file, verbose)


for command in (
    demo.demo,
    init.init,
    check.check,
    entities.entities,
    entities.entity,
    preview.preview,
    request.get,
    request.post,
    request.delete,
    run.run,
    sandbox.sandbox,
    schema.schema,
    plugins.plugins,
):
    app.command()(command)
app.add_typer(catalogue.app, name="catalogue")


def main() -> None:
    """Run the command line; every error that has a cause the user can mend ends in a message, never in a traceback."""
    try:
        app()
    except ConnectorError as error:
        output.error(str(error))
        sys.exit(error.exit_status)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:
        if os.environ.get("HALOITSM_DEBUG"):
            raise
        output.error(
            f"unexpected {type(error).__name__}. This is a defect of haloitsm-connector, not of what you did; "
            "HALOITSM_DEBUG=1 shows where it happened."
        )
        sys.exit(1)
