"""``limit``: let only the first entities through."""

from __future__ import annotations

from pydantic import Field, RootModel

from haloitsm_transformers.contract import Builder, Entity, Example, StreamFunction, Transformer


class Limit(RootModel[int]):
    """Let the first entities of a run through, as many as this; the others go no further.

    Missing path, null, wrong type, empty list: what is in an entity does not matter. Reading goes on to its end; to
    read less, give the subscriber a `limit`.
    """

    root: int = Field(ge=1, description="How many.")


def build(params: Limit, builder: Builder) -> StreamFunction:
    """Count down, anew in each run."""
    left = params.root

    def first(entities: list[Entity]) -> list[Entity]:
        nonlocal left
        taken = entities[:left]
        left -= len(taken)
        return taken

    return first


TRANSFORMER = Transformer(
    "limit",
    "stream",
    Limit,
    build,
    examples=(
        Example("The first two", 2, [{"id": 1}, {"id": 2}, {"id": 3}], [{"id": 1}, {"id": 2}]),
        Example("Fewer than that", 2, [{"id": None}], [{"id": None}]),
        Example("What is in them does not matter", 1, [{}, {"id": []}], [{}]),
    ),
    json=True,
)
