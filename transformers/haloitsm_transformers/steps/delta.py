"""``delta``: let only through what has changed since it was last delivered."""

from __future__ import annotations

from pydantic import Field

from haloitsm_transformers.capabilities import Delivery, Storage
from haloitsm_transformers.contract import Builder, Entity, Example, Params, StreamFunction, Transformer
from haloitsm_transformers.fields import Key, StorageName, Template
from haloitsm_transformers.keys import entity_key, fingerprint
from haloitsm_transformers.world import World


class Delta(Params):
    """Let new and changed entities through; those that are as they were last delivered go no further.

    A storage keeps a fingerprint for each key, written only after the entity was delivered: what fails, or is cut off
    by the end of the program, comes again. So it stands last, in an outgoing or a route; in a route, what is stored as
    a task counts as delivered. Missing path, null, empty list in the key: no key, and the entity fails; in what is
    compared they are values. Wrong type: lists and objects are no key; numbers and texts that read the same are one.
    """

    storage: StorageName = Field(description="Name of the storage that keeps the fingerprints; best its own.")
    key: Key = Field(description="Template that gives the key.")
    compare: Template = Field("{{ @ }}", description="What must have changed, with {{ placeholders }}; else anything.")


def build(params: Delta, builder: Builder) -> StreamFunction:
    """Compile key and what is compared; a run remembers what is on its way."""
    storage: Storage = builder.capability("storage")(params.storage)
    delivery: Delivery = builder.capability("delivery")
    key_of = entity_key(params.key)
    compared = builder.template(params.compare)
    on_its_way: dict[str, str] = {}

    def changed(entity: Entity) -> list[Entity]:
        key, mark = key_of(entity), fingerprint(compared(entity))
        if mark == (on_its_way.get(key) or storage.get(key)):
            return []

        def settled(delivered: bool) -> None:
            if on_its_way.get(key) == mark:
                del on_its_way[key]
            if delivered:
                storage.put(key, mark)

        on_its_way[key] = mark
        delivery(entity, settled)
        return [entity]

    return builder.each(changed)


_COMPARED = fingerprint({"title": "Printer"})

TRANSFORMER = Transformer(
    "delta",
    "stream",
    Delta,
    build,
    needs=("storage", "delivery"),
    examples=(
        Example(
            "Each once, until it changes",
            {"storage": "sent", "key": "{{ id }}"},
            [{"id": 1, "n": 1}, {"n": 1.0, "id": 1}, {"id": "1", "n": 2}, {"id": 1, "n": 1}],
            [{"id": 1, "n": 1}, {"id": "1", "n": 2}, {"id": 1, "n": 1}],
        ),
        Example(
            "Only what is compared counts, also from run to run",
            {"storage": "sent", "key": "{{ id }}", "compare": {"title": "{{ title }}"}},
            [{"id": 1, "title": "Printer", "seen": 5}, {"id": 2, "title": None}],
            [{"id": 2, "title": None}],
            world=World(storages={"sent": {"1": _COMPARED}}),
            leaves={"sent": {"1": _COMPARED, "2": fingerprint({"title": None})}},
        ),
        Example(
            "A missing path is no key",
            {"storage": "sent", "key": "{{ id }}"},
            {"n": 1},
            fails="{{ id }}: gives null, which is no key",
        ),
        Example(
            "Nor is an empty list",
            {"storage": "sent", "key": "{{ id }}"},
            {"id": []},
            fails="gives a list, which is no key",
        ),
    ),
    json=True,
)
