"""``haloitsm sandbox``: a HaloITSM on this machine, to try things on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from haloitsm_connector.cli import output


def sandbox(
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 0,
    host: Annotated[
        str, typer.Option(help="Address to listen on; only this machine can reach the default.")
    ] = "127.0.0.1",
    seed: Annotated[int, typer.Option(help="The same seed gives the same data.")] = 1,
    data: Annotated[Path | None, typer.Option(help='Your own records: JSON, {"Tickets": [...], ...}.')] = None,
    write_env: Annotated[
        Path | None, typer.Option(help="Write the HALO_* variables that lead to this sandbox to a file.")
    ] = None,
) -> None:
    """Serve a HaloITSM with made-up data until interrupted."""
    from haloitsm_connector.sandbox import serve

    serve(port=port, host=host, seed=seed, data=data, ready=lambda running: _announce(running.environment, write_env))


def _announce(environment: dict[str, str], write_env: Path | None) -> None:
    lines = [f"{name}={value}" for name, value in environment.items()]
    if write_env:
        write_env.write_text("".join(f"{line}\n" for line in lines), "utf-8")
        output.say(f"Sandbox at {environment['HALO_BASE_URI']}; the way to it is in {write_env}. Ctrl-C stops it.")
        return
    for line in lines:
        typer.echo(line)
    output.say("Ctrl-C stops it.")
