"""Streams: what a host can read, each with its schema, its key, and a cursor to go on from.

A host keeps the cursor of a stream as JSON wherever it keeps its state, and gives it back unchanged: a run goes on
there and brings what is new. A child stream reads its parents itself, with a cursor of its own, so that it depends on
no other stream.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Self

from haloitsm_connector.assemble import Incoming
from haloitsm_connector.catalogue import Catalogue, Operation
from haloitsm_connector.client import HttpClient
from haloitsm_connector.errors import EntityError, InputError, suggest
from haloitsm_connector.hosts.schemas import Schema, schema_of, widened
from haloitsm_connector.hosts.selection import selection
from haloitsm_connector.hosts.settings import Settings
from haloitsm_connector.pipeline import Pipeline
from haloitsm_connector.subscriber import Cursor, Slice, Subscriber
from haloitsm_connector.subscriber.haloitsm import build
from haloitsm_connector.subscriber.incremental import CHANGED
from haloitsm_connector.subscriber.increments import DELETED
from haloitsm_transformers import Failure, Registry, compile_chain

Fail = Callable[[Failure], None]
NOTHING = Schema(type="object", properties={}, additionalProperties=True)


def stop(failure: Failure) -> None:
    """End reading with an EntityError for a record that cannot go on."""
    raise EntityError(failure.what, origin=failure.origin, entity=failure.entity)


@dataclass(frozen=True)
class Stream:
    """An incoming, as a host sees it. ``sample`` is the same incoming in a rehearsal: reading it changes nothing."""

    name: str
    incoming: Incoming
    sample: Callable[[], Incoming]
    catalogue: Catalogue

    @property
    def operation(self) -> Operation | None:
        """The operation of Halo that is read, None for a file or another system."""
        subscriber = self.incoming.subscriber
        return subscriber.operation if isinstance(subscriber, Subscriber) else None

    @property
    def parent(self) -> str | None:
        """The name of the incoming whose entities it is read for."""
        return self.incoming.parent.name if self.incoming.parent else None

    @property
    def resumes(self) -> bool:
        """Whether its slices come with cursors, so that a run brings what is new."""
        return self.incoming.resumes

    @cached_property
    def declared(self) -> Schema:
        """What the catalogue says of its records, known without reading any; nothing where transformers change them."""
        if self.operation is None or len(self.incoming.chain):
            return NOTHING
        return schema_of(self.catalogue, self.operation)

    @cached_property
    def schema(self) -> Schema:
        """The JSON Schema of its records: the catalogue's, or that of the first ones where transformers change them.

        Raises RemoteError where the first ones have to be read and cannot be.
        """
        schema = self.declared if self.declared["properties"] else self._sampled()
        plan = self.incoming.subscriber.plan if isinstance(self.incoming.subscriber, Subscriber) else None
        return widened(schema, [{DELETED: True}], self._declared_key) if plan and plan.sweep is not None else schema

    @cached_property
    def key(self) -> tuple[str, ...]:
        """The fields that identify a record, empty where none do."""
        properties = self.schema["properties"]
        never_null = all("null" not in properties.get(name, {}).get("type", ["null"]) for name in self._declared_key)
        return self._declared_key if never_null else ()

    @cached_property
    def replication_key(self) -> str | None:
        """The field that says when a record changed, where there is one and what is new is read.

        The cursor does not go by it alone: it is for hosts that order or merge by such a field.
        """
        if not self.resumes:
            return None
        subscriber = self.incoming.subscriber
        plan = subscriber.plan if isinstance(subscriber, Subscriber) else None
        stamps = plan.stamps if plan else CHANGED
        return next((name for name in stamps if name in self.schema["properties"]), None)

    def slices(self, cursor: Cursor | None = None, fail: Fail = stop) -> Iterator[Slice]:
        """Read what is new since a cursor, everything without one; each slice has the cursor to keep behind it.

        A record that cannot go on goes to ``fail``; without one, EntityError says which and where. Raises RemoteError
        where reading ends early.
        """
        return self.incoming.slices(cursor, fail)

    def _sampled(self) -> Schema:
        # A record that cannot go on is told of when it is read, not when one asks what there is.
        slices = self.sample().slices(None, lambda failure: None)
        some = next((one.entities for one in slices if one.entities), [])
        key = [name for name in self._declared_key if all(entity.get(name) is not None for entity in some)]
        return widened(NOTHING, some, key)

    @property
    def _declared_key(self) -> tuple[str, ...]:
        return self.operation.key if self.operation else ()


class Streams:
    """All streams that settings lead to; a context manager, which closes what it opened.

    Those of the YAML files are there by the names of their incoming. Where the settings say how to reach Halo, so are
    the usual entities, and the further ones. ConfigError and InputError say what is wrong with the settings.
    """

    def __init__(self, settings: Settings, *, environ: Mapping[str, str] | None = None) -> None:
        self.settings = settings
        self.catalogue = Catalogue.load()
        connection = settings.connection()
        self._client = HttpClient.from_fields(connection) if connection else None
        self._pipeline: Pipeline | None = None
        if settings.config:
            variables = settings.variables(os.environ if environ is None else environ)
            self._pipeline = Pipeline.load(*settings.config, environ=variables, catalogue=self.catalogue)
        self._streams = {**self._usual(), **self._configured()}

    def __getitem__(self, name: str) -> Stream:
        if name not in self._streams:
            hint = suggest(name, self._streams) or f"There are: {', '.join(sorted(self._streams))}."
            raise InputError(f"there is no stream '{name}'", hint)
        return self._streams[name]

    def __iter__(self) -> Iterator[Stream]:
        return iter(self._streams.values())

    @property
    def secrets(self) -> Collection[str]:
        """The secrets in the YAML files, for hosts that hide them in their own logs."""
        return self._pipeline.config.secrets if self._pipeline else ()

    def check(self) -> None:
        """Sign in. AuthenticationError and UnreachableError say why we may not, or cannot, talk to Halo."""
        assembly = self._pipeline.assembly if self._pipeline else None
        named = [assembly.client(name) for name in assembly.config.clients] if assembly else []
        for client in [*named, *([self._client] if self._client else [])]:
            client.connect()

    def close(self) -> None:
        """Close the clients and the state of the YAML files."""
        if self._client:
            self._client.close()
        if self._pipeline:
            self._pipeline.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _configured(self) -> dict[str, Stream]:
        if self._pipeline is None:
            return {}
        assembly = self._pipeline.assembly
        rehearsal = assembly.rehearsal()
        return {
            name: Stream(name, assembly.incoming(name), partial(rehearsal.incoming, name), self.catalogue)
            for name in assembly.config.incoming
        }

    def _usual(self) -> dict[str, Stream]:
        if self._client is None:
            return {}
        nothing = compile_chain([], Registry.installed())
        incoming: dict[str, Incoming] = {}
        for name, fields in selection(self.catalogue, self.settings.entities, self.settings.start_date).items():
            subscriber = build(fields, self._client, {"input_transformers": nothing}, self.catalogue)
            incoming[name] = Incoming(name, subscriber, nothing)
            if fields.parent:
                subscriber.parent = incoming[fields.parent]
                incoming[name] = replace(incoming[name], parent=incoming[fields.parent])
        return {
            name: Stream(name, one, partial(incoming.__getitem__, name), self.catalogue)
            for name, one in incoming.items()
        }
