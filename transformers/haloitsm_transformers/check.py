"""Check steps as written: every problem at once, each with its path and, where possible, a suggestion."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel, RootModel, ValidationError
from pydantic_core import ErrorDetails

from haloitsm_transformers.capabilities import NOT_HERE
from haloitsm_transformers.contract import Transformer
from haloitsm_transformers.errors import PluginError, StepProblem, kind_of, suggest
from haloitsm_transformers.fields import PROBLEMS, StepChecker
from haloitsm_transformers.plan import ON_ERROR, ON_ERRORS, step_lists
from haloitsm_transformers.registry import Registry
from haloitsm_transformers.wording import KINDS, LIMITS, LIST

Chains = Mapping[str, Any]
"""Named chains: name to list of steps."""
Offered = Collection[str] | Mapping[str, Collection[str] | Callable[[str], Any] | None]
"""The names of capabilities; as a mapping, with what each can be asked for by name, or with the capability itself where
it can be asked before anything runs.
"""
MOST_STEPS = 10_000
"""Steps that one list may come to with all its named chains; chains that name each other twice double at each level."""


def check_steps(
    steps: Any,
    registry: Registry,
    chains: Chains | None = None,
    offered: Offered | None = frozenset(),
    offered_last: Collection[str] = (),
) -> list[StepProblem]:
    """Return every problem with a list of steps, those inside steps included; paths are relative to the list.

    ``chains`` are the named chains that a bare text may name; check each of them by itself. ``offered`` are the
    capabilities of the host (None: do not check); a mapping also says what each can be asked for by name.
    ``offered_last`` are those that only the last step of the list is given, and none inside it.
    """
    return Checker(registry, chains or {}, offered, offered_last).steps(steps)


class Checker:
    """Checks lists of steps against one registry; follows the named chains that they use."""

    def __init__(
        self, registry: Registry, chains: Chains, offered: Offered | None, offered_last: Collection[str] = ()
    ) -> None:
        self._registry = registry
        self._chains = chains
        self._offered = offered
        self._offered_last = offered_last
        self._inside: tuple[str, ...] = ()  # the named chains that are being followed, outermost first
        self.followed: dict[str, list[StepProblem]] = {}
        self._sizes: dict[str, int] = {}  # of the chains followed: their steps, with those of the chains they name
        self._size = 0

    def steps(self, value: Any) -> list[StepProblem]:
        """Return what is wrong with a list of steps; problems of the named chains it uses go to ``followed``."""
        if not isinstance(value, list):
            return [StepProblem((), f"must be a list of steps, not {kind_of(value)}", "Each step starts with '- '.")]
        last, self._offered_last = self._offered_last, ()  # steps inside these are given none of it
        problems = []
        for index, step in enumerate(value):
            offered = last if index == len(value) - 1 else ()
            problems += [problem.under(index) for problem in self._step(step, offered)]
        return problems

    def names(self, capability: str) -> Collection[str] | None:
        """Return what a capability can be asked for by name; None where that is not known."""
        names = self._offered.get(capability) if isinstance(self._offered, Mapping) else None
        return None if callable(names) else names

    def ask(self, capability: str) -> Callable[[str], Any] | None:
        """Return a capability that can be asked before anything runs; None where there is none."""
        ask = self._offered.get(capability) if isinstance(self._offered, Mapping) else None
        return ask if callable(ask) else None

    def _step(self, step: Any, offered: Collection[str]) -> list[StepProblem]:
        if isinstance(step, str):
            return self._named_chain(step)
        if not isinstance(step, dict):
            return [StepProblem((), f"a step is a mapping with one verb, or the name of a chain, not {kind_of(step)}")]
        verbs = [verb for verb in step if verb != ON_ERROR]
        if len(verbs) != 1:
            return [_not_one_verb({verb: step[verb] for verb in verbs})]
        self._size += 1
        (verb,) = verbs
        on_error = step.get(ON_ERROR, "fail")
        if isinstance(step[verb], dict) and ON_ERROR in step[verb]:
            what = f"'{ON_ERROR}' stands beside '{verb}', not below it"
            return [StepProblem((str(verb), ON_ERROR), what, f"Indent it as far as '{verb}'.")]
        problems = [problem.under(str(verb)) for problem in self._verb(str(verb), step[verb], on_error, offered)]
        return [*problems, *_on_error_problems(on_error)]

    def _named_chain(self, name: str) -> list[StepProblem]:
        if name not in self._chains:
            hint = suggest(name, self._chains) or "Chains are declared under 'transformers:'."
            if name in self._registry.names():
                hint = f"The step '{name}' is written with its options: '{name}: ...'."
            return [StepProblem((), f"there is no chain '{name}'", hint)]
        if cycle := self._cycle(name):
            return [StepProblem((), f"the chain '{cycle[0]}' contains itself: {' > '.join(cycle)}")]
        if self._size > MOST_STEPS:
            return [StepProblem((), f"with the chain '{name}' this comes to more than {MOST_STEPS:,} steps")]
        return []

    def _cycle(self, name: str) -> tuple[str, ...]:
        """Follow a named chain; return the names from a chain back to itself, or nothing when it comes to an end."""
        if name in self._inside:
            raise _CycleFoundError((*self._inside[self._inside.index(name) :], name))
        if name in self.followed:
            self._size += self._sizes[name]
            return ()
        before = self._size
        outer, self._inside = self._inside, (*self._inside, name)
        try:
            problems = self.steps(self._chains[name])
        except _CycleFoundError as found:
            if outer:
                raise
            return found.names
        finally:
            self._inside = outer
        self.followed[name] = problems
        self._sizes[name] = self._size - before
        return ()

    def _verb(self, verb: str, options: Any, on_error: Any, offered: Collection[str]) -> Iterator[StepProblem]:
        try:
            transformer = self._registry.get(verb)
        except PluginError as error:
            yield StepProblem((), error.what, error.hint)
            return
        params, problems = _validated(transformer, options, self)
        yield from problems
        needs = transformer.needed(params) if params else () if callable(transformer.needs) else transformer.needs
        for need in needs:
            if self._offered is not None and need not in self._offered and need not in offered:
                hint = NOT_HERE.get(need, "")
                why = "cannot stand here" if hint else f"needs '{need}', which is not offered here"
                yield StepProblem((), f"the step '{verb}' {why}", hint)
        if on_error == "keep" and transformer.level == "stream" and params and any(step_lists(params)):
            yield StepProblem(
                (), f"'on_error: keep' cannot stand beside '{verb}'", "Write it beside the steps inside that may fail."
            )


class _CycleFoundError(Exception):
    """Carries the names of a cycle out of the chains inside it; not a ValueError, which pydantic would collect."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names


