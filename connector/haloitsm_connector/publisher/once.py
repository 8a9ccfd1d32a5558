"""``once:``: look for a record before it is created, and again when nobody knows whether it was."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import Field

from haloitsm_connector.catalogue import Catalogue, Operation
from haloitsm_connector.catalogue.usage import check_path, check_query, check_requires, find_operation
from haloitsm_connector.client.request import Request, Response, scalar
from haloitsm_connector.errors import ConnectorError, Finding, InputError, NodePath, suggest
from haloitsm_connector.prototypes import Fields
from haloitsm_connector.publisher.answer import is_upsert
from haloitsm_connector.publisher.journal import identity_of
from haloitsm_connector.subscriber.paging import Reading
from haloitsm_connector.subscriber.reader import Reader
from haloitsm_connector.validation import validated
from haloitsm_transformers import Entity, StepsError, Template, template

if TYPE_CHECKING:
    from haloitsm_connector.client import HttpClient

MOST_ROWS = 1_000
"""A look-up that answers more rows than these does not look for one record: its query has no effect."""


class Once(Fields):
    """How to tell whether a record is there already. Templates see the entity and, as ``payload``, its record."""

    find: str = Field(description="The GET operation that lists such records: GET /Asset.")
    path: dict[str, Template] = Field({}, description="Template of the path values of `find`.")
    query: dict[str, Template] = Field(
        {}, description="Template of the query that narrows the list to few rows; Halo ignores parameters it lacks."
    )
    match: str | list[str] | dict[str, Template] = Field(
        description="What must be equal: a field, or several, of the row and the payload; or row fields and templates."
    )
    settle_seconds: float = Field(
        5.0, ge=0, le=600, description="How long the server may still be at work after an answer was lost."
    )


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the look-up for one entity asks, and what a row must have to be its record.

    ``identity`` is the same for the same record, ``question`` for what is asked alike.
    """

    path: Mapping[str, Any]
    query: Mapping[str, Any]
    values: Mapping[str, str]
    identity: str
    question: str

    def is_in(self, record: Entity) -> bool:
        """Whether a row or an answer is of this record."""
        return all(comparable(record.get(name)) == value for name, value in self.values.items())

    def contradicts(self, record: Entity) -> bool:
        """Whether an answer says something else; it need not have all the fields."""
        told = {name: comparable(record.get(name)) for name in self.values}
        return any(value is not None and value != self.values[name] for name, value in told.items())


class LookUp:
    """The look-up of one publisher; InputError for options and templates that cannot be used."""

    def __init__(
        self, once: Once | Mapping[str, Any], client: HttpClient, operation: Operation, catalogue: Catalogue
    ) -> None:
        self.once = once if isinstance(once, Once) else validated(Once, once, ("once",))
        self._creates = operation
        self.operation = catalogue.find(self.once.find, ("GET",))
        self._reader = Reader(self.operation, client, parallel=1)
        if not is_upsert(operation):
            raise InputError(f"{operation.name} does not create records of a list, and takes no `once`")
        self._fields = frozenset(catalogue.fields(self.operation.record)) if self.operation.record else frozenset()
        try:
            self._path, self._query = template(self.once.path), template(self.once.query)
            self._match = template(_by_row_field(self.once.match))
        except StepsError as error:
            raise InputError(f"once: {error}") from error

    def wanted(self, document: Entity, record: Any) -> Wanted:
        """Return what to look for; InputError where the entity has no value to tell its record by."""
        if not isinstance(record, dict):
            raise InputError("`once` is about one record, and the payload holds several")
        seen = {**document, "payload": record}
        values = {name: comparable(value) for name, value in self._match(seen).items()}
        for name, value in values.items():
            if value is None:
                what = f"`once` tells records by '{name}', which is empty here"
                raise InputError(what, "Without a value it would find any record, or none.")
        known = {name: value for name, value in values.items() if value is not None}
        path, query = self._path(seen), self._query(seen)
        return Wanted(path, query, known, identity_of(self._creates.name, known), identity_of(path, query))

    def rows(self, wanted: Wanted) -> Generator[Request, Response | None, list[Entity]]:
        """Read what the look-up answers, all pages; InputError when its query does not narrow."""
        rows: list[Entity] = []
        for question in self._reader.questions(wanted.path, wanted.query):
            rows += yield from collected(self._reader.read(question, MOST_ROWS + 1))
        if len(rows) > MOST_ROWS:
            what = f"the look-up {self.operation.name} of `once` answers more than {MOST_ROWS} rows"
            raise InputError(what, "Its query does not narrow the list: Halo ignores parameters it does not know.")
        for name in wanted.values:
            if rows and name not in self._fields and not any(name in row for row in rows):
                raise InputError(f"the rows of {self.operation.name} have no '{name}' to tell them by")
        return rows

    def id_of(self, row: Entity) -> Any:
        """Return the id of a row."""
        return row.get(self.operation.key[-1] if self.operation.key else "id", row.get("id"))


