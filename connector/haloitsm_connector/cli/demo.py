"""``haloitsm demo``: the main job on the built-in sandbox, with every request shown."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from haloitsm_connector.cli import output

if TYPE_CHECKING:
    from haloitsm_connector.pipeline import Pipeline
    from haloitsm_connector.sandbox import Sandbox

SHOWN_LINES = 3
SHOWN_WIDTH = 110


def demo(
    folder: Annotated[Path, typer.Option("--output", "-o", help="Folder for the files that the demo writes.")] = Path(
        "out"
    ),
    seed: Annotated[int, typer.Option(help="The same seed gives the same data.")] = 1,
) -> None:
    """Start the sandbox, run the demo pipelines through it, and show what was asked and what came back."""
    from haloitsm_connector.pipeline import Pipeline
    from haloitsm_connector.sandbox import Sandbox

    folder.mkdir(parents=True, exist_ok=True)
    source = demo_folder()
    with Sandbox(seed=seed) as sandbox:
        output.say(f"A sandbox Halo runs at {sandbox.base_uri}. The pipelines are in {source}.")
        environ = {**sandbox.environment, "DEMO_DATA": str(source), "DEMO_OUT": str(folder)}
        with Pipeline.load(source, environ=environ) as pipeline:
            for route in pipeline.routes():
                _run(pipeline, route, sandbox, folder)
    output.say(f"\nThe sandbox is closed. What was written is in {folder}.")


def demo_folder() -> Path:
    """Return the folder of the demo's configurations: in the installed package, or in the source tree."""
    installed = Path(str(files("haloitsm_connector"))) / "demo"
    return installed if installed.is_dir() else installed.parents[2] / "configs" / "demo"


def _run(pipeline: Pipeline, route: str, sandbox: Sandbox, folder: Path) -> None:
    output.say(f"\n── {route} " + "─" * (SHOWN_WIDTH - len(route) - 4))
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    seen = len(sandbox.requests)
    outcomes = list(pipeline.run(route))
    for request in sandbox.requests[seen:]:
        output.say(f"   {request.method} {request.target} → {request.status}")
    for outcome in outcomes[:SHOWN_LINES]:
        if outcome.response is not None:
            output.say(f"   {outcome.status}: {output.json_text(outcome.response, indent=False)[:SHOWN_WIDTH]}")
    for path in sorted(folder.iterdir()):
        if before.get(path) != path.stat().st_mtime_ns:
            _show_file(path)


def _show_file(path: Path) -> None:
    lines = path.read_text("utf-8").splitlines()
    output.say(f"   {path}: {len(lines)} lines")
    for line in lines[:SHOWN_LINES]:
        output.say(f"     {line[:SHOWN_WIDTH]}")
