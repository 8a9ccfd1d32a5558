"""``haloitsm bulk list``, ``show`` and ``forget``: the bulk runs that are on record."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from haloitsm_connector.cli import bulk_shown, output
from haloitsm_connector.cli.request import Config
from haloitsm_connector.cli.settings import State, open_state_of, user_catalogue
from haloitsm_connector.errors import HeldError

if TYPE_CHECKING:
    from haloitsm_connector.bulk.record import Record
    from haloitsm_connector.bulk.target import Target
    from haloitsm_connector.catalogue import Catalogue
    from haloitsm_connector.store import Database

Number = Annotated[int, typer.Argument(help="Number of the run, as `haloitsm bulk list` shows it.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]


def list_runs(
    context: typer.Context, config: Config = None, state: State = None, as_json: AsJson = False
) -> None:  # fmt: skip
    """Show the bulk runs, the last one first."""
    from haloitsm_connector.bulk.record import Record, Runs

    with open_state_of(context.obj, config, state) as database:
        bulk_shown.runs([Record(database, info) for info in Runs(database).all()], as_json)


def show(
    context: typer.Context, run: Number,
    result: Annotated[Path | None, typer.Option(help="Write its result to this CSV file again.")] = None,
    copies: Annotated[Path | None, typer.Option(help="Write the old values that it kept to this .jsonl file.")] = None,
    config: Config = None, state: State = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Show what became of a run; write its result or the old values again."""
    from haloitsm_connector.bulk.preview import preview
    from haloitsm_connector.bulk.record import Record, Runs
    from haloitsm_connector.bulk.result import write_copies, write_result

    with open_state_of(context.obj, config, state) as database:
        record = Record(database, Runs(database).get(run))
        target = target_of_run(user_catalogue(), record.info.entity)
        bulk_shown.run(record, preview(record, target, 2**62), as_json)
        if result:
            write_result(record, result)
            output.say(f"Wrote {result}.")
        if copies:
            output.say(f"Wrote {output.counted(write_copies(record, target, copies), 'copy', 'copies')} to {copies}.")


def forget(
    context: typer.Context, run: Number,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Forget it without asking.")] = False,
    config: Config = None, state: State = None,
) -> None:  # fmt: skip
    """Forget a run, its result and the old values that it kept.

    Says what is lost with it, and asks: it cannot be undone any more.
    """
    from haloitsm_connector.bulk.record import Record, Runs

    with open_state_of(context.obj, config, state) as database:
        info = Runs(database).get(run)
        with taken(database, info.mark) as held:
            output.say(f"{bulk_shown.heading(info)}.")
            for lost in _lost(Record(held, info)):
                output.say(f"With it goes {lost}.")
            if not yes and not bulk_shown.confirmed(f"Forget run {run}?", "Add --yes; nothing was forgotten."):
                output.say("Nothing was forgotten.")
                return
            Runs(held).forget(run)
        output.say(f"Run {run} is forgotten.")


@contextmanager
def taken(database: Database, *marks: str) -> Iterator[Database]:
    """Keep others from what a command is about; HeldError while somebody is at it."""
    with ExitStack() as leases:
        try:
            held = leases.enter_context(database.lease(*(f"bulk {mark}" for mark in marks)))
        except HeldError as error:
            who = f": {error.who}" if error.who else ""
            raise HeldError(f"the same command is running already{who}", "Wait until it has ended.") from None
        yield held


def target_of_run(catalogue: Catalogue, entity: str) -> Target:
    """Return what a run is about."""
    from haloitsm_connector.bulk.target import target_of

    return target_of(catalogue, entity.removeprefix("DELETE ").removeprefix("POST "))


def _lost(record: Record) -> Iterator[str]:
    """Say what nobody can do any more once a run is forgotten."""
    from haloitsm_connector.bulk.record import PARTLY, PUT_BACK, READ, READY, Runs
    from haloitsm_connector.bulk.undo import standing

    counts, done = record.counts(), standing(Runs(record.database), record.info) == "undone"
    if changed := 0 if done else counts["updated"] + counts[PUT_BACK] + counts[PARTLY]:
        yield f"what {output.counted(changed, 'record')} held before: it cannot be put back any more"
    if created := 0 if done else counts["created"] + counts["waiting"]:
        again = "" if record.info.plan.get("once") else ", and the same command creates them once more"
        what = f"which {output.counted(created, 'record')} it has created{', or may have' if counts['waiting'] else ''}"
        yield f"{what}: `haloitsm bulk undo` cannot delete them any more{again}"
    if deleted := counts["deleted"]:
        yield f"the {output.counted(deleted, 'copy', 'copies')} of what it has deleted"
    if left := counts[READ] + counts[READY]:
        yield f"where it was, with {output.counted(left, 'row')} to do: the same command begins anew"
