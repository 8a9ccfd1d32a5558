"""How large an expression may be, and how many times its input it may come to: no expression keeps a run busy for ever.

Each part of an expression is passed over its input, so the time is what the parts multiply to. ``[@, @] | [@, @]``
doubles the input twice; thirty of these would fill the memory. What is counted is an upper bound that depends on the
expression alone, so that it is known before anything runs, and nothing is counted while entities pass.
"""

from __future__ import annotations

from typing import Any, NamedTuple

Node = dict[str, Any]

MOST_NESTED = 100
MOST_PASSES = 100_000
_ESCAPED = 6
"""Characters that ``to_string`` makes of one at most: \\u0001."""
_IN_SEQUENCE = frozenset({"subexpression", "index_expression", "pipe"})
_OVER_ITEMS = frozenset({"projection", "value_projection", "filter_projection"})
_PER_ITEM_FUNCTIONS = {"map": (1, 0), "sort_by": (0, 1), "min_by": (0, 1), "max_by": (0, 1)}
"""Functions that evaluate an expression for each item: the positions of the list and of the expression."""


class _Cost(NamedTuple):
    """Multiples of the size of the input: the time that a part takes, and the size of what it gives."""

    time: float
    size: float


def too_costly(node: Node) -> str:
    """Say why an expression is refused, or return an empty text."""
    if _depth(node) > MOST_NESTED:
        return "the expression is nested too deeply"
    if _cost(node).time > MOST_PASSES:
        return f"the expression could pass over an entity more than {MOST_PASSES:,} times"
    return ""


def _depth(root: Node) -> int:
    deepest, level = 0, [root]
    while level:
        deepest += 1
        level = [child for node in level for child in node["children"] if isinstance(child, dict)]
    return deepest


def _cost(node: Node) -> _Cost:
    kind, children = node["type"], node["children"]
    if kind == "slice" or not children:
        return _Cost(1, 1 + _literal_size(node.get("value")) if kind == "literal" else 1)
    costs = [_cost(child) for child in children]
    if kind in _IN_SEQUENCE:
        return _in_sequence(costs)
    if kind in _OVER_ITEMS:
        base, *others = costs
        right = _side_by_side(others)
        return _in_sequence([base, _Cost(right.time, costs[1].size)])
    if kind == "function_expression":
        return _of_function(node["value"], costs)
    total = _side_by_side(costs)
    return _Cost(total.time, 1) if kind in ("comparator", "not_expression") else total


def _in_sequence(costs: list[_Cost]) -> _Cost:
    time, size = 0.0, 1.0
    for cost in costs:
        time, size = time + size * cost.time, size * cost.size
    return _Cost(time, size)


def _side_by_side(costs: list[_Cost]) -> _Cost:
    return _Cost(sum(cost.time for cost in costs) + sum(cost.size for cost in costs), sum(cost.size for cost in costs))


def _of_function(name: str, costs: list[_Cost]) -> _Cost:
    if name in _PER_ITEM_FUNCTIONS:
        items, expression = (costs[position] for position in _PER_ITEM_FUNCTIONS[name])
        total = _in_sequence([items, expression])
        return total if name == "map" else _Cost(total.time, items.size)
    total = _side_by_side(costs)
    return _Cost(total.time, total.size * _ESCAPED) if name == "to_string" else total


def _literal_size(value: Any) -> int:
    if isinstance(value, str):
        return len(value) // 16
    if isinstance(value, dict):
        return sum(1 + len(key) // 16 + _literal_size(inner) for key, inner in value.items())
    return sum(1 + _literal_size(inner) for inner in value) if isinstance(value, list) else 0
