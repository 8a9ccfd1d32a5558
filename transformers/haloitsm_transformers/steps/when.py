"""``when``: run steps only where a condition holds."""

from __future__ import annotations

from itertools import groupby

from pydantic import Field

from haloitsm_transformers.contract import Builder, Entity, Example, Params, Stream, Transformer
from haloitsm_transformers.fields import Condition, Steps


class Branch(Params):
    """A further condition, asked when those before do not hold."""

    if_: Condition = Field(alias="if", description="The condition.")
    then: Steps = Field(description="Steps for entities for which it holds.")


class When(Params):
    """Run the steps of the first condition that holds, or those of `else`; without any, the entity passes unchanged.

    Missing path, null, wrong type, empty list: as in `filter`, a condition never fails. The order of entities is kept;
    what steps inside hold back to the end comes last.
    """

    if_: Condition = Field(alias="if", description="The condition.")
    then: Steps = Field(description="Steps for entities for which it holds.")
    else_if: list[Branch] = Field([], description="Further conditions with their steps, asked in order.")
    else_: Steps = Field([], alias="else", description="Steps for entities for which none holds.")


def build(params: When, builder: Builder) -> Stream:
    """Compile the conditions, and a run for each branch."""
    branches: list[Branch | When] = [params, *params.else_if]
    conditions = [builder.condition(branch.if_) for branch in branches]
    runs = [builder.chain(branch.then) for branch in branches]
    if params.else_:
        runs.append(builder.chain(params.else_))

    def branch_of(entity: Entity) -> int:
        return next((number for number, holds in enumerate(conditions) if holds(entity)), len(conditions))

    def push(entities: list[Entity]) -> list[Entity]:
        done: list[Entity] = []
        for branch, group in groupby(entities, key=branch_of):
            same = list(group)
            done += runs[branch](same) if branch < len(runs) else same
        return done

    if not any(run.holds for run in runs):
        return Stream(push, list)
    return Stream(push, lambda: [entity for run in runs for entity in run.finish()])


TRANSFORMER = Transformer(
    "when",
    "stream",
    When,
    build,
    examples=(
        Example(
            "If, else if, else; the order is kept",
            {
                "if": {"id": {"exists": True}},
                "then": [{"set": {"mode": "update"}}],
                "else_if": [{"if": "name", "then": [{"set": {"mode": "create"}}]}],
                "else": [{"set": {"mode": "unknown"}}],
            },
            [{"name": "a"}, {"id": 1}, {}],
            [{"name": "a", "mode": "create"}, {"id": 1, "mode": "update"}, {"mode": "unknown"}],
        ),
        Example(
            "Without else the others pass unchanged",
            {"if": "status == 'closed'", "then": [{"remove": ["note"]}]},
            [{"status": "closed", "note": "x"}, {"status": "open", "note": "y"}],
            [{"status": "closed"}, {"status": "open", "note": "y"}],
        ),
        Example(
            "Missing, null and wrong types do not hold",
            {"if": {"n": {"more_than": 1}}, "then": [{"set": {"big": True}}]},
            [{}, {"n": None}, {"n": []}, {"n": "2"}, {"n": 2}],
            [{}, {"n": None}, {"n": []}, {"n": "2"}, {"n": 2, "big": True}],
        ),
        Example(
            "Steps inside may let through fewer or make more",
            {"if": "lines", "then": [{"split": {"items": "lines"}}]},
            [{"id": 1}, {"lines": [{"n": 1}, {"n": 2}]}],
            [{"id": 1}, {"n": 1}, {"n": 2}],
        ),
    ),
    json=True,
)
