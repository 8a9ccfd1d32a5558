"""A destination for hosts that hand over records in batches, and tell from time to time that they will not come again.

A host whose process dies hands over again what it has not confirmed. Until then every create stays on record, so that
what was created is not created twice; see docs/adr/0013.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import Self

from haloitsm_connector.assemble import Outgoing
from haloitsm_connector.errors import InputError
from haloitsm_connector.hosts.settings import Settings
from haloitsm_connector.pipeline import Pipeline
from haloitsm_connector.publisher import Outcome
from haloitsm_connector.publisher.journal import Journal, Run
from haloitsm_connector.store import Intents
from haloitsm_transformers import Entity, Failure


class _Held:
    """A journal whose run goes on from one batch to the next."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._run: Run | None = None
        self._open = ExitStack()

    def begin(self) -> AbstractContextManager[Run]:
        """Go on with the run, or begin one."""
        if self._run is None:
            self._run = self._open.enter_context(self._journal.begin())
        return nullcontext(self._run)

    def end(self, error: BaseException | None = None) -> None:
        """End the run: well, or cut off by an error."""
        self._run = None
        self._open.__exit__(type(error) if error else None, error, None)


class _CutOff(Exception):  # noqa: N818 - nothing went wrong
    """A run ends before what it sent is confirmed."""


class Sink:
    """One outgoing, for the records of one stream."""

    def __init__(self, outgoing: Outgoing) -> None:
        self._outgoing = outgoing
        self._journal = outgoing.publisher.journal = _Held(outgoing.publisher.journal)

    def send(self, records: Iterable[Entity]) -> Iterator[Outcome]:
        """Transform and publish records; yield the outcomes, those of records that no transformer takes last."""
        failed: list[Failure] = []
        yield from self._outgoing.publish([list(records)], failed.append)
        yield from map(Outcome.failed, failed)

    def confirm(self) -> None:
        """Forget what was created: the host will not hand it over again."""
        self._journal.end()

    def cut_off(self) -> None:
        """Keep on record what was created since it was confirmed last."""
        self._journal.end(_CutOff())


class Sinks:
    """The outgoing of YAML files as sinks, by name; a context manager, which closes what it opened."""

    def __init__(self, settings: Settings, *, environ: Mapping[str, str] | None = None) -> None:
        if not settings.config:
            raise InputError("config is missing: the YAML file that says how to write", "Name it: config: halo.yaml.")
        variables = settings.variables(os.environ if environ is None else environ)
        self._pipeline = Pipeline.load(*settings.config, environ=variables)
        self._open: list[Sink] = []

    def open(self, outgoing: str, job: str) -> Sink:
        """Return an outgoing for the records of one stream; ``job`` names whose creates are on record."""
        self._open.append(Sink(self._pipeline.assembly.outgoing(outgoing, job)))
        return self._open[-1]

    def forget(self, jobs: str, but: str) -> None:
        """Forget what was created by jobs whose names begin with ``jobs``, except those that begin with ``but``.

        For a host that tells in the beginning of its next piece of work that it is done with those before.
        """
        Intents(self._pipeline.assembly.state).forget(jobs, but)

    def check(self) -> None:
        """Sign in, and open the state.

        AuthenticationError and UnreachableError say why we may not, or cannot, talk to Halo; StateError why creates
        cannot be kept on record.
        """
        for name in self._pipeline.config.clients:
            self._pipeline.assembly.client(name).connect()
        _ = self._pipeline.assembly.state  # is opened when it is first asked for

    def close(self) -> None:
        """Close the clients and the state; what was created and not confirmed stays on record."""
        for sink in self._open:
            sink.cut_off()
        self._pipeline.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
