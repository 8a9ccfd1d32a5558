"""Read what belongs to each entity of another incoming: one set of request parameters per entity."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any

from haloitsm_connector.client.drive import Ahead, Flow, Pause
from haloitsm_connector.client.request import Request, Response
from haloitsm_connector.errors import ConnectorError, EntityError, InputError, StatusError
from haloitsm_connector.subscriber.base import Fail, Slice
from haloitsm_connector.subscriber.increments import DELETED
from haloitsm_connector.subscriber.paging import Reading, sifted
from haloitsm_connector.subscriber.reader import Question, Reader
from haloitsm_transformers import Entity, Failure, StepsError, TransformError, template

MOST_ANSWERS = 1_000
LONGEST_ANSWER = 100_000
"""Answers to earlier requests that are kept, and bytes of the longest one of them."""
GONE = 404
"""What Halo answers for a record that is not there (halo-api-facts 3)."""

Questions = Callable[[Mapping[str, Any], Mapping[str, Any]], Iterator[Question]]
"""Makes the requests for path and query values."""


@dataclass(slots=True)
class _Answers:
    """The answers to the latest requests, so that what is asked alike is asked once."""

    kept: OrderedDict[str, Response] = field(default_factory=OrderedDict)

    def get(self, request: Request) -> Response | None:
        if request.target in self.kept:
            self.kept.move_to_end(request.target)
        return self.kept.get(request.target)

    def keep(self, request: Request, response: Response) -> None:
        if len(response.body) <= LONGEST_ANSWER and 200 <= response.status < 300:
            self.kept[request.target] = response
            if len(self.kept) > MOST_ANSWERS:
                self.kept.popitem(last=False)


@dataclass(frozen=True, slots=True)
class _Child:
    """A request that is to be made, and what its entities get of their parent."""

    question: Question
    extra: Entity


class Children:
    """Reads for the entities of a parent; ``path``, ``query`` and ``extra`` are templates over such an entity.

    ``extra`` is added to each entity that is read. Raises InputError for a template that cannot be compiled.
    """

    def __init__(
        self, reader: Reader, questions: Questions, path: Mapping[str, Any], query: Mapping[str, Any],
        extra: Mapping[str, Any],
    ) -> None:  # fmt: skip
        self._reader, self._questions = reader, questions
        try:
            self._fill = template({"path": dict(path), "query": dict(query)})
            self._extra = template(dict(extra))
        except StepsError as error:
            raise InputError(f"request parameters: {error}") from error

    def flow(self, parents: Iterable[Slice], fail: Fail) -> Flow[Slice]:
        """Read for the entities of slices; a slice's cursor comes when all that belongs to it has come.

        An entity that lacks what the templates ask for goes to ``fail``. Raises RemoteError where reading ends early.
        """
        answers = _Answers()
        for parent in parents:
            yield from self._of(parent.entities, answers, fail)
            if parent.cursor is not None:
                yield [Slice([], parent.cursor)]

    def _of(self, parents: list[Entity], answers: _Answers, fail: Fail) -> Flow[Slice]:
        """Read for some parents, several at a time; one whose record is gone has no children."""
        children = iter([child for parent in parents for child in self._asked(parent, fail)])
        coming: deque[_Child] = deque()
        read, gone = 0, None
        while True:
            coming.extend(islice(children, self._reader.parallel - len(coming)))
            if not coming:
                break
            child = coming[0]
            following = {each.question.request.target: each.question.request for each in reversed(coming)}
            following = {target: each for target, each in following.items() if not answers.get(each)}
            if len(following) > 1:
                yield Ahead(list(reversed(following.values())))
            try:
                reading = _answered(self._reader.read(child.question), following, answers, alone=len(coming) == 1)
                yield from sifted(reading, partial(_with, extra=child.extra))
                read += 1
            except StatusError as error:
                if error.status != GONE:
                    raise
                gone = error
            coming.popleft()
        if gone and not read:
            raise gone

    def _asked(self, parent: Entity, fail: Fail) -> list[_Child]:
        if parent.get(DELETED):
            return []
        try:
            parameters, extra = self._fill(parent), self._extra(parent)
            for part, values in parameters.items():
                if missing := next((name for name, value in values.items() if value is None), None):
                    raise TransformError("is null for this entity, so it is not known what to ask for",
                                         f"request_parameters.{part}.{missing}")  # fmt: skip
            return [_Child(question, extra) for question in self._questions(parameters["path"], parameters["query"])]
        except TransformError as error:
            fail(Failure(parent, "", 0, "parent", error.path, error.what))
        except (EntityError, InputError) as error:
            fail(Failure(parent, "", 0, "parent", "", str(error)))
        return []


def _with(rows: list[Entity], extra: Entity) -> list[Slice]:
    return [Slice([row | extra for row in rows] if extra else rows)]


def _answered(
    reading: Reading, announced: Mapping[str, Request], answers: _Answers, *, alone: bool
) -> Generator[Request | Ahead | Pause | list[Entity], Response | None, int]:
    """Do what a reading does, with the requests that are announced, and without those that were answered already.

    Unless it is ``alone``, others are under way beside it, and it gets one page after the other.
    """
    step = partial(next, reading)
    while True:
        try:
            item = step()
        except StopIteration as end:
            count: int = end.value
            return count
        step = partial(next, reading)
        if not isinstance(item, Request):
            if alone or not isinstance(item, Ahead):
                yield item
            continue
        try:
            response = answers.get(item)
            if response is None:
                response = yield announced.get(item.target, item)
                assert response is not None
                answers.keep(item, response)
            step = partial(reading.send, response)
        except ConnectorError as error:
            step = partial(reading.throw, error)
