"""What a row asks for: its columns and the values set for all become the fields of one record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from haloitsm_connector.bulk.names import Names, UnknownNumberError
from haloitsm_connector.bulk.record import Kind
from haloitsm_connector.bulk.rows import Done, Source
from haloitsm_connector.bulk.target import Target
from haloitsm_connector.bulk.there import once_by
from haloitsm_connector.bulk.values import (
    DATES,
    SPREADSHEET_ERRORS,
    MisfitError,
    Order,
    is_doubtful,
    is_empty,
    order_of,
    typed,
)
from haloitsm_connector.catalogue.model import Field
from haloitsm_connector.errors import InputError, suggest
from haloitsm_connector.publisher.once import comparable
from haloitsm_connector.subscriber.incremental import CHANGED
from haloitsm_transformers import Entity, StepsError, TransformError, names_read, template

NOT_MEANT = "not meant"
"""Said of a column that nobody expects to be used."""
NOT_NAMED = "--map COLUMN=FIELD takes one"
"""Said of the columns of a report."""
_UNKNOWN = Field("", "any", None, False)
_MOST_COLUMNS = 30
_IDS = frozenset({"", "id", "ids", "no", "nr", "number", "key"})
"""What people call the id of a record, behind the name of its kind or alone."""


class KeylessError(MisfitError):
    """A row does not say which record it is about."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How rows become changes.

    ``columns`` maps a column to the field it is for, to nothing where it is to be left alone; ``values`` maps a field
    to the value that every record gets: text, with ``{{ }}`` over the row. ``clear_empty``: what is empty in a row, a
    cell or a null, empties its field, which it leaves as it is otherwise. ``allow_unknown``: fields that Halo does not
    document may be named, and numbers be given that its lists do not have. ``once``: the field that tells apart the
    records to be created. ``dates``: which of day and month comes first in dates that can be read in two ways.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    clear_empty: bool = False
    allow_unknown: bool = False
    once: str | None = None
    dates: Order = ""


