"""Prototypes: the kinds of client, subscriber and publisher that a configuration can name.

A prototype is data: a name, the model of its YAML fields, how to check them and how to build the working object.
Built-in and third-party prototypes come through the same door, the entry point groups ``haloitsm.clients``,
``haloitsm.subscribers`` and ``haloitsm.publishers``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from haloitsm_connector.errors import Finding, InputError, suggest

Kind = Literal["clients", "subscribers", "publishers"]


class Fields(BaseModel):
    """The YAML fields of a prototype: unknown names are refused, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class Prototype:
    """A kind of client, subscriber or publisher.

    ``build`` makes the working object. A client's gets ``(fields)``; a subscriber's and a publisher's get
    ``(fields, client, chains, catalogue)``, where ``client`` is the one that the field ``client`` names (None without
    one) and ``chains`` maps each field of type ``Steps`` to its compiled chain.
    ``check(fields, catalogue)`` returns what is wrong beyond types, before anything is sent; paths are relative to the
    fields.
    """

    name: str
    summary: str
    fields: type[Fields]
    build: Callable[..., Any]
    check: Callable[[Any, Any], Iterable[Finding]] = lambda fields, catalogue: ()


class Prototypes:
    """The installed prototypes of one kind, loaded when first asked for."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self._found: dict[str, EntryPoint] = {point.name: point for point in entry_points(group=f"haloitsm.{kind}")}

    def names(self) -> list[str]:
        """Return the names that ``prototype:`` may take, sorted."""
        return sorted(self._found)

    def get(self, name: str) -> Prototype:
        """Load one prototype; an unknown or broken one raises InputError that names it."""
        point = self._found.get(name)
        if point is None:
            allowed = ", ".join(self.names())
            raise InputError(
                f"there is no prototype '{name}' for {self.kind}",
                suggest(name, self._found) or f"There are: {allowed}.",
            )
        try:
            prototype = point.load()
        except Exception as error:
            package = f" from {point.dist.name} {point.dist.version}" if point.dist else ""
            raise InputError(f"prototype '{name}'{package} cannot be loaded: {error}") from error
        if not isinstance(prototype, Prototype):
            raise InputError(f"prototype '{name}' ({point.value}) is not a Prototype")
        return prototype
