"""Which records of a list are new since the last time: the options, and what they come to for one operation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import Field, ValidationError

from haloitsm_connector.catalogue import Catalogue, Operation
from haloitsm_connector.errors import Finding, InputError, suggest
from haloitsm_connector.prototypes import Fields
from haloitsm_connector.subscriber.moments import Moment, moment_in
from haloitsm_transformers import Entity

CHANGES = ("lastupdatefromdate", "lastupdatetodate")
"""The query parameters that narrow a list to what changed (halo-api-facts 2.4)."""
DATE_SEARCH = "datesearch"
"""Names the column that ``startdate`` and ``enddate`` are about (halo-api-facts 2.4)."""
COLUMN_DATES = ("startdate", "enddate")
CHANGED = ("last_update", "lastupdate", "last_modified", "lastmodified", "last_updated", "date_edited")
"""Fields in which rows tell when they changed last."""
LONGEST_WINDOWS = {"GET /Actions": timedelta(days=1)}
"""Lists that show nothing in a longer window (halo-api-facts 2.4)."""


class ByDates(Fields):
    """By a date of the records: what lies in a window of days, delivered where it differs from the last time."""

    dates: str = Field(description="A date parameter of the operation (start_date), or a column for datesearch.")
    days: float = Field(1, ge=0, le=3660, description="How many days before the last run each run looks again.")
    days_ahead: float = Field(0, ge=0, le=3660, description="How many days into the future it looks.")


class ByField(Fields):
    """By a moment in the rows, for lists that Halo cannot narrow: all is read, what changed is delivered."""

    field: str = Field(description="The field of a row that says when it changed: last_modified.")


class Incremental(Fields):
    """Deliver what is new since the last run only."""

    by: Literal["lastupdatefromdate"] | ByDates | ByField | None = Field(
        None, description="How to tell what is new; the best that the operation has unless given."
    )
    since: Moment | None = Field(None, description="Where the first run begins; all there is unless given.")
    until: Moment | None = Field(None, description="Where reading ends for good; the present unless given.")
    overlap_seconds: float = Field(
        300, ge=0, le=86_400, description="How long before the last run each run begins, for what was saved late."
    )
    window_days: float | None = Field(
        None, gt=0, le=3660, description="Read so many days at a time, oldest first; all at once unless given."
    )
    sweep_hours: float | None = Field(
        None, ge=0, le=87_600, description="Look for records that are gone whenever the last look is so long ago."
    )


@dataclass(frozen=True, slots=True)
class Plan:
    """Incremental reading of one operation.

    ``lower`` and ``upper`` name the query parameters of a window's ends, None where rows are compared here;
    ``fixed`` goes with them. ``stamps`` are the fields in which a row says when it changed. ``by_dates``: windows of
    days, in which nothing says what has changed since.
    """

    lower: str | None
    upper: str | None
    fixed: tuple[tuple[str, str], ...]
    stamps: Sequence[str]
    by_dates: bool
    back: timedelta
    ahead: timedelta
    window: timedelta | None
    since: datetime | None
    until: datetime | None
    sweep: timedelta | None

    def stamp(self, row: Entity) -> datetime | None:
        """Return when a row says that it changed last."""
        for name in self.stamps:
            if name in row and (at := moment_in(row, name)):
                return at
        return None


def planned(operation: Operation, incremental: Incremental | Mapping[str, Any]) -> Plan:
    """Return what the options come to for an operation; InputError where they cannot be."""
    options = incremental if isinstance(incremental, Incremental) else _validated(incremental)
    for finding in check_incremental(operation, options, None):
        if finding.severity == "error":
            raise InputError(f"incremental: {finding.what}", finding.hint)
    by = _by(operation, options)
    assert by is not None
    lower, upper = _parameters(operation, by)
    column = by.dates if isinstance(by, ByDates) and (lower, upper) == COLUMN_DATES and by.dates != lower else None
    days = by.days if isinstance(by, ByDates) else 0
    return Plan(
        lower=lower,
        upper=upper,
        fixed=((DATE_SEARCH, column),) if column else (),
        stamps=(by.field,) if isinstance(by, ByField) else () if isinstance(by, ByDates) else CHANGED,
        by_dates=isinstance(by, ByDates),
        back=timedelta(days=days, seconds=options.overlap_seconds),
        ahead=timedelta(days=by.days_ahead if isinstance(by, ByDates) else 0),
        window=_window(operation, options),
        since=options.since,
        until=options.until,
        sweep=None if options.sweep_hours is None else timedelta(hours=options.sweep_hours),
    )


def check_incremental(operation: Operation, options: Incremental, catalogue: Catalogue | None) -> Iterator[Finding]:
    """Yield what cannot work; with a catalogue also what it does not know."""
    if operation.listing is None:
        yield Finding((), f"{operation.name} answers one record, not a list of which some are new")
        return
    by = _by(operation, options)
    if by is None:
        what = f"{operation.name} has no filter by date"
        yield Finding((), what, "Name a field of its rows that says when they changed: by: {field: …}.")
        return
    yield from _check_by(operation, by, catalogue)
    longest = LONGEST_WINDOWS.get(operation.name)
    if longest and options.window_days and timedelta(days=options.window_days) > longest:
        what = f"{operation.name} shows nothing in a window of more than {longest / timedelta(days=1):g} day"
        yield Finding(("window_days",), what)
    if not isinstance(by, ByField) and not options.since and _window(operation, options):
        yield Finding((), f"{operation.name} is read in windows here, which have to begin somewhere", "Give since: ….")
    if options.since and options.until and options.since >= options.until:
        yield Finding(("until",), "ends before it begins: 'until' is not after 'since'")
    if options.window_days and isinstance(by, ByField):
        yield Finding(("window_days",), f"there are no windows by a field: {operation.name} is read whole")
    if options.sweep_hours is not None and (operation.key != ("id",) or operation.requires):
        yield Finding(
            ("sweep_hours",), f"{operation.name} cannot be listed whole, to see which of its records are gone"
        )


def set_by_user(plan: Plan, names: Iterable[str]) -> Iterator[str]:
    """Yield those of a user's query names that the incremental read sets itself."""
    taken = {name for name in (plan.lower, plan.upper, *(name for name, _ in plan.fixed)) if name}
    return (name for name in names if name.casefold() in taken)


