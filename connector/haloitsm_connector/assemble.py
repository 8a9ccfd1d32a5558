"""The only place that turns a configuration into working objects: clients, incoming, outgoing, routes."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, Self, TypeVar

from haloitsm_connector.capabilities import Capabilities, Deliveries, Mode
from haloitsm_connector.client import HttpClient
from haloitsm_connector.config import Config, Prototyped, RouteConfig, steps_fields
from haloitsm_connector.errors import InputError, NodePath, suggest
from haloitsm_connector.publisher import Outcome, PublisherBase
from haloitsm_connector.publisher.exchange import DONE, RequestPublisher
from haloitsm_connector.store import Database, Inbox, JobJournal, open_state
from haloitsm_connector.subscriber import Cursor, Slice, Subscriber, SubscriberBase
from haloitsm_connector.subscriber.webhook import WebhookSubscriber
from haloitsm_transformers import Chain, Entity, Failure, compile_chain
from haloitsm_transformers.run import raise_failure

Part = TypeVar("Part")
Fail = Callable[[Failure], None]

DELIVERED = DONE | {"skipped"}
"""Outcomes after which an entity need not be sent again."""


@dataclass(frozen=True)
class Incoming:
    """A subscriber and the transformers behind it; requests are made for each entity of ``parent``, if there is one."""

    name: str
    subscriber: SubscriberBase
    chain: Chain
    where: str = ""
    parent: Incoming | None = None

    @property
    def resumes(self) -> bool:
        """Whether its slices come with cursors to go on from."""
        return self.subscriber.resumes

    @property
    def json(self) -> bool:
        """Whether JSON is known to give back its entities as they are."""
        return self.subscriber.json and self.chain.json and (self.parent is None or self.parent.json)

    def slices(self, cursor: Cursor | None = None, fail: Fail = raise_failure) -> Iterator[Slice]:
        """Read what is new since a cursor, and transform it.

        An entity that a step, or the subscriber itself, cannot take goes to ``fail`` instead.
        """

        def fail_here(failure: Failure) -> None:
            fail(failure if failure.origin else replace(failure, origin=self.where))

        if self.parent is None:
            return through(self.chain, self.subscriber.slices(cursor, fail_here), fail)
        return through(self.chain, self.subscriber.children(self.parent.slices(cursor, fail), fail_here), fail)

    def pages(self, fail: Fail) -> Iterator[list[Entity]]:
        """Read and transform all there is, a page at a time."""
        return (one.entities for one in self.slices(None, fail) if one.entities)


@dataclass(frozen=True)
class Outgoing:
    """Transformers and the publisher behind them; ``deliveries`` are the steps that wait for an entity's outcome."""

    name: str
    chain: Chain
    publisher: PublisherBase
    deliveries: Deliveries

    def publish(self, pages: Iterable[list[Entity]], fail: Fail) -> Iterator[Outcome]:
        """Transform and publish; an entity that a step cannot take goes to ``fail`` instead."""
        slices = through(self.chain, map(Slice, pages), fail)
        for outcomes in self.send(chain.from_iterable(one.entities for one in slices)):
            for outcome in outcomes:
                self.settle([outcome])
                yield outcome

    def send(self, entities: Iterable[Entity]) -> Generator[list[Outcome]]:
        """Publish entities that are transformed already; their outcomes are to be given to ``settle``."""
        return self.publisher.publish_pages(entities)

    def settle(self, outcomes: Iterable[Outcome]) -> None:
        """Tell steps what became of their entities, and have them keep it."""
        if self.deliveries.asked:
            for outcome in outcomes:
                self.deliveries.settle(outcome.entity, outcome.status in DELIVERED)


@dataclass(frozen=True)
class Route:
    """One incoming to one outgoing; ``results`` receives what the publisher's response transformers made.

    ``deliveries`` are the steps of its own chain that wait until an entity is in the store.
    """

    name: str
    config: RouteConfig
    incoming: Incoming
    chain: Chain
    deliveries: Deliveries
    outgoing: Outgoing
    results: Outgoing | None


def through(steps: Chain, slices: Iterable[Slice], fail: Fail) -> Iterator[Slice]:
    """Send slices through a chain and yield what comes out, each with its cursor.

    Where a step holds entities back, nobody can tell to which slice they belong: the last cursor comes in the end.
    """
    run = steps.open(fail)
    last: Cursor | None = None
    for one in slices:
        last = one.cursor or last
        made = run(one.entities) if one.entities else []
        if made or (one.cursor and not run.holds):
            yield Slice(made, None if run.holds else one.cursor)
    rest = run.finish()
    if rest or run.holds:
        yield Slice(rest, last)


