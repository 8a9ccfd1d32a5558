"""Prototypes: the kinds of client, subscriber and publisher that a configuration can name.

A prototype is data: a name, the model of its YAML fields, how to check them and how to build the working object.
Built-in and third-party prototypes come through the same door, the entry point groups ``haloitsm.clients``,
``haloitsm.subscribers`` and ``haloitsm.publishers``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from haloitsm_connector.errors import Finding, InputError, suggest
from haloitsm_transformers import PluginError
from haloitsm_transformers.plugins import installed, load

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
        self._points = installed(f"haloitsm.{kind}")

    def names(self) -> list[str]:
        """Return the names that ``prototype:`` may take, sorted."""
        return sorted(self._points)

    def get(self, name: str) -> Prototype:
        """Load one prototype; InputError if it is unknown, broken or claimed by two distributions."""
        if name not in self._points:
            hint = suggest(name, self._points) or f"There are: {', '.join(self.names())}."
            raise InputError(f"there is no prototype '{name}' for {self.kind}", hint)
        try:
            return load(f"prototype '{name}'", self._points[name], Prototype)
        except PluginError as error:
            raise InputError(error.what, error.hint) from error
