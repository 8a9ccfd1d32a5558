"""Chains at work: the loops over entities, and what happens when one of them fails."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from operator import length_hint
from typing import Any, cast

from haloitsm_transformers.capabilities import ELSEWHERE, ends_run
from haloitsm_transformers.conditions import condition
from haloitsm_transformers.contract import Entity, EntityFunction, LeftOut, Stream, StreamFunction
from haloitsm_transformers.errors import Failure, StepProblem, StepsError, TransformError
from haloitsm_transformers.expressions import expression
from haloitsm_transformers.placeholders import template
from haloitsm_transformers.plan import Step

Report = Callable[[Failure], None]


def open_run(steps: Sequence[Step], fail: Report, capabilities: Mapping[str, Any]) -> ChainRun:
    """Build the functions of steps, entity steps that stand next to each other as one."""
    return ChainRun(list(_stages(steps, _Reporter(fail), capabilities)))


class ChainRun:
    """A chain at work: call it with a list of entities as often as needed, then ``finish`` it once. For one thread."""

    def __init__(self, stages: list[Stream]) -> None:
        self._stages = stages

    @property
    def holds(self) -> bool:
        """Whether it may hold entities back, so that not all that is made of given ones comes out at once."""
        return any(stage.finish is not list for stage in self._stages)

    def __call__(self, entities: list[Entity]) -> list[Entity]:
        """Run entities through the chain and return what comes out so far; the given ones stay as they are."""
        for stage in self._stages:
            entities = stage.push(entities)
        return entities

    def clear(self) -> None:
        """Let go of what the steps hold back; what else they remember stays. TransformError where that fails."""
        for stage in self._stages:
            stage.finish()

    def finish(self) -> list[Entity]:
        """Return what the steps have held back."""
        entities: list[Entity] = []
        for stage in self._stages:
            ready = stage.push(entities) if entities else entities
            entities = [*ready, *stage.finish()]
        return entities


class _Reporter:
    """Hands failures to the host; remembers the exception by which the host stops everything."""

    def __init__(self, fail: Report) -> None:
        self._fail = fail
        self.stop: Exception | None = None

    def __call__(self, step: Step, error: Exception, entity: Entity | None) -> None:
        if error is self.stop or ends_run(error):
            raise error
        if step.on_error != "fail" and entity is not None:
            return
        try:
            self._fail(_failure(step, error, entity))
        except Exception as stop:
            self.stop = stop
            raise


def _failure(step: Step, error: Exception, entity: Entity | None) -> Failure:
    if isinstance(error, TransformError):
        if error.failure:  # from a step inside, which knows better where it was
            return replace(error.failure, entity=entity)
        path, what = error.path, error.what
    else:
        path, what = "", f"unexpected {type(error).__name__}: {str(error)[:200]}".removesuffix(": ")
    lasting = ELSEWHERE.isdisjoint(step.needs())
    return Failure(entity, step.origin, step.number, step.verb, path, what, lasting)


def raise_failure(failure: Failure) -> None:
    """Raise a failure as TransformError."""
    raise TransformError(failure.what, failure.path, failure)


def _stages(steps: Sequence[Step], report: _Reporter, capabilities: Mapping[str, Any]) -> Iterator[Stream]:
    for level, group in groupby(steps, key=lambda step: step.transformer.level):
        if level == "entity":
            members = list(group)
            # An entity that fails in a step inside an entity step fails as a whole.
            builders = [_Builder(step, _Reporter(raise_failure), capabilities) for step in members]
            functions = [cast(EntityFunction, _built(builder)) for builder in builders]
            yield _entity_stage(list(zip(members, functions, strict=True)), report)
            continue
        for step in group:
            function = cast(StreamFunction | Stream, _built(_Builder(step, report, capabilities)))
            yield _stream_stage(step, function if isinstance(function, Stream) else Stream(function, list), report)


def _built(builder: _Builder) -> EntityFunction | StreamFunction | Stream:
    step = builder.step
    try:
        function = step.transformer.build(step.params, builder)
    except (StepsError, TransformError) as error:
        problems = error.problems if isinstance(error, StepsError) else [StepProblem((), error.what)]
        at = f"{step.origin}: " if step.origin else ""
        label = f"{at}step {step.number} ({step.verb}): "
        raise StepsError(replace(problem, what=label + problem.what) for problem in problems) from None
    if step.on_error == "keep" and step.transformer.level == "entity":
        return _or_as_before(cast(EntityFunction, function))
    return function


def _or_as_before(function: EntityFunction) -> EntityFunction:
    def attempt(entity: Entity) -> Entity:
        try:
            return function(entity.copy())
        except LeftOut:
            raise
        except Exception as error:  # whatever it was, the user said to keep the entity
            if ends_run(error):
                raise
            return entity

    return attempt


def _entity_stage(work: list[tuple[Step, EntityFunction]], report: _Reporter) -> Stream:
    for position, (step, _) in enumerate(work):
        if step.transformer.own_copy and step.on_error != "keep":  # which copies for itself
            work.insert(position, (step, dict.copy))
            break
    steps, functions = [step for step, _ in work], [function for _, function in work]

    def push(entities: list[Entity]) -> list[Entity]:
        done = []
        for entity in entities:
            changed = entity
            rest = iter(functions)
            try:
                for function in rest:
                    changed = function(changed)
            except LeftOut:
                continue
            except Exception as error:
                # What the iterator has left tells which step failed, at no cost for the entities that do not fail.
                report(steps[len(steps) - 1 - length_hint(rest)], error, entity)
            else:
                done.append(changed)
        return done

    return Stream(push, list)


def _stream_stage(step: Step, stream: Stream, report: _Reporter) -> Stream:
    def push(entities: list[Entity]) -> list[Entity]:
        try:
            return stream.push(entities)
        except Exception as error:
            for entity in entities:
                report(step, error, entity)
            return entities if step.on_error == "keep" else []

    def finish() -> list[Entity]:
        try:
            return stream.finish()
        except Exception as error:
            report(step, error, None)
            return []

    return Stream(push, list if stream.finish is list else finish)


class _Builder:
    """The Builder of one step."""

    expression = staticmethod(expression)
    template = staticmethod(template)
    condition = staticmethod(condition)

    def __init__(self, step: Step, report: _Reporter, capabilities: Mapping[str, Any]) -> None:
        self.step = step
        self._report = report
        self._capabilities = capabilities

    @property
    def origin(self) -> str:
        """Where the step was written."""
        return self.step.origin

    def chain(self, steps: list[Any]) -> ChainRun:
        """Build a run of the steps in one of the step's own parameters."""
        inner = self.step.inner.get(id(steps))
        if inner is None:
            raise StepsError.of(f"'{self.step.verb}' can only build the steps in a parameter of type Steps")
        dropping = self.step.on_error == "drop" and self.step.transformer.level == "stream"
        report = _Reporter(lambda failure: None) if dropping else self._report
        return ChainRun(list(_stages(inner, report, self._capabilities)))

    def capability(self, name: str) -> Any:
        """Return what the host offers under a name."""
        if name not in self.step.needs():
            raise StepsError.of(f"'{self.step.verb}' does not list '{name}' in its needs")
        return self._capabilities[name]

    def each(self, function: Callable[[Entity], Iterable[Entity]]) -> StreamFunction:
        """Make a stream function of one for a single entity."""

        def push(entities: list[Entity]) -> list[Entity]:
            done: list[Entity] = []
            for entity in entities:
                try:
                    done += list(function(entity))
                except Exception as error:
                    self._report(self.step, error, entity)
                    if self.step.on_error == "keep":
                        done.append(entity)
            return done

        return push
