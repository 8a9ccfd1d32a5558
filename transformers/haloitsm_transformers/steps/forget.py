"""``forget``: remove what was saved under a key."""

from __future__ import annotations

from pydantic import Field

from haloitsm_transformers.capabilities import Storage
from haloitsm_transformers.contract import Builder, Entity, EntityFunction, Example, Params, Transformer
from haloitsm_transformers.fields import StorageKey, StorageName
from haloitsm_transformers.keys import key_reader
from haloitsm_transformers.world import World


class Forget(Params):
    """Remove what a storage holds under a key; the entity passes unchanged, also where there is nothing.

    Missing path, null, empty list in the key: no key, and the entity fails. Wrong type: so do lists and objects;
    numbers and texts that read the same are one key.
    """

    storage: StorageName = Field(description="Name of the storage.")
    key: StorageKey = Field(description="Template that gives the key.")


def build(params: Forget, builder: Builder) -> EntityFunction:
    """Compile the key."""
    storage: Storage = builder.capability("storage")(params.storage)
    key_of = key_reader(params.key)

    def forget(entity: Entity) -> Entity:
        storage.delete(key_of(entity))
        return entity

    return forget


_WORLD = World(storages={"ids": {"LT-1": 4711, "LT-2": 4712}})

TRANSFORMER = Transformer(
    "forget",
    "entity",
    Forget,
    build,
    needs=("storage",),
    examples=(
        Example(
            "What is there goes; what is not there is fine",
            {"storage": "ids", "key": "{{ serial }}"},
            [{"serial": "LT-1"}, {"serial": "LT-9"}],
            [{"serial": "LT-1"}, {"serial": "LT-9"}],
            world=_WORLD,
            leaves={"ids": {"LT-2": 4712}},
        ),
        Example(
            "A missing path is no key",
            {"storage": "ids", "key": "{{ serial }}"},
            {"id": 1},
            fails="{{ serial }}: gives null, which is no key",
            world=_WORLD,
        ),
        Example(
            "Nor is an empty list",
            {"storage": "ids", "key": "{{ serial }}"},
            {"serial": []},
            fails="gives a list, which is no key",
            world=_WORLD,
        ),
    ),
    json=True,
)