class Changes:
    """Makes changes out of rows, and remembers which columns were of use, held names, or were empty in how many rows.

    Of a file a column is for the field that is named like it; of what Halo shows only the id is, and what ``--map``
    names, unless records are created: a report has columns for people to read, which are old when they are written.
    InputError, before any row is read, for a field that Halo does not have or does not let change.
    """

    def __init__(self, target: Target, kind: Kind, rules: Rules, names: Names, source: Source) -> None:
        self._target = target
        self._kind = kind
        self._rules = rules
        self._names = names
        self._named_only = source.of_halo and kind != "create"
        self._whole = source.whole
        self._folded = {name.casefold(): name for name in (*target.fields, *target.key)}
        self._columns = {name: column for column, name in rules.columns.items() if name}
        self.used: dict[str, str] = {}
        self.unused: dict[str, str] = {}
        self.named: dict[str, None] = {}
        self.empty: Counter[str] = Counter()
        self.dates: dict[str, Order] = {}
        self.clears = rules.clear_empty
        self.place = names.place
        self._check()
        self._values = {name: self._template(name, text) for name, text in rules.values.items()}
        self._read = {name for text in rules.values.values() for name in names_read(text)}

    def of(self, row: Entity) -> dict[str, Any]:
        """Return the fields that a row asks for, those of the record's key among them; MisfitError says what is wrong.

        Of a create the key is left out: Halo gives new records their ids.
        """
        wanted: dict[str, Any] = {}
        for column, value in row.items():
            name = self._field(column)
            if name is None or self._is_left(name, value):
                continue
            text = "" if isinstance(value, str) and is_empty(value) else value
            wanted[name] = self._typed(name, text, f"column '{column}'", column)
        for column in self._read:
            self._located(partial(typed, "any", row.get(column)), f"column '{column}'")
        for name, read in self._values.items():
            try:
                value = read(row)
            except TransformError as error:
                raise MisfitError(f"'{name}': {error}") from None
            if "{{" not in self._rules.values[name] or not self._is_left(name, value):
                wanted[name] = self._typed(name, value, f"'{name}'")
        if self._kind == "create":
            wanted.pop(self._target.id, None)
            if self._rules.once and not self.identity(wanted):
                raise KeylessError(f"it has no {self._rules.once}, by which --once tells records apart")
            if not wanted:
                raise MisfitError("it has nothing that a record could be made of")
        elif missing := [name for name in self._target.key if wanted.get(name) in (None, "")]:
            raise KeylessError(self._keyless(missing[0], row))
        return wanted

    def identity(self, wanted: Mapping[str, Any]) -> str:
        """Return what tells the record of a change from others; nothing of a create, unless something was named."""
        if self._kind != "create":
            return self._target.identity(wanted)
        return (comparable(wanted.get(self._rules.once)) or "") if self._rules.once else ""

    def identity_of_done(self, done: Done) -> str:
        """Return what tells the record of a row that an earlier run has done."""
        if self._kind != "create":
            return done.record
        try:
            return self.identity(self.of(done.content))
        except MisfitError:
            return ""

    def learn_dates(self, rows: Iterable[Entity]) -> None:
        """Find out which of day and month comes first in the dates of each column of a table: one cell may tell.

        InputError for a column of which no cell tells, or two tell otherwise, and one can be read in two ways.
        """
        doubtful: dict[str, tuple[str, str]] = {}
        found: dict[str, set[Order]] = {}
        dated: dict[str, str] | None = None
        for row in rows:
            if dated is None:
                fields = {column: self._field(column) or "" for column in row}
                dated = {column: name for column, name in fields.items() if self._is_date(name)}
            if not dated:
                return  # each row has the same columns
            for column, name in dated.items():
                if order := order_of(row.get(column)):
                    found.setdefault(name, set()).add(order)
                elif is_doubtful(row.get(column)):
                    doubtful.setdefault(name, (column, row[column]))
        for name, orders in found.items():
            self.dates[name] = self._rules.dates or (next(iter(orders)) if len(orders) == 1 else "")
        for name, (column, value) in doubtful.items():
            if not self.dates.get(name, self._rules.dates):
                told = "others say both" if name in found else "no other date there says which"
                what = f"column '{column}': '{value}' can be read in two ways, and {told}"
                raise InputError(what, f"Say whether its day or its month comes first: {DATES}.")

    def _is_date(self, name: str) -> bool:
        return self._target.fields.get(name, _UNKNOWN).type in ("date", "date-time")

    def check_values(self) -> None:
        """Raise InputError for a value for all records that does not fit its field."""
        try:
            self.constants()
        except MisfitError as error:
            known = "" if self._rules.allow_unknown else "If Halo has it all the same, add --allow-unknown."
            raise InputError(f"--set {error}", known if isinstance(error, UnknownNumberError) else "") from None

    def check_columns(self, columns: Collection[str]) -> None:
        """Raise InputError for a column that is named and that no row has, and where nothing is said to change."""
        if not self.used and not self.unused:
            return  # no row was there to be read
        for column in columns:
            self._field(column)  # those behind a value that did not fit were not looked at yet
        if self._rules.once and self._rules.once not in {*self.used.values(), *self._rules.values}:
            hint = suggest(self._rules.once, columns) or "Say which one is: --map COLUMN=FIELD."
            raise InputError(f"--once: no column is for '{self._rules.once}'", hint)
        there = ", ".join(list(columns)[:_MOST_COLUMNS]) + (", …" if len(columns) > _MOST_COLUMNS else "")
        known = {*columns, *(self._target.fields if self._whole else ())}  # lists leave out what is empty
        for option, names in (("--map", self._rules.columns), ("--set", self._read)):
            for name in names:
                if name not in known:
                    told = "" if self._whole else f"Columns: {there}."
                    if option == "--set" and any(f'"{name}"' in text for text in self._rules.values.values()):
                        told = f"{told} If '{name}' is a text, it stands in single quotes.".strip()
                    raise InputError(f"{option}: there is no column '{name}'", f"{suggest(name, known)} {told}".strip())
        if self._kind != "delete" and not self._rules.values and not {*self.used.values()} - {*self._target.key}:
            near = next((hint for hint in self.unused.values() if hint.startswith("Did you mean")), "")
            hint = (
                f"{near} Columns: {there}. Say what one is for: --map COLUMN=FIELD; or set a value: --set FIELD=VALUE."
            )
            raise InputError("no column is named like a field that can be changed", hint.strip())

    def meant(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return of a whole record what was used of it."""
        return {name: value for name, value in row.items() if name in self.used or name in self._read}

    def constants(self) -> dict[str, Any]:
        """Return the values that are the same for all records, as they are sent."""
        return {
            name: self._typed(name, text, f"'{name}'") for name, text in self._rules.values.items() if "{{" not in text
        }

    def _is_left(self, name: str, value: Any) -> bool:
        """Whether a value of a row leaves its field as it is."""
        left = not self.clears and is_empty(value)
        if left and name not in self._target.key:
            self.empty[name] += 1
        return left

    def _keyless(self, missing: str, row: Entity) -> str:
        if missing in self.used.values():
            return f"it has no {missing}"
        column = next(filter(self._may_be_id, row), "COLUMN") if missing == self._target.id else "COLUMN"
        near = suggest(missing, row) if column == "COLUMN" else ""
        return f"no column is named '{missing}'. {near} Say which holds it: --map '{column}={missing}'".replace(
            "  ", " "
        )

    def _typed(self, name: str, value: Any, where: str, column: str = "") -> Any:
        """Return a value as its field holds it, a name as its number; ``column`` is where names came from."""
        type_ = self._target.fields.get(name, _UNKNOWN).type
        try:
            made = typed(type_, value, self.dates.get(name, self._rules.dates))
        except MisfitError as error:
            text = value.strip() if isinstance(value, str) and type_ == "integer" else ""
            if not text or text in SPREADSHEET_ERRORS or self._names.place(name) is None:
                raise MisfitError(f"{where}: {error}") from None
            if column:
                self.named[name] = None
            return self._located(lambda: self._names.id_of(name, text), where)
        if type_ == "integer" and made is not None and name not in self._target.key and not self._rules.allow_unknown:
            self._located(lambda: self._names.check(name, made), where)
        return made

    def _located(self, look: Callable[[], Any], where: str) -> Any:
        """Return what is looked up; a MisfitError says where the value stood."""
        try:
            return look()
        except MisfitError as error:
            raise type(error)(f"{where}: {error}") from None

    def _field(self, column: str) -> str | None:
        """Return the field that a column is for, None where it is of no use."""
        if column in self.used:
            return self.used[column]
        if column in self.unused:
            return None
        named = self._rules.columns.get(column)
        name = self._folded.get(column.casefold()) if named is None else named
        why = self._why_not(column, name, named)
        if name is None or why is not None:
            self.unused[column] = NOT_MEANT if column in self._read else why or ""
            return None
        if other := next((other for other, taken in self.used.items() if taken == name), None):
            what = f"the columns '{other}' and '{column}' are both named like the field '{name}'"
            raise InputError(what, f"Leave one out: --map '{column}='.")
        self.used[column] = name
        return name

    def _why_not(self, column: str, name: str | None, named: str | None) -> str | None:
        """Say why a column is of no use, None where it is of use."""
        if name == "" or (self._kind == "delete" and name not in self._target.key):
            return NOT_MEANT
        if named is None and self._named_only and name not in self._target.key:
            return NOT_MEANT if self._whole else NOT_NAMED
        if self._is_fixed(name or column.casefold()) and name not in self._target.key:
            return "Halo does not let it be written"
        if name is None:
            return "" if self._may_be_id(column) else suggest(column, self._folded.values())
        if named is None and name in self._columns:
            return f"its field is taken from column '{self._columns[name]}'"
        if name in self._rules.values:
            return "its field is set for all rows"
        if self._kind == "create" and name == self._target.id:
            return "new records get their ids from Halo"
        return None

    def _is_fixed(self, name: str) -> bool:
        """Whether nobody writes a field, as one that tells when its record was changed (halo-api-facts 4.1)."""
        changed = name in CHANGED and not self._rules.allow_unknown
        return changed or self._target.fields.get(name, _UNKNOWN).read_only

    def _may_be_id(self, column: str) -> bool:
        """Whether a column looks like one with the id of the record, as people call it: ``Ticket No.``."""
        word = "".join(filter(str.isalnum, column.casefold()))
        name = self._target.name.casefold()
        return word != "" and word.removeprefix(name).removeprefix(name.removesuffix("s")) in _IDS

    def _check(self) -> None:
        """Raise InputError for fields that cannot be meant, and for a field that is named twice."""
        rules = self._rules
        fields = [name for name in rules.columns.values() if name]
        for name in (*fields, *rules.values):
            self._check_field(name)
        for column, name in rules.columns.items():
            if name and self._columns[name] != column:
                raise InputError(f"--map names two columns for '{name}': '{column}' and '{self._columns[name]}'")
            if name in rules.values:
                raise InputError(f"'{name}' is given twice: by --map '{column}={name}' and by --set", "Leave one out.")
        if self._kind == "delete" and rules.values:
            raise InputError("a delete sets no values", "Leave out --set.")
        if self._kind == "delete" and self._target.remove is None:
            raise InputError(f"Halo has no operation that deletes a {self._target.name}")
        if rules.once == self._target.id:
            raise InputError("new records get their ids from Halo", "Name another field with --once.")
        if rules.once:
            self._check_field(rules.once)
            once_by(self._target, rules.once)
        if self._kind == "update" and self._named_only and not rules.values and not {*fields} - {*self._target.key}:
            hint = "Of what Halo shows only the id is taken by itself. Add --set FIELD=VALUE, or --map COLUMN=FIELD."
            raise InputError("it is not said what to change", hint)

    def _check_field(self, name: str) -> None:
        known = self._target.fields
        if name in self._target.key:
            if name in self._rules.values and name == self._target.id:
                raise InputError(f"'{name}' tells the records apart, and cannot be the same for all", "Use a column.")
        elif self._is_fixed(name):
            raise InputError(f"Halo does not let '{name}' of {self._target.name} be written")
        elif name not in known and not self._rules.allow_unknown:
            hint = suggest(name, known) or "`haloitsm entity` lists its fields."
            raise InputError(
                f"{self._target.name} has no documented field '{name}', and Halo ignores those it does not know",
                f"{hint} If Halo has it all the same, add --allow-unknown.",
            )

    def _template(self, name: str, text: str) -> Callable[[Entity], Any]:
        try:
            return template(text)
        except StepsError as error:
            raise InputError(f"--set {name}: {error}") from error
