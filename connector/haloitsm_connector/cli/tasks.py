"""``haloitsm tasks``: what routes have to deliver and have delivered, and what to do about what went wrong."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from haloitsm_connector.cli import output
from haloitsm_connector.cli.chosen_tasks import Choice, chooses
from haloitsm_connector.cli.moved_tasks import act, opened
from haloitsm_connector.cli.settings import State, Sure
from haloitsm_connector.errors import InputError

if TYPE_CHECKING:
    from haloitsm_connector.pipeline import Pipeline
    from haloitsm_connector.store.tasks_listed import Task

app = typer.Typer(help="See, retry, skip, delete tasks.", no_args_is_help=True, rich_markup_mode=None)

Configuration = Annotated[Path, typer.Argument(metavar="PATH", help="File or folder of YAML, the same as of the run.")]
Numbers = Annotated[list[int] | None, typer.Argument(metavar="NUMBER", help="The tasks with these numbers.")]
All = Annotated[bool, typer.Option("--all", help="All tasks with which this can be done.")]
Even = Annotated[
    bool,
    typer.Option(
        "--even-if-overtaken",
        help="Also those whose key a newer task had that was delivered: send older data after it.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one line per task.")]
SHOWN = 50


@app.command("list")
@chooses
def list_tasks(
    context: typer.Context,
    path: Configuration,
    choice: Choice,
    limit: Annotated[
        int | None, typer.Option(min=1, help=f"Tasks to show; {SHOWN} unless given, with --json all.")
    ] = None,
    as_json: AsJson = False,
    state: State = None,
) -> None:
    """List tasks, the newest first.

    Each with its number, by which `haloitsm tasks show` knows it, and why it is what it is.
    """
    with opened(context, path, state) as (pipeline, tasks, hide):
        where = choice.filter(pipeline, tasks)
        found = tasks.list(where)
        if as_json:
            for task in islice(found, limit):
                output.show_json_line(hide(_described(task)))
            return
        shown = list(islice(found, limit or SHOWN))
        if shown:
            rows = [
                (one.number, one.queue, one.status, one.key, one.attempts, output.moment(one.changed), one.reason)
                for one in shown
            ]
            output.table(
                ("task", "route", "status", "key", "attempts", "changed (UTC)", "why"), map(hide, map(list, rows))
            )
        more = next(found, None) is not None
        _say_what_next(path, shown, more)


def _say_what_next(path: Path, shown: list[Task], more: bool) -> None:
    if not shown:
        output.say("No such tasks.")
    elif more:
        output.say(f"These are the newest {len(shown)}; --limit shows more, --json all.")
    elif any(task.status in ("failed", "rejected") for task in shown):
        output.say(f"haloitsm tasks show {path} {shown[0].number} shows one with all that happened to it.")


def _described(task: Task) -> dict[str, Any]:
    """Return a task as data, with the names that an export has."""
    return {
        "task": task.number,
        "route": task.queue,
        "status": task.status,
        "key": task.key,
        "attempts": task.attempts,
        "stored": task.stored,
        "changed": task.changed,
        "due": task.due,
        "source": task.source,
        "reason": task.reason,
        "intent": task.intent or None,
    }


@app.command()
def show(
    context: typer.Context,
    path: Configuration,
    number: Annotated[int, typer.Argument(help="Number of the task.")],
    steps: Annotated[
        bool, typer.Option("--steps", help="Show what each step of its outgoing would make of it.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    state: State = None,
) -> None:
    """Show one task: entity, history, Halo's answer.

    With --steps its entity goes through the steps of the outgoing once more, in rehearsal: nothing is written.
    """
    with opened(context, path, state) as (pipeline, tasks, hide):
        task = tasks.get(number)
        if as_json:
            history = [{"at": entry.at, "what": entry.what, **entry.detail} for entry in task.history]
            whole = {**_described(task), "entity": task.entity, "answer": task.answer, "history": history}
            output.show_json(hide(whole | ({"steps": list(_steps(pipeline, task))} if steps else {})))
            return
        _show_task(task, hide)
        if steps:
            from haloitsm_connector.cli.preview import show_part

            for part in map(hide, _steps(pipeline, task)):
                show_part(part, as_changes=True)
        output.say(_advice(path, task))


def _show_task(task: Task, hide: Any) -> None:
    answer = task.answer or {}
    facts = {
        "status": task.status,
        "why": task.reason,
        "route": task.queue,
        "from": task.source,
        "key": task.key,
        "attempts": task.attempts,
        "stored": f"{output.moment(task.stored)} UTC",
        "changed": f"{output.moment(task.changed)} UTC",
        "next attempt": f"{output.moment(task.due)} UTC" if task.due else "",
        "request": answer.get("request"),
        "record": answer.get("id"),
    }
    output.show(f"task {task.number}")
    for name, value in facts.items():
        if value not in (None, ""):
            output.show(hide(f"  {name:<13} {output.one_line(value)}"))
    output.show("── entity")
    output.show_json(hide(task.entity))
    if "response" in answer:
        output.show("── answer")
        output.show_json(hide(answer["response"]))
    output.show("── history (UTC)")
    for entry in task.history:
        told = [entry.detail[name] for name in ("source", "status", "decision", "reason") if entry.detail.get(name)]
        output.show(hide(output.one_line(": ".join((f"{output.moment(entry.at)}  {entry.what}", *map(str, told))))))


def _steps(pipeline: Pipeline, task: Task) -> Iterator[dict[str, Any]]:
    """Yield what each step of the outgoing would make of a stored entity, and the requests that would be sent."""
    from haloitsm_connector.cli.preview import outgoing_parts

    if task.status == "rejected":
        return iter(({"note": "It never came to the outgoing: haloitsm preview --steps shows the steps before."},))
    name = task.queue.removesuffix(" results")
    if name not in pipeline.config.routes:
        raise InputError(f"route '{name}' is not declared any more", "Its steps are not known.")
    route = pipeline.config.routes[name]
    outgoing = route.results if name != task.queue and route.results else route.outgoing
    return outgoing_parts(pipeline.assembly.rehearsal().outgoing(outgoing), [task.entity or {}], 10)


def _advice(path: Path, task: Task) -> str:
    """Say what to type next."""
    command = f"haloitsm tasks {{}} {path} {task.number}"
    match task.status:
        case "failed":
            return f"Mend the cause, then: {command.format('retry')}. To leave it: {command.format('skip')}."
        case "retry":
            return f"It is tried again by the next run when it is due; at once: {command.format('retry')}."
        case "waiting":
            return f"Look the record up in Halo and say what you found: haloitsm waiting {path}."
        case "rejected":
            forget = command.format("delete")
            return f"Mend the chain or the record; it is read again when it changes. To forget it: {forget}."
        case "new" | "processing":
            return f"haloitsm run {path} delivers it."
    return f"To deliver it once more: {command.format('reopen' if task.status == 'finished' else 'retry')}."


@app.command()
@chooses
def retry(
    context: typer.Context,
    path: Configuration,
    choice: Choice,
    numbers: Numbers = None,
    everything: All = False,
    yes: Sure = False,
    even_if_overtaken: Even = False,
    state: State = None,
) -> None:
    """Put tasks back that failed, were skipped or wait.

    Those that wait for their next attempt are tried at once. Nothing is sent by this command: the next run does. A task
    is left out where a newer one with its key was delivered since: its older data would replace newer. Exit status 4
    says that some were left out.
    """
    act(context, path, "retry", choice, numbers or [], everything, yes, state, even_if_overtaken)


@app.command()
@chooses
def reopen(
    context: typer.Context,
    path: Configuration,
    choice: Choice,
    numbers: Numbers = None,
    everything: All = False,
    yes: Sure = False,
    even_if_overtaken: Even = False,
    state: State = None,
) -> None:
    """Put finished tasks back: they are sent once more.

    What creates a record may then create another one, unless its publisher has `once`. As by `haloitsm tasks retry`,
    those are left out that a newer one has overtaken, unless that one is put back too.
    """
    act(context, path, "reopen", choice, numbers or [], everything, yes, state, even_if_overtaken)


@app.command()
@chooses
def skip(
    context: typer.Context,
    path: Configuration,
    choice: Choice,
    numbers: Numbers = None,
    everything: All = False,
    yes: Sure = False,
    state: State = None,
) -> None:
    """Decide that tasks are not sent.

    They stay, as skipped, and `haloitsm tasks retry` puts them back.
    """
    act(context, path, "skip", choice, numbers or [], everything, yes, state)


@app.command()
@chooses
def delete(
    context: typer.Context,
    path: Configuration,
    choice: Choice,
    numbers: Numbers = None,
    everything: All = False,
    yes: Sure = False,
    state: State = None,
) -> None:
    """Forget tasks, with their entities and history.

    `haloitsm tasks export` with the same options writes them to a file before.
    """
    act(context, path, "delete", choice, numbers or [], everything, yes, state)


@app.command()
@chooses
def export(
    context: typer.Context,
    path: Configuration,
    choice: Choice,
    state: State = None,
) -> None:
    """Write tasks as lines of JSON, the oldest first.

    `haloitsm tasks import` takes such lines. Known secrets are hidden.
    """
    with opened(context, path, state) as (pipeline, tasks, hide):
        for line in tasks.export(choice.filter(pipeline, tasks)):
            output.show(hide(line.decode("utf-8", "surrogatepass")))


@app.command("import")
def import_tasks(
    context: typer.Context,
    path: Configuration,
    route: Annotated[str, typer.Argument(help="The route that is to deliver them.")],
    file: Annotated[Path, typer.Argument(help="Lines as an export writes them; - for standard input.")],
    state: State = None,
) -> None:
    """Store lines of an export as new tasks.

    Of each line the `entity` is taken, and its `key`. Exit status 4 says that some lines could not be used.
    """
    from haloitsm_connector.assemble import declared

    refused = 0

    def refuse(line: int, why: str) -> None:
        nonlocal refused
        refused += 1
        output.say(f"{file}:{line}: {why}.")

    with opened(context, path, state) as (pipeline, tasks, _), _lines(file) as lines:
        declared(pipeline.config.routes, "route", route)
        count = tasks.bring(route, lines, refuse, source=f"import {file.name}")
        bad = f", {output.counted(refused, 'line')} refused" if refused else ""
        output.say(f"{output.counted(count, 'task')} stored{bad}; deliver: haloitsm run {path} {route} --no-read")
    if refused:
        raise typer.Exit(4)


@contextmanager
def _lines(file: Path) -> Iterator[Iterator[bytes]]:
    if str(file) == "-":
        yield iter(sys.stdin.buffer)
        return
    try:
        with file.open("rb") as opened:
            yield iter(opened)
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror}") from error
