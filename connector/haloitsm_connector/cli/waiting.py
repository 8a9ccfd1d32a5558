"""``haloitsm waiting``: the creates of which nobody knows whether they took effect, and what was found out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from haloitsm_connector.cli import output
from haloitsm_connector.cli.settings import Settings, State, hiding, load_pipeline, open_state_of
from haloitsm_connector.errors import InputError

if TYPE_CHECKING:
    from haloitsm_connector.publisher.journal import Intent
    from haloitsm_connector.store import Database
    from haloitsm_connector.store.doubts import Doubt

Hide = Callable[[Any], Any]
SHOWN = 500
"""Characters of a payload that are shown; --json prints all."""


def waiting(
    context: typer.Context,
    path: Annotated[
        Path | None,
        typer.Argument(help="File or folder of YAML, the same as of the run; of this folder's bulk commands without."),
    ] = None,
    created: Annotated[int | None, typer.Option(metavar="NUMBER", help="This one took effect: do not send it.")] = None,
    id: Annotated[str | None, typer.Option(help="Id of the record that --created speaks of.")] = None,
    again: Annotated[int | None, typer.Option(metavar="NUMBER", help="This one did not: send it again.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON per create.")] = False,
    state: State = None,
) -> None:
    """Show creates whose answer was lost, and settle them.

    Look each up in Halo. What is there is settled with --created, what is not with --again; the next run of its route
    skips it or sends it.
    """
    from haloitsm_connector.store import Intents
    from haloitsm_connector.store.tasks import Tasks

    if id is not None and created is None:
        raise InputError("--id says which record --created speaks of", "Give both.")
    with _opened(context.obj, path, state) as (database, hide):
        intents, doubts = Intents(database), Tasks(database).doubts()
        if created is not None:
            intents.created(created, int(id) if id and id.isdecimal() else id)
            doubts = _settled(created, doubts, path, "created", "skips")
        if again is not None:
            intents.again(again)
            _settled(again, doubts, path, "not created", "sends")
        if created is None and again is None:
            _show(intents.waiting(), doubts, hide, as_json=as_json)


@contextmanager
def _opened(settings: Settings, path: Path | None, state: str | None) -> Iterator[tuple[Database, Hide]]:
    """Open the state, and return it with what hides secrets."""
    if path is None:
        with open_state_of(settings, None, state) as database:
            yield database, settings.redactor().data
    else:
        with load_pipeline(settings, path, state) as pipeline:
            yield pipeline.assembly.state, hiding(pipeline.config)


def _settled(number: int, doubts: list[Doubt], path: Path | None, found: str, does: str) -> list[Doubt]:
    """Say what follows from what was found out about a create, and return the doubts that are left."""
    tasks = [one.task for one in doubts if one.intent == number]
    left = [one for one in doubts if one.intent != number]
    others = sorted({one.intent for one in left if one.task in tasks})
    if others:
        follows = f"{_named(tasks)} waits for {', '.join(map(str, others))} too"
    elif tasks:
        queue = next(one.queue for one in doubts if one.task == tasks[0])
        follows = f"haloitsm run {path or '.'} {queue.removesuffix(' results')} --no-read {does} it, {_named(tasks)}"
    else:
        follows = f"the next run {does} it"
    output.say(f"{number}: {found}; {follows}.")
    return left


def _named(tasks: list[int]) -> str:
    return f"task{'s' if len(tasks) > 1 else ''} {', '.join(map(str, tasks))}"


def _show(found: list[Intent], doubts: list[Doubt], hide: Hide, *, as_json: bool) -> None:
    tasks: dict[int, list[int]] = {}
    for one in doubts:
        tasks.setdefault(one.intent, []).append(one.task)
    for intent in found:
        reason = intent.reason or "the run ended before the answer came"
        ours = tasks.get(intent.number, [])
        known = {"number": intent.number, "tasks": ours, "sent": intent.when, "job": intent.job}
        if as_json:
            whole = known | {"request": intent.request, "payload": intent.payload, "reason": reason}
            output.show_json_line(hide(whole))
            continue
        output.show(f"{intent.number}  {intent.when}  {intent.job}{f'  {_named(ours)}' if ours else ''}")
        output.show(hide(f"   {intent.request} {output.json_text(intent.payload)[:SHOWN]}"))
        output.show(hide(f"   {output.one_line(reason)}"))
    if not as_json:
        what = f"{output.counted(len(found), 'create')} waiting"
        output.say(
            f"{what}: look them up, then settle each with --created NUMBER or --again NUMBER." if found else what
        )
