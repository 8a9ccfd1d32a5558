"""``haloitsm doctor``: is everything that runs rest on in order, and if not, what to do about it."""

from __future__ import annotations

import shutil
import stat
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from haloitsm_connector.cli import output
from haloitsm_connector.cli.settings import State, hiding, load_pipeline
from haloitsm_connector.errors import ConnectorError

if TYPE_CHECKING:
    from haloitsm_connector.client import HttpClient
    from haloitsm_connector.pipeline import Pipeline
    from haloitsm_connector.store import Database

LITTLE_ROOM_BYTES, NO_ROOM_BYTES = 1_000_000_000, 100_000_000
CLOCK_OFF_SECONDS, CLOCK_WRONG_SECONDS = 30, 300
FEW_REQUESTS = 30
OLD_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: what it is, how it is, and what to do where it is not well."""

    what: str
    result: Literal["ok", "warn", "fail"]
    found: str
    do: str = ""


def doctor(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(help="File or folder of YAML, the same as of the run.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON per check.")] = False,
    state: State = None,
) -> None:
    """Check what runs rest on, from disk to token.

    Each line is ok, warn or fail, and says what to do. Exit status 1 when something fails. One request is sent with
    each client, to sign in and to compare the clocks; nothing is changed.
    """
    worst = 0
    with load_pipeline(context.obj, path, state) as pipeline:
        hide = hiding(pipeline.config)
        for check in _checks(pipeline, path):
            worst = max(worst, ("ok", "warn", "fail").index(check.result))
            if as_json:
                output.show_json_line(hide(asdict(check)))
                continue
            output.show(hide(f"{check.result:<5} {check.what}: {output.one_line(check.found)}"))
            if check.do:
                output.show(hide(f"      {output.one_line(check.do)}"))
    if not as_json:
        output.say(("All is well.", "Nothing fails.", "Something fails: mend that first.")[worst])
    if worst == 2:
        raise typer.Exit(1)


def _checks(pipeline: Pipeline, path: Path) -> Iterator[Check]:
    yield _configuration(pipeline)
    try:
        state = pipeline.assembly.state
    except ConnectorError as error:
        yield Check("state", "fail", error.what, error.hint)
    else:
        yield from _told("state", lambda: _state(state))
        yield from _told("tasks", lambda: _tasks(pipeline, path))
    with ThreadPoolExecutor(max_workers=16) as pool:
        for checks in pool.map(lambda name: _client(pipeline, name), pipeline.config.clients):
            yield from checks


def _told(what: str, checks: Callable[[], Iterator[Check]]) -> Iterator[Check]:
    """Yield checks, and one that fails for an error in between."""
    try:
        yield from checks()
    except ConnectorError as error:
        yield Check(what, "fail", error.what, error.hint)


def _configuration(pipeline: Pipeline) -> Check:
    warnings = len(pipeline.config.warnings)
    routes = output.counted(len(pipeline.config.routes), "route")
    if warnings:
        found = f"{routes}, {output.counted(warnings, 'warning')}"
        return Check("configuration", "warn", found, "haloitsm check shows them.")
    return Check("configuration", "ok", routes)


def _state(state: Database) -> Iterator[Check]:
    from haloitsm_connector.store.sqlite import SqliteDatabase

    if not isinstance(state, SqliteDatabase):
        yield from _server(state)
        return
    damage = [row[0] for row in state.rows("PRAGMA quick_check(1)") if row[0] != "ok"]
    if damage:
        do = "Stop what runs, restore the file from a copy, or move it away: then it is not known what was sent."
        yield Check("state", "fail", f"{state.path} is damaged: {damage[0]}", do)
    else:
        yield Check("state", "ok", f"{state.path} is whole, {_size(state.path.stat().st_size)}")
    yield _permissions(state.path)
    yield _room(state.path.parent)


def _server(state: Database) -> Iterator[Check]:
    """Look at a server of PostgreSQL."""
    sql = (
        "SELECT current_setting('server_version'), current_setting('fsync'), current_setting('synchronous_commit'),"
        " sum(pg_total_relation_size(pg_class.oid)) FROM pg_class JOIN pg_namespace ON relnamespace = pg_namespace.oid"
        " WHERE nspname = current_schema() AND relkind = 'r'"
    )
    ((version, *durable, size),) = state.rows(sql)
    yield Check("state", "ok", f"{state.place} answers: PostgreSQL {version.split()[0]}, {_size(size)}")
    off = [name for name, value in zip(("fsync", "synchronous_commit"), durable, strict=True) if value == "off"]
    if off:
        do = "Have it on in the server's configuration: a power failure may take back what was kept, and was acted on."
        yield Check("durability", "warn", f"the server does not wait for its disk: {', '.join(off)} is off", do)


def _permissions(path: Path) -> Check:
    others = [one for one in (path, path.parent) if one.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)]
    if path in others:
        do = f"It holds your data: chmod 600 '{path}' lets only you read it."
        return Check("permissions", "warn", f"others on this machine may open {path}", do)
    return Check("permissions", "ok", "only you can open the state file")


def _room(folder: Path) -> Check:
    free = shutil.disk_usage(folder).free
    found = f"{_size(free)} free at {folder}"
    if free < NO_ROOM_BYTES:
        return Check("disk", "fail", found, "Make room there: a run stops, and loses nothing, when the disk is full.")
    if free < LITTLE_ROOM_BYTES:
        return Check("disk", "warn", found, "Make room there before it is full.")
    return Check("disk", "ok", found)


def _tasks(pipeline: Pipeline, path: Path) -> Iterator[Check]:
    """Look for tasks that nobody will deliver unless somebody does something."""
    from haloitsm_connector.store.tasks import Tasks

    state = pipeline.assembly.state
    found = Tasks(state).counts()
    for queue, counts in found.items():
        what, route = f"tasks of {queue}", queue.removesuffix(" results")
        bad = [f"{counts[status]} {status}" for status in ("failed", "rejected") if counts[status]]
        if bad:
            do = f"haloitsm tasks list {path} --route '{queue}' --status failed,rejected shows them and why."
            yield Check(what, "warn", ", ".join(bad), do)
        if counts["waiting"]:
            do = f"Nobody knows whether these took effect: haloitsm waiting {path} says how to settle them."
            yield Check(what, "warn", f"{counts['waiting']} waiting", do)
        if counts["processing"] and not state.holder(f"route {route}"):
            do = f"The process that had them has ended; the next run goes on with them: haloitsm run {path}."
            yield Check(what, "warn", f"{counts['processing']} under way, and nobody is at it", do)
        yield from _old(pipeline, path, queue)
        if (open_tasks := sum(counts[status] for status in ("new", "processing", "retry"))) and (
            route not in pipeline.config.routes
        ):
            do = f"Declare it again, or forget them: haloitsm tasks delete {path} --route '{queue}'."
            yield Check(what, "warn", f"{open_tasks} to deliver, and no route '{route}' is declared", do)
    total = sum(counts.total() for counts in found.values())
    yield Check("tasks", "ok", f"{output.counted(total, 'task')} kept")


def _old(pipeline: Pipeline, path: Path, queue: str) -> Iterator[Check]:
    from haloitsm_connector.store.tasks import Tasks
    from haloitsm_connector.store.tasks_listed import Filter

    new = Filter(queue, ("new",), until=time.time() - OLD_SECONDS)
    oldest = next(Tasks(pipeline.assembly.state).list(new, newest_first=False), None)
    if oldest:
        do = f"Has the last run ended in an error, or is there none? haloitsm run {path} delivers what is there."
        found = f"the oldest new one waits for {output.span(time.time() - oldest.stored)}"
        yield Check(f"tasks of {queue}", "warn", found, do)


def _size(count: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.0f} TB"


def _client(pipeline: Pipeline, name: str) -> list[Check]:
    def checks() -> Iterator[Check]:
        client = pipeline.assembly.client(name)
        connection = client.connect()
        yield Check(f"token of {name}", "ok", str(connection))
        yield from _clock(name, client)
        yield from _budget(name, client)

    return list(_told(f"client {name}", checks))


def _clock(name: str, client: HttpClient) -> Iterator[Check]:
    """Compare the clocks by an answer that needs no rights (halo-api-facts 1.1); other systems have no such address."""
    from haloitsm_connector.client import Request
    from haloitsm_connector.client.fields import HaloClientFields
    from haloitsm_connector.subscriber.moments import seconds_ahead, time_there

    if not isinstance(client.fields, HaloClientFields):
        return
    response = client.send(Request("GET", "/AuthInfo"))
    ahead = seconds_ahead(time_there(response), response)
    off = f"Halo's clock is {abs(ahead)} s {'ahead of' if ahead > 0 else 'behind'} the one of this machine"
    do = "Have one of the two set by a time server. Reading what is new goes by Halo's clock and misses nothing."
    if abs(ahead) < CLOCK_OFF_SECONDS:
        yield Check(f"clock of {name}", "ok", off if ahead else "the same as the one of this machine")
    elif abs(ahead) < CLOCK_WRONG_SECONDS:
        yield Check(f"clock of {name}", "warn", off, do)
    else:
        yield Check(f"clock of {name}", "fail", off, f"{do} Signed webhooks are refused when they seem too old.")


def _budget(name: str, client: HttpClient) -> Iterator[Check]:
    left = client.budget_left()
    if left is None:
        yield Check(f"budget of {name}", "ok", "no limit")
    elif left < FEW_REQUESTS:
        do = "Runs wait by themselves until there are more. See who else uses this tenant."
        yield Check(f"budget of {name}", "warn", f"{output.counted(left, 'request')} left", do)
    else:
        yield Check(f"budget of {name}", "ok", f"{left} requests left")
