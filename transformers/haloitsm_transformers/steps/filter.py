"""``filter``: let only some entities through."""

from __future__ import annotations

from pydantic import Field, RootModel

from haloitsm_transformers.contract import Builder, Entity, EntityFunction, Example, LeftOut, Transformer
from haloitsm_transformers.fields import Condition


class Filter(RootModel[Condition]):
    """Let through the entities for which a condition holds; the others go no further.

    Missing path: reads as null, so most tests do not hold. Null, empty text, list and object do not hold as a JMESPath
    condition, 0 does. Wrong type: the condition does not hold; it never fails.
    """

    root: Condition = Field(description="The condition.")


def build(params: Filter, builder: Builder) -> EntityFunction:
    """Compile the condition."""
    holds = builder.condition(params.root)

    def let_through(entity: Entity) -> Entity:
        if holds(entity):
            return entity
        raise LeftOut

    return let_through


TRANSFORMER = Transformer(
    "filter",
    "entity",
    Filter,
    build,
    own_copy=False,
    examples=(
        Example(
            "A JMESPath condition",
            "status == 'open'",
            [{"status": "open"}, {"status": "closed"}, {}],
            [{"status": "open"}],
        ),
        Example(
            "Named tests, all of which must hold",
            {"priority": {"at_most": 2}, "closed": {"empty": True}},
            [{"priority": 1}, {"priority": 2, "closed": "2025-01-01"}, {"priority": 3}],
            [{"priority": 1}],
        ),
        Example(
            "Joined by and, or, not",
            {"or": [{"vip": {"equals": True}}, {"not": {"tags": {"empty": True}}}]},
            [{"vip": True}, {"vip": 1}, {"tags": ["x"]}, {"tags": []}],
            [{"vip": True}, {"tags": ["x"]}],
        ),
        Example("A value of the wrong type does not hold", {"n": {"more_than": 1}}, [{"n": "2"}, {"n": None}, {}], []),
        Example(
            "Nor does a function that cannot be computed", "length(n) > `1`", [{"n": 5}, {}, {"n": "ab"}], [{"n": "ab"}]
        ),
    ),
    json=True,
)
