"""``haloitsm bulk``: many records updated, created or deleted; previewed, gone on with, and undone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from haloitsm_connector.cli import bulk_shown, output
from haloitsm_connector.cli.bulk_access import Access, Rows, opened, save, source_of
from haloitsm_connector.cli.bulk_runs import Number, forget, list_runs, show, taken, target_of_run
from haloitsm_connector.cli.interrupts import stopped_by_signals
from haloitsm_connector.cli.request import ClientName, Config, pairs
from haloitsm_connector.cli.settings import State
from haloitsm_connector.context import stopped_by
from haloitsm_connector.errors import ConnectorError, InputError, RemoteError, StateError, StoppedError

if TYPE_CHECKING:
    from haloitsm_connector.bulk.current import Current
    from haloitsm_connector.bulk.record import Record
    from haloitsm_connector.bulk.send import Sending
    from haloitsm_connector.bulk.values import Order

ABOUT = """Change many records: update, create, delete, undo.

What will happen is shown first, and nothing is sent before somebody agrees. What was sent is a run with a number, on
record for this folder or configuration: `haloitsm bulk undo RUN` takes it back. Try it with a file of yours, sending
nothing: `haloitsm bulk update Client --from clients.csv --dry-run`.
"""
app = typer.Typer(help=ABOUT, no_args_is_help=True, rich_markup_mode=None)

Entity = Annotated[str, typer.Argument(help="Kind of record: Client, Tickets, Asset.")]
From = Annotated[
    str | None, typer.Option("--from", metavar="FILE", help="Rows: CSV, XLSX, JSON or JSON lines; - is standard input.")
]
Report = Annotated[int | None, typer.Option(help="Take the rows of this saved report.")]
Sql = Annotated[str | None, typer.Option(help="Take the rows of this SELECT, which Halo runs as a report.")]
Where = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=VALUE", help="Take the records that the list shows for this query parameter."),
]
Columns = Annotated[
    list[str] | None, typer.Option("--map", metavar="COLUMN=FIELD", help="Which field a column is; COLUMN= for none.")
]
Values = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=VALUE", help="The same for all: a value, a name that Halo has, or {{ }}."),
]
Transformers = Annotated[
    Path | None, typer.Option(metavar="FILE", help="YAML with the chain that the rows go through first.")
]
Limit = Annotated[int | None, typer.Option(min=1, help="Try on so many rows; the same command goes on with the rest.")]
Full = Annotated[bool, typer.Option("--full", help="Show all records that change, not the first ten.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be sent, and send nothing.")]
Again = Annotated[bool, typer.Option("--again", help="Begin anew what was carried out, or cut off, before.")]
Batch = Annotated[int, typer.Option(min=1, max=1000, help="Records in one array at most.")]
Parallel = Annotated[int, typer.Option(min=1, max=16, help="Requests under way at a time.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Send without asking.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print preview and outcome as JSON.")]
Result = Annotated[Path | None, typer.Option(help="Where the result goes, a row for each row; bulk-RUN.csv.")]
SaveConfig = Annotated[Path | None, typer.Option(metavar="FILE", help="Write the YAML that sends the same.")]
ClearEmpty = Annotated[bool, typer.Option("--clear-empty", help="What is empty in a row empties its field.")]
AllowUnknown = Annotated[
    bool,
    typer.Option("--allow-unknown", help="Take fields that Halo does not document, and numbers that its lists lack."),
]
ListOnly = Annotated[
    bool, typer.Option("--list-only", help="Take a field that no row of the list shows to be empty in all records.")
]
Dates = Annotated[
    Literal["dmy", "mdy"] | None,
    typer.Option(help="Dates such as 03/04/2026: day first or month first; else found out."),
]
AcceptCut = Annotated[bool, typer.Option("--accept-cut", help="Take a report that Halo has cut off at 50,000 rows.")]
FileFormat = Annotated[str | None, typer.Option("--format", help="csv, xlsx, json or jsonl; else found out.")]
Sheet = Annotated[str | None, typer.Option(help="XLSX: the sheet; else the first.")]
Delimiter = Annotated[str | None, typer.Option(help="CSV: the character between cells; else found out.")]
Encoding = Annotated[str | None, typer.Option(help="CSV: such as cp1252; else found out.")]
NOTHING_YET = "; nothing was sent yet"
READING = {"delete": "reading copies", "create": "looking for what is there"}


@dataclass(frozen=True, slots=True)
class How:
    """How a run is carried out, as it was given; ``expected`` is how many deletes somebody has agreed to."""

    limit: int | None = None
    full: bool = False
    yes: bool = False
    dry_run: bool = False
    again: bool = False
    result: Path | None = None
    save_config: Path | None = None
    as_json: bool = False
    expected: int | None = None
    asks: bool = True
    list_only: bool = False


@dataclass(slots=True)
class Watch:
    """How far a command came: the run that it is about, and whether it has begun to send."""

    record: Record | None = None
    sending: bool = False


@app.command()
def update(
    context: typer.Context, entity: Entity, source: From = None, report: Report = None, sql: Sql = None,
    where: Where = None, columns: Columns = None, values: Values = None, transformers: Transformers = None,
    limit: Limit = None, full: Full = False, yes: Yes = False, dry_run: DryRun = False, again: Again = False,
    result: Result = None, save_config: SaveConfig = None, batch: Batch = 100, parallel: Parallel = 4,
    clear_empty: ClearEmpty = False, allow_unknown: AllowUnknown = False, list_only: ListOnly = False,
    accept_cut: AcceptCut = False, file_format: FileFormat = None, sheet: Sheet = None, delimiter: Delimiter = None,
    encoding: Encoding = None, dates: Dates = None, config: Config = None, client: ClientName = None,
    state: State = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Change fields of many records.

    Of a file columns that are named like fields are taken; of a report, SQL or a list only the id, and what --map
    names. What will change is shown before it is sent, records that have the values already are left out, and the old
    values are kept for `haloitsm bulk undo`. Interrupted, the same command goes on where it was. Exit status 4 says
    that some rows could not be carried out.
    """
    rows = Rows(source, report, sql, where, accept_cut, file_format, sheet, delimiter, encoding)
    how = How(limit, full, yes, dry_run, again, result, save_config, as_json, None, source != "-", list_only)
    rules = (columns, values, clear_empty, allow_unknown, None, dates)
    with opened(context.obj, config, client, state, transformers) as access:
        _carried_out(access, "update", entity, rows, rules, (batch, parallel), how)


