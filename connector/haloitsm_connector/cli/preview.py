"""``haloitsm preview``: final requests, and with ``--send`` the first entities before and after each step."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from haloitsm_connector.cli import output
from haloitsm_connector.cli.settings import hiding, load_pipeline
from haloitsm_connector.errors import InputError, suggest

if TYPE_CHECKING:
    from haloitsm_connector.assemble import Incoming, Outgoing, Route
    from haloitsm_connector.client import HttpClient, Request
    from haloitsm_connector.pipeline import Pipeline
    from haloitsm_connector.subscriber import SubscriberBase
    from haloitsm_transformers import Chain, Entity

LONGEST_LINE = 200
"""Entities that are longer are shown without the fields that a step left as they were."""

Part = dict[str, Any]
"""One thing to show: a request, the entities that a chain gets, what a step made of them, or a note."""


def preview(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(help="File or folder of YAML.")],
    name: Annotated[str, typer.Argument(help="A route, an incoming or an outgoing.")],
    send: Annotated[
        bool, typer.Option("--send", help="Send the reads, never the writes, and show the entities.")
    ] = False,
    limit: Annotated[int, typer.Option(help="Requests and entities to show.", min=1)] = 3,
    data: Annotated[Path | None, typer.Option(help="Entities for an outgoing: CSV, JSON, JSON lines or XLSX.")] = None,
    steps: Annotated[
        bool, typer.Option("--steps", help="Show what each step changes, value by value; reads as --send does.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with all fields.")] = False,
) -> None:
    """Show the requests before they are sent.

    Final method, URL and payload of an incoming, an outgoing or a route. With --send the reads are sent, and the
    entities are shown before and after each step, with --steps as differences; nothing is ever written.
    """
    with load_pipeline(context.obj, path) as pipeline:
        send = send or (steps and data is None)
        parts = map(hiding(pipeline.config), _parts(pipeline, path, name, send, limit, data))
        if as_json:
            output.show_json([part for part in parts if "note" not in part])
            return
        for part in parts:
            show_part(part, steps)


def _parts(pipeline: Pipeline, path: Path, name: str, send: bool, limit: int, data: Path | None) -> Iterator[Part]:
    config, assembly = pipeline.config, pipeline.assembly.rehearsal(reads=send)
    if data and name not in config.outgoing:
        raise InputError(f"'{name}' is not an outgoing", "--data gives entities to an outgoing; a route reads its own.")
    if name in config.routes and not data:
        return _route(assembly.route(name), send, limit)
    if name in config.incoming:
        return _incoming(assembly.incoming(name), send, limit)
    if name in config.outgoing:
        return outgoing_parts(assembly.outgoing(name), _entities(data, limit), limit)
    names = [*config.routes, *config.incoming, *config.outgoing]
    raise InputError(
        f"{path} declares no '{name}'", suggest(name, names) or f"Declared: {', '.join(names) or 'nothing'}."
    )


def _incoming(incoming: Incoming, send: bool, limit: int) -> Generator[Part, None, list[Entity]]:
    subscriber = incoming.subscriber
    if incoming.parent:
        yield {"note": f"'{incoming.name}' makes requests for each entity of '{incoming.parent.name}'."}
    else:
        yield from _requests(incoming.name, subscriber.client, subscriber.requests(), limit)
    if send:
        return (yield from _steps(f"incoming {incoming.name}", incoming.chain, _first(subscriber, limit)))
    yield {"note": "With --send the reads are sent, and what becomes of the entities is shown."}
    return []


def outgoing_parts(outgoing: Outgoing, entities: list[Entity], limit: int) -> Iterator[Part]:
    """Yield what each step of an outgoing makes of entities, and the requests that would be sent."""
    if not entities:
        yield {
            "note": f"Give entities with --data FILE to see what '{outgoing.name}' would send, or preview its route."
        }
        return
    ready = yield from _steps(f"outgoing {outgoing.name}", outgoing.chain, entities)
    publisher = outgoing.publisher
    yield from _requests(outgoing.name, publisher.client, publisher.requests(ready), limit)


def _route(route: Route, send: bool, limit: int) -> Iterator[Part]:
    entities = yield from _incoming(route.incoming, send, limit)
    if not send:
        return
    entities = yield from _steps(f"route {route.name}", route.chain, entities)
    yield from outgoing_parts(route.outgoing, entities, limit)


def _first(subscriber: SubscriberBase, limit: int) -> list[Entity]:
    with closing(subscriber.pages()) as pages:
        return list(islice(chain.from_iterable(pages), limit))


def _entities(data: Path | None, limit: int) -> list[Entity]:
    from haloitsm_connector.subscriber.file import FileSubscriber

    return _first(FileSubscriber(str(data)), limit) if data else []


def _requests(name: str, client: HttpClient | None, requests: Iterator[Request], limit: int) -> Iterator[Part]:
    if client is None:
        yield {"note": f"'{name}' is a file: it sends no requests."}
        return
    for request in islice(requests, limit):
        part = {"method": request.method, "url": client.url(request), "payload": request.payload}
        yield part | ({"files": [file.name for file in request.files]} if request.files else {})
    if next(requests, None):
        yield {"note": f"… and more requests; --limit shows more than {limit}."}


def _steps(title: str, steps: Chain, entities: list[Entity]) -> Generator[Part, None, list[Entity]]:
    """Yield the entities that a subscriber gave or steps get, and what each step makes of them; return the last."""
    if len(steps) or title.startswith("incoming"):
        yield {"chain": title, "entities": entities}
    for label, before, after, failures in steps.trace(entities):
        failed = [
            {"entity": failure.entity, "where": failure.origin, "path": failure.path, "what": failure.what}
            for failure in failures
        ]
        lost = [failure.entity for failure in failures]
        changes = list(_changes(before, after, lost))
        yield {"step": label, "before": before, "after": after, "failures": failed, "changes": changes}
        entities = after
    return entities


def _changes(before: list[Entity], after: list[Entity], lost: list[Entity | None]) -> Iterator[str]:
    """Yield lines that say what a step made of its entities, of those that did not fail."""
    from haloitsm_connector.differences import differences, written

    gone = {id(entity) for entity in lost}
    before = [entity for entity in before if id(entity) not in gone]
    old, new = [id(entity) for entity in before], [id(entity) for entity in after]
    if old != new and sorted(old) == sorted(new):
        yield "the same entities in another order"
    elif len(old) == len(new):
        for number, (first, then) in enumerate(zip(before, after, strict=True), start=1):
            if lines := list(differences(first, then)):
                yield f"entity {number}" + (f" ({name})" if (name := output.naming(then)) else "")
                yield from (f"  {line}" for line in lines)
    else:
        yield from (f"- {written(entity)}" for entity in before if id(entity) not in new)
        yield from (f"+ {written(entity)}" for entity in after if id(entity) not in old)


def show_part(part: Part, as_changes: bool) -> None:
    """Show one part to a person, what steps did as changes or as the entities that came out."""
    match part:
        case {"note": text}:
            output.say(text)
        case {"method": method, "url": url, "payload": payload}:
            output.show(f"{method} {url}")
            if payload is not None:
                output.show_json(payload)
            for name in part.get("files", ()):
                output.show(f"file: {name}")
        case {"chain": title, "entities": entities}:
            output.show(f"── {title}: {output.counted(len(entities), 'entity', 'entities')}")
            for entity in entities:
                output.show(output.shortened(output.json_text(entity), LONGEST_LINE))
        case {"step": label, "before": before, "after": after, "failures": failures, "changes": changes}:
            output.show(f"── after step {label}: {output.counted(len(after), 'entity', 'entities')}")
            one_to_one = len(before) == len(after)
            for line in (changes or ([] if failures else ["nothing changed"])) if as_changes else ():
                output.show(output.shortened(line, LONGEST_LINE))
            for position, entity in enumerate(() if as_changes else after):
                output.show(_line(entity, before[position] if one_to_one else {}))
            for failure in failures:
                which = output.naming(failure["entity"] or {})
                said = (which, failure["where"], failure["path"], failure["what"])
                output.show(f"failed: {': '.join(part for part in said if part)}")


def _line(entity: Entity, before: Entity) -> str:
    """Write an entity on one line; of a long one, what a step changed in it."""
    text = output.json_text(entity)
    if len(text) <= LONGEST_LINE:
        return text
    changed = {name: value for name, value in entity.items() if name not in before or before[name] != value}
    removed = [name for name in before if name not in entity]
    same = f" + {output.counted(len(entity) - len(changed), 'field')} as before"
    gone = f", without {', '.join(removed)}" if removed else ""
    return output.shortened(output.json_text(changed), LONGEST_LINE) + output.shortened(same + gone, LONGEST_LINE)