def _check_by(operation: Operation, by: str | ByDates | ByField, catalogue: Catalogue | None) -> Iterator[Finding]:
    names = {parameter.name for parameter in operation.query_parameters}
    if isinstance(by, str) and not names.issuperset(CHANGES):
        yield Finding(("by",), f"{operation.name} has no '{by}'", _hint(operation))
    if isinstance(by, ByDates) and _pair(operation, by.dates) is None:
        yield Finding(("by", "dates"), f"{operation.name} has no filter by the date '{by.dates}'", _hint(operation))
    if isinstance(by, ByField) and catalogue and operation.record:
        fields = catalogue.fields(operation.record)
        if fields and by.field not in fields:
            what = f"the rows of {operation.name} have no documented field '{by.field}'"
            yield Finding(("by", "field"), what, suggest(by.field, fields), "warning")


def _by(operation: Operation, options: Incremental) -> str | ByDates | ByField | None:
    """Return the way that is asked for, else the best that the operation has."""
    if options.by:
        return options.by
    dates = operation.listing.incremental if operation.listing else ()
    if set(CHANGES) <= set(dates):
        return CHANGES[0]
    return ByDates(dates=dates[0]) if len(dates) == 2 else None


def _parameters(operation: Operation, by: str | ByDates | ByField) -> tuple[str | None, str | None]:
    if isinstance(by, ByField):
        return None, None
    return (_pair(operation, by.dates) if isinstance(by, ByDates) else CHANGES) or (None, None)


def _pair(operation: Operation, dates: str) -> tuple[str, str] | None:
    """Return the two parameters that a date is narrowed by."""
    known = operation.listing.incremental if operation.listing else ()
    if len(known) == 2 and dates == known[0] and known != CHANGES:
        return known[0], known[1]
    names = {parameter.name for parameter in operation.query_parameters}
    return COLUMN_DATES if {DATE_SEARCH, *COLUMN_DATES} <= names and dates not in COLUMN_DATES else None


def _window(operation: Operation, options: Incremental) -> timedelta | None:
    return timedelta(days=options.window_days) if options.window_days else LONGEST_WINDOWS.get(operation.name)


def _hint(operation: Operation) -> str:
    known = operation.listing.incremental if operation.listing else ()
    return f"It can be narrowed by: {', '.join(known)}." if known else "Name a field of its rows: by: {field: …}."


def _validated(options: Mapping[str, Any]) -> Incremental:
    try:
        return Incremental.model_validate(options)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
    raise InputError(f"incremental: {problems}")
