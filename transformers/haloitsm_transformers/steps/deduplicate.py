"""``deduplicate``: let only the first of equal entities through."""

from __future__ import annotations

from pydantic import Field

from haloitsm_transformers.contract import Builder, Entity, Example, Params, StreamFunction, Transformer
from haloitsm_transformers.errors import TransformError
from haloitsm_transformers.fields import Key
from haloitsm_transformers.keys import entity_key, fingerprint


class Deduplicate(Params):
    """Let the first entity of each key through; those that come later with the same key go no further.

    Missing path, null, empty list: give no key, and the entity fails. Wrong type: so do lists and objects; numbers and
    texts that read the same are one key. Without a key, entities are compared whole. Memory holds a mark of some 100
    bytes for every key; an entity with one key more than `most` fails.
    """

    key: Key | None = Field(None, description="Template that gives the key; the whole entity unless given.")
    most: int = Field(1_000_000, ge=1, description="Keys that are remembered in one run.")


def build(params: Deduplicate, builder: Builder) -> StreamFunction:
    """Compile the key; each run remembers its own."""
    key_of = entity_key(params.key) if params.key else None
    seen: set[str] = set()

    def first(entity: Entity) -> list[Entity]:
        mark = fingerprint(key_of(entity) if key_of else entity)  # of one size, however long keys are
        if mark in seen:
            return []
        if len(seen) >= params.most:
            raise TransformError(f"has one key more than the {params.most:,} that are remembered; raise 'most'")
        seen.add(mark)
        return [entity]

    return builder.each(first)


TRANSFORMER = Transformer(
    "deduplicate",
    "stream",
    Deduplicate,
    build,
    examples=(
        Example(
            "The first of each key",
            {"key": "{{ id }}"},
            [{"id": 1, "n": "a"}, {"id": 2}, {"id": 1, "n": "b"}],
            [{"id": 1, "n": "a"}, {"id": 2}],
        ),
        Example(
            "A key of several fields",
            {"key": "{{ ticket_id }}/{{ id }}"},
            [{"ticket_id": 1, "id": 1}, {"ticket_id": 2, "id": 1}, {"ticket_id": 1, "id": 1}],
            [{"ticket_id": 1, "id": 1}, {"ticket_id": 2, "id": 1}],
        ),
        Example(
            "Numbers and texts that read the same are one key",
            {"key": "{{ id }}"},
            [{"id": 12}, {"id": "12"}, {"id": 12.0}],
            [{"id": 12}],
        ),
        Example(
            "Without a key the whole entity counts, not the order of its fields",
            {},
            [{"a": 1, "b": []}, {"b": [], "a": 1}, {"a": None}, {}],
            [{"a": 1, "b": []}, {"a": None}, {}],
        ),
        Example("A missing path gives no key", {"key": "{{ id }}"}, {"name": "x"}, fails="{{ id }}: gives null"),
        Example("Nor does an empty list", {"key": "{{ id }}"}, {"id": []}, fails="gives a list, which is no key"),
        Example(
            "More keys than are remembered fail",
            {"key": "{{ id }}", "most": 1},
            [{"id": 1}, {"id": 1}, {"id": 2}],
            fails="one key more than the 1 that",
        ),
    ),
    json=True,
)
