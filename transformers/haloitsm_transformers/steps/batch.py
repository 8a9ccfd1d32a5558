"""``batch``: make one entity of every so many."""

from __future__ import annotations

from pydantic import Field

from haloitsm_transformers.contract import Builder, Entity, Example, Params, Stream, Transformer
from haloitsm_transformers.fields import Path
from haloitsm_transformers.paths import Edit, parse_path


class Batch(Params):
    """Make one entity of every so many, with them in a list; the last one may hold fewer.

    Missing path, null, wrong type, empty list: what is in an entity does not matter. Memory holds one batch.
    """

    size: int = Field(ge=1, le=10_000, description="Entities in a batch.")
    items: Path = Field("items", description="Path at which the list of entities is put.")


def build(params: Batch, builder: Builder) -> Stream:
    """Hold back what does not fill a batch yet."""
    place = parse_path(params.items)
    held: list[Entity] = []

    def push(entities: list[Entity]) -> list[Entity]:
        held.extend(entities)
        return [take() for _ in range(len(held) // params.size)]

    def take() -> Entity:
        batch: Entity = {}
        Edit(batch).put(place, held[: params.size])
        del held[: params.size]
        return batch

    return Stream(push, lambda: [take()] if held else [])


TRANSFORMER = Transformer(
    "batch",
    "stream",
    Batch,
    build,
    examples=(
        Example(
            "Two at a time",
            {"size": 2, "items": "payload.rows"},
            [{"id": 1}, {"id": 2}, {"id": 3}],
            [{"payload": {"rows": [{"id": 1}, {"id": 2}]}}, {"payload": {"rows": [{"id": 3}]}}],
        ),
        Example("No entities: no batch", {"size": 2}, [], []),
        Example(
            "What is in them does not matter",
            {"size": 3},
            [{}, {"a": None}, {"a": []}],
            {"items": [{}, {"a": None}, {"a": []}]},
        ),
    ),
    json=True,
)
