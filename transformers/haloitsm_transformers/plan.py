"""Steps as compiled: verbs resolved, options validated, named chains put in place, origins known."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, RootModel

from haloitsm_transformers.contract import Transformer
from haloitsm_transformers.errors import NodePath
from haloitsm_transformers.fields import StepList
from haloitsm_transformers.registry import Registry

Where = Callable[[NodePath], str]


@dataclass(frozen=True, slots=True)
class Step:
    """One step: ``number`` counts from 1 in its list; ``inner`` holds the steps inside, by identity of their list."""

    verb: str
    number: int
    origin: str
    transformer: Transformer
    params: BaseModel
    inner: Mapping[int, tuple[Step, ...]]

    def all_needs(self) -> Iterator[str]:
        """Yield the capabilities of this step and of those inside it."""
        yield from self.transformer.needs
        for steps in self.inner.values():
            for step in steps:
                yield from step.all_needs()


def plan(steps: list[Any], registry: Registry, chains: Mapping[str, Any], where: Where) -> tuple[Step, ...]:
    """Compile steps that were checked before."""
    return tuple(_planned(steps, (), registry, chains, where))


def _planned(
    steps: list[Any], place: NodePath, registry: Registry, chains: Mapping[str, Any], where: Where
) -> Iterator[Step]:
    for index, step in enumerate(steps):
        if isinstance(step, str):
            yield from _planned(chains[step], (step,), registry, chains, where)
            continue
        ((verb, options),) = step.items()
        transformer = registry.get(verb)
        if options is None and not issubclass(transformer.params, RootModel):
            options = {}
        params = transformer.params.model_validate(options)
        inner = {
            id(found): tuple(_planned(found, (*place, index, verb, *path), registry, chains, where))
            for path, found in _step_lists(params)
        }
        yield Step(verb, index + 1, where((*place, index)), transformer, params, inner)


def _step_lists(value: Any) -> Iterator[tuple[NodePath, StepList]]:
    """Find the lists of steps among options, with their paths as written."""
    if isinstance(value, StepList):
        yield (), value
        return
    members: Any = ()
    if isinstance(value, RootModel):
        yield from _step_lists(value.root)
    elif isinstance(value, BaseModel):
        fields = type(value).model_fields
        members = ((field.alias or name, getattr(value, name)) for name, field in fields.items())
    elif isinstance(value, Mapping):
        members = value.items()
    elif isinstance(value, (list, tuple)):
        members = enumerate(value)
    for key, inner in members:
        for path, found in _step_lists(inner):
            yield (key, *path), found
