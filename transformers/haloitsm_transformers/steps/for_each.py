"""``for_each``: run steps on the objects inside an entity."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import Field, RootModel

from haloitsm_transformers.contract import Builder, Entity, EntityFunction, Example, Transformer
from haloitsm_transformers.errors import TransformError, kind_of
from haloitsm_transformers.fields import Pattern, Steps
from haloitsm_transformers.in_place import Change, below, changing, in_all, in_place, one_after_the_other, unless_null
from haloitsm_transformers.paths import ANY, MISSING, parse_pattern


class ForEach(RootModel[dict[Pattern, Steps]]):
    """Run steps on each object that a pattern finds; inside, paths and placeholders begin at that object.

    The items of a list are run as a stream of their own: a filter drops some, split makes more, sort orders them.
    Anywhere else the steps must make one entity of one, or none: then it is removed. What a step inside remembers, as
    `limit` and `deduplicate` do, it remembers for the whole run. Missing path: nothing happens. Null stays null, but
    fails as an item of a list. Wrong type: anything but an object fails. Empty list: stays empty. An item that fails
    has its entity fail, unless the step inside says otherwise with `on_error`.
    """

    root: dict[Pattern, Steps] = Field(min_length=1, description="Pattern of the objects to the steps for them.")


Inner = Callable[[list[Entity]], list[Entity]]


def build(params: ForEach, builder: Builder) -> EntityFunction:
    """Compile patterns and steps."""
    return one_after_the_other(_compiled(pattern, _whole(builder, steps)) for pattern, steps in params.root.items())


def _whole(builder: Builder, steps: list[Any]) -> Inner:
    run = builder.chain(steps)

    def whole(entities: list[Entity]) -> list[Entity]:
        nonlocal run
        try:
            return [*run(entities), *run.finish()]
        except TransformError:
            try:
                run.clear()  # the steps may still hold what must not get into the next entity
            except TransformError:
                run = builder.chain(steps)
            raise

    return whole


def _compiled(text: str, inner: Inner) -> EntityFunction:
    pattern = parse_pattern(text)
    if pattern[-1] is ANY:
        return changing(pattern[:-1], _members(inner))
    return in_place([(text, unless_null(_single(inner)))])


def _members(inner: Inner) -> Change:
    in_members = in_all(unless_null(_single(inner)))

    def change(value: Any, entity: Entity) -> Any:
        if isinstance(value, list):
            for index, item in enumerate(value):
                _require_object(item, str(index))
            try:
                return inner(value)
            except TransformError as error:
                raise _in_list(value, error) from None
        return in_members(value, entity)

    return change


def _in_list(items: list[Any], error: TransformError) -> TransformError:
    """Put the position of the item that failed before its path, where it is still the one that was given."""
    failed = error.failure and error.failure.entity
    index = next((index for index, item in enumerate(items) if item is failed), None)
    return error if index is None else below(index, error)


def _single(inner: Inner) -> Change:
    def change(value: Any, entity: Entity) -> Any:
        _require_object(value, "")
        made = inner([value])
        if len(made) > 1:
            raise TransformError(f"becomes {len(made)} entities, and only a list has room for them")
        return made[0] if made else MISSING

    return change


def _require_object(value: Any, path: str) -> None:
    if not isinstance(value, dict):
        raise TransformError(f"is {kind_of(value)}, not an object", path)


TRANSFORMER = Transformer(
    "for_each",
    "entity",
    ForEach,
    build,
    examples=(
        Example(
            "Every line: those without a quantity are dropped, the others changed",
            {"lines.*": [{"filter": "qty > `0`"}, {"rename": {"qty": "quantity"}}, {"set": {"key": "L{{ sku }}"}}]},
            {"id": 7, "lines": [{"sku": "A", "qty": 2}, {"sku": "B", "qty": 0}]},
            {"id": 7, "lines": [{"sku": "A", "quantity": 2, "key": "LA"}]},
        ),
        Example(
            "One object, and every value of another",
            {"client": [{"keep": ["name"]}], "by_code.*": [{"remove": ["tmp"]}]},
            {"client": {"id": 1, "name": "Acme"}, "by_code": {"x": {"n": 1, "tmp": 0}, "y": {}}},
            {"client": {"name": "Acme"}, "by_code": {"x": {"n": 1}, "y": {}}},
        ),
        Example(
            "Lists inside lists are ordered one by one",
            {"orders.*.lines.*": [{"sort": {"by": ["sku"]}}]},
            {"orders": [{"lines": [{"sku": "B"}, {"sku": "A"}]}, {"lines": [{"sku": "C"}]}]},
            {"orders": [{"lines": [{"sku": "A"}, {"sku": "B"}]}, {"lines": [{"sku": "C"}]}]},
        ),
        Example(
            "An object for which nothing comes out is removed",
            {"client": [{"filter": "id"}]},
            {"id": 7, "client": {"name": "?"}},
            {"id": 7},
        ),
        Example(
            "A missing path is fine, null stays null, an empty list stays empty",
            {"x": [{"set": {"n": 1}}], "client": [{"set": {"n": 1}}], "lines.*": [{"set": {"n": 1}}]},
            {"client": None, "lines": []},
            {"client": None, "lines": []},
        ),
        Example(
            "A text fails", {"tags.*": [{"set": {"n": 1}}]}, {"tags": ["a"]}, fails="tags.0: is text, not an object"
        ),
        Example(
            "One object does not become several",
            {"client": [{"split": {"items": "sites"}}]},
            {"client": {"sites": [{"id": 1}, {"id": 2}]}},
            fails="client: becomes 2 entities",
        ),
        Example(
            "An item that fails has its entity fail",
            {"lines.*": [{"cast": {"qty": "integer"}}]},
            {"lines": [{"qty": "1"}, {"qty": "two"}]},
            fails="lines.1.qty: is text that is not a number",
        ),
    ),
    json=True,
)
