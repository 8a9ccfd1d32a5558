"""``haloitsm cursors``: how far the routes that read what is new have come, and from where they go on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from haloitsm_connector.cli import output
from haloitsm_connector.cli.settings import State, load_pipeline
from haloitsm_connector.errors import InputError

if TYPE_CHECKING:
    from haloitsm_connector.pipeline import Pipeline
    from haloitsm_connector.store import Database
    from haloitsm_connector.subscriber import Cursor


def cursors(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(help="File or folder of YAML, the same as of the run.")],
    route: Annotated[
        str | None,
        typer.Argument(help="The route, or incoming that is run by itself, to show or to change; all without a name."),
    ] = None,
    start: Annotated[
        str | None, typer.Option("--from", metavar="MOMENT", help="Have the next run read what is new since then.")
    ] = None,
    reset: Annotated[bool, typer.Option("--reset", help="Have the next run read everything.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the cursors as they are stored.")] = False,
    state: State = None,
) -> None:
    """Show how far incremental routes have read, or move one.

    A moment is a date or an ISO date and time, UTC unless it names a zone. A route cannot be moved while it
    is read for.
    """
    from haloitsm_connector.store import Cursors

    if start and reset:
        raise InputError("--from and --reset contradict each other", "Give one of them.")
    if (start or reset) and route is None:
        raise InputError("it is not said which route is meant", "Name it behind the configuration.")
    with load_pipeline(context.obj, path, state) as pipeline:
        stored = Cursors(pipeline.assembly.state)
        names = _names(pipeline, route)
        if start or reset:
            if start and _numbered(pipeline, str(route)):
                what = f"'{route}' reads events that arrived: they have numbers, and no moment to begin from"
                raise InputError(what, "--reset reads all that are kept.")
            moved = {"read_until": _moment(start)} if start else None
            (name,) = names.values()
            _move(pipeline.assembly.state, name, moved)
        found = {route: stored.get(name) for route, name in names.items()}
    if as_json:
        output.show_json(found)
    elif not found:
        output.say("No route reads what is new: none has an incoming with `incremental`.")
    else:
        columns = ("route", "read until", "under way", "Halo's clock")
        output.table(columns, [(route, *_told(cursor or {})) for route, cursor in found.items()])


def _move(state: Database, name: str, cursor: Cursor | None) -> None:
    """Store a cursor, or forget it; HeldError while somebody reads on from it."""
    from haloitsm_connector.runner import reading_lease
    from haloitsm_connector.store import Cursors

    with state.lease(reading_lease(name)) as held:
        if cursor is None:
            Cursors(held).delete(name)
        else:
            Cursors(held).set(name, cursor)


def _names(pipeline: Pipeline, name: str | None) -> dict[str, str]:
    """Return the names of cursors by who reads with them: all that there are, or that of one route or incoming.

    An incoming has a cursor of its own where it was run by itself. InputError where what is named has none.
    """
    from haloitsm_connector.assemble import declared
    from haloitsm_connector.runner import cursor_name, incoming_cursor_name
    from haloitsm_connector.store import Cursors

    assembly, config = pipeline.assembly, pipeline.config
    if name is None:
        stored = Cursors(assembly.state).list()
        routes = {one: cursor_name(one) for one in config.routes if assembly.route(one).incoming.resumes}
        alone = [found for one in config.incoming if (found := incoming_cursor_name(one)) in stored]
        return routes | {one: one for one in alone}
    by_itself = name in config.incoming and name not in config.routes
    incoming = name if by_itself else declared(config.routes, "route", name).incoming
    if not assembly.incoming(incoming).resumes:
        kind = "incoming" if by_itself else "route"
        raise InputError(f"{kind} '{name}' has no cursor: it reads everything each time", "Give it `incremental`.")
    return {name: incoming_cursor_name(name) if by_itself else cursor_name(name)}


def _numbered(pipeline: Pipeline, name: str) -> bool:
    """Whether a route, or an incoming, reads a webhook."""
    from haloitsm_connector.serve.waiting import webhooks

    route = pipeline.config.routes.get(name)
    return (route.incoming if route else name) in webhooks(pipeline.assembly)


def _moment(text: str) -> str:
    from haloitsm_connector.subscriber.moments import moment, to_the_millisecond

    try:
        return to_the_millisecond(moment(text))
    except ValueError as error:
        raise InputError(f"--from: {error}") from None


def _told(cursor: Cursor) -> tuple[str, str, str]:
    run: dict[str, Any] = cursor.get("run") or {}
    at = f", behind id {run['id']}" if "id" in run else ""
    ahead = cursor.get("seconds_ahead", 0)
    return (
        f"event {cursor['number']}" if "number" in cursor else cursor.get("read_until", "never"),
        f"since {run.get('began', '?')}{at}" if run else "",
        f"{abs(ahead)} s {'ahead of' if ahead > 0 else 'behind'} ours" if ahead else "",
    )
