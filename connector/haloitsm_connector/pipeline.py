"""A configuration, ready to run: read an incoming, publish through an outgoing, run a route."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import chain
from pathlib import Path
from queue import Empty, Queue
from typing import Any, Self

from haloitsm_connector.assemble import Assembly, Fail, Route, declared, through
from haloitsm_connector.catalogue import Catalogue
from haloitsm_connector.config import Config, load
from haloitsm_connector.errors import EntityError
from haloitsm_connector.publisher import Outcome
from haloitsm_connector.runner import Delivered, Event, Runner, Stored, Summary, cursor_name
from haloitsm_connector.store import Cursors, state_of
from haloitsm_connector.subscriber import Cursor, Slice
from haloitsm_connector.subscriber.base import in_thread
from haloitsm_transformers import Entity, Failure, Registry

FAILED_STATUSES = frozenset({"failed", "refused", "waiting"})
"""Outcomes that somebody has to look at."""

EVENTS_AHEAD = 2
"""How many transactions of outcomes may wait for whoever takes them, before the run waits too."""
LOOK_SECONDS = 0.05
Failed = deque[Failure]


class Pipeline:
    """The routes of one configuration.

    Every method that reads or writes streams: nothing happens before the first item is asked for, and no more than a
    page is held. The ``a`` twins do the same for asyncio, in a worker thread. ``state`` is the file of what is
    remembered between runs; without one the folder of the configuration has its own, in the user's state folder.
    """

    def __init__(self, config: Config, *, state: Path | str | None = None, http_log: str = "off") -> None:
        self.config = config
        chosen = state or state_of(config.files[0] if config.files else ".")
        self.assembly = Assembly(config, chosen, http_log=http_log)

    @classmethod
    def load(
        cls,
        *paths: Path | str,
        environ: Mapping[str, str] | None = None,
        registry: Registry | None = None,
        catalogue: Catalogue | None = None,
        state: Path | str | None = None,
        http_log: str = "off",
    ) -> Self:
        """Load files or folders of YAML; ConfigError carries every problem in them."""
        config = load([Path(path) for path in paths], environ=environ, registry=registry, catalogue=catalogue)
        return cls(config, state=state or (state_of(paths[0], environ) if paths else None), http_log=http_log)

    def routes(self) -> list[str]:
        """Return the names of the routes that are not disabled, in the order of the files."""
        return [name for name, route in self.config.routes.items() if not route.disabled]

    def read(self, incoming: str) -> Iterator[Entity]:
        """Yield the entities of an incoming; EntityError when a transformer cannot take one."""
        return chain.from_iterable(self.assembly.incoming(incoming).pages(_raise))

    def publish(self, outgoing: str, entities: Iterable[Entity], *, job: str | None = None) -> Iterator[Outcome]:
        """Publish entities through an outgoing and yield one outcome for each.

        ``job`` names this piece of work, ``outgoing NAME`` without one: its creates are on record under that name, and
        where it was cut off, publishing them again goes on with it. One job runs once at a time.
        """
        failed: Failed = deque()
        outcomes = self.assembly.outgoing(outgoing, job).publish(([entity] for entity in entities), failed.append)
        return _with_failed(outcomes, failed)

    def run(self, route: str) -> Iterator[Outcome]:
        """Run a route and yield one outcome per entity; an entity that fails does not stop the others.

        What is read is in the state before it is delivered, and an outcome before it is yielded: where a run was cut
        off, the next one goes on with it. Leave the iterator and what is under way comes to its end, and no more.
        StateError while the route is being run elsewhere.
        """
        declared(self.config.routes, "route", route)
        return _run(Runner(self.assembly), route)

    def dry_run(self, route: str) -> Iterator[dict[str, Any]]:
        """Read and transform as a route does, and change nothing: no write is sent, storages stay as they are.

        Yields what each entity would become: ``{"method", "url", "payload"}`` of its request or, where it could not be
        written, ``{"failed": reason, "entity": entity}``.
        """
        return _dry_run(self.assembly.rehearsal().route(route), lambda: Cursors(self.assembly.state))

    def aread(self, incoming: str) -> AsyncIterator[Entity]:
        """``read`` for asyncio."""
        return in_thread(self.read(incoming))

    def apublish(self, outgoing: str, entities: Iterable[Entity], *, job: str | None = None) -> AsyncIterator[Outcome]:
        """``publish`` for asyncio."""
        return in_thread(self.publish(outgoing, entities, job=job))

    def arun(self, route: str) -> AsyncIterator[Outcome]:
        """``run`` for asyncio."""
        return in_thread(self.run(route))

    def close(self) -> None:
        """Close the clients and the state file."""
        self.assembly.close()

    async def aclose(self) -> None:
        """``close`` for asyncio."""
        await asyncio.to_thread(self.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.aclose()


def _raise(failure: Failure) -> None:
    raise EntityError(failure.what, origin=failure.origin, entity=failure.entity)


def _ready(route: Route, cursor: Cursor | None, fail: Fail) -> Iterator[Slice]:
    """The slices of a route as its publisher gets them."""
    return through(route.outgoing.chain, through(route.chain, route.incoming.slices(cursor, fail), fail), fail)


def _run(runner: Runner, route: str) -> Iterator[Outcome]:
    """Yield outcomes from a runner in a thread of its own, which waits where they are not taken."""
    told: Queue[Event | None] = Queue(EVENTS_AHEAD)
    stop = threading.Event()
    ended: list[Summary | BaseException] = []

    def work() -> None:
        try:
            ended.append(runner.run([route], stop=stop, tell=told.put))
        except BaseException as error:
            ended.append(error)
        told.put(None)

    thread = threading.Thread(target=work, name=f"haloitsm-route-{route}")
    thread.start()
    try:
        while (event := told.get()) is not None:
            yield from _outcomes(event, route)
    finally:
        stop.set()
        while thread.is_alive():
            with suppress(Empty):
                told.get(timeout=LOOK_SECONDS)
    match ended[0]:
        case BaseException() as error:
            raise error
        case Summary(errors=[first, *_]):
            raise first.error


def _outcomes(event: Event, route: str) -> Iterator[Outcome]:
    """The outcomes that an event tells; of what its response transformers made, only the bad ones show."""
    match event:
        case Stored(rejected=rejected):
            yield from rejected
        case Delivered(queue=queue, tasks=tasks):
            outcomes = chain.from_iterable(task.outcomes for task in tasks)
            yield from (one for one in outcomes if queue == route or one.status in FAILED_STATUSES)


def _dry_run(route: Route, cursors: Callable[[], Cursors]) -> Iterator[dict[str, Any]]:
    cursor = cursors().get(cursor_name(route.name)) if route.incoming.resumes else None
    failed: Failed = deque()
    publisher = route.outgoing.publisher
    for entity in chain.from_iterable(one.entities for one in _ready(route, cursor, failed.append)):
        try:
            for request in publisher.requests([entity]):
                url = publisher.client.url(request) if publisher.client else request.target
                yield {"method": request.method, "url": url, "payload": request.payload}
        except EntityError as error:
            yield {"failed": str(error), "entity": entity}
        route.outgoing.deliveries.settle(entity, True)  # in the memory of the rehearsal
    yield from ({"failed": str(failure), "entity": failure.entity} for failure in failed)


def _with_failed(outcomes: Iterator[Outcome], failed: Failed) -> Iterator[Outcome]:
    """Yield outcomes, and one for each entity that failed before it came to the publisher."""
    for outcome in outcomes:
        while failed:
            yield Outcome.failed(failed.popleft())
        yield outcome
    while failed:
        yield Outcome.failed(failed.popleft())
