"""What a row asks for: its columns and the values set for all become the fields of one record."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from haloitsm_connector.bulk.names import Names
from haloitsm_connector.bulk.record import Kind
from haloitsm_connector.bulk.rows import Source
from haloitsm_connector.bulk.target import Target
from haloitsm_connector.bulk.values import SPREADSHEET_ERRORS, MisfitError, typed
from haloitsm_connector.catalogue.model import Field
from haloitsm_connector.errors import InputError, suggest
from haloitsm_transformers import Entity, StepsError, TransformError, template

NOT_MEANT = "not meant"
"""Said of a column that nobody expects to be used."""


class KeylessError(MisfitError):
    """A row does not say which record it is about."""


_UNKNOWN = Field("", "any", None, False)


@dataclass(frozen=True, slots=True)
class Rules:
    """How rows become changes.

    ``columns`` maps a column to the field it is for, ``values`` a field to the value that every record gets: text, with
    ``{{ }}`` over the row. ``clear_empty``: an empty cell empties its field, which it leaves as it is otherwise.
    ``allow_unknown``: fields that Halo does not document may be named.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    clear_empty: bool = False
    allow_unknown: bool = False


class Changes:
    """Makes changes out of rows, and remembers which columns were of use.

    InputError, before any row is read, for a field that Halo does not have or does not let change.
    """

    def __init__(self, target: Target, kind: Kind, rules: Rules, names: Names, source: Source) -> None:
        self._target = target
        self._kind = kind
        self._rules = rules
        self._names = names
        self._left_as_is = source.cells and not rules.clear_empty
        self._named_only = source.whole
        self._folded = {name.casefold(): name for name in (*target.fields, *target.key)}
        self.used: dict[str, str] = {}
        self.unused: dict[str, str] = {}
        for name in (*rules.columns.values(), *rules.values):
            self._check(name)
        if kind == "delete" and rules.values:
            raise InputError("a delete sets no values", "Leave out --set.")
        self._values = {name: self._template(name, text) for name, text in rules.values.items()}

    def of(self, row: Entity) -> dict[str, Any]:
        """Return the fields that a row asks for, those of the record's key among them; MisfitError says what is wrong.

        Of a create the key is left out: Halo gives new records their ids.
        """
        wanted: dict[str, Any] = {}
        for column, value in row.items():
            name = self._field(column)
            if name is None or (self._left_as_is and value in (None, "")):
                continue
            wanted[name] = self._typed(name, value, f"column '{column}'")
        for name, read in self._values.items():
            try:
                wanted[name] = self._typed(name, read(row), f"'{name}'")
            except TransformError as error:
                raise MisfitError(f"'{name}': {error}") from None
        if self._kind == "create":
            wanted.pop(self._target.id, None)
        elif missing := [name for name in self._target.key if wanted.get(name) in (None, "")]:
            raise KeylessError(self._keyless(missing[0], row))
        return wanted

    def meant(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return of a whole record what was used of it."""
        texts = [text for text in self._rules.values.values() if "{{" in text]
        return {
            name: value
            for name, value in row.items()
            if name in self.used or any(re.search(rf"\b{re.escape(name)}\b", text) for text in texts)
        }

    def constants(self) -> dict[str, Any]:
        """Return the values that are the same for all records, as they are sent."""
        return {
            name: self._typed(name, text, f"'{name}'") for name, text in self._rules.values.items() if "{{" not in text
        }

    def _keyless(self, missing: str, row: Entity) -> str:
        if missing in self.used.values():
            return f"it has no {missing}"
        near = suggest(missing, row) or f"Name the one: --map 'COLUMN={missing}'."
        return f"no column holds the {missing} of the record. {near}"

    def _typed(self, name: str, value: Any, where: str) -> Any:
        type_ = self._target.fields.get(name, _UNKNOWN).type
        try:
            return typed(type_, value)
        except MisfitError as error:
            text = value.strip() if isinstance(value, str) and type_ == "integer" else ""
            if text and text not in SPREADSHEET_ERRORS and self._names.has(name):
                return self._named(name, text, where)
            raise MisfitError(f"{where}: {error}") from None

    def _named(self, name: str, value: str, where: str) -> Any:
        try:
            return self._names.id_of(name, value)
        except MisfitError as error:
            raise MisfitError(f"{where}: {error}") from None

    def _field(self, column: str) -> str | None:
        """Return the field that a column is for, None where it is of no use."""
        if column in self.used:
            return self.used[column]
        if column in self.unused:
            return None
        name = self._rules.columns.get(column) or self._folded.get(column.casefold())
        if name is None:
            self.unused[column] = suggest(column, self._folded.values())
        elif name in self._rules.values:
            self.unused[column] = "its field is set for all rows"
        elif self._target.fields.get(name, _UNKNOWN).read_only and name not in self._target.key:
            self.unused[column] = "Halo does not let it be written"
        elif self._kind == "create" and name == self._target.id:
            self.unused[column] = "new records get their ids from Halo"
        elif name not in self._target.key and self._only_keys(column):
            self.unused[column] = NOT_MEANT
        else:
            self.used[column] = name
            return name
        return None

    def _only_keys(self, column: str) -> bool:
        return self._kind == "delete" or (self._named_only and column not in self._rules.columns)

    def _check(self, name: str) -> None:
        known = self._target.fields
        if name in self._target.key:
            if name in self._rules.values and name == self._target.id:
                raise InputError(f"'{name}' tells the records apart, and cannot be the same for all", "Use a column.")
        elif name not in known and not self._rules.allow_unknown:
            hint = suggest(name, known) or "`haloitsm entity` lists its fields."
            raise InputError(
                f"{self._target.name} has no documented field '{name}', and Halo ignores those it does not know",
                f"{hint} If Halo has it all the same, add --allow-unknown.",
            )
        elif name in known and known[name].read_only:
            raise InputError(f"Halo does not let '{name}' of {self._target.name} be written")

    def _template(self, name: str, text: str) -> Callable[[Entity], Any]:
        try:
            return template(text)
        except StepsError as error:
            raise InputError(f"--set {name}: {error}") from error