def _not_one_verb(step: dict[Any, Any]) -> StepProblem:
    if not step:
        return StepProblem((), "the step is empty", "A step is a mapping with one verb.")
    verbs = " and ".join(f"'{verb}'" for verb in step)
    first = next(iter(step))
    if first == "if":
        return StepProblem((), f"a step has one verb, not {verbs}", f"Indent {verbs} below 'when:'.")
    if step[first] is None:
        return StepProblem((), f"a step has one verb, not {verbs}", f"Indent the options below '{first}:'.")
    return StepProblem((), f"a step has one verb, not {verbs}", "Start each verb with its own '- '.")


def _on_error_problems(value: Any) -> Iterator[StepProblem]:
    if value not in ON_ERRORS:
        hint = suggest(value, ON_ERRORS) if isinstance(value, str) else ""
        got = f"'{value}'" if isinstance(value, str) else kind_of(value)
        yield StepProblem((ON_ERROR,), f"must be one of {', '.join(ON_ERRORS)}, not {got}", hint)


def _validated(
    transformer: Transformer, options: Any, checker: StepChecker
) -> tuple[BaseModel | None, list[StepProblem]]:
    """Return the parameters of one step, or None and what is wrong with them, in plain words."""
    if options is None and not issubclass(transformer.params, RootModel):
        options = {}
    try:
        return transformer.params.model_validate(options, context={StepChecker: checker}), []
    except ValidationError as error:
        found = (_plain(details, transformer.params, options) for details in error.errors(include_url=False))
        return None, [problem for problems in found for problem in problems]


