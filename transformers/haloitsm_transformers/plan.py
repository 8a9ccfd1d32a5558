"""Steps as compiled: verbs resolved, options validated, named chains put in place, origins known."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, RootModel

from haloitsm_transformers.contract import OnError, Transformer
from haloitsm_transformers.errors import NodePath
from haloitsm_transformers.fields import StepList
from haloitsm_transformers.registry import Registry

Where = Callable[[NodePath], str]
ON_ERROR = "on_error"
"""The key that may stand beside the verb of a step."""
ON_ERRORS: tuple[OnError, ...] = get_args(OnError)


@dataclass(frozen=True, slots=True)
class Step:
    """One step: ``number`` counts from 1 in its list; ``inner`` holds the steps inside, by identity of their list."""

    verb: str
    number: int
    origin: str
    transformer: Transformer
    params: BaseModel
    inner: Mapping[int, tuple[Step, ...]]
    on_error: OnError = "fail"

    def needs(self) -> tuple[str, ...]:
        """Return the capabilities that this step needs itself."""
        return self.transformer.needed(self.params)

    def all_needs(self) -> Iterator[str]:
        """Yield the capabilities of this step and of those inside it."""
        yield from self.needs()
        for steps in self.inner.values():
            for step in steps:
                yield from step.all_needs()

    def makes_json(self) -> bool:
        """Whether this step and those inside it make only what JSON has of what JSON has."""
        return self.transformer.json and all(step.makes_json() for steps in self.inner.values() for step in steps)

    def all_verbs(self) -> Iterator[str]:
        """Yield the verbs of this step and of those inside it."""
        yield self.verb
        for steps in self.inner.values():
            for step in steps:
                yield from step.all_verbs()


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
        verb = next(key for key in step if key != ON_ERROR)
        options = step[verb]
        transformer = registry.get(verb)
        if options is None and not issubclass(transformer.params, RootModel):
            options = {}
        params = transformer.params.model_validate(options)
        inner = {
            id(found): tuple(_planned(found, (*place, index, verb, *path), registry, chains, where))
            for path, found in step_lists(params)
        }
        origin = where((*place, index))
        yield Step(verb, index + 1, origin, transformer, params, inner, step.get(ON_ERROR, "fail"))


def step_lists(value: Any) -> Iterator[tuple[NodePath, StepList]]:
    """Yield the lists of steps among options, with their paths as written."""
    if isinstance(value, StepList):
        yield (), value
        return
    members: Any = ()
    if isinstance(value, RootModel):
        yield from step_lists(value.root)
    elif isinstance(value, BaseModel):
        fields = type(value).model_fields
        members = ((field.alias or name, getattr(value, name)) for name, field in fields.items())
    elif isinstance(value, Mapping):
        members = value.items()
    elif isinstance(value, (list, tuple)):
        members = enumerate(value)
    for key, inner in members:
        for path, found in step_lists(inner):
            yield (key, *path), found
