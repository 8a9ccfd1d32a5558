"""``haloitsm sandbox``: a HaloITSM on this machine, to try things on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from haloitsm_connector.cli import output
from haloitsm_connector.cli.settings import write_variables
from haloitsm_connector.errors import InputError

HEADING = "Written by haloitsm sandbox; the next one may write it anew."


def sandbox(
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)] = 0,
    host: Annotated[
        str, typer.Option(help="Address to listen on; only this machine can reach the default.")
    ] = "127.0.0.1",
    seed: Annotated[int, typer.Option(help="The same seed gives the same data.")] = 1,
    data: Annotated[Path | None, typer.Option(help='Your own records: JSON, {"Tickets": [...], ...}.')] = None,
    faults: Annotated[Path | None, typer.Option(help="What goes wrong on demand: YAML.")] = None,
    write_env: Annotated[
        Path | None, typer.Option(help="Write the HALO_* variables that lead to this sandbox to a file.")
    ] = None,
) -> None:
    """Serve a HaloITSM with made-up data until interrupted."""
    from haloitsm_connector.sandbox import serve

    if write_env and write_env.exists() and HEADING not in write_env.read_text("utf-8", "replace"):
        raise InputError(
            f"{write_env} exists and was not written by a sandbox",
            "Name another file; --env-file makes commands use it.",
        )
    serve(
        port=port, host=host, seed=seed, data=data, faults=faults,
        ready=lambda running: _announce(running.environment, write_env),
    )  # fmt: skip


def _announce(environment: dict[str, str], write_env: Path | None) -> None:
    if write_env:
        write_variables(write_env, environment, HEADING)
        output.say(f"Sandbox at {environment['HALO_BASE_URI']}; the way to it is in {write_env}. Ctrl-C stops it.")
        return
    for name, value in environment.items():
        output.show(f"{name}={value}")
    output.say("Ctrl-C stops it.")
