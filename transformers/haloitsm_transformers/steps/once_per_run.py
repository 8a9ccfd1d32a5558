"""``once_per_run``: find something out once, and give it to every entity."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from haloitsm_transformers.contract import Builder, Entity, EntityFunction, Example, Params, Transformer
from haloitsm_transformers.errors import TransformError
from haloitsm_transformers.fields import Path, Steps
from haloitsm_transformers.paths import Edit, parse_path


class OncePerRun(Params):
    """Run steps once in a run, on an empty entity, and put what they make into every entity.

    For what is the same for all: settings in a storage, a list that one request gives. Nothing runs where no entity
    comes. Missing path: objects and lists on the way to `into` are made; null on the way counts as missing. Wrong type:
    text, a number, true or false on the way fails. An empty list is a value. Where the steps fail, or do not give
    exactly one entity, every entity fails.
    """

    steps: Steps = Field(description="Steps that begin with an empty entity.")
    into: Path = Field(description="Path at which each entity gets what they make.")


def build(params: OncePerRun, builder: Builder) -> EntityFunction:
    """Build a run of the steps; it is run when the first entity comes."""
    run = builder.chain(params.steps)
    place = parse_path(params.into)
    known: list[Entity | Exception] = []

    def make() -> Entity | Exception:
        try:
            made = [*run([{}]), *run.finish()]
        except Exception as error:  # of any step: each entity is to fail with it
            return error
        return (
            made[0] if len(made) == 1 else TransformError(f"the steps made {len(made)} entities, where one is needed")
        )

    def put(entity: Entity) -> Entity:
        if not known:
            known.append(make())
        value: Any = known[0]
        if isinstance(value, Exception):
            raise value.with_traceback(None)  # else each raise would add to it
        Edit(entity).put(place, value)
        return entity

    return put


TRANSFORMER = Transformer(
    "once_per_run",
    "entity",
    OncePerRun,
    build,
    examples=(
        Example(
            "The same value for all",
            {"steps": [{"set": {"currency": "EUR", "rates": []}}], "into": "settings"},
            [{"id": 1}, {"id": 2, "settings": None}],
            [
                {"id": 1, "settings": {"currency": "EUR", "rates": []}},
                {"id": 2, "settings": {"currency": "EUR", "rates": []}},
            ],
        ),
        Example("No entities: nothing runs", {"steps": [{"set": {"a": "x{{ b }}"}}], "into": "a"}, [], []),
        Example(
            "Steps that fail cost every entity",
            {"steps": [{"set": {"a": "x{{ b }}"}}], "into": "a"},
            [{}],
            fails="b: gives null",
        ),
        Example(
            "They must make one entity",
            {"steps": [{"filter": "id"}], "into": "a"},
            [{}],
            fails="the steps made 0 entities, where one is needed",
        ),
        Example(
            "A text on the way fails",
            {"steps": [{"set": {"a": 1}}], "into": "name.first"},
            {"name": "x"},
            fails="name: holds text",
        ),
    ),
    json=True,
)
