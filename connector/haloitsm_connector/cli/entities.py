"""``haloitsm entities`` and ``haloitsm entity``: find out what Halo offers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer

from haloitsm_connector.catalogue import Operation, Parameter
from haloitsm_connector.cli import output
from haloitsm_connector.cli.settings import user_catalogue


def entities(
    words: Annotated[list[str] | None, typer.Argument(help="Words to look for; none lists everything.")] = None,
    method: Annotated[str | None, typer.Option(help="Only GET, POST or DELETE.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Search the operations of Halo's API."""
    found = user_catalogue().search(" ".join(words or ()), method=method.upper() if method else None)
    if as_json:
        output.json([{"entity": one.name, "label": one.label, "record": one.record} for one in found])
        return
    output.table(("entity", "label", "record"), ((one.name, one.label, one.record) for one in found))
    if not found:
        output.say("Nothing found. Fewer or shorter words find more.")


def entity(
    name: Annotated[str, typer.Argument(help='For example "GET /Actions/{id}", "POST /Asset" or "list tickets".')],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show one operation: its parameters, its body or rows, and how it pages."""
    catalogue = user_catalogue()
    operation = catalogue.find(name)
    fields = catalogue.fields(operation.record) if operation.record else {}
    if as_json:
        output.json({"entity": operation.name, **_described(operation), "fields": list(fields.values())})
        return
    output.table((operation.name, operation.label), _facts(operation))
    _parameters("path parameter", operation.path_parameters)
    _parameters("query parameter", operation.query_parameters)
    if fields:
        typer.echo()
        rows = ((one.name, one.type, one.schema, "read only" if one.read_only else "") for one in fields.values())
        output.table((f"field of {operation.record}", "type", "of", ""), rows)


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


def _parameters(title: str, parameters: tuple[Parameter, ...]) -> None:
    if parameters:
        typer.echo()
        rows = ((one.name, one.type, "required" if one.required else "") for one in parameters)
        output.table((title, "type", ""), rows)
