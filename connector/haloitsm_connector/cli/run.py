"""``haloitsm run``: run routes from their incoming to their outgoing."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from haloitsm_connector.cli import output
from haloitsm_connector.cli.settings import State, hiding, load_pipeline
from haloitsm_connector.errors import ConnectorError

if TYPE_CHECKING:
    from haloitsm_connector.pipeline import Pipeline

PROGRESS_EVERY = 50
"""Entities between two lines of progress."""
SHOWN_FAILURES = 20
"""Failures shown one by one; the rest is only counted, --json prints all."""


def run(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(help="File or folder of YAML.")],
    routes: Annotated[list[str] | None, typer.Argument(help="Routes to run; all of them without a name.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and transform, show the writes, send none.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON per entity.")] = False,
    state: State = None,
) -> None:
    """Run routes: read, transform, write.

    Every entity has one outcome: created, updated, deleted, sent, skipped, refused, failed or waiting. Exit status 4
    says that some were refused, failed or are waiting.
    """
    with load_pipeline(context.obj, path, state) as pipeline:
        for warning in pipeline.config.warnings:
            output.say(str(warning))
        failed = 0
        for name in _chosen(pipeline, routes):
            failed += _dry_run(pipeline, name) if dry_run else _run(pipeline, name, as_json)
    if failed:
        raise typer.Exit(4)


def _chosen(pipeline: Pipeline, names: list[str] | None) -> list[str]:
    """Return the routes to run; InputError for one that is not declared, before any of them runs."""
    from haloitsm_connector.assemble import declared

    for name in names or ():
        declared(pipeline.config.routes, "route", name)
    chosen = names or pipeline.routes()
    if not chosen:
        output.say("No route is declared: there is nothing to run.")
    return chosen


def _run(pipeline: Pipeline, name: str, as_json: bool) -> int:
    """Run one route and return how many of its entities somebody has to look at."""
    from haloitsm_connector.pipeline import FAILED_STATUSES

    counts: Counter[str] = Counter()
    failed = 0
    hide = hiding(pipeline.config)
    try:
        for outcome in pipeline.run(name):
            counts[outcome.status] += 1
            failed += outcome.status in FAILED_STATUSES
            if as_json:
                output.show_json_line(hide({"route": name, **outcome.described()}))
            elif outcome.status in FAILED_STATUSES and failed <= SHOWN_FAILURES:
                which = output.naming(outcome.entity)
                output.say(hide(": ".join(part for part in (name, outcome.status, which, outcome.reason) if part)))
            if not as_json and counts.total() % PROGRESS_EVERY == 0:
                output.progress(f"{name}: {_summary(counts)} …")
    except (ConnectorError, KeyboardInterrupt):
        when = f"after {_summary(counts)}" if counts else "before the first entity was done"
        output.say(f"{name}: stopped {when}; what was sent stays sent.")
        raise
    if failed > SHOWN_FAILURES and not as_json:
        output.say(f"{name}: … and {failed - SHOWN_FAILURES} more that failed; --json prints all.")
    output.say(f"{name}: {_summary(counts) or 'nothing to do'}")
    return failed


def _summary(counts: Counter[str]) -> str:
    """Write the counts, those that somebody has to look at last."""
    from haloitsm_connector.pipeline import FAILED_STATUSES

    ordered = sorted(counts, key=lambda status: status in FAILED_STATUSES)
    return ", ".join(f"{counts[status]} {status}" for status in ordered)


def _dry_run(pipeline: Pipeline, name: str) -> int:
    """Show the writes of one route and return how many of its entities could not be written."""
    requests = failed = 0
    hide = hiding(pipeline.config)
    for shown in pipeline.dry_run(name):
        if "failed" in shown:
            failed += 1
        else:
            requests += 1
        output.show_json_line(hide({"route": name, **shown}))
    would_fail = f"; {failed} would fail" if failed else ""
    output.say(f"{name}: {output.counted(requests, 'request')}, none sent{would_fail}")
    return failed
