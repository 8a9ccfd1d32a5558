"""``haloitsm demo``: the main job on the built-in sandbox, with every request shown."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from haloitsm_connector.cli import output

if TYPE_CHECKING:
    from haloitsm_connector.pipeline import Pipeline
    from haloitsm_connector.publisher import Outcome
    from haloitsm_connector.sandbox import Sandbox

SHOWN_LINES = 3
WIDTH = 100


def demo(
    folder: Annotated[Path, typer.Option("--output", "-o", help="Folder for the files that the demo writes.")] = Path(
        "out"
    ),
    seed: Annotated[int, typer.Option(help="The same seed gives the same data.")] = 1,
) -> None:
    """Run the main job on a sandbox, every request shown.

    Starts a HaloITSM on this machine, runs the demo pipelines through it and shows what was asked and what came back.
    """
    from haloitsm_connector.pipeline import FAILED_STATUSES, Pipeline
    from haloitsm_connector.sandbox import Sandbox

    folder.mkdir(parents=True, exist_ok=True)
    source = demo_folder()
    outcomes: list[Outcome] = []
    with Sandbox(seed=seed) as sandbox:
        output.show(f"A sandbox Halo runs at {sandbox.base_uri}. The pipelines are in {source}.")
        environ = {**sandbox.environment, "DEMO_DATA": str(source), "DEMO_OUT": str(folder)}
        with Pipeline.load(source, environ=environ) as pipeline:
            for route in pipeline.routes():
                outcomes += _run(pipeline, route, sandbox, folder)
    output.show(f"\nThe sandbox is closed. What was written is in {folder}.")
    output.show("Next: haloitsm sandbox starts one that stays; haloitsm init connects to your own Halo.")
    if any(outcome.status in FAILED_STATUSES for outcome in outcomes):
        raise typer.Exit(4)


def demo_folder() -> Path:
    """Return the folder of the demo's configurations: in the installed package, or in the source tree."""
    installed = Path(str(files("haloitsm_connector"))) / "demo"
    return installed if installed.is_dir() else installed.parents[2] / "configs" / "demo"


def _run(pipeline: Pipeline, route: str, sandbox: Sandbox, folder: Path) -> list[Outcome]:
    output.show(f"\n── {route} " + "─" * (WIDTH - len(route) - 4))
    output.show(f"   {_heading(pipeline, route)}")
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    seen = len(sandbox.requests)
    outcomes = list(pipeline.run(route))
    for request in sandbox.requests[seen:]:
        output.show(f"   {request.method} {request.target} → {request.status}")
    told = [outcome for outcome in outcomes if outcome.response is not None or outcome.reason]
    for outcome in told[:SHOWN_LINES]:
        text = outcome.reason or output.json_text(outcome.response)
        output.show(output.shortened(f"   {outcome.status}: {text}", WIDTH))
    for path in sorted(folder.iterdir()):
        if before.get(path) != path.stat().st_mtime_ns:
            _show_file(path)
    return outcomes


def _heading(pipeline: Pipeline, route: str) -> str:
    """Return the sentence at the top of the file that declares a route, below the line for editors."""
    file = pipeline.config.where(("routes", route)).rsplit(":", 2)[0]
    return Path(file).read_text("utf-8").splitlines()[1].removeprefix("# ")


def _show_file(path: Path) -> None:
    lines = path.read_text("utf-8").splitlines()
    output.show(f"   {path}: {output.counted(len(lines), 'line')}")
    for line in lines[:SHOWN_LINES]:
        output.show(output.shortened(f"     {line}", WIDTH))
