"""Chains: steps compiled once, opened for each run over entities."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from haloitsm_transformers.check import Chains, Checker
from haloitsm_transformers.contract import Entity
from haloitsm_transformers.errors import Failure, NodePath, StepsError
from haloitsm_transformers.plan import Where, plan
from haloitsm_transformers.registry import Registry
from haloitsm_transformers.run import ChainRun, open_run, raise_failure


class Trace(NamedTuple):
    """What one step did: the entities before and after it, and those that failed in it."""

    label: str
    before: list[Entity]
    after: list[Entity]
    failures: list[Failure]


def compile_chain(
    steps: list[Any],
    registry: Registry,
    chains: Chains | None = None,
    where: Where = lambda path: "",
    capabilities: Mapping[str, Any] | None = None,
) -> Chain:
    """Compile steps; StepsError holds every problem with them and with the named chains that they use.

    ``where`` says for the path of a step where it was written (``file:line:column``). The path of a step inside a
    named chain starts with the chain's name, any other with its number in ``steps``. ``capabilities`` are what every
    run of the chain in this process is given.
    """
    named = chains or {}
    checker = Checker(registry, named, None)
    problems = checker.steps(steps)
    for name, found in checker.followed.items():
        problems += [problem.under(name) for problem in found]
    if problems:
        raise StepsError(problems)
    return Chain(steps, registry, named, where, capabilities or {})


class Chain:
    """Compiled steps. A chain is data: it pickles, without its capabilities; any number of runs can be opened."""

    def __init__(
        self,
        steps: list[Any],
        registry: Registry,
        chains: Chains,
        where: Where,
        capabilities: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        self._source = (steps, registry, chains)
        self._capabilities = capabilities
        self._origins: dict[NodePath, str] = {}

        def recorded(path: NodePath) -> str:
            return self._origins.setdefault(path, where(path))

        self._steps = plan(steps, registry, chains, recorded)

    def __reduce__(self) -> tuple[Any, ...]:
        return Chain, (*self._source, self._origins.__getitem__)

    def __len__(self) -> int:
        return len(self._steps)

    @property
    def needs(self) -> frozenset[str]:
        """The capabilities that a run of this chain has to be given."""
        return frozenset(need for step in self._steps for need in step.all_needs())

    @property
    def verbs(self) -> frozenset[str]:
        """The verbs of its steps, and of those inside them."""
        return frozenset(verb for step in self._steps for verb in step.all_verbs())

    @property
    def json(self) -> bool:
        """Whether all its steps, and those inside them, make only what JSON has of what JSON has."""
        return all(step.makes_json() for step in self._steps)

    def open(
        self, fail: Callable[[Failure], None] = raise_failure, capabilities: Mapping[str, Any] | None = None
    ) -> ChainRun:
        """Build a run; ``fail`` is told of each entity that cannot go on. Without it, TransformError is raised.

        ``capabilities`` add to those of the chain.
        """
        return open_run(self._steps, fail, self._offered(capabilities))

    def trace(self, entities: list[Entity], capabilities: Mapping[str, Any] | None = None) -> list[Trace]:
        """Run all entities through one step after the other and return what each did; those that fail stay behind."""
        offered = self._offered(capabilities)
        rows = []
        for step in self._steps:
            failures: list[Failure] = []
            run = open_run([step], failures.append, offered)
            after = [*run(entities), *run.finish()]
            rows.append(Trace(f"{step.number} {step.verb}", entities, after, failures))
            entities = after
        return rows

    def _offered(self, capabilities: Mapping[str, Any] | None) -> Mapping[str, Any]:
        offered = {**self._capabilities, **(capabilities or {})}
        if missing := sorted(self.needs - offered.keys()):
            raise StepsError.of(f"a step needs '{missing[0]}', which is not offered here")
        return offered
