"""Publish by requests: entity → request transformers → request → answer → outcome → response transformers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from haloitsm_connector.client.body import is_error, read_value
from haloitsm_connector.client.drive import Flow
from haloitsm_connector.client.reason import reason, status_error
from haloitsm_connector.client.request import Request, Response
from haloitsm_connector.client.retry import perhaps_done
from haloitsm_connector.errors import AnswerError, EntityError, InputError, LostAnswerError, UnreachableError
from haloitsm_connector.publisher.answer import last_segment
from haloitsm_connector.publisher.base import Outcome, PublisherBase
from haloitsm_transformers import Chain, Entity, Registry, StepsError, TransformError, compile_chain, template

if TYPE_CHECKING:
    from haloitsm_connector.client import HttpClient

DONE = frozenset({"created", "updated", "deleted", "sent"})
LOOK_IT_UP = "It may have taken effect: look the record up before sending it again."
REPEATABLE_LATER = frozenset({408, 425, 429})
"""Statuses below 500 that do not judge what was sent, only the moment."""


class RequestPublisher(PublisherBase):
    """A publisher that makes one request of each entity; ``request`` and ``settle`` are what differs between them."""

    client: HttpClient

    def __init__(
        self,
        client: HttpClient,
        request_transformers: Chain | Sequence[Any],
        response_transformers: Chain | Sequence[Any],
    ) -> None:
        self.client = client
        self._before = compiled("request_transformers", request_transformers)
        self._after = compiled("response_transformers", response_transformers)

    @abstractmethod
    def request(self, document: Entity) -> Request:
        """Make the request out of an entity that has passed the request transformers; InputError when it cannot be."""

    @abstractmethod
    def settle(self, entity: Entity, request: Request, value: Any, status: int) -> Outcome:
        """Return the outcome of an accepted request; ``value`` is its decoded answer, ``status`` that of HTTP."""

    def plan(self, entity: Entity) -> Request | Outcome:
        """Return the request that the entity becomes or, where nothing is to be sent, its outcome."""
        try:
            documents = run(self._before, entity)
            if not documents:
                return Outcome(entity, "skipped", reason="the request transformers left nothing to send")
            if len(documents) > 1:
                what = f"the request transformers made {len(documents)} documents out of one entity"
                raise InputError(what, "Split entities in the outgoing's transformers, before the publisher.")
            return self.request(documents[0])
        except TransformError as error:
            return Outcome(entity, "failed", reason=str(error))
        except InputError as error:
            return Outcome(entity, "refused", reason=str(error))

    def requests(self, entities: Iterable[Entity]) -> Iterator[Request]:
        """Yield the request for each entity, and send none; EntityError for one that cannot become a request."""
        for entity in entities:
            planned = self.plan(entity)
            if isinstance(planned, Request):
                yield planned
            elif planned.status != "skipped":
                raise EntityError(planned.reason, entity=entity)

    def flow(self, entities: Iterable[Entity]) -> Flow[Outcome]:
        """Send one request after the other; each outcome is yielded before the next entity is taken."""
        for entity in entities:
            planned = self.plan(entity)
            if isinstance(planned, Request):
                planned = yield from self._exchange(entity, planned)
            yield [self._with_results(planned)]

    def _exchange(self, entity: Entity, request: Request) -> Generator[Request, Response | None, Outcome]:
        sent = Outcome(entity, "sent", request=f"{request.method} {request.target}")
        try:
            response = yield request
        except LostAnswerError as error:
            return replace(sent, status="waiting", reason=str(error))
        except UnreachableError as error:
            if not error.sent:
                raise  # nobody is there: the next entity would fare no better
            return replace(sent, status="failed", reason=str(error))
        except AnswerError as error:
            return _unknown(sent, request, error)
        except InputError as error:
            return replace(sent, status="refused", reason=str(error))
        assert response is not None, "a flow is sent a response for every request"
        if not 200 <= response.status < 300:
            return self._turned_down(sent, request, response)
        try:
            value = read_value(response)
        except AnswerError as error:
            return _unknown(sent, request, error)
        if is_error(value):
            return replace(sent, status="refused", reason=reason(response), response=value)
        settled = self.settle(entity, request, value, response.status)
        return replace(settled, request=sent.request, response=value, reason=response.hide(settled.reason))

    def _turned_down(self, sent: Outcome, request: Request, response: Response) -> Outcome:
        status, value = response.status, _decoded(response)
        if request.method == "DELETE" and status == 404 and response.repeated:
            return replace(sent, status="deleted", id=last_segment(request.path), response=value)
        if request.method == "DELETE" and self.client.normal(status):
            return replace(sent, status="skipped", reason=f"there was nothing to delete ({status})", response=value)
        error = status_error(response, request.method)
        if perhaps_done(request, response) and not request.may_repeat:
            return replace(sent, status="waiting", reason=f"{error.what}. {LOOK_IT_UP}", response=value)
        later = status >= 500 or status in REPEATABLE_LATER
        return replace(sent, status="failed" if later else "refused", reason=str(error), response=value)

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
            return replace(outcome, results=run(self._after, document))
        except TransformError as error:
            return replace(outcome, reason=f"done, but the response transformers failed: {error}")


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


def _unknown(sent: Outcome, request: Request, error: AnswerError) -> Outcome:
    """Return the outcome where an answer came that tells nothing."""
    if request.may_repeat:
        return replace(sent, status="failed", reason=str(error))
    return replace(sent, status="waiting", reason=f"{error.what}. {LOOK_IT_UP}")


def _decoded(response: Response) -> Any:
    try:
        return read_value(response)
    except AnswerError:
        return None
