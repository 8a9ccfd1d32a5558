"""Write with any POST or DELETE of HaloITSM: entity → request transformers → {path, query, payload} → request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from haloitsm_connector.catalogue import Catalogue, Operation
from haloitsm_connector.catalogue.usage import check_path, check_payload, check_query, find_operation
from haloitsm_connector.client.request import Request, encode_query, fill_path
from haloitsm_connector.errors import Finding, InputError
from haloitsm_connector.prototypes import Fields, Prototype
from haloitsm_connector.publisher.answer import (
    concerned,
    id_of,
    ids_of,
    is_upsert,
    last_segment,
    one_or_all,
)
from haloitsm_connector.publisher.attachments import parts, with_file
from haloitsm_connector.publisher.base import Status
from haloitsm_connector.publisher.exchange import MOST_AT_ONCE, MOST_PARALLEL, RequestPublisher, mapping, reader
from haloitsm_connector.publisher.journal import Journal
from haloitsm_connector.publisher.once import LookUp, Once, check_once
from haloitsm_connector.publisher.write import Write
from haloitsm_transformers import Chain, Entity, Steps, Template

if TYPE_CHECKING:
    from haloitsm_connector.client import HttpClient

METHODS = ("POST", "DELETE")
BATCH = 100
"""Records in one array, unless told otherwise."""
RENEWED = frozenset({"/Appointment"})
"""Where an updated record can come back under a new id, which only its own answer tells (halo-api-facts 4.1)."""


class Publisher(RequestPublisher):
    """Writes each entity with one POST or DELETE operation of HaloITSM.

    The entity passes ``request_transformers`` (a chain, or its steps); then ``path``, ``query``, ``payload`` and
    ``files`` are filled from it as templates. One that is not given is the entity's own property of that name. Where
    Halo wants an array, a payload that is an object is sent as an array of one. Files are read from below ``folder``.
    ``response_transformers`` get ``{entity, status, id, request, response}`` and make the outcome's ``results``.
    ``once`` (a mapping, or `Once`) says how to find a record: nothing is created that is there, and a lost answer is
    looked up. Updates that follow each other go in arrays of ``batch``, creates only with ``once``; ``parallel``
    requests are under way at a time. ``journal`` remembers what was created when the program is cut off.
    Raises InputError for an operation that Halo does not have; for single entities there are outcomes.
    """

    def __init__(
        self,
        client: HttpClient,
        entity: str,
        *,
        path: Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
        payload: Any = None,
        files: Any = None,
        folder: Path | str = ".",
        once: Once | Mapping[str, Any] | None = None,
        batch: int = BATCH,
        parallel: int = 1,
        journal: Journal | None = None,
        request_transformers: Chain | Sequence[Any] = (),
        response_transformers: Chain | Sequence[Any] = (),
        catalogue: Catalogue | None = None,
    ) -> None:
        super().__init__(client, request_transformers, response_transformers, batch=batch, parallel=parallel)
        catalogue = catalogue or Catalogue.load()
        self.operation = catalogue.find(entity, METHODS)
        self.key = self.operation.key
        self._upserts = is_upsert(self.operation)
        self.all_answers = self.operation.path in RENEWED
        self.harmless = self.operation.method == "DELETE"
        self.journal = journal or self.journal
        self.look_up = LookUp(once, client, self.operation, catalogue) if once else None
        self.folder = Path(folder)
        self._takes_file = takes_file(catalogue, self.operation)
        given = {"path": path, "query": query, "payload": payload, "files": files}
        self._read = {name: reader(name, value) for name, value in given.items()}

    def write(self, entity: Entity, document: Entity) -> Write:
        """Make the write of an entity out of what the request transformers made of it."""
        operation = self.operation
        payload: Any = self._payload(document) if operation.method == "POST" else None
        path, query = self._target(document)
        if self._upserts:
            return self._upsert(entity, document, payload, path, query)
        files = parts(self._read["files"](document), self.folder) if operation.body == "multipart" else ()
        request = Request(operation.method, path, query, payload, files)
        id_ = last_segment(path) if operation.method == "DELETE" else id_of(payload, self.key)
        return Write(entity, request, id_, concerns=(path,) if operation.path_parameters else ())

    def settle(self, write: Write, value: Any, status: int) -> tuple[Status, Any]:
        """Return what Halo's answer tells."""
        answered = id_of(value, self.key)
        return self._status(write, answered), write.id if answered is None else answered

    def _target(self, document: Entity) -> tuple[str, tuple[tuple[str, str], ...]]:
        """Return path and query."""
        path, query = self._read["path"](document), self._read["query"](document)
        if path is None and query is None and not self.operation.path_parameters:  # nearly always
            return self.operation.path, ()
        return fill_path(self.operation.path, mapping("path", path)), encode_query(mapping("query", query))

    def _status(self, write: Write, answered: Any) -> Status:
        if not self._upserts:
            return "deleted" if write.request.method == "DELETE" else "sent"
        if write.request.repeatable:
            return "updated"
        mixed = write.id is not None
        return "sent" if mixed or answered is None else "created"

    def _upsert(
        self, entity: Entity, document: Entity, records: list[Any], path: str, query: tuple[tuple[str, str], ...]
    ) -> Write:
        """Say which records a create or an update concerns, and what may go in one array with it."""
        ids = ids_of(records, self.key)
        updates = None not in ids
        request = Request("POST", path, query, records, (), (), updates)
        record = alone = None
        if len(records) == 1:  # nearly always
            alone, concerns = records[0], concerned(records[0], ids[0], self.key)
            if updates:
                record = concerns[0]
        else:
            concerns = [*chain.from_iterable(map(concerned, records, ids, repeat(self.key)))]
        wanted = None
        if self.look_up and not updates:
            wanted = self.look_up.wanted(document, alone)
            record = wanted.identity
            concerns.append(record)
        joins = None
        if alone is not None and not self._takes_file and (updates or wanted):
            joins = (updates, path, query)
        return Write(entity, request, one_or_all(ids), record, concerns, joins, wanted)

    def _payload(self, document: Entity) -> Any:
        payload = self._read["payload"](document)
        if self._takes_file:
            records = payload if isinstance(payload, list) else [payload]
            records = [with_file(record, self.folder) for record in records]
            payload = records if isinstance(payload, list) else records[0]
        return shaped(self.operation, payload)


