"""``haloitsm status``: where all routes of a configuration stand, in one screen."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from haloitsm_connector.cli import output
from haloitsm_connector.cli.settings import State, hiding, load_pipeline
from haloitsm_connector.errors import ConnectorError

if TYPE_CHECKING:
    from haloitsm_connector.pipeline import Pipeline
    from haloitsm_connector.store.tasks import Tasks


def status(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(help="File or folder of YAML, the same as of the run.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON; times are in seconds since 1970.")] = False,
    state: State = None,
) -> None:
    """Show where all routes stand, in one screen.

    How many tasks each has in which status, how far it has read, who is at it, what is due next; creates that wait,
    requests that are left, schedules. Nothing is sent.
    """
    with load_pipeline(context.obj, path, state) as pipeline:
        found = hiding(pipeline.config)(_status(pipeline))
    if as_json:
        output.show_json(found)
        return
    _show_routes(found["routes"])
    for name, left in found["budgets"].items():
        if left is not None:
            output.show(f"client {name}: {output.counted(left, 'request')} left in the budget")
    for name, schedule in found["schedules"].items():
        output.show(
            f"schedule {name}: next at {output.moment(schedule['next'])} UTC"
            if schedule["next"]
            else f"schedule {name}: disabled"
        )
    _advise(found, path)


def _status(pipeline: Pipeline) -> dict[str, Any]:
    from haloitsm_connector.store import Intents
    from haloitsm_connector.store.tasks import Tasks

    state = pipeline.assembly.state
    tasks = Tasks(state)
    queues = list(dict.fromkeys((*pipeline.config.routes, *tasks.counts())))
    return {
        "state": state.place,
        "routes": [_queue(pipeline, tasks, queue) for queue in queues],
        "creates_waiting": len(Intents(state).waiting()),
        "budgets": {name: _budget(pipeline, name) for name in pipeline.config.clients},
        "schedules": _schedules(pipeline),
    }


def _queue(pipeline: Pipeline, tasks: Tasks, queue: str) -> dict[str, Any]:
    """Return how a queue stands: a route, or the results of one."""
    from haloitsm_connector.runner import cursor_name
    from haloitsm_connector.store import Cursors
    from haloitsm_connector.store.statuses import STATUSES
    from haloitsm_connector.store.tasks_listed import Filter

    state = pipeline.assembly.state
    name = queue.removesuffix(" results")
    declared = pipeline.config.routes.get(name)
    counts = tasks.counts(queue).get(queue, Counter())
    oldest = next(tasks.list(Filter(queue, ("new",)), newest_first=False), None)
    cursor = Cursors(state).get(cursor_name(queue)) or {}
    return {
        "route": queue,
        "declared": "no" if declared is None else "disabled" if declared.disabled else "yes",
        "tasks": {one: counts[one] for one in STATUSES},
        "read_until": cursor.get("read_until"),
        "read_event": cursor.get("number"),
        "run_by": state.holder(f"route {name}") or None,
        "oldest_new": oldest.stored if oldest else None,
        "next_attempt": tasks.next_due(queue),
    }


def _budget(pipeline: Pipeline, name: str) -> int | None:
    try:
        return pipeline.assembly.client(name).budget_left()
    except ConnectorError:
        return None  # haloitsm doctor says what is wrong with a client


def _schedules(pipeline: Pipeline) -> dict[str, Any]:
    from haloitsm_connector.serve.times import next_moment

    found = {}
    for name, schedule in pipeline.config.schedules.items():
        moment = None if schedule.disabled else next_moment(schedule, datetime.now(UTC))
        next_run = moment.timestamp() if moment else None
        found[name] = {"cron": schedule.cron, "time_zone": schedule.time_zone, "next": next_run, "run": schedule.run}
    return found


def _show_routes(routes: list[dict[str, Any]]) -> None:
    """Print a line for each queue; columns in which there is nothing are left out."""
    now = time.time()
    rows = [
        {
            "route": one["route"] + {"yes": "", "disabled": " (disabled)", "no": " (not declared)"}[one["declared"]],
            **{status: count or "" for status, count in one["tasks"].items()},
            "has read": _read(one, now),
            "oldest new": f"{output.span(now - one['oldest_new'])} ago" if one["oldest_new"] else "",
            "next attempt": _due(one["next_attempt"], now),
            "run by": one["run_by"],
        }
        for one in routes
    ]
    columns = [name for name in (rows[0] if rows else ()) if any(row[name] for row in rows)]
    if rows:
        output.table(columns, ([row[name] for name in columns] for row in rows))


def _read(one: dict[str, Any], now: float) -> str:
    """Say how far a queue has read: until how long ago, or up to which event of its webhook."""
    if one["read_until"]:
        return f"until {output.span(now - datetime.fromisoformat(one['read_until']).timestamp())} ago"
    return f"up to event {one['read_event']}" if one["read_event"] is not None else ""


def _due(at: float | None, now: float) -> str:
    if at is None:
        return ""
    return f"in {output.span(at - now)}" if at > now else "due"


def _advise(found: dict[str, Any], path: Path) -> None:
    """Say what wants looking at, and what to type."""
    counts = [one["tasks"] for one in found["routes"]]
    if not found["routes"]:
        output.say("No route is declared, and no task is kept.")
    if bad := sum(one["failed"] + one["rejected"] for one in counts):
        output.say(f"{output.counted(bad, 'task')} failed: haloitsm tasks list {path} --status failed,rejected")
    if found["creates_waiting"]:
        output.say(f"{output.counted(found['creates_waiting'], 'create')} waiting: haloitsm waiting {path}")
    idle = [one["route"] for one in found["routes"] if not one["run_by"] and one["tasks"]["processing"]]
    if idle:
        output.say(f"{', '.join(idle)}: the process that was at it has ended; haloitsm run {path} goes on with it.")
