"""For authors of transformers: find out whether a new verb keeps the promises that every verb makes."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel

from haloitsm_transformers.chain import Chain, compile_chain
from haloitsm_transformers.contract import Entity, Example, Transformer
from haloitsm_transformers.errors import StepsError, TransformError
from haloitsm_transformers.registry import Registry


def check_transformer(
    transformer: Transformer, registry: Registry | None = None, capabilities: dict[str, Any] | None = None
) -> None:
    """Check a transformer by its own examples; AssertionError lists everything that is not sound.

    It has a summary and examples, and describes every option. Each example gives what it says, twice, and after the
    chain was pickled; it changes nothing that it was given, and gives JSON. ``registry`` holds the other verbs that
    the examples use (default: the installed ones), ``capabilities`` what the transformer needs beyond the examples'
    worlds.
    """
    verbs = (registry or Registry.installed()).with_(transformer)
    found = [*_undescribed(transformer), *_unsound(transformer, verbs, capabilities or {})]
    if found:
        raise AssertionError(f"{transformer.name}:\n" + "\n".join(f"- {what}" for what in found))


def run_example(chain: Chain, example: Example, capabilities: dict[str, Any] | None = None) -> list[Entity]:
    """Return what a chain makes of what an example gives it; AssertionError when the storages end up otherwise."""
    world = example.world.open()
    run = chain.open(capabilities={**world.capabilities, **(capabilities or {})})
    done = [*run(_several(example.given)), *run.finish()]
    if example.leaves is not None:
        assert world.held() == example.leaves, f"the storages hold {world.held()}"
    return done


def _several(entities: Entity | list[Entity] | None) -> list[Entity]:
    return entities if isinstance(entities, list) else [] if entities is None else [entities]


def _undescribed(transformer: Transformer) -> Iterator[str]:
    if not transformer.summary:
        yield "the parameter model has no docstring"
    if not transformer.examples:
        yield "there are no examples"
    for model in _models(transformer.params):
        for name, field in model.model_fields.items():
            if not field.description:
                yield f"the option '{field.alias or name}' of {model.__name__} has no description"


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        for field in annotation.model_fields.values():
            yield from _models(field.annotation)
    for inner in get_args(annotation):
        yield from _models(inner)


def _unsound(transformer: Transformer, registry: Registry, capabilities: dict[str, Any]) -> Iterator[str]:
    for example in transformer.examples:
        try:
            chain = compile_chain([{transformer.name: example.params}], registry)
        except StepsError as error:
            yield f"{example.title!r} is not written right: {error}"
            continue
        for problem in _broken_promises(chain, example, capabilities):
            yield f"{example.title!r} {problem}"


def _broken_promises(chain: Chain, example: Example, capabilities: dict[str, Any]) -> Iterator[str]:
    given = copy.deepcopy(example.given)
    first = _outcome(chain, example, capabilities)
    if example.given != given:
        yield "changes the entity that it is given"
        return
    if isinstance(first, str):
        if not example.fails or example.fails not in first:
            yield f"fails: {first}"
        return
    if example.fails:
        yield f"does not fail, but gives {first}"
        return
    if first != _several(example.gives):
        yield f"gives {first}"
    if first != _outcome(chain, example, capabilities):
        yield "gives something else the second time"
    yield from _not_json(first)
    yield from _not_picklable(chain, example, capabilities, first)


def _outcome(chain: Chain, example: Example, capabilities: dict[str, Any]) -> list[Entity] | str:
    try:
        return run_example(chain, example, capabilities)
    except (TransformError, AssertionError) as error:
        return str(error)


def _not_json(entities: list[Entity]) -> Iterator[str]:
    try:
        written = json.loads(json.dumps(entities, allow_nan=False))
    except (TypeError, ValueError) as error:
        yield f"does not give JSON: {error}"
        return
    if written != entities or not all(isinstance(entity, dict) for entity in entities):
        yield f"does not give JSON objects: {entities}"


def _not_picklable(
    chain: Chain, example: Example, capabilities: dict[str, Any], expected: list[Entity]
) -> Iterator[str]:
    try:
        restored = pickle.loads(pickle.dumps(chain))  # noqa: S301 - what was written a moment ago
    except Exception as error:
        yield f"makes a chain that cannot be pickled: {error}"
        return
    if _outcome(restored, example, capabilities) != expected:
        yield "gives something else after the chain was pickled"
