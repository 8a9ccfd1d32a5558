"""Load a configuration: files in, a ``Config`` out, or every problem at once."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel

from haloitsm_connector.catalogue import Catalogue
from haloitsm_connector.client.redaction import Redactor
from haloitsm_connector.config.check import check_chains, check_payloads, check_references, granted
from haloitsm_connector.config.models import (
    Config,
    IncomingConfig,
    IncomingFields,
    Options,
    OutgoingConfig,
    OutgoingFields,
    Prototyped,
    RouteConfig,
    StorageFields,
    steps_fields,
)
from haloitsm_connector.config.schedules import MaintenanceFields, ScheduleFields
from haloitsm_connector.config.sources import OPTIONS, Sources, read_sources
from haloitsm_connector.errors import ConfigError, Finding, InputError, NodePath, Problem
from haloitsm_connector.prototypes import Kind, Prototype, Prototypes
from haloitsm_connector.validation import UnknownKey, places_of, secrets_of, there_are, validate
from haloitsm_transformers import Registry

Model = TypeVar("Model", bound=BaseModel)


class PrototypeSource(Protocol):
    """The prototypes of one kind, as ``Prototypes`` offers them."""

    def names(self) -> list[str]:
        """Return the names that ``prototype:`` may take."""
        ...

    def get(self, name: str) -> Prototype:
        """Return one prototype; InputError when there is none of that name."""
        ...


PrototypeSources = Mapping[Kind, PrototypeSource]


def installed_prototypes() -> PrototypeSources:
    """Return the prototypes of every kind that are installed."""
    return {kind: Prototypes(kind) for kind in ("clients", "subscribers", "publishers")}


def load(
    paths: Sequence[Path],
    *,
    environ: Mapping[str, str] | None = None,
    registry: Registry | None = None,
    catalogue: Catalogue | None = None,
    prototypes: PrototypeSources | None = None,
    stand_in: str | None = None,
) -> Config:
    """Load files, and folders with all the YAML files in them, as one configuration.

    Variables are taken from ``environ`` (the process's environment if None); ``stand_in`` is put for those that are not
    set, and for files that are not there, where nothing will be sent. Raises ConfigError with every problem;
    a configuration with nothing but warnings loads, unless it says ``strict: true``.
    """
    sources = read_sources(paths, os.environ if environ is None else environ, stand_in)
    catalogue = catalogue or Catalogue.load()
    registry = registry or Registry.installed()
    reading = Reading(sources, prototypes or installed_prototypes(), registry, catalogue)
    config = reading.config()
    tree = sources.data
    reading.findings += check_chains(
        reading.chains, tree, registry, granted(tree, catalogue, config.folder, config.python_folder)
    )
    reading.findings += check_payloads(tree, catalogue)
    if sources.complete:
        reading.findings += check_references(tree)
    problems = reading.problems(config.strict)
    if any(problem.severity == "error" for problem in problems):
        raise ConfigError(problems)
    return replace(config, warnings=problems, steps=dict(reading.chains))


@dataclass(slots=True)
class Reading:
    """Turns the merged sections into a ``Config``, collecting all that is wrong with them on the way."""

    sources: Sources
    prototypes: PrototypeSources
    registry: Registry
    catalogue: Catalogue
    findings: list[Finding] = field(default_factory=list)
    chains: list[tuple[NodePath, Any]] = field(default_factory=list)
    secrets: set[str] = field(default_factory=set, repr=False)

    def config(self) -> Config:
        """Return what can be read; complete only if nothing was found."""
        tree = self.sources.data
        options = self._read(Options, {name: tree[name] for name in OPTIONS if name in tree}, ()) or Options()
        clients = {name: self._prototyped("clients", raw, ("clients", name)) for name, raw in tree["clients"].items()}
        incoming = {name: self._incoming(raw, ("incoming", name)) for name, raw in tree["incoming"].items()}
        outgoing = {name: self._outgoing(raw, ("outgoing", name)) for name, raw in tree["outgoing"].items()}
        routes = {name: self._read(RouteConfig, raw, ("routes", name)) for name, raw in tree["routes"].items()}
        storages = {
            name: self._read(StorageFields, raw or {}, ("storages", name)) for name, raw in tree["storages"].items()
        }
        schedules = {
            name: self._read(ScheduleFields, raw, ("schedules", name)) for name, raw in tree["schedules"].items()
        }
        windows = {
            name: self._read(MaintenanceFields, raw, ("maintenance", name)) for name, raw in tree["maintenance"].items()
        }
        self.chains += [(("transformers", name), steps) for name, steps in tree["transformers"].items()]
        return Config(
            clients=_present(clients),
            incoming=_present(incoming),
            outgoing=_present(outgoing),
            routes=_present(routes),
            storages=_present(storages),
            schedules=_present(schedules),
            maintenance=_present(windows),
            retention=options.retention,
            chains=tree["transformers"],
            steps={},
            strict=options.strict,
            folder=self.sources.folder,
            python_folder=options.python.folder if options.python else None,
            files=tuple(self.sources.files),
            warnings=[],
            secrets=frozenset((self.secrets | self.sources.secrets) - {""}),
            positions=self.sources.positions,
            registry=self.registry,
            catalogue=self.catalogue,
        )

    def problems(self, strict: bool) -> list[Problem]:
        """Return everything found, located, sorted and without secrets; if ``strict``, warnings are errors."""
        hide = Redactor(self.secrets | self.sources.secrets).values
        located = [
            self.sources.problem(replace(finding, what=hide(finding.what), hint=hide(finding.hint)))
            for finding in self.findings
            if isinstance(finding, UnknownKey) or not self.sources.is_broken(finding.path)
        ]
        found = sorted(set(self.sources.problems + located))
        return [replace(problem, severity="error") for problem in found] if strict else found

    def _read(self, model: type[Model], raw: Any, path: NodePath) -> Model | None:
        """Check a mapping against its model; note the secrets and the chains of steps in it."""
        self.secrets |= secrets_of(model, raw)
        self.chains += [
            ((*path, *place.path, name), place.data[name])
            for place in places_of(model, raw)
            for name in steps_fields(place.model)
            if isinstance(place.data.get(name), list)
        ]
        value, findings = validate(model, raw, path)
        self.findings += findings
        return value

    def _incoming(self, raw: Any, path: NodePath) -> IncomingConfig | None:
        fields = self._read(IncomingFields, raw, path)
        subscriber = self._part("subscribers", raw, (*path, "subscriber"))
        return IncomingConfig(subscriber, fields.transformers) if fields and subscriber else None

    def _outgoing(self, raw: Any, path: NodePath) -> OutgoingConfig | None:
        fields = self._read(OutgoingFields, raw, path)
        publisher = self._part("publishers", raw, (*path, "publisher"))
        return OutgoingConfig(fields.transformers, publisher) if fields and publisher else None

    def _part(self, kind: Kind, raw: Any, path: NodePath) -> Prototyped | None:
        """Read the subscriber or publisher of an entry, however wrong the rest of the entry may be."""
        part = raw.get(path[-1]) if isinstance(raw, dict) else None
        return self._prototyped(kind, part, path) if isinstance(part, dict) else None

    def _prototyped(self, kind: Kind, raw: Any, path: NodePath) -> Prototyped | None:
        """Read a mapping that names a prototype and holds its fields."""
        prototype = self._prototype(kind, raw, path)
        if prototype is None:
            return None
        fields = self._read(prototype.fields, {key: raw[key] for key in raw if key != "prototype"}, path)
        if fields is None:
            return None
        for finding in prototype.check(fields, self.catalogue):
            self.findings.append(replace(finding, path=(*path, *finding.path)))
        return Prototyped(prototype, fields)

    def _prototype(self, kind: Kind, raw: Any, path: NodePath) -> Prototype | None:
        known = self.prototypes[kind]
        at = (*path, "prototype")
        if not isinstance(raw, dict):
            finding = Finding(path, "must be a mapping (name: value)", "It needs 'prototype:' and its fields.")
        elif "prototype" not in raw:
            finding = Finding(path, "'prototype' is missing", there_are(known.names()))
        elif not isinstance(raw["prototype"], str):
            finding = Finding(at, "must be text", there_are(known.names()))
        else:
            try:
                return known.get(raw["prototype"])
            except InputError as error:
                finding = Finding(at, error.what, error.hint)
        self.findings.append(finding)
        return None


def _present(parts: Mapping[str, Model | None] | Mapping[str, Any]) -> dict[str, Any]:
    return {name: part for name, part in parts.items() if part is not None}
