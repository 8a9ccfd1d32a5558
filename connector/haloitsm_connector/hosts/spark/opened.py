"""What the options lead to, opened in one of Spark's processes: its share of a tenant's budget, the state of all."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from haloitsm_connector.assemble import Incoming
from haloitsm_connector.catalogue import Catalogue
from haloitsm_connector.client import HttpClient
from haloitsm_connector.client.budget import HOSTED, state_folder
from haloitsm_connector.client.fields import ClientFields, HaloClientFields, RequestBudget
from haloitsm_connector.client.uri import host_of
from haloitsm_connector.config import Config, load
from haloitsm_connector.errors import InputError, StateError
from haloitsm_connector.hosts.spark.told import Common, ToRead
from haloitsm_connector.hosts.streams import Stream
from haloitsm_connector.pipeline import Pipeline
from haloitsm_connector.store.database import Connection, Database
from haloitsm_connector.subscriber.haloitsm import HaloSubscriberFields, RequestParameters, build
from haloitsm_connector.subscriber.incremental import ByDates, Incremental
from haloitsm_transformers import Registry, compile_chain

OWN_CLIENT = "haloitsm"
"""Stands for the client that the options describe, beside those of YAML files."""

LONGEST_SECONDS = 86_400
"""The longest window that a budget can have."""


@dataclass(frozen=True)
class Share:
    """Which part of each tenant's budget a partition has: that of ``number``, among so many (by tenant)."""

    number: int = 0
    among: Mapping[str, int] | int = 1

    def of(self, fields: ClientFields) -> ClientFields:
        """Return the fields of a client whose budget is a share; those without a budget stay as they are."""
        among, whole = self.parts_of(tenant_of(fields)), budget(fields)
        if among <= 1 or whole is None:
            return fields
        each, seconds = whole.requests // among, whole.window_seconds
        if not each:  # less than one request each: one in a longer time
            each, seconds = 1, min(LONGEST_SECONDS, math.ceil(seconds * among / whole.requests))
        folder = state_folder(fields.state_folder) / "shares" / f"{self.number % among + 1} of {among}"
        part = RequestBudget(requests=each, window_seconds=seconds)
        return fields.model_copy(update={"budget": part, "state_folder": str(folder)})

    def parts_of(self, tenant: str) -> int:
        """Return among how many partitions the budget of a tenant is divided."""
        return self.among if isinstance(self.among, int) else self.among.get(tenant, max(self.among.values()))


def tenant_of(fields: ClientFields) -> str:
    """Return whose budget a client uses up; several clients may share one."""
    return f"{host_of(str(fields.base_uri)).lower()} {getattr(fields, 'tenant', None) or ''}".rstrip()


def budget(fields: ClientFields) -> RequestBudget | None:
    """Return the budget that a client has, told or not."""
    if fields.budget is None:
        hosted = (urlsplit(str(fields.base_uri)).hostname or "").endswith(HOSTED)
        return RequestBudget() if hosted else None
    return None if fields.budget == "off" else fields.budget


class NotShared(Database):
    """Stands where steps look for the state, and the machines share none."""

    place = "no state that all machines share"

    def _refuse(self) -> StateError:
        what = "this needs what is remembered between runs, and the machines of the cluster share no state"
        return StateError(what, "Name one: state, or HALOITSM_STATE, as postgresql://user@host/database.")

    def transaction(self, *, durable: bool = True) -> AbstractContextManager[Connection]:
        """Raise StateError."""
        raise self._refuse()

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Raise StateError."""
        raise self._refuse()

    def lease(self, *names: str) -> AbstractContextManager[Database]:
        """Raise StateError."""
        raise self._refuse()

    def holder(self, name: str) -> str:
        """Raise StateError."""
        raise self._refuse()

    def close(self) -> None:
        """Do nothing."""


@contextmanager
def opened(told: Common, share: Share) -> Iterator[Pipeline]:
    """Open the YAML files with the state that all machines share, and a share of each client's budget."""
    config = shared_out(load([Path(path) for path in told.settings.config], environ=told.environ), share)
    with Pipeline(config, state=told.shared_state) as pipeline:
        if told.shared_state is None:
            vars(pipeline.assembly)["state"] = NotShared()  # in place of one that it would open
        yield pipeline


