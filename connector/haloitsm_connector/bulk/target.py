"""What is changed: the operations that write, delete, list and show one kind of record, and its fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from haloitsm_connector.catalogue import Catalogue, Operation, UnknownOperation
from haloitsm_connector.catalogue.model import Field
from haloitsm_connector.client.request import scalar
from haloitsm_connector.errors import InputError, suggest
from haloitsm_connector.publisher.answer import is_upsert

RECOVERABLE = frozenset({"/Tickets", "/Opportunities", "/Projects"})
"""Where a deleted record comes back (halo-api-facts 4.2)."""
RECOVER = "_recover"
"""The field by which it does."""


@dataclass(frozen=True, slots=True)
class Target:
    """One kind of record. ``key`` names the fields that identify a record, its id the last of them.

    ``one`` reads a record by its id, ``rows`` lists them, ``remove`` deletes one; None where Halo cannot do that.
    """

    write: Operation
    one: Operation | None
    rows: Operation | None
    remove: Operation | None
    key: tuple[str, ...]
    fields: Mapping[str, Field]

    @property
    def name(self) -> str:
        """The name of the kind: ``Client``."""
        return self.write.path.strip("/")

    @property
    def id(self) -> str:
        """The field that holds a record's id."""
        return self.key[-1]

    def identity(self, record: Mapping[str, Any]) -> str:
        """Return what tells a record from others, as one text; empty where a part of its key is missing."""
        parts = [scalar(record[name]).strip() for name in self.key if record.get(name) not in (None, "")]
        return "/".join(parts) if len(parts) == len(self.key) else ""

    def key_values(self, identity: str) -> dict[str, Any]:
        """Return the key fields of a record by what `identity` said; whole numbers as numbers."""
        parts = identity.split("/", len(self.key) - 1)
        return {name: _number(part) for name, part in zip(self.key, parts, strict=True)}


def target_of(catalogue: Catalogue, entity: str) -> Target:
    """Return what an entity such as ``Client`` or ``POST /Client`` is made of; InputError for one of another kind."""
    try:
        write = catalogue.find(entity.removesuffix("/{id}"), ("POST",))
    except UnknownOperation as error:
        hint = suggest(entity.strip().removeprefix("POST ").strip("/"), _kinds(catalogue)) or error.hint
        raise InputError(error.what, hint) from None
    if not is_upsert(write) or not write.record:
        hint = "A bulk change is about records that a POST with a list writes, such as Client, Tickets or Asset."
        raise InputError(f"{write.name} does not write records with an id", hint)
    one, remove = (_found(catalogue, f"{method} {write.path}/{{id}}") for method in ("GET", "DELETE"))
    rows = _found(catalogue, f"GET {write.path}")
    key = write.key or ("id",)
    return Target(
        write,
        one,
        rows if rows and rows.listing and not rows.path_parameters else None,
        remove,
        key,
        catalogue.fields(write.record),
    )


def _kinds(catalogue: Catalogue) -> list[str]:
    """Return the names of the kinds of record that a bulk change can be about."""
    operations = (one for one in catalogue.operations() if is_upsert(one) and one.record)
    return [one.path.strip("/") for one in operations]


def _found(catalogue: Catalogue, name: str) -> Operation | None:
    try:
        return catalogue.find(name, (name.partition(" ")[0],))
    except InputError:
        return None


def _number(text: str) -> Any:
    return int(text) if text.lstrip("-").isascii() and text.lstrip("-").isdecimal() and len(text) < 19 else text
