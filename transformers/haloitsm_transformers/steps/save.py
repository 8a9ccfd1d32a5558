"""``save``: keep something under a key until a later run."""

from __future__ import annotations

from pydantic import Field

from haloitsm_transformers.capabilities import Storage
from haloitsm_transformers.contract import Builder, Entity, EntityFunction, Example, Params, Transformer
from haloitsm_transformers.errors import TransformError
from haloitsm_transformers.fields import StorageKey, StorageName, Template
from haloitsm_transformers.keys import key_reader
from haloitsm_transformers.world import World


class Save(Params):
    """Keep a value in a storage under a key, in place of what it held there; the entity passes unchanged.

    Missing path, null: as a value null is kept; in the key they are no key, and the entity fails. Wrong type: lists and
    objects are no key; numbers and texts that read the same are one. An empty list is kept as any value. What is kept
    is there for the next entity at once, and for later runs also if this one ends early.
    """

    storage: StorageName = Field(description="Name of the storage.")
    key: StorageKey = Field(description="Template that gives the key.")
    value: Template = Field("{{ @ }}", description="What is kept, with {{ placeholders }}; else the whole entity.")
    ttl_seconds: float | None = Field(None, gt=0, description="How long it is kept; else as long as the storage says.")


def build(params: Save, builder: Builder) -> EntityFunction:
    """Compile key and value."""
    storage: Storage = builder.capability("storage")(params.storage)
    key_of = key_reader(params.key)
    value_of = builder.template(params.value)

    def save(entity: Entity) -> Entity:
        try:
            storage.put(key_of(entity), value_of(entity), params.ttl_seconds)
        except ValueError as error:
            raise TransformError(f"cannot be kept: it is no JSON ({error})", "value") from error
        return entity

    return save


TRANSFORMER = Transformer(
    "save",
    "entity",
    Save,
    build,
    needs=("storage",),
    examples=(
        Example(
            "An id, to be found again by the serial number",
            {"storage": "ids", "key": "{{ serial }}", "value": "{{ id }}"},
            [{"serial": "LT-1", "id": 4711}, {"serial": 2}],
            [{"serial": "LT-1", "id": 4711}, {"serial": 2}],
            world=World(storages={"ids": {"LT-1": 1}}),
            leaves={"ids": {"LT-1": 4711, "2": None}},
        ),
        Example(
            "The whole entity, for a day",
            {"storage": "queue", "key": "{{ client }}/{{ id }}", "ttl_seconds": 86400},
            {"client": "acme", "id": 5, "tags": []},
            {"client": "acme", "id": 5, "tags": []},
            leaves={"queue": {"acme/5": {"client": "acme", "id": 5, "tags": []}}},
        ),
        Example(
            "A missing path is no key",
            {"storage": "ids", "key": "{{ serial }}"},
            {"id": 1},
            fails="{{ serial }}: gives null, which is no key",
        ),
        Example(
            "Nor is an object",
            {"storage": "ids", "key": "{{ serial }}"},
            {"serial": {}},
            fails="gives an object, which is no key",
        ),
    ),
    json=True,
)
