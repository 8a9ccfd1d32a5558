"""Write to any REST API: one request per entity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from haloitsm_connector.catalogue import Catalogue
from haloitsm_connector.client.request import REPEATABLE_METHODS, Request, encode_query, fill_path
from haloitsm_connector.errors import InputError
from haloitsm_connector.prototypes import Fields, Prototype
from haloitsm_connector.publisher.base import Status
from haloitsm_connector.publisher.exchange import MOST_PARALLEL, RequestPublisher, mapping, reader
from haloitsm_connector.publisher.journal import Journal
from haloitsm_connector.publisher.write import Write
from haloitsm_transformers import Chain, Entity, Steps, Template

if TYPE_CHECKING:
    from haloitsm_connector.client import HttpClient

Method = Literal["POST", "PUT", "PATCH", "DELETE"]
STATUSES: Mapping[str, Status] = {"POST": "sent", "PUT": "updated", "PATCH": "updated", "DELETE": "deleted"}
CREATED = 201


class HttpPublisher(RequestPublisher):
    """Writes each entity to any REST API with one request.

    The entity passes ``request_transformers``; then ``path``, ``query`` and ``payload`` are filled from it as
    templates, and ``path`` fills the placeholders of ``uri`` (``/v1/devices/{id}``). One that is not given is the
    entity's own property of that name. Only PUT and DELETE, which HTTP lets one repeat, are repeated after a lost
    answer; ``journal`` remembers the others when the program is cut off. ``parallel`` requests are under way at a time.
    """

    def __init__(
        self,
        client: HttpClient,
        method: Method,
        uri: str,
        *,
        path: Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
        payload: Any = None,
        headers: Mapping[str, str] | None = None,
        parallel: int = 1,
        journal: Journal | None = None,
        request_transformers: Chain | Sequence[Any] = (),
        response_transformers: Chain | Sequence[Any] = (),
    ) -> None:
        super().__init__(client, request_transformers, response_transformers, parallel=parallel)
        self.journal = journal or self.journal
        self.harmless = method in REPEATABLE_METHODS
        self.method = method
        self.uri = uri
        self.headers = tuple((headers or {}).items())
        given = {"path": path, "query": query, "payload": payload}
        self._read = {name: reader(name, value) for name, value in given.items()}

    def write(self, entity: Entity, document: Entity) -> Write:
        """Make the write of an entity out of what the request transformers made of it."""
        payload = self._read["payload"](document) if self.method != "DELETE" else None
        if payload is None and self.method != "DELETE":
            hint = "Put it there with a transformer, or give the publisher a `payload:` template."
            raise InputError(f"{self.method} {self.uri} needs a payload, and the entity's 'payload' is empty", hint)
        request = Request(
            self.method,
            fill_path(self.uri, mapping("path", self._read["path"](document))),
            encode_query(mapping("query", self._read["query"](document))),
            payload,
            headers=self.headers,
        )
        return Write(entity, request, concerns=() if self.method == "POST" else (request.path,))

    def settle(self, write: Write, value: Any, status: int) -> tuple[Status, Any]:
        """Tell by the method, and by the answer's status 201."""
        id_ = value.get("id") if isinstance(value, dict) else None
        return "created" if status == CREATED else STATUSES[self.method], id_


class HttpPublisherFields(Fields):
    """The YAML fields of the publisher prototype ``http``."""

    client: str = Field(description="Name of the client to use.")
    method: Method = Field("POST", description="POST, PUT, PATCH or DELETE.")
    uri: str = Field(min_length=1, description="Where to send, relative to the client's base URI: /v1/devices/{id}.")
    path: dict[str, Template] | None = Field(
        None, description="Template of the values for uri's placeholders; else the entity's own property 'path'."
    )
    query: dict[str, Template] | None = Field(
        None, description="Template of the query parameters; else the entity's own property 'query'."
    )
    payload: Template = Field(
        None, description="Template of the JSON payload, '{{ @ }}' for all of it; else the entity's property 'payload'."
    )
    headers: dict[str, str] = Field({}, description="Headers to add to the client's own.")
    parallel: int = Field(1, ge=1, le=MOST_PARALLEL, description="Requests under way at a time.")
    request_transformers: Steps = Field([], description="Steps over the entity before the request is made of it.")
    response_transformers: Steps = Field(
        [], description="Steps over {entity, status, id, request, response}; what comes out are the results."
    )


def build(
    fields: HttpPublisherFields, client: HttpClient, chains: Mapping[str, Chain], catalogue: Catalogue
) -> HttpPublisher:
    """Make the publisher that the fields describe."""
    return HttpPublisher(
        client,
        fields.method,
        fields.uri,
        path=fields.path,
        query=fields.query,
        payload=fields.payload,
        headers=fields.headers,
        parallel=fields.parallel,
        request_transformers=chains["request_transformers"],
        response_transformers=chains["response_transformers"],
    )


HTTP = Prototype("http", "Writes to any REST API, one request per entity.", HttpPublisherFields, build)
