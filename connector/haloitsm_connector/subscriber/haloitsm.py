"""Read any GET operation of HaloITSM: request parameters → input transformers → final requests → entities."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from pydantic import Field

from haloitsm_connector.catalogue import Catalogue, Operation
from haloitsm_connector.catalogue.usage import check_path, check_query, check_requires, find_operation
from haloitsm_connector.client.drive import Flow, drive
from haloitsm_connector.client.request import Request
from haloitsm_connector.errors import Finding, InputError
from haloitsm_connector.prototypes import Fields, Prototype
from haloitsm_connector.subscriber.base import Cursor, Fail, Slice, Sliced, SubscriberBase
from haloitsm_connector.subscriber.children import Children
from haloitsm_connector.subscriber.cursor import mark
from haloitsm_connector.subscriber.incremental import Incremental, Plan, check_incremental, planned, set_by_user
from haloitsm_connector.subscriber.increments import read_increments
from haloitsm_connector.subscriber.paging import sifted
from haloitsm_connector.subscriber.parameters import compiled, parameter_sets
from haloitsm_connector.subscriber.parts import Part, ranges, read_part, windows
from haloitsm_connector.subscriber.reader import PAGE_PARAMETERS, PARALLEL, Consistency, Question, Reader
from haloitsm_transformers import Chain, Entity, Steps, StepsError, Template, template
from haloitsm_transformers.run import raise_failure

if TYPE_CHECKING:
    from haloitsm_connector.client import HttpClient

PARENTS_AT_ONCE = 100
"""Entities of a parent without slices that are taken together."""


class Subscriber(SubscriberBase):
    """The entities that one GET operation of HaloITSM answers, all pages of it.

    ``entity`` is an operation as `Catalogue.find` takes it (``GET /Tickets``). A list among the values of ``path``
    makes a request for each of its values. ``input_transformers`` is a chain, or its steps; it gets
    ``{"path": …, "query": …}``, and each document that it yields becomes a request. ``consistency="verified"`` misses
    nothing and yields nothing twice although a list changes while it is read; ``"fast"`` takes the pages as they come.
    ``parallel`` requests are under way at a time, at most 16.

    ``incremental`` (`Incremental`, or a mapping of its fields) reads what is new: `slices` goes on from a cursor.
    With ``parent``, the values of ``path``, ``query`` and ``from_parent`` are templates over each of its entities:
    requests are made for each, and ``from_parent`` is added to what they bring. A parent is a subscriber or any
    iterable of entities. Raises InputError for an entity that Halo does not have, options that do not fit it and,
    while reading, for path values that do not fit.
    """

    json = True

    def __init__(
        self,
        client: HttpClient | None,
        entity: str,
        *,
        path: Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
        input_transformers: Chain | Sequence[Any] = (),
        page_size: int | None = None,
        limit: int | None = None,
        consistency: Consistency = "verified",
        parallel: int = PARALLEL,
        incremental: Incremental | Mapping[str, Any] | None = None,
        parent: Sliced | Iterable[Entity] | None = None,
        from_parent: Mapping[str, Any] | None = None,
        catalogue: Catalogue | None = None,
    ) -> None:
        self.client = client
        catalogue = catalogue or Catalogue.load()
        self.operation = catalogue.find(entity, ("GET",))
        self.path = dict(path or {})
        self.query = dict(query or {})
        self.limit = limit
        self.parent = parent
        self.from_parent = dict(from_parent or {})
        self.plan = None if incremental is None else planned(self.operation, incremental)
        self._catalogue = catalogue
        self._chain = compiled(input_transformers)
        self._reader = Reader(self.operation, client, page_size, consistency, parallel)
        for finding in contradictions(self.plan, self.query, parent is not None, limit):
            raise InputError(finding.what, finding.hint)

    @property
    def waits(self) -> bool:  # type: ignore[override]  # it depends
        """Whether its flow waits for a parent."""
        return self.parent is not None

    @property
    def resumes(self) -> bool:  # type: ignore[override]  # it depends
        """Whether it is incremental, or its parent is."""
        return self.plan is not None or getattr(self.parent, "resumes", False)

    @property
    def columns(self) -> Mapping[str, str]:
        """The fields that the catalogue knows of the operation's rows, with their types."""
        fields = self._catalogue.fields(self.operation.record) if self.operation.record else {}
        return {name: field.type for name, field in fields.items()}

    def requests(self) -> Iterator[Request]:
        """Yield the first request of every parameter set, final and unsent.

        Of an incremental read without its dates; nothing where a parent has to be read first.
        """
        return iter(()) if self.waits else (question.request for question in self._questions())

    def flow(self) -> Flow[Entity]:
        """Read what every request answers, page after page, until ``limit``."""
        if self.plan or self.parent is not None:
            yield from sifted(self.slice_flow(None), _entities)
            return
        left = self.limit
        for question in self._questions():
            count = yield from self._reader.read(question, left)
            left = None if left is None else left - count
            if left == 0:
                return

    def slice_flow(self, cursor: Cursor | None) -> Flow[Slice]:
        """Read slices, from a cursor on: an incremental read's own, or that of the parent."""
        if self.plan:
            asked = [self.operation.name, self.path, self.query, self.plan.lower, self.plan.fixed]
            of = mark([self.client and self.client.api_uri, *asked])
            return read_increments(self._reader, self.plan, self._questions, of, cursor)
        if self.parent is None:
            return super().slice_flow(cursor)
        return self.children_flow(
            self.parent.slices(cursor) if isinstance(self.parent, Sliced) else _sliced(self.parent)
        )

    def children_flow(self, parents: Iterable[Slice], fail: Fail = raise_failure) -> Flow[Slice]:
        """Read what belongs to the entities of a parent's slices; the cursor of each comes after all of that.

        A parent's entity that lacks what the templates ask for goes to ``fail``.
        """
        children = Children(self._reader, self._questions_for, self.path, self.query, self.from_parent)
        return children.flow(parents, fail)

    def parts(self, count: int) -> list[Part]:
        """Divide what there is to read: into windows where it is read in those, else into ``count`` ranges of ids.

        Empty where it cannot be divided, and has to be read as one.
        """
        if self.parent is not None or self.limit is not None:
            return []
        if self.plan:
            return list(windows(self.plan, list(self._questions()), datetime.now(UTC)))
        flow = ranges(self._reader, list(self._questions()), count)
        return [part for some in drive(flow, self._start) for part in some]

    def part_pages(self, part: Part, parallel: int | None = None) -> Generator[list[Entity]]:
        """Read one part, a page at a time: a record that is there all the time comes in one of them, once.

        Of windows, one whose date changes meanwhile may come in none, or in two. ``parallel`` requests are under way at
        a time, or as many as the subscriber has.
        """
        reader = replace(self._reader, parallel=parallel) if parallel else self._reader
        return drive(read_part(reader, list(self._questions()), self.plan, part), self._start)

    def _questions(self) -> Iterator[Question]:
        return self._questions_for(self.path, self.query)

    def _questions_for(self, path: Mapping[str, Any], query: Mapping[str, Any]) -> Iterator[Question]:
        for path_values, query_values in parameter_sets(path, query, self._chain):
            yield from self._reader.questions(path_values, query_values)


