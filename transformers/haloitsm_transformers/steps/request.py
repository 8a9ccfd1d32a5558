"""``request``: call another system for each entity and take its answer along."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from haloitsm_transformers.calling import calling, check_uri, putting
from haloitsm_transformers.capabilities import Call
from haloitsm_transformers.contract import Builder, Entity, Example, Params, StreamFunction, Transformer
from haloitsm_transformers.fields import ClientName, Expression, Path, Template
from haloitsm_transformers.paging import Paging
from haloitsm_transformers.world import Answer, World

_RANGE = re.compile(r"([1-5]\d\d)(?:-([1-5]\d\d))?")


def _statuses(value: int | str) -> int | str:
    if not _RANGE.fullmatch(str(value)):
        raise ValueError("must be a status such as 404, or a range such as 410-419")
    return value


class Request(Params):
    """Send a request through a declared client and put its decoded answer into the entity.

    Without `into`, the fields of the answer are put over those of the entity. Of a HaloITSM client, lists are read with
    all their pages; of any other, `paging` says how. Missing path, null: as a path value it fails, a query parameter is
    left out. Wrong type: an answer that is no object fails without `into`. An empty list, and null where the answer is
    empty or its status is a normal one, are put at `into`. Reads are under way for some entities ahead; writes are sent
    one after the other, and never by a preview or a dry run.
    """

    client: ClientName = Field(description="Name of the client to use.")
    uri: str = Field(min_length=1, description="What to call, relative to the client's base URI: /Client/{id}.")
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = Field("GET", description="HTTP method.")
    path: dict[str, Template] = Field({}, description="Values for the placeholders of uri, encoded as they need.")
    query: dict[str, Template] = Field({}, description="Query parameters; a list is sent as values joined with commas.")
    payload: Template = Field(None, description="What is sent as JSON.")
    headers: dict[str, str] = Field({}, description="Headers to add to the client's own.")
    items: Expression | None = Field(None, description="JMESPath expression to what is wanted of the answer.")
    paging: Paging | None = Field(None, description="How the API pages; a single request unless given.")
    into: Path | None = Field(None, description="Path at which the answer is put.")
    normal_statuses: list[Annotated[int | str, AfterValidator(_statuses)]] = Field(
        [], description='Error statuses that are no error here: [404, "410-419"]; the answer is null then.'
    )
    cache: bool = Field(
        False, description="Send equal requests once in a run, and use the answer again; the last 1,000 are kept."
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        check_uri(self.uri, self.path)
        if self.method == "GET" and self.payload is not None:
            raise ValueError("a GET sends no payload; use query, or another method")
        if self.method != "GET" and (self.paging or self.cache):
            raise ValueError(f"{'paging' if self.paging else 'cache'} is for GET")
        return self


def build(params: Request, builder: Builder) -> StreamFunction:
    """Compile the templates."""
    path, query = builder.template(params.path), builder.template(params.query)
    payload = builder.template(params.payload)
    fixed: dict[str, Any] = {
        "client": params.client,
        "method": params.method,
        "uri": params.uri,
        "headers": params.headers,
        "items": params.items,
        "paging": params.paging,
        "normal_statuses": frozenset(status for text in params.normal_statuses for status in _range(text)),
    }

    def call(entity: Entity) -> Call:
        return Call(path=path(entity), query=query(entity), payload=payload(entity), **fixed)

    return calling(builder, call, putting(params.into), cache=params.cache)


def _range(text: int | str) -> range:
    low, _, high = str(text).partition("-")
    return range(int(low), int(high or low) + 1)


_CLIENT = Answer(request="GET /Client/12?includedetails=true", value={"id": 12, "name": "Acme"})

TRANSFORMER = Transformer(
    "request",
    "stream",
    Request,
    build,
    needs=("http",),
    examples=(
        Example(
            "What belongs to an id",
            {
                "client": "halo",
                "uri": "/Client/{id}",
                "path": {"id": "{{ client_id }}"},
                "query": {"includedetails": True, "search": "{{ nothing }}"},
                "into": "client",
            },
            {"id": 1, "client_id": 12},
            {"id": 1, "client_id": 12, "client": {"id": 12, "name": "Acme"}},
            world=World(answers=[_CLIENT]),
        ),
        Example(
            "One value of the answer, asked for once",
            {"client": "crm", "uri": "/rates", "items": "rates.EUR", "into": "rate", "cache": True},
            [{"id": 1}, {"id": 2}],
            [{"id": 1, "rate": 1.5}, {"id": 2, "rate": 1.5}],
            world=World(answers=[Answer(request="GET /rates", value={"rates": {"EUR": 1.5}})]),
        ),
        Example(
            "A list in pages",
            {
                "client": "crm",
                "uri": "/notes",
                "query": {"ticket": "{{ id }}"},
                "items": "data",
                "paging": {"type": "page"},
                "into": "notes",
            },
            [{"id": 7}, {"id": 8}],
            [{"id": 7, "notes": [{"n": 1}]}, {"id": 8, "notes": []}],
            world=World(
                answers=[
                    Answer(request="GET /notes?ticket=7", value={"data": [{"n": 1}]}),
                    Answer(request="GET /notes?ticket=8", value={"data": []}),
                ]
            ),
        ),
        Example(
            "A write; without `into` the fields of the answer are put over the entity's",
            {"client": "crm", "method": "POST", "uri": "/people", "payload": {"name": "{{ name }}"}},
            {"name": "Ada", "id": None},
            {"name": "Ada", "id": 5},
            world=World(answers=[Answer(request="POST /people", payload={"name": "Ada"}, status=201, value={"id": 5})]),
        ),
        Example(
            "A status that is normal here gives null",
            {"client": "crm", "uri": "/p/{id}", "path": {"id": "{{ id }}"}, "into": "p", "normal_statuses": [404]},
            {"id": 1},
            {"id": 1, "p": None},
            world=World(answers=[Answer(request="GET /p/1", status=404)]),
        ),
        Example(
            "Any other error costs the entity",
            {"client": "crm", "uri": "/p", "into": "p"},
            {"id": 1},
            fails="GET /p answered 500",
            world=World(answers=[Answer(request="GET /p", status=500)]),
        ),
        Example(
            "A list has no fields",
            {"client": "crm", "uri": "/p"},
            {"id": 1},
            fails="the answer is a list, which has no fields",
            world=World(answers=[Answer(request="GET /p", value=[])]),
        ),
    ),
    json=True,
)