@app.command()
def create(
    context: typer.Context, entity: Entity, source: From = None, report: Report = None, sql: Sql = None,
    columns: Columns = None, values: Values = None, transformers: Transformers = None,
    once: Annotated[
        str | None, typer.Option(metavar="FIELD", help="What tells records apart: one that is there is not created.")
    ] = None,
    limit: Limit = None, full: Full = False, yes: Yes = False, dry_run: DryRun = False, again: Again = False,
    result: Result = None, save_config: SaveConfig = None, batch: Batch = 100, parallel: Parallel = 4,
    allow_unknown: AllowUnknown = False, list_only: ListOnly = False, dates: Dates = None, as_json: AsJson = False,
    accept_cut: AcceptCut = False, file_format: FileFormat = None, sheet: Sheet = None, delimiter: Delimiter = None,
    encoding: Encoding = None, config: Config = None, client: ClientName = None, state: State = None,
) -> None:  # fmt: skip
    """Create many records, none of them twice.

    The same command with the same rows creates nothing again, however it ended; --again does. With --once records are
    looked up first and go in arrays, else one by one.
    """
    rows = Rows(source, report, sql, None, accept_cut, file_format, sheet, delimiter, encoding)
    how = How(limit, full, yes, dry_run, again, result, save_config, as_json, None, source != "-", list_only)
    with opened(context.obj, config, client, state, transformers) as access:
        rules = (columns, values, False, allow_unknown, once, dates)
        _carried_out(access, "create", entity, rows, rules, (batch, parallel), how)


@app.command()
def delete(
    context: typer.Context, entity: Entity, source: From = None, report: Report = None, sql: Sql = None,
    where: Where = None, columns: Columns = None, transformers: Transformers = None,
    count: Annotated[int | None, typer.Option(help="How many you expect to be deleted, instead of typing it.")] = None,
    limit: Limit = None, full: Full = False, dry_run: DryRun = False, again: Again = False, result: Result = None,
    save_config: SaveConfig = None, parallel: Parallel = 4, accept_cut: AcceptCut = False,
    file_format: FileFormat = None, sheet: Sheet = None, delimiter: Delimiter = None, encoding: Encoding = None,
    config: Config = None, client: ClientName = None, state: State = None, as_json: AsJson = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", hidden=True)] = False,
) -> None:  # fmt: skip
    """Delete many records, after full copies of them are kept.

    Shows what will go and asks for the number to be typed. `haloitsm bulk show RUN --copies FILE` writes the copies.
    """
    rows = Rows(source, report, sql, where, accept_cut, file_format, sheet, delimiter, encoding)
    how = How(limit, full, yes, dry_run, again, result, save_config, as_json, count, source != "-")
    with opened(context.obj, config, client, state, transformers) as access:
        _carried_out(access, "delete", entity, rows, (columns, None, False, False, None, None), (1, parallel), how)