def shared_out(config: Config, share: Share) -> Config:
    """Return a configuration whose clients have a share of their budgets."""
    clients = {
        name: replace(part, fields=share.of(part.fields)) if isinstance(part.fields, ClientFields) else part
        for name, part in config.clients.items()
    }
    return replace(config, clients=clients)


@dataclass(frozen=True)
class Source:
    """One thing to read, by name; ``client`` is how it asks, None for what asks nobody."""

    name: str
    stream: Stream
    client: ClientFields | None

    @property
    def incoming(self) -> Incoming:
        """The incoming that is read."""
        return self.stream.incoming

    @property
    def tenant(self) -> str:
        """Whom it asks, empty for nobody."""
        return tenant_of(self.client) if self.client else ""


@contextmanager
def sources(told: ToRead, share: Share, *, what_is_new: bool = False) -> Iterator[dict[str, Source]]:
    """Open what is to be read, by name; with ``what_is_new`` an entity goes on from a cursor.

    InputError and ConfigError say what is wrong with the options.
    """
    told.check()
    catalogue = Catalogue.load()
    with ExitStack() as stack:
        pipeline = stack.enter_context(opened(told, share)) if told.settings.config else None
        if told.incoming:
            assert pipeline is not None, "checked above"
            yield {name: _configured(pipeline, name, catalogue) for name in told.incoming}
            return
        clients: dict[str, tuple[HttpClient, ClientFields | None]] = {}
        if told.clients:
            if pipeline is None:
                raise InputError("clients stand in a YAML file", "Name the file: config.")
            clients = {name: (pipeline.assembly.client(name), _client(pipeline, name)) for name in told.clients}
        else:
            connection = told.settings.connection()
            if connection is None:
                raise InputError("say whom to ask: `base_uri`, or `clients` of the YAML files")
            fields = share.of(connection)
            assert isinstance(fields, HaloClientFields), "as before"
            clients = {OWN_CLIENT: (stack.enter_context(HttpClient.from_fields(fields)), fields)}
        incremental = _incremental(told, what_is_new)
        yield {name: _of_entity(told, name, *client, incremental, catalogue) for name, client in clients.items()}


def _configured(pipeline: Pipeline, name: str, catalogue: Catalogue) -> Source:
    assembly = pipeline.assembly
    incoming = assembly.incoming(name)
    sample = partial(assembly.rehearsal().incoming, name)
    client = getattr(pipeline.config.incoming[name].subscriber.fields, "client", None)
    return Source(name, Stream(name, incoming, sample, catalogue), _client(pipeline, client) if client else None)


def _client(pipeline: Pipeline, name: str) -> ClientFields | None:
    fields = pipeline.config.clients[name].fields
    return fields if isinstance(fields, ClientFields) else None


def _incremental(told: ToRead, what_is_new: bool) -> Incremental | None:
    by = ByDates(dates=told.dates) if told.dates else None
    if told.window_days is not None or what_is_new:
        return Incremental(by=by, since=told.since, until=told.until, window_days=told.window_days)
    if told.since or told.until or by:
        raise InputError("since, until and dates are about windows of days", "Say how long they are: window_days.")
    return None


def _of_entity(
    told: ToRead,
    name: str,
    client: HttpClient,
    asks: ClientFields | None,
    incremental: Incremental | None,
    catalogue: Catalogue,
) -> Source:
    assert told.entity, "checked before"
    fields = HaloSubscriberFields(
        client=name,
        entity=told.entity,
        request_parameters=RequestParameters(query=told.query),
        page_size=told.page_size,
        incremental=incremental,
    )
    nothing = compile_chain([], Registry.installed())
    subscriber = build(fields, client, {"input_transformers": nothing}, catalogue)
    incoming = Incoming(told.entity, subscriber, nothing)
    return Source(name, Stream(told.entity, incoming, lambda: incoming, catalogue), asks)
