"""Request parameters: what a subscriber's requests are made of, before they are requests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from haloitsm_connector.errors import EntityError, InputError
from haloitsm_transformers import Chain, Registry, StepsError, TransformError, compile_chain


def compiled(steps: Chain | Sequence[Any]) -> Chain:
    """Return a chain, compiled from steps unless it is one; InputError says what is wrong with the steps."""
    if isinstance(steps, Chain):
        return steps
    try:
        return compile_chain(list(steps), Registry.installed() if steps else Registry.empty())
    except StepsError as error:
        raise InputError(f"input transformers: {error}") from error


def parameter_sets(
    path: Mapping[str, Any], query: Mapping[str, Any], chain: Chain
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield the path and query values of every document that the chain makes of ``{"path": …, "query": …}``.

    Raises EntityError where a step fails, InputError where what comes out is no such document.
    """
    try:
        run = chain.open()
        documents = [*run([{"path": dict(path), "query": dict(query)}]), *run.finish()]
    except TransformError as error:
        origin = error.failure.origin if error.failure else ""
        raise EntityError(f"the input transformers cannot go on: {error.what}", origin=origin) from error
    for document in documents:
        yield _values("path", document), _values("query", document)


def fan_out(path: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield one set of path values for every combination of the values given as lists."""
    choices = [value if isinstance(value, list | tuple) else [value] for value in path.values()]
    for values in product(*choices):
        yield dict(zip(path, values, strict=True))


def _values(part: str, document: Mapping[str, Any]) -> dict[str, Any]:
    values = document.get(part)
    if values is None:
        return {}
    if not isinstance(values, Mapping):
        raise InputError(f"request parameters need an object under '{part}', not {type(values).__name__}")
    return {str(name): value for name, value in values.items()}
