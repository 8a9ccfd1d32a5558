"""What a configuration is: the models of its sections, and the checked result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field
from pydantic.fields import FieldInfo

from haloitsm_connector.catalogue import Catalogue
from haloitsm_connector.config.schedules import MaintenanceFields, RetentionFields, ScheduleFields
from haloitsm_connector.config.sources import PYTHON, RETENTION, STRICT, locate
from haloitsm_connector.config.yaml_document import Position
from haloitsm_connector.errors import NodePath, Problem
from haloitsm_connector.prototypes import Fields, Prototype
from haloitsm_connector.publisher.exchange import MOST_PARALLEL
from haloitsm_transformers import Condition, Registry, Steps
from haloitsm_transformers.fields import Key

RESULTS = " results"
"""How the queue of what is made of a route's answers is called behind the name of the route."""


class IncomingFields(Fields):
    """What is read: a subscriber and the transformers behind it."""

    subscriber: dict[str, Any] = Field(description="What reads: a prototype and its fields.")
    transformers: Steps = Field([], description="Steps that every entity goes through after it is read.")


class OutgoingFields(Fields):
    """What is written: transformers and the publisher behind them."""

    transformers: Steps = Field([], description="Steps that every entity goes through before it is published.")
    publisher: dict[str, Any] = Field(description="What writes: a prototype and its fields.")


class RetryFields(Fields):
    """When a task that failed is tried again by itself."""

    attempts: int = Field(5, ge=1, le=1000, description="How often a task is tried in all; 1 never tries again.")
    wait_seconds: float = Field(60, ge=0, description="Wait before the second attempt.")
    factor: float = Field(2, ge=1, le=100, description="How much longer each wait is than the one before.")
    most_seconds: float = Field(3600, ge=0, description="No wait is longer.")
    when: Condition = Field(
        None,
        description="Condition over {status, reason, response, lasting, attempts}: which outcomes are tried again; "
        "failed ones that are not lasting unless given. One that waits is only tried where the publisher has `once`.",
    )


class RouteConfig(Fields):
    """From one incoming to one outgoing."""

    incoming: str = Field(description="Name of the incoming that is read.")
    outgoing: str = Field(description="Name of the outgoing that is written.")
    transformers: Steps = Field([], description="Steps between the two.")
    results: str | None = Field(
        None, description="Name of the outgoing that gets what the publisher's response transformers make."
    )
    disabled: bool = Field(False, description="Leave this route out when all routes are run.")
    key: Key | None = Field(
        None,
        description="Template of what orders tasks: those with the same key are delivered one after the other. The "
        "entity's id unless given; no order where it gives nothing.",
    )
    retry: RetryFields = Field(RetryFields(), description="When a task that failed is tried again by itself.")
    parallel: int | None = Field(
        None, ge=1, le=MOST_PARALLEL, description="Requests under way at a time, instead of what the publisher says."
    )
    realtime: bool = Field(
        False, description="Under `haloitsm serve`: read and deliver as soon as something is there, without a schedule."
    )
    largest_kb: float | None = Field(
        None, gt=0, description="An entity with more KiB of JSON is rejected; any size is taken unless given."
    )


class StorageFields(Fields):
    """A storage: values under keys, kept between runs in the state."""

    ttl_seconds: float | None = Field(None, gt=0, description="How long a value is kept; for ever unless given.")


class PythonFields(Fields):
    """Which Python functions steps may call."""

    folder: str = Field("steps", min_length=1, description="Folder below the configuration's that holds the modules.")


class Options(Fields):
    """What holds for the whole configuration."""

    strict: bool = Field(False, description=STRICT)
    python: PythonFields | None = Field(None, description=PYTHON)
    retention: RetentionFields = Field(RetentionFields(), description=RETENTION)


@dataclass(frozen=True, slots=True)
class Prototyped:
    """A prototype and the fields that the configuration gives it."""

    prototype: Prototype
    fields: Fields = field(repr=False)


@dataclass(frozen=True, slots=True)
class IncomingConfig:
    """A checked incoming."""

    subscriber: Prototyped
    transformers: list[Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class OutgoingConfig:
    """A checked outgoing."""

    transformers: list[Any] = field(repr=False)
    publisher: Prototyped


@dataclass(frozen=True, slots=True)
class Config:
    """A checked configuration; every name in it refers to something.

    ``chains`` are the named chains, ``steps`` all chains by their paths. ``warnings`` are the problems that do not stop
    it. ``secrets`` are the texts that must not be shown anywhere: what was read from files, the values of secret
    fields, and of variables that are secret by name. ``folder`` is where steps look for files: the folder that was
    loaded, or in which the file is; ``python_folder`` is the one below it with the functions that steps may call.
    ``registry`` and ``catalogue`` are those it was checked by.
    """

    clients: Mapping[str, Prototyped]
    incoming: Mapping[str, IncomingConfig]
    outgoing: Mapping[str, OutgoingConfig]
    routes: Mapping[str, RouteConfig] = field(repr=False)
    storages: Mapping[str, StorageFields]
    schedules: Mapping[str, ScheduleFields]
    maintenance: Mapping[str, MaintenanceFields]
    retention: RetentionFields
    chains: Mapping[str, list[Any]] = field(repr=False)
    steps: Mapping[NodePath, list[Any]] = field(repr=False)
    strict: bool
    folder: Path
    python_folder: str | None
    files: tuple[Path, ...]
    warnings: list[Problem]
    secrets: frozenset[str] = field(repr=False)
    positions: Mapping[NodePath, Position] = field(repr=False)
    registry: Registry = field(repr=False)
    catalogue: Catalogue = field(repr=False)

    def where(self, path: NodePath) -> str:
        """Return ``file:line:column`` of a path such as ``("incoming", "tickets", "transformers", 0)``.

        Of a path that is not written, the deepest part that is.
        """
        return str(locate(self.positions, path, self.files))


_STEPS = FieldInfo.from_annotation(Steps)


def steps_fields(model: type[BaseModel]) -> list[str]:
    """Return the names of the fields that hold a chain of steps (type ``Steps``)."""
    return [
        name
        for name, info in model.model_fields.items()
        if info.annotation == _STEPS.annotation and all(mark in info.metadata for mark in _STEPS.metadata)
    ]
