"""``group``: make one entity of all that have the same key."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import Field

from haloitsm_transformers.contract import Builder, Entity, Example, Params, Stream, Transformer
from haloitsm_transformers.errors import TransformError
from haloitsm_transformers.fields import Key, Path, Template
from haloitsm_transformers.keys import entity_key
from haloitsm_transformers.paths import Edit, parse_path


class Group(Params):
    """Make one entity of all that have the same key, with them in a list; the opposite of `split`.

    Missing path, null, empty list: give no key, and the entity fails. Wrong type: so do lists and objects; numbers and
    texts that read the same are one key. Groups come at the end of the run, in the order of their first entities.
    Memory holds all entities; those beyond `most` fail. With `adjacent` a group comes as soon as another begins.
    """

    key: Key = Field(description="Template that gives the key.")
    items: Path = Field("items", description="Path at which the list of entities is put.")
    add: dict[Path, Template] = Field(
        {}, description="Values added to each group; {{ placeholders }} read the group's first entity."
    )
    adjacent: bool = Field(
        False, description="Entities with the same key come one after the other: memory holds one group only."
    )
    most: int = Field(100_000, ge=1, description="Entities that are held.")


def build(params: Group, builder: Builder) -> Stream:
    """Compile the key and what is added; a run holds its groups."""
    key_of = entity_key(params.key)
    place = parse_path(params.items)
    added = [(parse_path(path), builder.template(value)) for path, value in params.add.items()]
    groups: dict[str, tuple[Entity, list[Entity]]] = {}
    held = 0

    def hold(entity: Entity) -> Iterable[Entity]:
        nonlocal held
        key = key_of(entity)
        group = groups.get(key) or begin(entity)  # which may fail, and then the group before it goes on
        done = finish() if params.adjacent and key not in groups else []
        if held >= params.most:
            raise TransformError(f"comes after {params.most:,} others, as many as are grouped; raise 'most'")
        groups[key] = group
        group[1].append(entity)
        held += 1
        return done

    def begin(entity: Entity) -> tuple[Entity, list[Entity]]:
        whole: Entity = {}
        items: list[Entity] = []
        edit = Edit(whole)
        for path, fill in added:
            edit.put(path, fill(entity))
        edit.put(place, items)
        return whole, items

    def finish() -> list[Entity]:
        nonlocal held
        done = [whole for whole, _ in groups.values()]
        groups.clear()
        held = 0
        return done

    return Stream(builder.each(hold), finish)


TRANSFORMER = Transformer(
    "group",
    "stream",
    Group,
    build,
    examples=(
        Example(
            "Lines to orders",
            {"key": "{{ order_id }}", "items": "lines", "add": {"id": "{{ order_id }}"}},
            [{"order_id": 7, "sku": "A"}, {"order_id": 8, "sku": "B"}, {"order_id": 7, "sku": "C"}],
            [
                {"id": 7, "lines": [{"order_id": 7, "sku": "A"}, {"order_id": 7, "sku": "C"}]},
                {"id": 8, "lines": [{"order_id": 8, "sku": "B"}]},
            ],
        ),
        Example(
            "Sorted entities need no memory: what comes later is another group",
            {"key": "{{ day }}", "adjacent": True},
            [{"day": "Mon"}, {"day": "Mon"}, {"day": "Tue"}, {"day": "Mon"}],
            [{"items": [{"day": "Mon"}, {"day": "Mon"}]}, {"items": [{"day": "Tue"}]}, {"items": [{"day": "Mon"}]}],
        ),
        Example(
            "Numbers and texts that read the same are one key",
            {"key": "{{ id }}"},
            [{"id": 5}, {"id": "5"}],
            [{"items": [{"id": 5}, {"id": "5"}]}],
        ),
        Example("No entities: no groups", {"key": "{{ id }}"}, [], []),
        Example("A missing path gives no key", {"key": "{{ id }}"}, {"name": "x"}, fails="{{ id }}: gives null"),
        Example("Nor does null or an empty list", {"key": "{{ id }}"}, {"id": []}, fails="gives a list, which is no"),
        Example(
            "More than fit fail",
            {"key": "{{ id }}", "most": 1},
            [{"id": 1}, {"id": 1}],
            fails="comes after 1 others, as many",
        ),
    ),
    json=True,
)
