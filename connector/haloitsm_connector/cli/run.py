"""``haloitsm run``: run routes from their incoming to their outgoing."""

from __future__ import annotations

import gc
import sys
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from haloitsm_connector.cli import output
from haloitsm_connector.cli.interrupts import stopped_by_signals
from haloitsm_connector.cli.settings import Settings, State, hiding, load_pipeline
from haloitsm_connector.context import noting
from haloitsm_connector.errors import HeldError, InputError, sentence

if TYPE_CHECKING:
    from haloitsm_connector.cli.run_progress import Line, Progress
    from haloitsm_connector.pipeline import Pipeline
    from haloitsm_connector.publisher import Outcome
    from haloitsm_connector.runner import Done, Event, Summary

SHOWN_FAILURES = 20
"""Failures of a route that are shown one by one; the rest is only counted."""


def run(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(help="File or folder of YAML.")],
    names: Annotated[
        list[str] | None, typer.Argument(help="Routes to run, or an incoming; all routes without a name.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and transform, show the writes, send none.")] = False,
    no_read: Annotated[
        bool, typer.Option("--no-read", help="Deliver the tasks that are there, and read nothing.")
    ] = False,
    at_once: Annotated[
        bool, typer.Option("--at-once", help="Run routes of different incomings at the same time, not in their order.")
    ] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Where another process is at a route, wait for it.")] = False,
    read_apart: Annotated[
        bool, typer.Option("--read-apart", help="Read in a second process: faster on more than one core.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON per outcome.")] = False,
    state: State = None,
    engine: Annotated[
        Literal["here", "spark"], typer.Option("--engine", help="Where to run: here, or on a cluster of Spark.")
    ] = "here",
    master: Annotated[
        str | None,
        typer.Option("--master", help="The cluster: spark://host:7077, yarn; unless Spark is set up for it."),
    ] = None,
) -> None:
    """Run routes: read, transform, write.

    What is read is stored as tasks first, so that the next run goes on where one was cut off. Ctrl-C stops when what is
    in flight is done, a second one at once; both lose nothing. Exit status 4 says that some tasks failed or wait.
    """
    if dry_run and no_read:
        raise InputError("--dry-run shows what would be read, and --no-read reads nothing", "Give one of them.")
    if read_apart and (dry_run or no_read or engine == "spark"):
        raise InputError("--read-apart is for a run here that reads and delivers", "Leave it out.")
    with load_pipeline(context.obj, path, state) as pipeline:
        for warning in pipeline.config.warnings:
            output.say(str(warning))
        if engine == "spark":
            status = _on_spark(context, pipeline, path, names or [], state, master, dry_run or no_read or as_json)
        elif dry_run:
            status = 4 if sum(_dry_run(pipeline, name) for name in _chosen(pipeline, names)) else 0
        else:
            text = context.obj.log_style == "text"
            shows_live = text and sys.stderr.isatty() and not (as_json and sys.stdout.isatty())
            apart = partial(_loaded_apart, context.obj.sendable(), path, state) if read_apart else None
            how = {"at_once": at_once, "wait": wait, "apart": apart}
            status = _run(pipeline, path, names or [], not no_read, how, as_json, shows_live)
    if status:
        raise typer.Exit(status)


def _on_spark(
    context: typer.Context,
    pipeline: Pipeline,
    path: Path,
    names: list[str],
    state: str | None,
    master: str | None,
    otherwise: bool,
) -> int:
    from haloitsm_connector.cli.run_on_spark import run_on_spark

    if otherwise:
        raise InputError("--dry-run, --no-read and --json are for a run here", "Leave out --engine spark.")
    return run_on_spark(context.obj, pipeline, path, names, state, master)


def _chosen(pipeline: Pipeline, names: list[str] | None) -> list[str]:
    """Return the routes to run; InputError for one that is not declared, before any of them runs."""
    from haloitsm_connector.assemble import declared

    for name in names or ():
        declared(pipeline.config.routes, "route", name)
    return names or pipeline.routes()


def collect_rarely() -> None:
    """Leave alone what stays until the end, and look for garbage less often: up to a quarter of a run went there."""
    gc.freeze()
    gc.set_threshold(10_000, 10, 20)


def _loaded_apart(settings: Settings, path: Path, state: str | None) -> Pipeline:
    """Load a configuration in a second process."""
    settings.log_again()
    pipeline = load_pipeline(settings, path, state)
    collect_rarely()
    return pipeline


