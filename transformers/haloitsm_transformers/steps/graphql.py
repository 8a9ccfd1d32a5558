"""``graphql``: ask another system in GraphQL for each entity and take its answer along."""

from __future__ import annotations

import re
from typing import Any

from pydantic import Field

from haloitsm_transformers.calling import calling, putting
from haloitsm_transformers.capabilities import Call
from haloitsm_transformers.contract import Builder, Entity, Example, Params, StreamFunction, Transformer
from haloitsm_transformers.errors import TransformError
from haloitsm_transformers.fields import ClientName, Path, Template
from haloitsm_transformers.world import Answer, World

_MUTATION = re.compile(r"\bmutation\b")  # anywhere: a query that is taken for a write does no harm


class GraphQL(Params):
    """Send a GraphQL query through a declared client and put the answer's `data` into the entity.

    Without `into`, the fields of the data are put over those of the entity. Missing path, null: a variable is null.
    An empty list is a value. Wrong type: an answer that is no object fails, as does one with errors, whose messages
    are told. Queries are under way for some entities ahead, and may be repeated; a mutation is a write: sent one after
    the other, never repeated blindly, and never sent by a preview or a dry run.
    """

    client: ClientName = Field(description="Name of the client to use.")
    query: str = Field(min_length=1, description="The GraphQL document; $names in it are filled from the variables.")
    variables: dict[str, Template] = Field({}, description="Values of the variables.")
    uri: str = Field("/graphql", min_length=1, description="Where to send it, relative to the client's base URI.")
    into: Path | None = Field(None, description="Path at which the data is put.")
    cache: bool = Field(
        False, description="Send equal queries once in a run, and use the answer again; the last 1,000 are kept."
    )


def build(params: GraphQL, builder: Builder) -> StreamFunction:
    """Compile the variables."""
    variables = builder.template(params.variables)
    reads = not _MUTATION.search(params.query)
    put = putting(params.into)

    def call(entity: Entity) -> Call:
        payload: dict[str, Any] = {"query": params.query, "variables": variables(entity)}
        return Call(params.client, "POST", params.uri, payload=payload, repeatable=reads)

    return calling(builder, call, lambda entity, answer: put(entity, _data(answer)), cache=params.cache and reads)


def _data(answer: Any) -> Any:
    if not isinstance(answer, dict) or not answer.keys() & {"data", "errors"}:
        raise TransformError("the answer is no GraphQL: it has neither data nor errors")
    if errors := answer.get("errors"):
        texts = [
            str(error.get("message", error)) if isinstance(error, dict) else str(error) for error in list(errors)[:3]
        ]
        raise TransformError(f"GraphQL answered: {'; '.join(texts)}")
    return answer.get("data")


_QUERY = "query($id: ID!) { person(id: $id) { name } }"
_SENT = {"query": _QUERY, "variables": {"id": 5}}

TRANSFORMER = Transformer(
    "graphql",
    "stream",
    GraphQL,
    build,
    needs=("http",),
    examples=(
        Example(
            "A query with a variable",
            {"client": "crm", "query": _QUERY, "variables": {"id": "{{ person_id }}"}, "into": "found"},
            {"person_id": 5},
            {"person_id": 5, "found": {"person": {"name": "Ada"}}},
            world=World(
                answers=[Answer(request="POST /graphql", payload=_SENT, value={"data": {"person": {"name": "Ada"}}})]
            ),
        ),
        Example(
            "Without `into` the fields of the data are put over the entity's; null and empty lists are values",
            {"client": "crm", "query": "{ people { id } next }"},
            {"people": "?"},
            {"people": [], "next": None},
            world=World(answers=[Answer(request="POST /graphql", value={"data": {"people": [], "next": None}})]),
        ),
        Example(
            "Errors in an answer cost the entity",
            {"client": "crm", "query": "{ x }"},
            {"id": 1},
            fails="GraphQL answered: no field x",
            world=World(answers=[Answer(request="POST /graphql", value={"errors": [{"message": "no field x"}]})]),
        ),
        Example(
            "So does an answer of the wrong type",
            {"client": "crm", "query": "{ x }"},
            {"id": 1},
            fails="the answer is no GraphQL",
            world=World(answers=[Answer(request="POST /graphql", value=[])]),
        ),
    ),
    json=True,
)
