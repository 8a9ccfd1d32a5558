"""``haloitsm preview``: final requests, and with ``--send`` the first entities before and after each step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from haloitsm_connector.assemble import Incoming, Outgoing, Route
from haloitsm_connector.cli import output
from haloitsm_connector.cli.settings import Settings, user_catalogue
from haloitsm_connector.client.request import Request
from haloitsm_connector.errors import InputError, suggest
from haloitsm_connector.pipeline import Pipeline
from haloitsm_connector.subscriber.file import FileSubscriber
from haloitsm_transformers import Chain, Entity

if TYPE_CHECKING:
    from haloitsm_connector.client import HttpClient


def preview(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(help="File or folder of YAML.")],
    name: Annotated[str, typer.Argument(help="An incoming, an outgoing or a route.")],
    send: Annotated[
        bool, typer.Option("--send", help="Send the reads, never the writes, and show the entities.")
    ] = False,
    limit: Annotated[int, typer.Option(help="Entities to show.", min=1)] = 3,
    data: Annotated[Path | None, typer.Option(help="Entities for an outgoing: CSV, JSON, JSON lines or XLSX.")] = None,
) -> None:
    """Show the requests that an incoming, an outgoing or a route would send; nothing is written to Halo."""
    settings: Settings = context.obj
    with Pipeline.load(
        path, environ=settings.environ, catalogue=user_catalogue(), http_log=settings.http_log
    ) as pipeline:
        config, assembly = pipeline.config, pipeline.assembly
        if name in config.routes:
            _route(assembly.route(name), send, limit)
        elif name in config.incoming:
            _incoming(assembly.incoming(name), send, limit)
        elif name in config.outgoing:
            _outgoing(assembly.outgoing(name), _entities(data, limit), limit)
        else:
            names = [*config.incoming, *config.outgoing, *config.routes]
            raise InputError(f"{path} declares no '{name}'", suggest(name, names) or f"Declared: {', '.join(names)}.")


def _incoming(incoming: Incoming, send: bool, limit: int) -> None:
    _requests(incoming.subscriber.requests(), incoming.subscriber.client, limit)
    if send:
        _steps(f"incoming {incoming.name}", incoming.chain, _first(incoming.subscriber.pages(), limit))


def _outgoing(outgoing: Outgoing, entities: list[Entity], limit: int) -> None:
    if not entities:
        output.say(f"Give entities with --data FILE to see what '{outgoing.name}' would send, or preview its route.")
        return
    ready = _steps(f"outgoing {outgoing.name}", outgoing.chain, entities)
    _requests(outgoing.publisher.requests(ready), outgoing.publisher.client, limit)


def _route(route: Route, send: bool, limit: int) -> None:
    _requests(route.incoming.subscriber.requests(), route.incoming.subscriber.client, limit)
    if not send:
        output.say("With --send the reads are sent, and the writes are shown.")
        return
    entities = _first(route.incoming.subscriber.pages(), limit)
    entities = _steps(f"incoming {route.incoming.name}", route.incoming.chain, entities)
    entities = _steps(f"route {route.name}", route.chain, entities)
    _outgoing(route.outgoing, entities, limit)


def _first(pages: Iterator[list[Entity]], limit: int) -> list[Entity]:
    with closing(pages):  # type: ignore[type-var]
        return list(islice(chain.from_iterable(pages), limit))


def _entities(data: Path | None, limit: int) -> list[Entity]:
    return list(islice(FileSubscriber(str(data)), limit)) if data else []


def _requests(requests: Iterable[Request], client: HttpClient | None, limit: int) -> None:
    shown = list(islice(requests, limit + 1))
    for request in shown[:limit]:
        output.say(f"{request.method} {client.url(request) if client else request.target}")
        if request.payload is not None:
            output.json(request.payload)
    if len(shown) > limit:
        output.say(f"… and more; --limit shows more than {limit}.")


def _steps(title: str, steps: Chain, entities: list[Entity]) -> list[Entity]:
    """Show entities before and after each step; what comes out of the last."""
    output.say(f"── {title}: {len(entities)} entities")
    for entity in entities:
        output.json_line(entity)
    for label, _, after, failures in steps.trace(entities):
        output.say(f"── after step {label}: {len(after)} entities")
        for entity in after:
            output.json_line(entity)
        for failure in failures:
            output.say(f"failed: {failure.origin}: {failure.what}")
        entities = after
    return entities