def _plain(details: ErrorDetails, model: type[BaseModel], options: Any) -> Iterator[StepProblem]:
    path = _path_in(options, details["loc"])
    context: Mapping[str, Any] = details.get("ctx") or {}
    if details["type"] == PROBLEMS:
        yield from (problem.under(*path) for problem in context["problems"])
        return
    if details["type"] == "extra_forbidden":
        allowed = _options_at(model, details["loc"][:-1])
        hint = suggest(str(path[-1]), allowed) or (f"Options: {', '.join(sorted(allowed))}." if allowed else "")
        yield StepProblem(path, f"unknown option '{path[-1]}'", hint)
        return
    if details["type"] == "missing":
        yield StepProblem(path, f"the option '{details['loc'][-1]}' is missing")
        return
    if "discriminator" in context:
        yield _no_such_kind(path, context)
        return
    if details["type"] == "literal_error" and isinstance(details["input"], str):
        hint = suggest(details["input"], re.findall("'([^']*)'", context["expected"]))
        yield StepProblem(path, f"must be {context['expected']}, not '{details['input']}'", hint)
        return
    if wanted := KINDS.get(details["type"]) or context.get("expected"):
        yield StepProblem(path, f"must be {wanted}, not {kind_of(details['input'])}", _form(details, model))
        return
    if limit := LIMITS.get(details["type"]):
        yield StepProblem(path, limit.format_map(context))
        return
    if details["type"] == "value_error":
        yield StepProblem(path, str(context.get("error", "is not right")))
        return
    yield StepProblem(path, f"{details['msg'][:1].lower()}{details['msg'][1:]}")


def _form(details: ErrorDetails, model: type[BaseModel]) -> str:
    """Return how a value of the kind that is wanted is written, or an empty text."""
    given = details["input"]
    if KINDS.get(details["type"]) == LIST and isinstance(given, str):
        return f"One alone is written [{given}]."
    if details["type"] in ("model_type", "model_attributes_type"):
        return f"Options: {', '.join(sorted(_options_at(model, details['loc'])))}."
    return ""


def _path_in(options: Any, loc: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """Return the parts of pydantic's location that are in the options; tags of unions and the like are not."""
    path: tuple[str | int, ...] = ()
    for part in loc:
        if part in options if isinstance(options, dict) else isinstance(options, list) and isinstance(part, int):
            options, path = options[part], (*path, part)
    return path


def _no_such_kind(path: tuple[str | int, ...], context: Mapping[str, Any]) -> StepProblem:
    """Say which kinds there are, where an option says of which kind an object is."""
    name = context["discriminator"].strip("'")
    if "tag" not in context:
        return StepProblem(path, f"the option '{name}' is missing")
    expected, tag = context["expected_tags"], context["tag"]
    hint = suggest(tag, re.findall("'([^']*)'", expected))
    return StepProblem((*path, name), f"must be one of {expected}, not '{tag}'", hint)


def _options_at(model: type[BaseModel], path: tuple[str | int, ...]) -> list[str]:
    """Return the option names of the models that may stand at a location inside a model."""
    models = [model]
    for part in path:
        if isinstance(part, str) and part != "[key]":
            of_kind = [one for one in models if len(models) > 1 and _is_of_kind(one, part)]
            models = of_kind or [inner for one in models for inner in _models_in(_annotation(one, part))]
    return list(dict.fromkeys(field.alias or name for one in models for name, field in one.model_fields.items()))


def _is_of_kind(model: type[BaseModel], tag: str) -> bool:
    return any(tag in get_args(field.annotation) for field in model.model_fields.values())


def _annotation(model: type[BaseModel], option: str) -> Any:
    if issubclass(model, RootModel):  # patterns, each to a model
        return model.model_fields["root"].annotation
    return next((field.annotation for name, field in model.model_fields.items() if option in (name, field.alias)), None)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    else:
        for part in get_args(annotation):
            yield from _models_in(part)
