"""What every subscriber offers: one flow, seen as an iterable, as pages, as slices, and as all of them async."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

from haloitsm_connector.arrow import Columns, record_batches
from haloitsm_connector.client.drive import Driven, Flow, adrive, drive
from haloitsm_connector.client.request import Request
from haloitsm_connector.errors import InputError
from haloitsm_connector.subscriber.paging import sifted
from haloitsm_transformers import Entity, Failure
from haloitsm_transformers.run import raise_failure

if TYPE_CHECKING:
    import pyarrow

Item = TypeVar("Item")
Cursor = dict[str, Any]
"""How far something was read, as JSON data: keep it wherever you keep JSON, and give it back unchanged."""
Fail = Callable[[Failure], None]
"""Is told of an entity that cannot go on."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Some entities, and the cursor to store when they are dealt with.

    Reading that begins with the cursor goes on behind these entities, and behind all slices before. None: there is no
    place here to go on from; keep the cursor that you have.
    """

    entities: list[Entity]
    cursor: Cursor | None = None


@runtime_checkable
class Sliced(Protocol):
    """What can be read slice by slice: a subscriber, or an incoming."""

    def slices(self, cursor: Cursor | None = None) -> Iterator[Slice]:
        """Read what is new since a cursor."""


class SubscriberBase(Driven, ABC):
    """A source of entities; iterate over it, or over its ``pages()``, as often as you like: each time reads anew.

    A subscriber of your own implements `flow` and sets ``client`` if it sends requests.
    """

    waits = False
    """Whether its flow waits for more than the answers to its requests, so that asyncio has to run it in a thread."""
    resumes = False
    """Whether its slices come with cursors to go on from."""
    json = False
    """Whether its entities are decoded JSON and nothing else: no dates, no tuples; else each value is looked at."""

    @abstractmethod
    def flow(self) -> Flow[Entity]:
        """Yield requests and pages of entities; see `haloitsm_connector.client.drive`."""

    def slice_flow(self, cursor: Cursor | None) -> Flow[Slice]:
        """Yield requests and slices, from a cursor on; a subscriber that has none reads everything each time."""
        yield from sifted(self.flow(), lambda page: [Slice(page)])

    def children_flow(self, parents: Iterable[Slice], fail: Fail) -> Flow[Slice]:
        """Yield requests, and slices of what belongs to the entities of a parent's slices."""
        raise InputError(f"a {type(self).__name__} takes no parent")

    def requests(self) -> Iterator[Request]:
        """Yield the first request of every parameter set, final and unsent; nothing for a source without requests."""
        return iter(())

    def pages(self) -> Generator[list[Entity]]:
        """Read, and yield the entities a page at a time. Raises RemoteError or InputError where reading ends early."""
        return drive(self.flow(), self._start)

    def read_arrow(self, columns: Columns | Iterable[str] | None = None) -> pyarrow.RecordBatchReader:
        """Read into Arrow (extra ``arrow``): a record batch per page, as they are asked for, typed from the catalogue.

        ``columns`` chooses some, or gives them with types of the catalogue: ``{"id": "integer", "summary": "string"}``.
        pandas takes it as ``.read_pandas()``, Polars as ``polars.from_arrow(…)``. Raises what `pages` raises, and
        AnswerError for a value that does not fit its column.
        """
        return record_batches(self.pages(), self.columns, columns)

    @property
    def columns(self) -> Columns:
        """The fields of its entities that are known beforehand, with their types in the catalogue."""
        return {}

    def apages(self) -> AsyncIterator[list[Entity]]:
        """Read as `pages` does, without blocking the event loop."""
        return in_thread(self.pages()) if self.waits else adrive(self.flow(), self._start)

    def slices(self, cursor: Cursor | None = None, fail: Fail = raise_failure) -> Generator[Slice]:
        """Read what is new since a cursor, and yield it with the cursors to go on from; without one, everything.

        What was read and is no entity goes to ``fail``. Raises InputError for a cursor that is none, RemoteError where
        reading ends early.
        """
        for slices in drive(self.slice_flow(cursor), self._start):
            yield from slices

    def children(self, parents: Iterable[Slice], fail: Fail = raise_failure) -> Generator[Slice]:
        """Read what belongs to the entities of a parent's slices; the cursor of each comes after all of that.

        An entity that lacks what the requests are made of goes to ``fail``.
        """
        for slices in drive(self.children_flow(parents, fail), self._start):
            yield from slices

    async def aslices(self, cursor: Cursor | None = None) -> AsyncIterator[Slice]:
        """Read as `slices` does, without blocking the event loop."""
        if self.waits:
            async for one in in_thread(self.slices(cursor)):
                yield one
            return
        async for slices in adrive(self.slice_flow(cursor), self._start):
            for one in slices:
                yield one

    def __iter__(self) -> Iterator[Entity]:
        for page in self.pages():
            yield from page

    async def __aiter__(self) -> AsyncIterator[Entity]:
        async for page in self.apages():
            for entity in page:
                yield entity


async def in_thread(items: Iterator[Item]) -> AsyncIterator[Item]:
    """Yield what a blocking iterator yields, taking each item in a worker thread."""
    end: Any = object()
    while (item := await asyncio.to_thread(next, items, end)) is not end:
        yield item