class Assembly:
    """The parts of one configuration, built when first asked for; closing it closes their clients and its state.

    Any number of threads may ask at once: there is one client of each name, and one state.
    """

    def __init__(self, config: Config, state: Path | str, *, http_log: str = "off") -> None:
        self.config = config
        self.http_log = http_log
        self._place = state
        self._building = threading.Lock()
        self._clients: dict[str, HttpClient] = {}
        self._states: list[Database] = []
        self._capabilities = self._granted("run", lambda: self.state)

    def rehearsal(self, *, reads: bool = True) -> Self:
        """Return the same parts, with steps that change nothing; without ``reads`` they send no requests either.

        It is closed together with what it is made from.
        """
        twin = copy.copy(self)
        twin._capabilities = twin._granted("rehearsal" if reads else "rehearsal without reads", lambda: self.state)
        return twin

    def _granted(self, mode: Mode, state: Callable[[], Database]) -> Capabilities:
        return Capabilities(
            self.config, self.client, lambda name: self.incoming(name).pages(raise_failure), state, mode
        )

    def client(self, name: str) -> HttpClient:
        """Return a declared client, the same one every time."""
        with self._building:
            if name not in self._clients:
                self._clients[name] = build_client(self.config, name, http_log=self.http_log)
            return self._clients[name]

    def incoming(self, name: str) -> Incoming:
        """Build an incoming."""
        part = declared(self.config.incoming, "incoming", name)
        at = ("incoming", name)
        subscriber = self._build(part.subscriber, (*at, "subscriber"))
        chain = self._chain(part.transformers, (*at, "transformers"))
        parent = getattr(part.subscriber.fields, "parent", None)
        if isinstance(subscriber, WebhookSubscriber):
            subscriber.inbox = Inbox(lambda: self.state, name)
            return Incoming(name, subscriber, chain, self.config.where((*at, "subscriber", "entity")))
        if not parent:
            return Incoming(name, subscriber, chain)
        where = self.config.where((*at, "subscriber", "request_parameters"))
        made = Incoming(name, subscriber, chain, where, self.incoming(parent))
        if isinstance(subscriber, Subscriber):
            subscriber.parent = made.parent
        return made

    def outgoing(self, name: str, job: str | None = None) -> Outgoing:
        """Build an outgoing; ``job`` is whose creates are on record, ``outgoing NAME`` without one."""
        part = declared(self.config.outgoing, "outgoing", name)
        at = ("outgoing", name)
        publisher: PublisherBase = self._build(part.publisher, (*at, "publisher"))
        publisher.journal = JobJournal(lambda: self.state, job or f"outgoing {name}")
        deliveries = Deliveries()
        return Outgoing(name, self._chain(part.transformers, (*at, "transformers"), deliveries), publisher, deliveries)

    def route(self, name: str) -> Route:
        """Build a route with both its ends."""
        part = declared(self.config.routes, "route", name)
        outgoing = self.outgoing(part.outgoing, f"route {name}")
        if part.parallel and isinstance(outgoing.publisher, RequestPublisher):
            outgoing.publisher.parallel = part.parallel
        deliveries = Deliveries()
        return Route(
            name,
            part,
            self.incoming(part.incoming),
            self._chain(part.transformers, ("routes", name, "transformers"), deliveries),
            deliveries,
            outgoing,
            self.outgoing(part.results, f"results of route {name}") if part.results else None,
        )

    def chain(self, path: NodePath) -> Chain:
        """Compile the steps that stand at a path of ``config.steps``."""
        return self._chain(self.config.steps[path], path)

    @property
    def capabilities(self) -> Mapping[str, Any]:
        """What every chain is granted."""
        return self._capabilities.offered

    @property
    def state(self) -> Database:
        """What is remembered between runs; its file is made when it is first asked for."""
        with self._building:
            if not self._states:
                self._states.append(open_state(self._place))
            return self._states[0]

    def close(self) -> None:
        """Close every client that was built, and the state file."""
        for client in self._clients.values():
            client.close()
        self._capabilities.close()
        for state in self._states:
            state.close()

    def _chain(self, steps: list[Any], at: NodePath, deliveries: Deliveries | None = None) -> Chain:
        def where(path: NodePath) -> str:
            in_named_chain = bool(path) and isinstance(path[0], str)
            return self.config.where((*(("transformers",) if in_named_chain else at), *path))

        offered = {**self.capabilities, **({"delivery": deliveries} if deliveries else {})}
        return compile_chain(steps, self.config.registry, self.config.chains, where, offered)

    def _build(self, part: Prototyped, at: NodePath) -> Any:
        name = getattr(part.fields, "client", None)
        chains = {
            field: self._chain(getattr(part.fields, field), (*at, field)) for field in steps_fields(type(part.fields))
        }
        return part.prototype.build(part.fields, self.client(name) if name else None, chains, self.config.catalogue)


def declared(parts: Mapping[str, Part], kind: str, name: str) -> Part:
    """Return a part by name; InputError suggests the nearest name that is declared."""
    if name not in parts:
        hint = suggest(name, parts) or f"Declared: {', '.join(sorted(parts)) or 'none'}."
        raise InputError(f"there is no {kind} '{name}'", hint)
    return parts[name]


def build_client(config: Config, name: str, *, http_log: str = "off") -> HttpClient:
    """Build one declared client; ``http_log`` other than off overrides the level that it declares."""
    part = declared(config.clients, "client", name)
    fields = part.fields if http_log == "off" else part.fields.model_copy(update={"logging": http_log})
    client: HttpClient = part.prototype.build(fields)
    client.hide(config.secrets)
    return client
