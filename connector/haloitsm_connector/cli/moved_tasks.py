"""What a person does to many tasks at once: which are meant, whether that is meant, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from haloitsm_connector.cli import output
from haloitsm_connector.cli.choosing import make_sure
from haloitsm_connector.cli.chosen_tasks import Choice
from haloitsm_connector.cli.settings import hiding, load_pipeline
from haloitsm_connector.errors import InputError

if TYPE_CHECKING:
    from haloitsm_connector.pipeline import Pipeline
    from haloitsm_connector.store.statuses import Action
    from haloitsm_connector.store.tasks import Tasks
    from haloitsm_connector.store.tasks_listed import Filter
    from haloitsm_connector.store.tasks_overtaken import Overtaken

SHOWN_OVERTAKEN = 10
PAST: dict[Action, str] = {
    "retry": "put back into the queue", "reopen": "put back into the queue", "skip": "skipped", "delete": "deleted",
}  # fmt: skip


@contextmanager
def opened(context: typer.Context, path: Path, state: str | None) -> Iterator[tuple[Pipeline, Tasks, Any]]:
    """Give the pipeline, its tasks, and what hides its secrets."""
    from haloitsm_connector.store.tasks import Tasks

    with load_pipeline(context.obj, path, state) as pipeline:
        yield pipeline, Tasks(pipeline.assembly.state), hiding(pipeline.config)


def act(
    context: typer.Context,
    path: Path,
    action: Action,
    choice: Choice,
    numbers: Sequence[int],
    everything: bool,
    yes: bool,
    state: str | None,
    even_if_overtaken: bool = True,
) -> None:
    """Do something to the tasks that are meant, after asking; say what came of it, and what to type next.

    InputError where it is not clear which are meant. Exit status 4 where some were left out, as overtaken.
    """
    if everything == (bool(numbers) or choice != Choice()):
        hint = (
            "Leave --all out." if everything else "Give their numbers, choose with --status, --route …, or say --all."
        )
        raise InputError("it is not clear which tasks are meant", hint)
    with opened(context, path, state) as (pipeline, tasks, hide):
        from haloitsm_connector.store import statuses

        where = choice.filter(pipeline, tasks, numbers)
        if not where.numbers:
            for status in where.statuses:
                statuses.after(status, action)
            count = _count(tasks, replace(where, statuses=where.statuses or statuses.before(action)))
            if count:
                make_sure(f"{output.counted(count, 'task')} will be {PAST[action]}", yes)
        overtaken: list[Overtaken] = []
        more = {} if even_if_overtaken else {"leave_out": overtaken.append}
        done = getattr(tasks, action)(where, **more)
        sends = action in ("retry", "reopen") and done
        next_step = (
            f"; deliver: haloitsm run {path}{f' {choice.route}' if choice.route else ''} --no-read" if sends else ""
        )
        output.say(f"{output.counted(done, 'task')} {PAST[action]}{next_step}")
    if overtaken:
        _say_overtaken(overtaken, hide)
        raise typer.Exit(4)


def _say_overtaken(found: list[Overtaken], hide: Any) -> None:
    for one in found[:SHOWN_OVERTAKEN]:
        newer = f"task {one.by}, newer and with the same key ({one.key}), was delivered or is under way"
        output.say(hide(f"task {one.number} is left out: {newer}."))
    if len(found) > SHOWN_OVERTAKEN:
        output.say(f"{output.counted(len(found) - SHOWN_OVERTAKEN, 'more task is', 'more tasks are')} left out so.")
    output.say("Skip what is not needed any more; --even-if-overtaken sends older data after newer.")


def _count(tasks: Tasks, where: Filter) -> int:
    from haloitsm_connector.store.tasks_listed import Filter

    if where == Filter(queue=where.queue, statuses=where.statuses):
        return sum(counts[status] for counts in tasks.counts(where.queue).values() for status in where.statuses)
    return sum(1 for _ in tasks.list(where))
