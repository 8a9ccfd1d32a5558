"""Faults on demand, as data, and which of them a request meets: pure, so that a seed tells the whole story."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from random import Random
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, get_type_hints

import orjson
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, field_validator

from haloitsm_connector.errors import InputError
from haloitsm_connector.prototypes import Fields
from haloitsm_connector.sandbox.answers import Asked
from haloitsm_connector.sandbox.quirks import Quirks, Shape, changed

When = Literal["before", "after"]
"""Whether the fault comes before the request is carried out, so that nothing was written, or after."""
Stage = Literal["around", "work", "answer"]
"""``around`` goes with any other fault; of ``work`` and of ``answer`` a request meets one each."""
Seconds = Annotated[float, Field(ge=0, le=86_400)]
Part = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0, le=10_000)]


class Match(Fields):
    """The requests a fault is about; ``path`` is a glob over the raw path, in any case: ``/api/Tickets*``.

    Of those, the first ``after`` are left alone, then each ``every``-th is struck, ``times`` times at most.
    """

    model_config = ConfigDict(coerce_numbers_to_str=True)

    method: Literal["GET", "POST", "DELETE"] | None = None
    path: str = "*"
    query: Mapping[str, str] = Field(default_factory=dict)
    after: int = Field(0, ge=0)
    every: int = Field(1, ge=1)
    times: int | None = Field(None, ge=1)

    def fits(self, asked: Asked) -> bool:
        """Say whether a request is one of these."""
        return (
            self.method in (None, asked.method)
            and fnmatchcase(asked.path.casefold(), self.path.casefold())
            and all(asked.query.get(name.casefold()) == value for name, value in self.query.items())
        )


class Fault(Fields):
    """One thing that goes wrong, with ``probability``, whenever a request matches."""

    stage: ClassVar[Stage] = "answer"
    kind: str
    match: Match = Match()
    probability: Part = 1.0

    def fits(self, asked: Asked) -> bool:
        """Say whether this fault can happen to a request at all."""
        return True


class Latency(Fault):
    """Waits ``seconds``, and up to ``jitter_seconds`` more."""

    stage = "around"
    kind: Literal["latency"] = "latency"
    seconds: Seconds
    jitter_seconds: Seconds = 0.0
    when: When = "before"


class Revoke(Fault):
    """Makes every token that was handed out answer 401 from this request on."""

    stage = "around"
    kind: Literal["revoke"] = "revoke"


class Switch(Fault):
    """Sets switches of the sandbox, from this request on."""

    stage = "around"
    kind: Literal["switch"] = "switch"
    switches: dict[str, Any] = Field(min_length=1)

    @field_validator("switches")
    @classmethod
    def _usable(cls, switches: dict[str, Any]) -> dict[str, Any]:
        hints = get_type_hints(Quirks)
        for name, value in switches.items():
            try:
                changed(Quirks(), {name: value})
                TypeAdapter(hints[name]).validate_python(value, strict=True)
            except ValidationError as error:
                raise ValueError(f"{name}: {error.errors()[0]['msg']}") from None
            except InputError as error:
                raise ValueError(str(error)) from None
        return switches


class Change(Fault):
    """Changes rows of a table before the request is answered, as other people at work would."""

    stage = "around"
    kind: Literal["change"] = "change"
    table: str
    insert: Count = 0
    update: Count = 0
    delete: Count = 0


class Partial(Fault):
    """Carries out only the first ``part`` of a posted array, at least one item and never all.

    Then answers ``status``, or, without one, what Halo answers to that part.
    """

    stage = "work"
    kind: Literal["partial"] = "partial"
    part: Part = 0.5
    status: int | None = Field(500, ge=200, le=599)

    def fits(self, asked: Asked) -> bool:
        """Only arrays of two items or more can be applied in part."""
        return asked.method == "POST" and len(items_of(asked)) > 1


class Duplicate(Fault):
    """Carries the same write out ``copies`` times, as a retrying proxy does; the last answer is sent."""

    stage = "work"
    kind: Literal["duplicate"] = "duplicate"
    copies: int = Field(2, ge=2, le=100)

    def fits(self, asked: Asked) -> bool:
        """Only writes to the API count; a token asked for twice changes nothing."""
        return asked.method in ("POST", "DELETE") and asked.path.casefold().startswith("/api/")


class OtherAnswer(Fault):
    """Answers ``status`` with ``text`` in a body of one of Halo's shapes; 200 hides an error in a success."""

    kind: Literal["answer"] = "answer"
    status: int = Field(500, ge=200, le=599)
    body: Shape = "html"
    text: str = "Something went wrong"
    retry_after: str | int | None = None
    when: When = "before"


