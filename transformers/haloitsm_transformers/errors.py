"""What can go wrong with steps: a problem in what was written, a broken plugin, or one entity that cannot go on."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

Key = TypeVar("Key", bound=str | int)
Compiled = TypeVar("Compiled")
NodePath = tuple[str | int, ...]
"""Where in a document: mapping keys and list indexes from the root."""


def suggest(word: str, allowed: Iterable[str]) -> str:
    """Return "Did you mean 'x'?" for the allowed name nearest to ``word``, or an empty string."""
    names = {name.casefold(): name for name in allowed}
    near = difflib.get_close_matches(word.casefold(), names, n=1)
    return f"Did you mean '{names[near[0]]}'?" if near else ""


def kind_of(value: Any) -> str:
    """Name the JSON type of a value in plain words: ``text``, ``a number``, ``an object`` and so on."""
    if value is None:
        return "null"
    for types, words in _KINDS:
        if isinstance(value, types):
            return words
    return f"a Python {type(value).__name__}"


_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "true or false"),  # before numbers: Python counts bool among them
    ((int, float), "a number"),
    (str, "text"),
    (list, "a list"),
    (dict, "an object"),
)


@dataclass(frozen=True, slots=True)
class StepProblem:
    """One problem in steps as written: a path inside what was checked, what is wrong, and what to do."""

    path: NodePath
    what: str
    hint: str = ""

    def under(self, *prefix: str | int) -> StepProblem:
        """Return the same problem seen from further out."""
        return StepProblem((*prefix, *self.path), self.what, self.hint)

    def __str__(self) -> str:
        place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.path).removeprefix(".")
        return f"{place}: {self.what}. {self.hint}".removeprefix(": ").rstrip()


class StepsError(ValueError):
    """What was written cannot be compiled; ``problems`` holds all that is wrong."""

    def __init__(self, problems: Iterable[StepProblem]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(map(str, self.problems)))

    @classmethod
    def of(cls, what: str, hint: str = "") -> StepsError:
        """Make an error of one problem with the value as a whole."""
        return cls([StepProblem((), what, hint)])


def compile_each(values: Mapping[Key, Any], compile_one: Callable[[Key, Any], Compiled]) -> dict[Key, Compiled]:
    """Compile every value with its key; StepsError has the problems of them all, each under its key."""
    compiled, problems = {}, list[StepProblem]()
    for key, value in values.items():
        try:
            compiled[key] = compile_one(key, value)
        except StepsError as error:
            problems += [problem.under(key) for problem in error.problems]
    if problems:
        raise StepsError(problems)
    return compiled


class PluginError(LookupError):
    """A transformer cannot be had: unknown, broken, or claimed by two distributions. ``hint`` says what to do."""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Failure:
    """One entity that could not go on.

    ``entity`` is as it was before the run of entity steps, or the stream step, that failed; None when a stream step
    failed while finishing. ``origin`` is ``file:line:column`` of the step, ``number`` counts from 1 in the list in
    which it stands (0: it is no step), ``path`` is the place inside the entity (empty when the step cannot tell).
    ``lasting``: the step asked nobody, so it will fail in the same way again.
    """

    entity: dict[str, Any] | None
    origin: str
    number: int
    verb: str
    path: str
    what: str
    lasting: bool = False

    def __str__(self) -> str:
        step = f"step {self.number} ({self.verb})" if self.number else self.verb
        parts = (self.origin, step, self.path, self.what)
        return ": ".join(part for part in parts if part)


class TransformError(Exception):
    """One entity cannot go on: ``what`` is wrong, at ``path`` inside the entity.

    A step raises it with ``what`` and ``path`` alone. Coming out of a chain, it carries the whole ``failure``.
    """

    def __init__(self, what: str, path: str = "", failure: Failure | None = None) -> None:
        super().__init__(what, path, failure)
        self.what = what
        self.path = path
        self.failure = failure

    def __str__(self) -> str:
        if self.failure:
            return str(self.failure)
        return f"{self.path}: {self.what}" if self.path else self.what
