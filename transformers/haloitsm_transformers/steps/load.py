"""``load``: get what was saved under a key."""

from __future__ import annotations

from pydantic import Field

from haloitsm_transformers.capabilities import Storage
from haloitsm_transformers.contract import Builder, Entity, EntityFunction, Example, Params, Transformer
from haloitsm_transformers.fields import Path, StorageKey, StorageName
from haloitsm_transformers.keys import key_reader
from haloitsm_transformers.paths import Edit, parse_path
from haloitsm_transformers.world import World


class Load(Params):
    """Put what a storage holds under a key into the entity; where it holds nothing, the entity stays as it is.

    So `{halo_id: {exists: false}}` tells afterwards that there was nothing, and a value that stood there before is the
    default. Missing path, null, empty list in the key: no key, and the entity fails. Wrong type: so do lists and
    objects; numbers and texts that read the same are one key.
    """

    storage: StorageName = Field(description="Name of the storage.")
    key: StorageKey = Field(description="Template that gives the key.")
    into: Path = Field(description="Path at which the value is put.")


def build(params: Load, builder: Builder) -> EntityFunction:
    """Compile key and path."""
    storage: Storage = builder.capability("storage")(params.storage)
    key_of = key_reader(params.key)
    place = parse_path(params.into)
    nothing = object()

    def load(entity: Entity) -> Entity:
        value = storage.get(key_of(entity), nothing)
        if value is not nothing:
            Edit(entity).put(place, value)
        return entity

    return load


_WORLD = World(storages={"ids": {"LT-1": 4711, "LT-2": None, "acme/5": {"id": 9}}})

TRANSFORMER = Transformer(
    "load",
    "entity",
    Load,
    build,
    needs=("storage",),
    examples=(
        Example(
            "An id that was saved; nothing is put where there is none",
            {"storage": "ids", "key": "{{ serial }}", "into": "halo_id"},
            [{"serial": "LT-1"}, {"serial": "LT-9"}, {"serial": "LT-9", "halo_id": 0}],
            [{"serial": "LT-1", "halo_id": 4711}, {"serial": "LT-9"}, {"serial": "LT-9", "halo_id": 0}],
            world=_WORLD,
        ),
        Example("Null is a value", {"storage": "ids", "key": "LT-2", "into": "id"}, {}, {"id": None}, world=_WORLD),
        Example(
            "A key of several parts",
            {"storage": "ids", "key": "{{ client }}/{{ id }}", "into": "halo"},
            {"client": "acme", "id": 5.0},
            {"client": "acme", "id": 5.0, "halo": {"id": 9}},
            world=_WORLD,
        ),
        Example(
            "A missing path is no key",
            {"storage": "ids", "key": "{{ serial }}", "into": "id"},
            {},
            fails="{{ serial }}: gives null, which is no key",
            world=_WORLD,
        ),
        Example(
            "Nor is an empty list",
            {"storage": "ids", "key": "{{ serial }}", "into": "id"},
            {"serial": []},
            fails="gives a list, which is no key",
            world=_WORLD,
        ),
    ),
    json=True,
)