class Reset(Fault):
    """Resets the connection instead of answering."""

    kind: Literal["reset"] = "reset"
    when: When = "before"


class Truncated(Fault):
    """Sends only a ``part`` of the body that Content-Length announces, then closes the connection."""

    kind: Literal["truncated"] = "truncated"
    part: Annotated[float, Field(ge=0, lt=1)] = 0.5


class WrongLength(Fault):
    """Announces a Content-Length that is off by so many bytes; where it is too long, the rest never comes."""

    kind: Literal["wrong_length"] = "wrong_length"
    off_by: int = Field(-1, ge=-1_000_000, le=1_000_000)


class Drip(Fault):
    """Sends the body in so many ``pieces``, spread over ``seconds``."""

    kind: Literal["drip"] = "drip"
    seconds: Seconds
    pieces: int = Field(10, ge=2, le=10_000)


KINDS: Mapping[str, type[Fault]] = {
    model.model_fields["kind"].default: model
    for model in (
        Latency, OtherAnswer, Reset, Truncated, WrongLength, Drip, Revoke, Switch, Change, Partial, Duplicate,
    )
}  # fmt: skip
"""Every kind of fault by its name in YAML."""


@dataclass(frozen=True, slots=True)
class Faults:
    """Faults in their order, and the seed of their chance."""

    faults: tuple[Fault, ...] = ()
    seed: int = 1


class Tally(NamedTuple):
    """How many requests each fault was about so far, and how often it struck."""

    matched: tuple[int, ...]
    struck: tuple[int, ...]


class Due(NamedTuple):
    """A fault that a request meets, with its own source of chance for what else it has to draw."""

    fault: Fault
    chance: Random


def begun(faults: Faults) -> Tally:
    """Return the tally before the first request."""
    return Tally((0,) * len(faults.faults), (0,) * len(faults.faults))


def due(faults: Faults, tally: Tally, asked: Asked) -> tuple[list[Due], Tally]:
    """Return the faults that this request meets, and the tally after it.

    The draw of a fault depends on the seed, its place in the list and how many requests it was about, on nothing else.
    """
    matched, struck = list(tally.matched), list(tally.struck)
    found: dict[int, Due] = {}
    for index, fault in enumerate(faults.faults):
        match = fault.match
        if not (match.fits(asked) and fault.fits(asked)):
            continue
        matched[index] += 1
        nth = matched[index] - match.after
        if nth < 1 or nth % match.every or struck[index] == match.times:
            continue
        chance = Random(f"{faults.seed}/{index}/{matched[index]}")  # noqa: S311 - to be the same for a seed is the point
        if chance.random() < fault.probability and not _taken(fault.stage, found):
            found[index] = Due(fault, chance)
    if any(undone(one.fault) for one in found.values()):
        found = {index: one for index, one in found.items() if one.fault.stage != "work"}
    for index in found:
        struck[index] += 1
    return list(found.values()), Tally(tuple(matched), tuple(struck))


def undone(fault: Fault | None) -> bool:
    """Say whether a fault keeps the request from being carried out."""
    return isinstance(fault, OtherAnswer | Reset) and fault.when == "before"


def _taken(stage: Stage, found: Mapping[int, Due]) -> bool:
    return stage != "around" and any(one.fault.stage == stage for one in found.values())


def items_of(asked: Asked) -> list[Any]:
    """Return the items of a posted JSON array; none when the body is something else."""
    try:
        value = orjson.loads(asked.body)
    except orjson.JSONDecodeError:
        return []
    return value if isinstance(value, list) else []