def collected(flow: Reading) -> Generator[Request, Response | None, list[Entity]]:
    """Carry out a subscriber's flow within another flow, one request after the other, and return its rows."""
    rows: list[Entity] = []
    step = partial(next, flow)
    while True:
        try:
            item = step()
        except StopIteration:
            return rows
        step = partial(next, flow)
        if isinstance(item, Request):
            try:
                step = partial(flow.send, (yield item))
            except ConnectorError as error:
                step = partial(flow.throw, error)
        elif isinstance(item, list):
            rows += item


def check_once(once: Once, creates: Operation, catalogue: Catalogue, payload: Any) -> Iterator[Finding]:
    """Yield what the catalogue says against a look-up; paths are relative to the publisher's fields."""
    at: NodePath = ("once",)
    if not is_upsert(creates):
        yield Finding(at, f"{creates.name} does not create records of a list, and takes no `once`", "Leave it out.")
    operation = find_operation(catalogue, once.find, ("GET",), (*at, "find"))
    if isinstance(operation, Finding):
        yield operation
        return
    if operation.listing is None:
        what = f"{operation.name} answers one record; a look-up needs a list"
        yield Finding((*at, "find"), what, f"Name the list: GET {operation.path.partition('/{')[0]}.")
    yield from check_path(operation, once.path, (*at, "path"), complete=True)
    yield from check_query(operation, once.query, (*at, "query"))
    yield from check_requires(operation, once.query, at)
    yield from _check_match(once.match, operation, creates, catalogue, payload)


def _check_match(
    match: str | list[str] | dict[str, Any],
    operation: Operation,
    creates: Operation,
    catalogue: Catalogue,
    payload: Any,
) -> Iterator[Finding]:
    at = ("once", "match")
    names = [match] if isinstance(match, str) else list(match)
    if not names:
        yield Finding(at, "`match` names nothing to compare", "Name a field that tells the records apart.")
    fields = catalogue.fields(operation.record) if operation.record else {}
    for name in names:
        if fields and name not in fields:
            what = f"the rows of {operation.name} have no documented field '{name}'"
            yield Finding(at, what, suggest(name, fields), "warning")
        if isinstance(payload, dict) and not isinstance(match, dict) and name not in payload:
            what = f"the payload of {creates.name} has no '{name}' to compare with"
            yield Finding(at, what, suggest(name, payload) or "Give `match` as row fields and templates.")


def _by_row_field(match: str | list[str] | dict[str, Any]) -> dict[str, Any]:
    if isinstance(match, dict):
        return match
    names = [match] if isinstance(match, str) else match
    return {name: f'{{{{ payload."{name}" }}}}' for name in names}


def comparable(value: Any) -> str | None:
    """Return a value as Halo may answer it in another way: 12 for 12.0 and "12", text without space around it."""
    if value is None or isinstance(value, dict | list):
        return None
    return scalar(value).strip() or None