@app.command()
def undo(
    context: typer.Context, run: Number, limit: Limit = None, full: Full = False, yes: Yes = False,
    count: Annotated[int | None, typer.Option(help="Of a create: how many you expect to be deleted again.")] = None,
    dry_run: DryRun = False, result: Result = None, batch: Batch = 100, parallel: Parallel = 4, config: Config = None,
    client: ClientName = None, state: State = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Put the old values of a run back.

    A field that somebody has changed since is left as it is, and listed. What the run created is deleted again, when
    its number is typed. Deleted tickets come back; other deleted records do not.
    """
    from haloitsm_connector.bulk.current import Current
    from haloitsm_connector.bulk.record import Record, Runs
    from haloitsm_connector.bulk.send import Sending
    from haloitsm_connector.bulk.undo import check_undo, planned_undo, standing
    from haloitsm_connector.bulk.work import UNDO, opened_undo

    how = How(limit, full, yes, dry_run, False, result, None, as_json, count)
    with opened(context.obj, config, client, state, None) as access:
        undone = Runs(access.database).get(run)
        target = target_of_run(access.catalogue, undone.entity)
        check_undo(undone, target)
        _same_system(undone.system, access.client.api_uri)
        if standing(Runs(access.database), undone) == "undone":
            output.say(f"Run {run} is undone already. Nothing was sent.")
            return
        with _watched() as watch, taken(access.database, undone.mark, UNDO.format(run)) as held:
            record, beginning = opened_undo(held, undone)
            with _kept_if_begun(record, watch):
                if beginning == "new":
                    bulk_shown.followed(
                        "reading the run", planned_undo(record, Record(held, undone), target), note=NOTHING_YET
                    )
                current = Current(access.client, access.catalogue, target)
                _finished(record, current, Sending(batch, parallel), beginning, how, watch)


app.command("list")(list_runs)
app.command()(show)
app.command()(forget)


def _carried_out(
    access: Access, kind: Literal["update", "create", "delete"], entity: str, rows: Rows,
    rules: tuple[list[str] | None, list[str] | None, bool, bool, str | None, Order | None],
    sending: tuple[int, int], how: How,
) -> None:  # fmt: skip
    """Plan a run or go on with it, show it, ask, send, and write its result."""
    from haloitsm_connector.bulk.change import Changes, Rules
    from haloitsm_connector.bulk.current import Current
    from haloitsm_connector.bulk.names import Names
    from haloitsm_connector.bulk.plan import planned
    from haloitsm_connector.bulk.send import Sending
    from haloitsm_connector.bulk.target import target_of
    from haloitsm_connector.bulk.work import Command, custom_field_ids, opened_run

    target = target_of(access.catalogue, entity)
    if how.result and rows.path and how.result.resolve() == Path(rows.path).resolve():
        raise InputError("--result and --from name the same file", "The result would be written over the rows.")
    how_sent = Sending(*sending)
    columns, values, clear_empty, allow_unknown, once, dates = rules
    wanted = Rules(pairs("--map", columns), pairs("--set", values), clear_empty, allow_unknown, once, dates or "")
    with _watched() as watch, ExitStack() as leases:
        source = source_of(access, target, rows)
        command = Command(kind, target, access.client.api_uri, source, wanted, access.steps)
        changes = Changes(target, kind, wanted, Names(access.client, access.catalogue, source.notes), source)
        held = leases.enter_context(taken(access.database, command.mark))
        record, beginning = opened_run(held, command, again=how.again)
        with _kept_if_begun(record, watch):
            if beginning == "new":
                steps = planned(record, source, access.chain, changes)
                with bulk_shown.noted(source.notes):
                    bulk_shown.followed(f"reading {source.name}", steps, note=NOTHING_YET)
            changes.used |= record.info.plan.get("used", {})
            changes.dates |= record.info.plan.get("dates", {})
            changes.named |= dict.fromkeys(record.info.plan.get("named", ()))
            if how.save_config:
                save(command, changes, how_sent, access, how.save_config)
            query = pairs("--where", rows.where)
            current = Current(access.client, access.catalogue, target, query, custom_field_ids(record))
            _finished(record, current, how_sent, beginning, how, watch)


@contextmanager
def _watched() -> Iterator[Watch]:
    """Say of a command that is stopped before it sends that nothing was sent."""
    watch = Watch()
    try:
        yield watch
    except (KeyboardInterrupt, RemoteError, StateError):
        if watch.record is not None and watch.record.info.status != "planned" and not watch.sending:
            output.say(f"Nothing more was sent. The same command goes on with run {watch.record.number}.")
        elif not watch.sending:
            output.say("Nothing was sent.")
        raise


@contextmanager
def _kept_if_begun(record: Record, watch: Watch) -> Iterator[None]:
    """Forget a run in the end unless it has begun to send."""
    from haloitsm_connector.bulk.record import Runs

    watch.record = record
    try:
        yield
    finally:
        if record.info.status == "planned":
            Runs(record.database).forget(record.number)


def _finished(record: Record, current: Current, sending: Sending, beginning: str, how: How, watch: Watch) -> None:
    """Compare, show, ask, send, and write the result of a run that is on record."""
    from haloitsm_connector.bulk.compare import compared
    from haloitsm_connector.bulk.record import PROBLEMS, READ, READY
    from haloitsm_connector.bulk.refresh import refreshed
    from haloitsm_connector.bulk.result import check_place
    from haloitsm_connector.bulk.send import sent
    from haloitsm_connector.bulk.work import most_of

    if beginning == "done before":
        bulk_shown.done_before(record, how.as_json)
        if any(record.counts()[status] for status in PROBLEMS):
            raise typer.Exit(4)
        return
    if beginning == "goes on":
        output.say(f"Going on with run {record.number}.")
    most = most_of(record, how.limit)
    reading = READING.get(record.info.kind, "reading old values")
    if beginning == "goes on":
        bulk_shown.followed("reading what was changed meanwhile", refreshed(record, current, most))
    note = NOTHING_YET if beginning == "new" else ""
    steps = compared(record, current, most, list_only=how.list_only, tell=bulk_shown.note)
    bulk_shown.followed(reading, steps, record.counts(most=most)[READ], note=note)
    told, agreed = _agreed(record, current, most, how)
    if not agreed:
        _let_go(record, told, how)
        return
    result = how.result or _own_result(record)
    check_place(result)
    steps, count = sent(record, current, sending, most), record.counts(most=most)[READY]
    watch.sending = True
    try:
        stopped = _followed_to_its_end(steps, count)
    except ConnectorError:
        bulk_shown.stopped(record, result)
        raise
    if stopped and record.info.status != "done":
        bulk_shown.stopped(record, result)
        raise typer.Exit(128 + stopped)
    if bulk_shown.ended(record, told, result, how.as_json):
        raise typer.Exit(4)


def _agreed(record: Record, current: Current, most: int, how: How) -> tuple[dict[str, Any], bool]:
    """Show what will happen, and ask, once more where the answer took so long that something else would happen."""
    from haloitsm_connector.bulk.preview import changes, preview
    from haloitsm_connector.bulk.refresh import refreshed
    from haloitsm_connector.bulk.there import looked_up

    target = current.target
    while True:
        shown = preview(record, target, most)
        told = {**shown, "changes": bulk_shown.some(changes(record, target, most), full=how.full)}
        if not how.as_json:
            bulk_shown.preview(told, how.full)
        if how.dry_run or not shown["sending"] or not bulk_shown.agreed(shown, how.yes, how.expected, how.asks):
            return told, False
        if how.yes or how.expected is not None:
            return told, True
        meant = frozenset(map(output.json_text, changes(record, target, most)))
        listed = record.info.plan.get("listed")
        steps = (
            looked_up(record, current, most, list_only=how.list_only) if listed else refreshed(record, current, most)
        )
        bulk_shown.followed("looking again", steps)
        if meant.issuperset(map(output.json_text, changes(record, target, most))):
            bulk_shown.left_out_since(shown, preview(record, target, most))
            return told, True
        output.say("Somebody has changed it meanwhile; look again.")


def _followed_to_its_end(steps: bulk_shown.Steps, count: int) -> int:
    """Send; of a first interrupt, which waits for the answers that are under way, return its signal."""
    stop = threading.Event()
    with stopped_by_signals(stop, shows_live=False) as came, stopped_by(stop.is_set), suppress(StoppedError):
        bulk_shown.followed("sending", steps, count)
    return came[0] if came else 0


def _own_result(record: Record) -> Path:
    """Return where the result of a run goes that was not told where: a file that was not there before."""
    if "result" not in record.info.plan:
        name, number = f"bulk-{record.number}.csv", 1
        while Path(name).exists():
            number += 1
            name = f"bulk-{record.number}-{number}.csv"
        record.change(plan={**record.info.plan, "result": name})
    return Path(record.info.plan["result"])


def _let_go(record: Record, told: dict[str, Any], how: How) -> None:
    """End a command that sends nothing."""
    from haloitsm_connector.bulk.record import PROBLEMS
    from haloitsm_connector.bulk.result import write_result

    bulk_shown.nothing_sent(told, how.as_json, dry_run=how.dry_run)
    if how.result:
        write_result(record, how.result)
    problems = any(record.counts()[status] for status in PROBLEMS)
    if problems and (how.dry_run or not told["sending"]):
        raise typer.Exit(4)


def _same_system(of_run: str, here: str) -> None:
    if of_run != here:
        raise InputError(f"the run was about {of_run}, and this is {here}", "Name its configuration with --config.")
