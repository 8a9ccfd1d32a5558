"""``haloitsm run``: run routes from their incoming to their outgoing."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from haloitsm_connector.cli import output
from haloitsm_connector.cli.settings import Settings, user_catalogue
from haloitsm_connector.pipeline import FAILED_STATUSES, Pipeline

SHOWN_FAILURES = 20
"""Failures shown one by one; the rest is only counted, --json prints all."""


def run(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(help="File or folder of YAML.")],
    routes: Annotated[list[str] | None, typer.Argument(help="Routes to run; all of them without a name.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and transform, show the writes, send none.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON per entity.")] = False,
) -> None:
    """Run routes: read, transform, write; one outcome per entity."""
    settings: Settings = context.obj
    failed = 0
    with Pipeline.load(
        path, environ=settings.environ, catalogue=user_catalogue(), http_log=settings.http_log
    ) as pipeline:
        for warning in pipeline.config.warnings:
            output.say(str(warning))
        for name in routes or pipeline.routes():
            if dry_run:
                _dry_run(pipeline, name)
            else:
                failed += _run(pipeline, name, as_json)
    if failed:
        raise typer.Exit(4)


def _run(pipeline: Pipeline, name: str, as_json: bool) -> int:
    counts: Counter[str] = Counter()
    for outcome in pipeline.run(name):
        counts[outcome.status] += 1
        failed = sum(counts[status] for status in FAILED_STATUSES)
        if as_json:
            output.json_line({"route": name, **outcome.described()})
        elif outcome.status in FAILED_STATUSES and failed <= SHOWN_FAILURES:
            output.say(f"{name}: {outcome.status}: {outcome.reason}")
    output.say(f"{name}: " + (", ".join(f"{count} {status}" for status, count in counts.items()) or "nothing to do"))
    return sum(counts[status] for status in FAILED_STATUSES)


def _dry_run(pipeline: Pipeline, name: str) -> None:
    count = 0
    for shown in pipeline.dry_run(name):
        count += 1
        output.json_line(shown)
    output.say(f"{name}: {count} requests, none sent")