def shaped(operation: Operation, payload: Any) -> Any:
    """Return the payload in the shape that the operation's body has; InputError when it has none or cannot have it."""
    if operation.body == "array" and type(payload) is dict:  # nearly always
        return [payload]
    if operation.body in (None, "multipart"):
        return payload
    if payload is None or payload == []:
        hint = "Put it there with a transformer, or give the publisher a `payload:` template."
        raise InputError(f"{operation.name} needs a payload, and the entity's 'payload' is empty", hint)
    if operation.body == "array":
        return payload if isinstance(payload, list) else [payload]
    if isinstance(payload, list):
        if len(payload) > 1:
            raise InputError(f"{operation.name} takes one record, not a list of {len(payload)}")
        payload = payload[0]
    if operation.body == "object" and not isinstance(payload, dict):
        raise InputError(f"{operation.name} takes an object, not {type(payload).__name__}")
    return payload


def takes_file(catalogue: Catalogue, operation: Operation) -> bool:
    """Whether the operation's record carries a file's content in ``data_base64``."""
    return operation.record is not None and {"filename", "data_base64"} <= catalogue.fields(operation.record).keys()


class HaloPublisherFields(Fields):
    """The YAML fields of the publisher prototype ``haloitsm``."""

    client: str = Field(description="Name of the client to use, of prototype haloitsm.")
    entity: str = Field(description="The POST or DELETE operation: POST /Asset, DELETE /Tickets/{id}.")
    path: dict[str, Template] | None = Field(
        None, description="Template of the path values; else the entity's own property 'path'."
    )
    query: dict[str, Template] | None = Field(
        None, description="Template of the query parameters; else the entity's own property 'query'."
    )
    payload: Template = Field(None, description="Template of the payload; else the entity's own property 'payload'.")
    files: Template = Field(
        None,
        description="Multipart operations only: template of a list of {path or data_base64, field, filename, "
        "media_type}; else the entity's own property 'files'.",
    )
    folder: str = Field(".", description="Folder that files are read from; none outside of it can be sent.")
    once: Once | None = Field(
        None, description="How to find a record: what is there is not created, and a lost answer is looked up."
    )
    batch: int = Field(
        BATCH, ge=1, le=MOST_AT_ONCE, description="Records in one array at most: updates, and creates with `once`."
    )
    parallel: int = Field(1, ge=1, le=MOST_PARALLEL, description="Requests under way at a time.")
    request_transformers: Steps = Field([], description="Steps over the entity before the request is made of it.")
    response_transformers: Steps = Field(
        [], description="Steps over {entity, status, id, request, response}; what comes out are the results."
    )


def check(fields: HaloPublisherFields, catalogue: Catalogue) -> Iterable[Finding]:
    """Yield what the catalogue says against the operation and the templates given for it."""
    operation = find_operation(catalogue, fields.entity, METHODS, ("entity",))
    if isinstance(operation, Finding):
        yield operation
        return
    if fields.path is not None:
        yield from check_path(operation, fields.path, ("path",), complete=True)
    yield from check_query(operation, fields.query or {}, ("query",))
    yield from check_payload(catalogue, operation, fields.payload, ("payload",), _extra(catalogue, operation))
    if fields.payload is not None and operation.method == "DELETE":
        what = f"{operation.name} takes no payload, and none is sent"
        yield Finding(("payload",), what, "Leave it out.", "warning")
    if fields.once is not None:
        yield from check_once(fields.once, operation, catalogue, fields.payload)
    if fields.files is not None and operation.body != "multipart":
        yield Finding(("files",), f"{operation.name} takes no files", "POST /Attachment takes `file:` in its payload.")


def _extra(catalogue: Catalogue, operation: Operation) -> frozenset[str]:
    return frozenset({"file"}) if takes_file(catalogue, operation) else frozenset()


def build(
    fields: HaloPublisherFields, client: HttpClient, chains: Mapping[str, Chain], catalogue: Catalogue
) -> Publisher:
    """Make the publisher that the fields describe."""
    return Publisher(
        client,
        fields.entity,
        path=fields.path,
        query=fields.query,
        payload=fields.payload,
        files=fields.files,
        folder=fields.folder,
        once=fields.once,
        batch=fields.batch,
        parallel=fields.parallel,
        request_transformers=chains["request_transformers"],
        response_transformers=chains["response_transformers"],
        catalogue=catalogue,
    )


HALOITSM = Prototype(
    "haloitsm", "Writes with any POST or DELETE operation of HaloITSM.", HaloPublisherFields, build, check
)
