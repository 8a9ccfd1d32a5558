"""Which verbs there are: names to transformers, as a value.

Installed ones are found by entry point and imported when first used. Setting ``HALOITSM_PLUGINS=none`` leaves out all
that this distribution does not bring itself.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points
from typing import Any, NamedTuple

from haloitsm_transformers.contract import Transformer
from haloitsm_transformers.errors import PluginError, suggest

GROUP = "haloitsm.transformers"
OWN_DISTRIBUTION = "haloitsm-connector"


class Plugin(NamedTuple):
    """Where a verb comes from, known without importing it."""

    name: str
    distribution: str
    version: str
    value: str


class Registry:
    """Names to transformers. Registries do not change: ``with_`` makes a new one."""

    def __init__(self, points: Iterable[EntryPoint] = (), added: Iterable[Transformer] = ()) -> None:
        self._points: dict[str, list[EntryPoint]] = {}
        for point in points:
            self._points.setdefault(point.name, []).append(point)
        self._added = {transformer.name: transformer for transformer in added}
        self._loaded = dict(self._added)

    @classmethod
    def installed(cls) -> Registry:
        """Return what is installed, importing none of it; third-party verbs too unless ``HALOITSM_PLUGINS=none``."""
        points: Iterable[EntryPoint] = entry_points(group=GROUP)
        if os.environ.get("HALOITSM_PLUGINS") == "none":
            points = [point for point in points if _distribution(point) == OWN_DISTRIBUTION]
        return cls(points)

    @classmethod
    def empty(cls) -> Registry:
        """Return a registry without any verb."""
        return cls()

    def with_(self, *transformers: Transformer) -> Registry:
        """Return a registry that has these as well; they come before installed ones of the same name."""
        return Registry(self._all_points(), [*self._added.values(), *transformers])

    def names(self) -> list[str]:
        """Return every verb, sorted."""
        return sorted({*self._points, *self._added})

    def plugins(self) -> list[Plugin]:
        """Return where each installed verb comes from, sorted by name; one claimed twice is listed twice."""
        return sorted(
            Plugin(point.name, _distribution(point), _version(point), point.value) for point in self._all_points()
        )

    def get(self, name: str) -> Transformer:
        """Return a transformer, importing it when needed; PluginError if it is unknown, broken or claimed twice."""
        if name not in self._loaded:
            self._loaded[name] = _load(self._point(name))
        return self._loaded[name]

    def _all_points(self) -> list[EntryPoint]:
        return [point for points in self._points.values() for point in points]

    def __reduce__(self) -> tuple[Any, ...]:
        return Registry, (self._all_points(), list(self._added.values()))

    def _point(self, name: str) -> EntryPoint:
        points = self._points.get(name, [])
        if not points:
            names = self.names()
            raise PluginError(f"there is no step '{name}'", suggest(name, names) or f"There are: {', '.join(names)}.")
        if len(points) > 1:
            owners = " and ".join(sorted(_owner(point) for point in points))
            raise PluginError(f"the step '{name}' comes from both {owners}", "Uninstall one of them.")
        return points[0]


def _load(point: EntryPoint) -> Transformer:
    try:
        transformer = point.load()
    except Exception as error:
        raise PluginError(
            f"the step '{point.name}' from {_owner(point)} cannot be loaded: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(transformer, Transformer) or transformer.name != point.name:
        raise PluginError(
            f"the step '{point.name}' from {_owner(point)}: {point.value} is not a Transformer of that name"
        )
    return transformer


def _distribution(point: EntryPoint) -> str:
    return point.dist.name if point.dist else "an unknown distribution"


def _version(point: EntryPoint) -> str:
    return point.dist.version if point.dist else ""


def _owner(point: EntryPoint) -> str:
    return f"{_distribution(point)} {_version(point)}".rstrip()
