"""``split``: make many entities of one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import Field

from haloitsm_transformers.contract import Builder, Entity, Example, Params, StreamFunction, Transformer
from haloitsm_transformers.errors import TransformError, kind_of
from haloitsm_transformers.fields import Expression, Path, Template
from haloitsm_transformers.paths import Edit, parse_path


class Split(Params):
    """Make an entity of each item of a list; the original goes no further.

    Missing path, null, empty list: nothing comes out. Wrong type: anything but a list fails, and so does an item that
    is not an object when `under` is not given; then none of the items comes out.
    """

    items: Expression = Field(description="JMESPath expression that gives the list.")
    under: Path = Field(
        "", description="Path at which each item is put. Without it the item is the new entity and must be an object."
    )
    add: dict[Path, Template] = Field(
        {},
        description="Values added to each new entity, {{ placeholders }} read the original; they win over the item's.",
    )


def build(params: Split, builder: Builder) -> StreamFunction:
    """Compile the expression and what is added."""
    read = builder.expression(params.items)
    under = parse_path(params.under) if params.under else ()
    added = [(parse_path(path), builder.template(value)) for path, value in params.add.items()]

    def split(entity: Entity) -> Iterable[Entity]:
        items = read(entity)
        if items is None:
            return
        if not isinstance(items, list):
            raise TransformError(f"is {kind_of(items)}, not a list", params.items)
        values = [(place, fill(entity)) for place, fill in added]
        for item in items:
            part = _part(item, not under, params.items)
            edit = Edit(part)
            if under:
                edit.put(under, item)
            for place, value in values:
                edit.put(place, value)
            yield part

    return builder.each(split)


def _part(item: Any, is_entity: bool, path: str) -> Entity:
    if not is_entity:
        return {}
    if isinstance(item, dict):
        return item.copy()
    raise TransformError(f"holds {kind_of(item)}, which is no entity; say with 'under' where to put it", path)


TRANSFORMER = Transformer(
    "split",
    "stream",
    Split,
    build,
    examples=(
        Example(
            "One entity for each line, with the number of its order",
            {"items": "lines", "add": {"order_id": "{{ id }}"}},
            {"id": 7, "lines": [{"sku": "A"}, {"sku": "B"}]},
            [{"sku": "A", "order_id": 7}, {"sku": "B", "order_id": 7}],
        ),
        Example(
            "Items that are no objects",
            {"items": "tags", "under": "tag", "add": {"id": "{{ id }}"}},
            {"id": 7, "tags": ["a", "b"]},
            [{"tag": "a", "id": 7}, {"tag": "b", "id": 7}],
        ),
        Example(
            "Lists inside lists", {"items": "orders[].lines[]"}, {"orders": [{"lines": [{"n": 1}]}, {}]}, [{"n": 1}]
        ),
        Example("Missing, null or empty: nothing", {"items": "lines"}, [{}, {"lines": None}, {"lines": []}], []),
        Example("Anything but a list fails", {"items": "lines"}, {"lines": "A,B"}, fails="lines: is text, not a list"),
        Example(
            "An item that is no object fails", {"items": "lines"}, {"lines": ["A"]}, fails="holds text, which is no"
        ),
    ),
    json=True,
)