def _entities(slices: list[Slice]) -> list[Entity]:
    return [entity for one in slices for entity in one.entities]


def _sliced(entities: Iterable[Entity]) -> Iterator[Slice]:
    left = iter(entities)
    while some := list(islice(left, PARENTS_AT_ONCE)):
        yield Slice(some)


def contradictions(
    plan: Plan | None, query: Mapping[str, Any], has_parent: bool, limit: int | None
) -> Iterator[Finding]:
    """Yield the options of a subscriber that cannot be together."""
    if has_parent and plan:
        hint = "Move it to the parent: what is new there decides what is read here."
        yield Finding(("incremental",), "a subscriber with a parent does not read what is new by itself", hint)
    if limit is not None and (has_parent or plan):
        what = "a limit would leave out entities for good where what is new is read, or what belongs to a parent"
        yield Finding(("limit",), what, "Leave it out; of a parent that is not incremental, limit the parent.")
    for name in set_by_user(plan, query) if plan else ():
        what = f"query parameter '{name}' is what the incremental read narrows the list by"
        yield Finding(("request_parameters", "query", name), what, "Leave it out, or leave out `incremental`.")


class RequestParameters(Fields):
    """What the requests are made of."""

    path: dict[str, Any] = Field({}, description="Values for the path's placeholders; a list makes a request for each.")
    query: dict[str, Any] = Field({}, description="Query parameters; a list is sent as values joined with commas.")


