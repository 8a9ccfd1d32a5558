"""What a transformer is: all that the author of a new verb needs to read.

A transformer is a module with a parameter model, a plain function ``build`` and a constant ``TRANSFORMER``; an entry
point in the group ``haloitsm.transformers`` gives it its name. Built-in verbs (``steps/``) are made the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict

from haloitsm_transformers.world import World

Entity = dict[str, Any]
"""One JSON object: what travels."""

OnError = Literal["fail", "drop", "keep"]
"""What becomes of an entity that cannot go on: reported and left out, left out, or passed on as it was before the step.
"""

EntityFunction = Callable[[Entity], Entity]
StreamFunction = Callable[[list[Entity]], list[Entity]]


class Params(BaseModel):
    """The options of a step: unknown names are refused, values do not change.

    A verb whose value is a plain mapping, list or text takes a ``pydantic.RootModel`` instead.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)


class LeftOut(Exception):  # noqa: N818 - nothing is wrong
    """Raised by an entity function to leave its entity out, silently; those that stay pay nothing for it."""


class Stream(NamedTuple):
    """A stream step that holds entities back: ``push`` takes some and gives what is ready, ``finish`` the rest."""

    push: StreamFunction
    finish: Callable[[], list[Entity]]


class Run(Protocol):
    """A chain at work: call it with a list of entities as often as needed, then ``finish`` it once."""

    @property
    def holds(self) -> bool:
        """Whether it may hold entities back."""

    def __call__(self, entities: list[Entity]) -> list[Entity]:
        """Run entities through the chain and return what comes out so far."""

    def finish(self) -> list[Entity]:
        """Return what the chain has held back."""

    def clear(self) -> None:
        """Let go of what the chain holds back; what else its steps remember stays. TransformError where that fails."""


class Builder(Protocol):
    """What ``build`` is given to compile the texts in its parameters, and to reach what the host offers."""

    @property
    def origin(self) -> str:
        """Where the step was written, as ``file:line:column``; empty where that is not known."""

    def expression(self, text: str) -> Callable[[Any], Any]:
        """Compile JMESPath (type `Expression`); a missing path gives None."""

    def template(self, value: Any) -> Callable[[Entity], Any]:
        """Compile a value with ``{{ }}`` placeholders (type `Template`)."""

    def condition(self, value: Any) -> Callable[[Entity], bool]:
        """Compile a condition (type `Condition`); it never raises."""

    def chain(self, steps: list[Any]) -> Run:
        """Compile the steps of a parameter of type `Steps`.

        An entity that fails inside raises TransformError in an entity step; in a stream step it is reported and left
        out.
        """

    def capability(self, name: str) -> Any:
        """Return what the host offers under a name that the transformer lists in ``needs``."""

    def each(self, function: Callable[[Entity], Iterable[Entity]]) -> StreamFunction:
        """Make a stream function of one that turns an entity into any number; one that raises costs its entity only."""


class Example(NamedTuple):
    """One worked case, shown in the documentation and run by the tests.

    ``params`` is what stands after the verb, ``given`` and ``gives`` are one entity or a list of them. With ``fails``,
    a part of the message is expected instead. ``world`` is what the step meets outside its entities, ``leaves`` what
    the storages hold afterwards.
    """

    title: str
    params: Any
    given: Entity | list[Entity]
    gives: Entity | list[Entity] | None = None
    fails: str = ""
    world: World = World()
    leaves: Mapping[str, Mapping[str, Any]] | None = None


@dataclass(frozen=True, slots=True)
class Transformer:
    """A verb that steps can use.

    ``level="entity"``: ``build(params, builder)`` returns a function from entity to entity. It may change the top level
    of what it gets and must copy lists and objects below before changing them; `LeftOut` says that the entity goes no
    further.
    ``own_copy=False`` says that it changes nothing at all in what it gets, so that no copy need be made for it.
    ``level="stream"``: ``build`` returns a function from a list of entities to a list of any length, or a `Stream`. It
    must change none of them.
    ``needs`` names the capabilities that the host has to offer; a function, if that depends on the parameters.
    ``json=True`` says that it makes only what JSON has of what JSON has: no dates, tuples or numbers without an end. Of
    others, each value is looked at before it travels on.
    """

    name: str
    level: Literal["entity", "stream"]
    params: type[BaseModel]
    build: Callable[[Any, Builder], EntityFunction | StreamFunction | Stream]
    examples: tuple[Example, ...] = ()
    needs: tuple[str, ...] | Callable[[Any], tuple[str, ...]] = ()
    own_copy: bool = True
    json: bool = False

    def needed(self, params: BaseModel) -> tuple[str, ...]:
        """Return the capabilities that a step with these parameters needs."""
        return self.needs(params) if callable(self.needs) else self.needs

    @property
    def summary(self) -> str:
        """What the step does, in the first line of its parameter model's docstring."""
        return (self.params.__doc__ or "").strip().partition("\n")[0]
