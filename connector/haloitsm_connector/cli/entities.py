"""``haloitsm entities`` and ``haloitsm entity``: find out what Halo offers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from haloitsm_connector.cli import output
from haloitsm_connector.cli.settings import user_catalogue

if TYPE_CHECKING:
    from haloitsm_connector.catalogue import Operation, Parameter

SHOWN = 30
"""Parameters, and fields of a record, that are shown without --all; a ticket list takes 190, a ticket has 278."""


class Method(StrEnum):
    """The methods that Halo knows."""

    GET = "GET"
    POST = "POST"
    DELETE = "DELETE"


def entities(
    words: Annotated[list[str] | None, typer.Argument(help="Words to look for; none lists everything.")] = None,
    method: Annotated[Method | None, typer.Option(help="Only these operations.", case_sensitive=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Search the operations of Halo's API."""
    found = user_catalogue().search(" ".join(words or ()), method=method)
    if as_json:
        output.show_json([{"entity": one.name, "label": one.label, "record": one.record} for one in found])
    elif found:
        output.table(("entity", "label", "record"), ((one.name, one.label, one.record) for one in found))
    else:
        output.say("Nothing found. Fewer or shorter words find more.")


def entity(
    name: Annotated[str, typer.Argument(help='For example "GET /Actions/{id}", "POST /Asset" or "list tickets".')],
    everything: Annotated[bool, typer.Option("--all", help="Show all parameters and fields.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with all fields.")] = False,
) -> None:
    """Show one operation: parameters, body, rows, paging."""
    catalogue = user_catalogue()
    operation = catalogue.find(name)
    fields = list(catalogue.fields(operation.record).values()) if operation.record else []
    if as_json:
        output.show_json({"entity": operation.name, **_described(operation), "fields": fields})
        return
    output.table((operation.name, operation.label), _facts(operation))
    limit = None if everything else SHOWN
    _parameters("path parameter", operation.path_parameters, limit)
    _parameters("query parameter", operation.query_parameters, limit)
    rows = [(one.name, one.type, one.schema or "", "read only" if one.read_only else "") for one in fields]
    _section((f"field of {operation.record}", "type", "of", ""), rows, limit)


def _described(operation: Operation) -> dict[str, object]:
    names = ("method", "path", "tag", "label", "path_parameters", "query_parameters")
    return {
        name: getattr(operation, name) for name in (*names, "body", "record", "listing", "binary", "key", "aliases")
    }


def _facts(operation: Operation) -> Iterable[tuple[str, str]]:
    if operation.body:
        yield "body", operation.body
    if operation.binary:
        yield "answer", "bytes of a file"
    if listing := operation.listing:
        yield "answer", f"list under '{listing.key}'" if listing.key else "bare list"
        yield "paging", f"pages of {listing.page_size}" if listing.paged else "none"
        yield "incremental", ", ".join(listing.incremental) or "none"
    yield "key", ", ".join(operation.key)
    if operation.aliases:
        yield "also called", ", ".join(operation.aliases)


def _parameters(title: str, parameters: Sequence[Parameter], limit: int | None) -> None:
    rows = [(one.name, one.type, "required" if one.required else "") for one in parameters]
    _section((title, "type", ""), rows, limit)


def _section(columns: Sequence[str], rows: Sequence[Sequence[str]], limit: int | None) -> None:
    if not rows:
        return
    output.show()
    output.table(columns, rows[:limit])
    if hidden := len(rows[limit:]) if limit else 0:
        output.say(f"… and {hidden} more; --all shows them.")