class HaloSubscriberFields(Fields):
    """The YAML fields of the subscriber prototype ``haloitsm``."""

    client: str = Field(description="Name of the client to use, of prototype haloitsm.")
    entity: str = Field(description="The GET operation to read: GET /Tickets, or a label such as 'get one action'.")
    request_parameters: RequestParameters = Field(
        RequestParameters(), description="Path and query values: what the input transformers are given."
    )
    input_transformers: Steps = Field(
        [], description="Steps over {path, query}; every document that comes out becomes a request."
    )
    page_size: int | None = Field(None, ge=1, le=1000, description="Rows to ask for per page; Halo may send fewer.")
    limit: int | None = Field(None, ge=1, description="Stop after this many entities.")
    incremental: Incremental | None = Field(
        None, description="Deliver what is new since the last run of a route, and go on where a run was cut off."
    )
    parent: str | None = Field(
        None,
        description="Name of another incoming: requests are made for each of its entities, and request_parameters are "
        "templates over it.",
    )
    from_parent: dict[str, Template] = Field(
        {}, description="Fields to add to each entity: templates over the parent's entity."
    )
    consistency: Consistency = Field(
        "verified",
        description="verified: nothing is missed or comes twice although the list changes meanwhile; fast: pages as "
        "they come.",
    )
    parallel: int = Field(PARALLEL, ge=1, le=16, description="Requests under way at a time.")


def check(fields: HaloSubscriberFields, catalogue: Catalogue) -> Iterable[Finding]:
    """Yield what the catalogue says against the operation and its request parameters."""
    operation = find_operation(catalogue, fields.entity, ("GET",), ("entity",))
    if isinstance(operation, Finding):
        yield operation
        return
    parameters, fixed = fields.request_parameters, not fields.input_transformers
    at = ("request_parameters",)
    yield from check_path(operation, parameters.path, (*at, "path"), complete=fixed)
    yield from check_query(operation, parameters.query, (*at, "query"))
    if fixed and not fields.incremental:  # which gives the dates that a list may want
        yield from check_requires(operation, parameters.query, at)
    for name in parameters.query:
        if name.casefold() in PAGE_PARAMETERS and operation.listing:
            what = f"query parameter '{name}' switches automatic paging off, and only what Halo answers to it is read"
            yield Finding((*at, "query", name), what, "Leave it out to read the whole list.", "warning")
    yield from _check_new(fields, operation, catalogue)


def _check_new(fields: HaloSubscriberFields, operation: Operation, catalogue: Catalogue) -> Iterator[Finding]:
    """Yield what is wrong with reading what is new, and what belongs to a parent."""
    plan = None
    if fields.incremental:
        found = list(check_incremental(operation, fields.incremental, catalogue))
        yield from (replace(each, path=("incremental", *each.path)) for each in found)
        if not any(each.severity == "error" for each in found):
            plan = planned(operation, fields.incremental)
        if fields.incremental.sweep_hours is not None and fields.consistency == "fast":
            what = "records that are gone are told for sure by a verified read only"
            yield Finding(("incremental", "sweep_hours"), what, "Leave out `consistency: fast`.")
    parameters = fields.request_parameters
    yield from contradictions(plan, parameters.query, fields.parent is not None, fields.limit)
    if fields.parent is None:
        if fields.from_parent:
            yield Finding(("from_parent",), "there is no parent to take fields from", "Name it: parent: ….")
        return
    for part, values in (("path", parameters.path), ("query", parameters.query)):
        try:
            template(values)
        except StepsError as error:
            for problem in error.problems:
                yield Finding(("request_parameters", part, *problem.path), problem.what, problem.hint)


def build(
    fields: HaloSubscriberFields, client: HttpClient, chains: Mapping[str, Chain], catalogue: Catalogue
) -> Subscriber:
    """Make the subscriber that the fields describe."""
    return Subscriber(
        client,
        fields.entity,
        path=fields.request_parameters.path,
        query=fields.request_parameters.query,
        input_transformers=chains["input_transformers"],
        page_size=fields.page_size,
        limit=fields.limit,
        consistency=fields.consistency,
        parallel=fields.parallel,
        incremental=fields.incremental,
        from_parent=fields.from_parent,
        catalogue=catalogue,
    )


HALOITSM = Prototype(
    "haloitsm", "Reads any GET operation of HaloITSM, all pages of it.", HaloSubscriberFields, build, check
)
