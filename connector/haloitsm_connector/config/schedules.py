"""The fields of what runs by itself under ``haloitsm serve``: schedules, maintenance windows, retention."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, Field

from haloitsm_connector.errors import suggest
from haloitsm_connector.prototypes import Fields

Priority = Literal["high", "medium", "low"]


def _cron(text: str) -> str:
    if len(text.split()) != 5:
        raise ValueError('write five fields: minute, hour, day, month, day of the week ("30 2 * * MON-FRI")')
    try:
        next(CronSim(text, datetime.now(UTC)))
    except CronSimError as error:
        raise ValueError(f"is no cron expression: {str(error).lower()}") from None
    except StopIteration:
        raise ValueError("never comes: no such day exists") from None
    return text


def _zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):  # OSError for the name of a folder of zones
        hint = suggest(text, available_timezones()) or "As in Europe/Amsterdam."
        raise ValueError(f"there is no such time zone. {hint}") from None
    return text


Cron = Annotated[str, AfterValidator(_cron)]
TimeZone = Annotated[str, AfterValidator(_zone)]


class Timed(Fields):
    """A cron expression and the time zone in which it is meant."""

    cron: Cron = Field(description='Minute, hour, day, month, day of the week: "*/15 6-18 * * MON-FRI".')
    time_zone: TimeZone = Field("UTC", description="Time zone of the expression, such as Europe/Amsterdam.")


class ScheduleFields(Timed):
    """Routes that haloitsm serve runs at certain times."""

    run: list[str | list[str]] = Field(
        min_length=1, description="Routes, one after the other; a list among them is run together, with one fetch."
    )
    missed: Literal["once", "skip"] = Field(
        "once",
        description="What becomes of moments at which it could not begin: run once for all of them, or not at all.",
    )
    priority: Priority = Field("medium", description="Who begins first where several wait: high, medium or low.")
    disabled: bool = Field(False, description="Do not run this.")


class MaintenanceFields(Timed):
    """A time in which haloitsm serve begins nothing new; what runs goes on to its end."""

    minutes: float = Field(gt=0, le=10_080, description="How long it lasts from each moment of the expression.")
    disabled: bool = Field(False, description="Leave this out.")


class RetentionFields(Fields):
    """Which settled tasks haloitsm serve removes, every hour; open ones stay."""

    days: float | None = Field(None, gt=0, description="Remove tasks that have not changed for so long.")
    tasks: int | None = Field(None, ge=0, description="Keep about this many of each route, and remove the oldest.")
