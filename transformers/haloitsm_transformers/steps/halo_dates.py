"""``halo_dates``: Halo's dates from and to those that other systems write."""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from haloitsm_transformers import halo_time
from haloitsm_transformers.contract import Builder, EntityFunction, Example, Params, Transformer
from haloitsm_transformers.dates import zone_named
from haloitsm_transformers.errors import StepProblem
from haloitsm_transformers.fields import Pattern, compiles, problems_found
from haloitsm_transformers.in_place import Change, in_place, unless_null

Rewrite = Callable[[Any, tzinfo], str | None]


class HaloDates(Params):
    """Write dates that come from Halo as ISO 8601, or ISO dates as Halo takes them.

    Halo's moments are UTC and do not say so, up to seven digits of a second's fraction stay; a year of 1900 or earlier
    means that there is none and becomes null. A date without time stands in Halo as noon, so that no zone changes the
    day. (halo-api-facts 8) Missing path: nothing happens. Null stays null. Wrong type: anything but the text of a date
    fails, an empty text or empty list too.
    """

    to: Literal["iso", "halo"] = Field(description="`iso` for what comes from Halo, `halo` for what goes there.")
    moments: list[Pattern] = Field([], description="Patterns of dates with a time.")
    dates: list[Pattern] = Field([], description="Patterns of dates without a time.")
    zone: Annotated[str, compiles(zone_named)] = Field(
        "UTC",
        description="Time zone outside Halo: of what is written as `iso`, of what names none on the way to `halo`.",
    )

    @model_validator(mode="after")
    def _something(self) -> HaloDates:
        if not self.moments and not self.dates:
            raise problems_found([StepProblem((), "neither 'moments' nor 'dates' names a field")])
        return self


def build(params: HaloDates, builder: Builder) -> EntityFunction:
    """Compile the patterns."""
    zone = zone_named(params.zone)
    moment, date = _REWRITES[params.to]
    pairs = [*((of, moment) for of in params.moments), *((of, date) for of in params.dates)]
    return in_place((pattern, unless_null(_change(rewrite, zone))) for pattern, rewrite in pairs)


_REWRITES: dict[str, tuple[Rewrite, Rewrite]] = {
    "iso": (halo_time.from_halo_moment, halo_time.from_halo_date),
    "halo": (halo_time.to_halo_moment, halo_time.to_halo_date),
}


def _change(rewrite: Rewrite, zone: tzinfo) -> Change:
    return lambda value, entity: rewrite(value, zone)


TRANSFORMER = Transformer(
    "halo_dates",
    "entity",
    HaloDates,
    build,
    examples=(
        Example(
            "From Halo",
            {"to": "iso", "moments": ["dateoccurred", "lastactiondate"], "dates": ["targetdate"]},
            {
                "dateoccurred": "2026-02-10T09:15:00.1234567",
                "lastactiondate": "2026-02-10T09:15:00",
                "targetdate": None,
            },
            {
                "dateoccurred": "2026-02-10T09:15:00.1234567Z",
                "lastactiondate": "2026-02-10T09:15:00Z",
                "targetdate": None,
            },
        ),
        Example(
            "A date of 1900 or earlier is none",
            {"to": "iso", "moments": ["dateclosed"], "dates": ["warranty_end"]},
            {"dateclosed": "1900-01-01T00:00:00", "warranty_end": "1899-12-30T00:00:00"},
            {"dateclosed": None, "warranty_end": None},
        ),
        Example(
            "As a clock on the wall in Berlin shows it",
            {"to": "iso", "moments": ["start_date"], "dates": ["day"], "zone": "Europe/Berlin"},
            {"start_date": "2026-07-10T22:30:00", "day": "2026-07-10T22:00:00"},
            {"start_date": "2026-07-11T00:30:00+02:00", "day": "2026-07-11"},
        ),
        Example(
            "To Halo, from anywhere",
            {"to": "halo", "moments": ["appointments.*.start", "end"], "dates": ["due"]},
            {
                "appointments": [{"start": "2026-07-10T09:00:00+02:00"}],
                "end": "2026-07-10T10:00:00Z",
                "due": "2026-07-31",
            },
            {
                "appointments": [{"start": "2026-07-10T07:00:00"}],
                "end": "2026-07-10T10:00:00",
                "due": "2026-07-31T12:00:00",
            },
        ),
        Example(
            "What names no zone is of the zone that is said",
            {"to": "halo", "moments": ["start"], "dates": ["due"], "zone": "Europe/Berlin"},
            {"start": "2026-07-10 09:00", "due": "2026-07-31"},
            {"start": "2026-07-10T07:00:00", "due": "2026-07-31T10:00:00"},
        ),
        Example("A missing path is fine", {"to": "iso", "moments": ["a", "list.*.b"]}, {"list": []}, {"list": []}),
        Example(
            "Anything else fails", {"to": "halo", "dates": ["due"]}, {"due": "soon"}, fails="due: is text that is not"
        ),
        Example("An empty text too", {"to": "iso", "moments": ["a"]}, {"a": ""}, fails="a: is text that is not a date"),
        Example("A number is no date", {"to": "iso", "moments": ["a"]}, {"a": 1767225600}, fails="a: is a number, not"),
    ),
    json=True,
)