def _run(
    pipeline: Pipeline, path: Path, names: list[str], reads: bool, how: dict[str, Any], as_json: bool, shows_live: bool
) -> int:
    from haloitsm_connector.cli.run_progress import Progress, live
    from haloitsm_connector.runner import Runner

    if not (names or pipeline.routes()):
        output.say("No route is declared: there is nothing to run.")
        return 0
    stop, progress = threading.Event(), Progress(pipeline.config.routes)
    tell = _telling(progress, hiding(pipeline.config), as_json)
    shown = live(progress, _budgets(pipeline), stop.is_set) if shows_live else nullcontext()
    collect_rarely()
    with stopped_by_signals(stop, shows_live) as stopped_by, shown:
        summary = Runner(pipeline.assembly).run(names, reads=reads, **how, stop=stop, tell=tell)
    _sum_up(progress, summary, path)
    return 128 + stopped_by[0] if stopped_by else summary.exit_status


def _telling(progress: Progress, hide: Callable[[Any], Any], as_json: bool) -> Callable[[Event], None]:
    """Return what counts events, and prints what each tells of entities: as JSON all, else what went wrong."""
    from haloitsm_connector.cli.run_progress import BAD, became
    from haloitsm_connector.runner import Delivered, Held, Stored

    failures: Counter[str] = Counter()

    def told(queue: str, outcome: Outcome, word: str, task: Done | None) -> None:
        if as_json:
            output.show_json_line(hide({"route": queue, **_described(task), **outcome.described()}))
        elif word in BAD:
            failures[queue] += 1
            with noting(route=queue, task=task.number if task else 0):
                if failures[queue] <= SHOWN_FAILURES:
                    parts = (queue, word, output.naming(outcome.entity), output.one_line(outcome.reason))
                    output.say(hide(": ".join(filter(None, parts))))
                elif failures[queue] == SHOWN_FAILURES + 1:
                    output.say(f"{queue}: more fail; they are counted from here on.")

    def tell(event: Event) -> None:
        progress.count(event)
        match event:
            case Held(name=name, who=who):
                output.say(f"{name}: {who}; this run waits for its turn.")
            case Stored(name=name, rejected=rejected):
                for outcome in rejected:
                    told(name, outcome, "rejected", None)
            case Delivered(queue=queue, tasks=tasks):
                for task in tasks:
                    for outcome in task.outcomes:
                        told(queue, outcome, became(task, outcome), task)
        if as_json:
            sys.stdout.flush()

    return tell


def _described(task: Done | None) -> dict[str, Any]:
    """Return what is known of the task of an outcome; None for an entity that was rejected before it became one."""
    if task is None:
        return {"task": None, "task_status": "rejected", "attempts": 0}
    return {"task": task.number, "task_status": task.status, "attempts": task.attempts}


def _budgets(pipeline: Pipeline) -> Callable[[], str]:
    """Return what writes how many requests are left to each client that has a budget."""
    clients = {name: pipeline.assembly.client(name) for name in pipeline.config.clients}

    def told() -> str:
        left = {name: client.budget_left() for name, client in clients.items()}
        known = [f"{name}: {output.counted(one, 'request')} left" for name, one in left.items() if one is not None]
        return f"Budget of {', '.join(known)}" if known else ""

    return told


def _sum_up(progress: Progress, summary: Summary, path: Path) -> None:
    """Say what each route came to, what went wrong, and what to type next."""
    broken = {name for failed in summary.errors for name in failed.name.split(", ")}
    for queue, line in progress.ordered():
        if queue in broken and not line.counts:
            continue  # what ended it is said below
        output.say(f"{queue}: {_came_to(line, summary.stopped)}")
    for failed in summary.errors:
        held = isinstance(failed.error, HeldError)
        told = sentence(failed.error.what, "With --wait, this run waits for its turn.") if held else str(failed.error)
        output.error(f"{failed.name}: {told}")
    if progress.total("failed", "refused", "rejected"):
        output.say(f"What failed, and why: haloitsm tasks list {path} --status failed,rejected")
    if progress.total("waiting"):
        output.say(f"Nobody knows whether those that wait took effect: haloitsm waiting {path}")
    due = [line.retry_at for line in progress.lines.values() if line.retry_at is not None]
    if due:
        again = f"run again from {output.moment(min(due))} UTC on"
        output.say(f"What is to be retried, and why: haloitsm tasks list {path} --status retry; {again}.")
    if summary.stopped or summary.errors:
        output.say("Nothing is lost: the next run goes on with it.")


def _came_to(line: Line, stopped: bool) -> str:
    """Write what a queue came to: ``2 created``, ``stopped after 2 created; 7 are left``, ``nothing to do``."""
    cut_off = stopped and (line.rest or not line.complete)
    told = line.told() or ("the first entity was done" if cut_off else "nothing to do")
    parts = [
        f"stopped {'after' if line.told() else 'before'} {told}" if cut_off else told,
        f"{line.rest} are left" if line.rest else "",
        f"{line.known} were stored by an earlier run" if line.known else "",
    ]
    return "; ".join(filter(None, parts))


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
