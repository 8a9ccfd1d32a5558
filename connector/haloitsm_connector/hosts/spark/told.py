"""The options of the data source, as Spark hands them over: texts, in names of any case."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

import orjson
from pydantic import BeforeValidator, Field, SecretStr

from haloitsm_connector.errors import InputError
from haloitsm_connector.hosts.settings import Settings, Text
from haloitsm_connector.prototypes import Fields
from haloitsm_connector.subscriber.moments import Moment
from haloitsm_connector.validation import validated

AT_ONCE = 8
"""Partitions that share the budget of a tenant, unless told otherwise: what one machine has under way in requests."""
OF_SPARK = frozenset({"checkpointlocation", "queryname"})
"""Options of Spark itself that it hands on."""

Names = Annotated[
    tuple[str, ...],
    BeforeValidator(lambda value: tuple(filter(None, map(str.strip, value.split(",")))) if value else ()),
]


def _json(value: Any) -> Any:
    try:
        return orjson.loads(value) if isinstance(value, str) else value
    except orjson.JSONDecodeError:
        raise ValueError("this is no JSON") from None


class Common(Fields):
    """What reading and writing can both be told."""

    settings: Settings = Field(Settings(), repr=False)
    state: SecretStr | None = Field(
        None, description="State that all machines share: postgresql://user:password@host/database."
    )
    secret_variables: Annotated[dict[str, SecretStr], BeforeValidator(_json)] = Field(
        {}, repr=False, description="Variables for the YAML files as JSON; else those of each machine's environment."
    )
    as_json: bool = Field(False, description="Whether a record travels as JSON text in the column `entity`.")
    at_once: int = Field(
        AT_ONCE,
        ge=1,
        le=1000,
        description="Partitions at most that ask a tenant with a budget, which is divided among them.",
    )

    @classmethod
    def of(cls, options: Mapping[str, str]) -> Self:
        """Read the options; InputError says what is wrong with them, without showing a value."""
        names = {name.casefold() for name in Settings.model_fields} - {"entities", "start_date"}
        settings = {name: value for name, value in options.items() if name in names}
        if config := settings.get("config"):
            settings["config"] = tuple(filter(None, map(str.strip, config.split(","))))  # type: ignore[assignment]
        rest = {name: value for name, value in options.items() if name not in names | OF_SPARK}
        return validated(cls, {**rest, "settings": Settings.of(settings)})

    @property
    def environ(self) -> dict[str, str]:
        """The variables that YAML files see."""
        told = {name: value.get_secret_value() for name, value in self.secret_variables.items()}
        return self.settings.variables({**os.environ, **told})

    @property
    def shared_state(self) -> str | None:
        """The address of the state that all machines share, None where there is none."""
        named = self.state.get_secret_value() if self.state else self.environ.get("HALOITSM_STATE")
        return named if named and named.startswith(("postgresql:", "postgres:")) else None


class ToRead(Common):
    """The options of ``spark.read`` and ``spark.readStream``."""

    entity: Text = Field(None, description="The GET operation to read: GET /Tickets.")
    clients: Names = Field((), description="Clients of the YAML files to read it from: a tenant each.")
    incoming: Names = Field((), description="Incomings of the YAML files to read instead, separated by commas.")
    partitions: int = Field(AT_ONCE, ge=1, le=1000, description="Partitions that a list is divided into at most.")
    parallel: int | None = Field(
        None,
        ge=1,
        le=16,
        description="Requests that a partition has under way; one unless given, where there are several.",
    )
    page_size: int | None = Field(None, ge=1, le=1000, description="Rows to ask for per page; Halo may send fewer.")
    query: Annotated[dict[str, Any], BeforeValidator(_json)] = Field({}, description="Query parameters, as JSON.")
    since: Moment | None = Field(None, description="With window_days: where the first window begins.")
    until: Moment | None = Field(None, description="With window_days: where the last window ends; the present else.")
    window_days: float | None = Field(None, gt=0, description="Partition by windows of so many days.")
    dates: Text = Field(None, description="The date that the windows are about: dateoccured; else that of changes.")
    max_rows: int = Field(10_000, ge=1, description="Rows after which a micro-batch of a stream ends.")

    def check(self) -> None:
        """Raise InputError where it does not say what to read."""
        if bool(self.entity) == bool(self.incoming):
            raise InputError("say what to read: either `entity` or `incoming`", 'For one: .option("entity", "GET /…").')
        if self.incoming and not self.settings.config:
            raise InputError("an incoming stands in a YAML file", "Name the file: config.")


class ToWrite(Common):
    """The options of ``df.write`` and ``df.writeStream``."""

    outgoing: str = Field(description="Name of the outgoing in the YAML files.")
    job: Text = Field(None, description="Name of this piece of work: run again under it, what is created stays so.")
    outcomes: Text = Field(None, description="Folder for the outcomes as Parquet, one file per partition.")
    on_failed: Literal["stop", "log"] = Field(
        "stop", description="What records do that were not published: fail the job in the end, or nothing but be told."
    )

    @property
    def job_name(self) -> str:
        """The name under which creates are on record."""
        return f"spark {self.job or f'outgoing {self.outgoing}'}"
