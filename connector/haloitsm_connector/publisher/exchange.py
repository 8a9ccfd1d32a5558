"""Publish by requests: entity → request transformers → write → request → answer → outcome → response transformers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from haloitsm_connector.client.drive import Flow
from haloitsm_connector.client.request import Request
from haloitsm_connector.errors import EntityError, InputError
from haloitsm_connector.publisher.base import Outcome, PublisherBase, Status
from haloitsm_connector.publisher.creates import Creates
from haloitsm_connector.publisher.cut import Size
from haloitsm_connector.publisher.journal import NoJournal, Run
from haloitsm_connector.publisher.once import LookUp
from haloitsm_connector.publisher.side_by_side import Exchange, Task, side_by_side
from haloitsm_connector.publisher.updates import updated
from haloitsm_connector.publisher.write import Write, shipments
from haloitsm_transformers import Chain, Entity, Registry, StepsError, TransformError, compile_chain, template

if TYPE_CHECKING:
    from haloitsm_connector.client import HttpClient

DONE = frozenset({"created", "updated", "deleted", "sent"})
MOST_PARALLEL = 16
MOST_AT_ONCE = 1_000


class RequestPublisher(PublisherBase):
    """A publisher that makes a request of each entity; ``write`` and ``settle`` are what differs between them.

    ``parallel`` requests are under way at a time, ``batch`` records go in one of them at most where they may go
    together. Creates are on record in ``journal`` before they are sent. InputError for options out of range.
    """

    client: HttpClient
    look_up: LookUp | None = None
    looks_first = True
    """Whether records are looked up before they are created; not where all were looked up at once just before."""
    key: Sequence[str] = ("id",)
    all_answers = False
    """Whether what is answered for each record of an array matters."""
    harmless = False
    """Whether whatever is sent may be sent twice, so that nothing needs to be on record."""

    def __init__(
        self,
        client: HttpClient,
        request_transformers: Chain | Sequence[Any],
        response_transformers: Chain | Sequence[Any],
        *,
        parallel: int = 1,
        batch: int = 1,
    ) -> None:
        self.client = client
        self.parallel = _within("parallel", parallel, MOST_PARALLEL)
        self.batch = _within("batch", batch, MOST_AT_ONCE)
        self._before = compiled("request_transformers", request_transformers)
        self._after = compiled("response_transformers", response_transformers)

    @abstractmethod
    def write(self, entity: Entity, document: Entity) -> Write:
        """Make the write of an entity out of what the request transformers made of it; InputError when it cannot be."""

    @abstractmethod
    def settle(self, write: Write, value: Any, status: int) -> tuple[Status, Any]:
        """Tell what an accepted write did, and the record's id; ``value`` is its decoded answer, ``status`` of HTTP."""

    def plan(self, entity: Entity) -> Write | Outcome:
        """Return what the entity becomes or, where nothing is to be sent, its outcome."""
        try:
            documents = run(self._before, entity)
            if not documents:
                return Outcome(entity, "skipped", reason="the request transformers left nothing to send")
            if len(documents) > 1:
                what = f"the request transformers made {len(documents)} documents out of one entity"
                raise InputError(what, "Split entities in the outgoing's transformers, before the publisher.")
            return self.write(entity, documents[0])
        except TransformError as error:
            lasting = error.failure is not None and error.failure.lasting
            return Outcome(entity, "failed", reason=str(error), lasting=lasting)
        except InputError as error:
            return Outcome(entity, "refused", reason=str(error))

    def requests(self, entities: Iterable[Entity]) -> Iterator[Request]:
        """Yield the request for each entity, and send none; EntityError for one that cannot become a request.

        What goes in one array when it is published is shown by itself.
        """
        for entity in entities:
            planned = self.plan(entity)
            if isinstance(planned, Write):
                yield planned.request
            elif planned.status != "skipped":
                raise EntityError(planned.reason, entity=entity)

    def flow(self, entities: Iterable[Entity]) -> Flow[Outcome]:
        """Send what the entities become, and yield their outcomes in order.

        No more entities are taken than fill ``parallel`` requests.
        """
        journal = NoJournal() if self.harmless else self.journal
        with journal.begin() as run:
            yield from side_by_side(self._tasks(entities, run), self.parallel)

    def _tasks(self, entities: Iterable[Entity], run: Run) -> Iterator[Task]:
        size = Size(self.batch, self.batch)
        creates = Creates(
            self.client, run, self.look_up, self.settle, self.key, self.parallel, len(self._after) > 0, self.looks_first
        )
        for shipment in shipments(map(self.plan, entities), size):
            writes = [one for one in shipment if isinstance(one, Write)]
            concerns = frozenset(one for write in writes for one in write.concerns)
            yield Task(self._carried_out(shipment, writes, size, creates), concerns)

    def _carried_out(
        self, shipment: list[Write | Outcome], writes: list[Write], size: Size, creates: Creates
    ) -> Exchange:
        if writes and writes[0].request.may_repeat:
            done = yield from updated(
                self.client, writes, size, self.settle, self.key, all_answers=self.all_answers or len(self._after) > 0
            )
        else:
            done = yield from creates.created(writes, size)
        outcomes = iter(done)
        return [self._with_results(next(outcomes) if isinstance(one, Write) else one) for one in shipment]

    def _with_results(self, outcome: Outcome) -> Outcome:
        """Run the response transformers after a success; what fails in them cannot undo it, and adds to the reason."""
        if not len(self._after) or outcome.status not in DONE:
            return outcome
        document = {
            "entity": outcome.entity,
            "status": outcome.status,
            "id": outcome.id,
            "request": outcome.request,
            "response": outcome.response,
        }
        try:
            return outcome._replace(results=run(self._after, document))
        except TransformError as error:
            return outcome._replace(reason=f"done, but the response transformers failed: {error}")


def _within(name: str, value: int, most: int) -> int:
    if not 1 <= value <= most:
        raise InputError(f"`{name}` is between 1 and {most}, not {value}")
    return value


def compiled(name: str, steps: Chain | Sequence[Any]) -> Chain:
    """Return a chain, compiled from steps unless it is one; InputError says what is wrong with the steps."""
    if isinstance(steps, Chain):
        return steps
    try:
        return compile_chain(list(steps), Registry.installed() if steps else Registry.empty())
    except StepsError as error:
        raise InputError(f"{name}: {error}") from error


def reader(name: str, value: Any) -> Callable[[Entity], Any]:
    """Return what reads one part of a request from an entity: a template or, without one, the property of that name."""
    if value is None:
        return lambda entity: entity.get(name)
    try:
        return template(value)
    except StepsError as error:
        raise InputError(f"{name}: {error}") from error


def run(chain: Chain, entity: Entity) -> list[Entity]:
    """Send one entity through a chain of its own, so that stream steps see it alone."""
    if not len(chain):
        return [entity]
    opened = chain.open()
    return [*opened([entity]), *opened.finish()]


def mapping(name: str, value: Any) -> dict[str, Any]:
    """Return path or query values as an object, empty for null; InputError for anything else."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InputError(f"'{name}' must be an object of names and values, not {type(value).__name__}")
    return value
