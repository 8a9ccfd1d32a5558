"""What every publisher offers: one outcome for every entity, in their order, from one flow."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Generator, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self

from haloitsm_connector.arrow import outcome_table, records
from haloitsm_connector.client.drive import Driven, Flow, adrive, drive
from haloitsm_connector.client.request import Request
from haloitsm_connector.errors import InputError
from haloitsm_connector.publisher.journal import Journal, NoJournal
from haloitsm_transformers import Entity, Failure

if TYPE_CHECKING:
    import pyarrow

Status = Literal["created", "updated", "deleted", "sent", "skipped", "refused", "failed", "waiting"]


class Outcome(NamedTuple):
    """What became of one entity.

    ``status`` is

    - ``created``, ``updated``, ``deleted``; ``sent`` where the operation does none of these, or does not tell which
    - ``skipped``: there was nothing to do
    - ``refused``: the other side said no, or no request could be made; as it is, the entity will be refused again
    - ``failed``: a transformer or the other side failed, and nothing was done twice; it can be sent again
    - ``waiting``: the request left and it is unknown whether it took effect; look the record up before sending again

    ``reason`` says why in plain words where it is not a success, ``id`` is the record's (a list of ids for a list of
    records), ``request`` is method and path as sent, ``response`` the decoded answer, and ``results`` is what the
    response transformers made. ``intent`` is the number under which the journal keeps what was created, or waits; 0 for
    what is on no record. ``lasting``: it failed by itself, in a transformer that asked nobody, and will so again.
    """

    entity: Entity
    status: Status
    id: Any = None
    reason: str = ""
    request: str = ""
    response: Any = None
    results: Sequence[Entity] = ()
    intent: int = 0
    lasting: bool = False

    @classmethod
    def failed(cls, failure: Failure) -> Self:
        """Return the outcome of an entity that a transformer could not take."""
        return cls(failure.entity or {}, "failed", reason=str(failure), lasting=failure.lasting)

    def described(self) -> dict[str, Any]:
        """Return the outcome as data, without the decoded answer."""
        return {
            "status": self.status,
            "id": self.id,
            "reason": self.reason,
            "request": self.request,
            "entity": self.entity,
            "results": [*self.results],
        }


class PublisherBase(Driven, ABC):
    """A destination of entities.

    A publisher of your own implements `flow` and sets ``client`` if it sends requests. ``journal`` is where it may put
    on record what it must not do twice; a pipeline gives each its own.
    """

    journal: Journal = NoJournal()
    goes_on = False
    """Whether what it is given goes on with what an earlier run, which was cut off, has published."""

    @abstractmethod
    def flow(self, entities: Iterable[Entity]) -> Flow[Outcome]:
        """Yield requests and pages of outcomes: one per entity, in order; see `haloitsm_connector.client.drive`."""

    def requests(self, entities: Iterable[Entity]) -> Iterator[Request]:
        """Yield the requests that publishing would send, and send none; nothing where it sends no requests."""
        return iter(())

    def publish(self, entities: Iterable[Entity]) -> Iterator[Outcome]:
        """Send entities as the outcomes are asked for. Raises RemoteError when going on makes no sense."""
        for page in self.publish_pages(entities):
            yield from page

    def publish_pages(self, entities: Iterable[Entity]) -> Generator[list[Outcome]]:
        """Send entities as `publish` does, and yield the outcomes that come together as a list."""
        return drive(self.flow(_objects(entities)), self._start)

    def publish_table(self, table: Any) -> pyarrow.Table:
        """Publish the rows of an Arrow table (extra ``arrow``): one of pyarrow, or a data frame of pandas or Polars.

        Nulls are left out of the entities. Returns a table with a row for each: status, id, reason, request. Raises
        InputError for what is no table, RemoteError when going on makes no sense.
        """
        return outcome_table(outcome.described() for outcome in self.publish(records(table)))

    async def apublish(self, entities: Iterable[Entity]) -> AsyncIterator[Outcome]:
        """Send entities as `publish` does, without blocking the event loop."""
        async for page in adrive(self.flow(_objects(entities)), self._start):
            for outcome in page:
                yield outcome


def _objects(entities: Iterable[Entity]) -> Iterator[Entity]:
    """Yield the entities; InputError where one is no object, as when a single entity is given for a list of them."""
    for entity in entities:
        if not isinstance(entity, dict):
            what = f"an entity is an object (a dict), not {type(entity).__name__}"
            raise InputError(what, "Give a list of entities, also for a single one.")
        yield entity
