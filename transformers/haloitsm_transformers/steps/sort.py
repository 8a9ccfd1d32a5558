"""``sort``: bring entities into an order."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import Field, WithJsonSchema

from haloitsm_transformers.contract import Builder, Entity, Example, Params, Stream, Transformer
from haloitsm_transformers.errors import StepsError, TransformError, compile_each, kind_of, suggest
from haloitsm_transformers.expressions import expression
from haloitsm_transformers.fields import compiles


def _order(written: Any) -> tuple[Callable[[Any], Any], bool]:
    """Compile what is sorted by, and whether it is turned round."""
    if isinstance(written, str):
        return expression(written), False
    if not isinstance(written, dict) or len(written) != 1:
        raise StepsError.of(f"must be JMESPath, or {{descending: JMESPath}}, not {kind_of(written)}")
    return compile_each(written, _descending)["descending"], True


def _descending(name: str, written: Any) -> Callable[[Any], Any]:
    if name != "descending":
        raise StepsError.of(f"unknown option '{name}'", suggest(name, ["descending"]) or "Options: descending.")
    if not isinstance(written, str):
        raise StepsError.of(f"must be text, not {kind_of(written)}")
    return expression(written)


_TEXT = {"type": "string", "format": "jmespath"}
_TURNED = {
    "type": "object",
    "properties": {"descending": {"description": "JMESPath expression that gives the value.", **_TEXT}},
    "required": ["descending"],
    "additionalProperties": False,
}
Order = Annotated[Any, compiles(_order), WithJsonSchema({"anyOf": [_TEXT, _TURNED]})]


class Sort(Params):
    """Give all entities sorted at the end of the run; those that are equal keep their order.

    Missing path and null come last, also descending. Wrong type: numbers come before texts, then false and true, then
    lists and objects, which are compared as JSON text; so an empty list is a value. Texts are compared by code point,
    so ISO dates sort by time. Memory holds all entities; those beyond `most` fail.
    """

    by: list[Order] = Field(
        min_length=1, description="JMESPath expressions, the most important first; {descending: ...} turns one round."
    )
    most: int = Field(100_000, ge=1, description="Entities that are held.")


def build(params: Sort, builder: Builder) -> Stream:
    """Compile the expressions; a run holds its entities with the values they are sorted by."""
    orders = [_order(written) for written in params.by]
    held: list[tuple[list[Any], Entity]] = []

    def hold(entity: Entity) -> list[Entity]:
        if len(held) >= params.most:
            raise TransformError(f"comes after {params.most:,} others, as many as are sorted; raise 'most'")
        held.append(([_rank(read(entity), turned) for read, turned in orders], entity))
        return []

    def finish() -> list[Entity]:
        for position, (_, turned) in reversed(list(enumerate(orders))):
            held.sort(key=lambda item: item[0][position], reverse=turned)
        done = [entity for _, entity in held]
        held.clear()
        return done

    return Stream(builder.each(hold), finish)


def _rank(value: Any, turned: bool) -> tuple[bool, int, Any]:
    """Make values of all types comparable; null is last, which for a turned order is the smallest."""
    if value is None:
        return not turned, 0, 0
    if isinstance(value, bool):
        return turned, 2, value
    if isinstance(value, int | float):
        return turned, 0, value
    if isinstance(value, str):
        return turned, 1, value
    return turned, 3, json.dumps(value, sort_keys=True)


TRANSFORMER = Transformer(
    "sort",
    "stream",
    Sort,
    build,
    examples=(
        Example(
            "By two fields, the second one descending",
            {"by": ["priority", {"descending": "created"}]},
            [
                {"priority": 2, "created": "2025-01-01"},
                {"priority": 1, "created": "2025-01-01"},
                {"priority": 1, "created": "2025-03-01"},
            ],
            [
                {"priority": 1, "created": "2025-03-01"},
                {"priority": 1, "created": "2025-01-01"},
                {"priority": 2, "created": "2025-01-01"},
            ],
        ),
        Example(
            "Missing and null come last, in the order they came",
            {"by": ["n"]},
            [{"id": 1}, {"id": 2, "n": None}, {"id": 3, "n": 5}],
            [{"id": 3, "n": 5}, {"id": 1}, {"id": 2, "n": None}],
        ),
        Example("Also descending", {"by": [{"descending": "n"}]}, [{}, {"n": 1}, {"n": 2}], [{"n": 2}, {"n": 1}, {}]),
        Example(
            "Types in their order",
            {"by": ["n"]},
            [{"n": {}}, {"n": []}, {"n": True}, {"n": "10"}, {"n": "9"}, {"n": 10}, {"n": 9.5}],
            [{"n": 9.5}, {"n": 10}, {"n": "10"}, {"n": "9"}, {"n": True}, {"n": []}, {"n": {}}],
        ),
        Example(
            "A function that gets the wrong type fails", {"by": ["length(name)"]}, {"name": 5}, fails="length() takes"
        ),
        Example(
            "More than fit fail", {"by": ["n"], "most": 1}, [{"n": 2}, {"n": 1}], fails="comes after 1 others, as many"
        ),
    ),
    json=True,
)
