"""Which verbs there are: names to transformers, as a value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import EntryPoint
from typing import Any

from haloitsm_transformers.contract import Transformer
from haloitsm_transformers.errors import PluginError, suggest
from haloitsm_transformers.other_names import other_name
from haloitsm_transformers.plugins import installed, load

GROUP = "haloitsm.transformers"


class Registry:
    """Names to transformers. Registries do not change: ``with_`` makes a new one."""

    def __init__(self, points: Mapping[str, Sequence[EntryPoint]], added: Iterable[Transformer] = ()) -> None:
        self._points = points
        self._added = {transformer.name: transformer for transformer in added}
        self._loaded = dict(self._added)

    @classmethod
    def installed(cls) -> Registry:
        """Return what is installed, importing none of it; third-party verbs too unless ``HALOITSM_PLUGINS=none``."""
        return cls(installed(GROUP))

    @classmethod
    def empty(cls) -> Registry:
        """Return a registry without any verb."""
        return cls({})

    def with_(self, *transformers: Transformer) -> Registry:
        """Return a registry that has these as well; they come before installed ones of the same name."""
        return Registry(self._points, [*self._added.values(), *transformers])

    def names(self) -> list[str]:
        """Return every verb, sorted."""
        return sorted({*self._points, *self._added})

    def get(self, name: str) -> Transformer:
        """Return a transformer, importing it when needed; PluginError if it is unknown, broken or claimed twice."""
        if name not in self._loaded:
            if name not in self._points:
                names = self.names()
                hint = other_name(name) or suggest(name, names) or f"There are: {', '.join(names)}."
                raise PluginError(f"there is no step '{name}'", hint)
            self._loaded[name] = load(f"the step '{name}'", self._points[name], Transformer)
        return self._loaded[name]

    def __reduce__(self) -> tuple[Any, ...]:
        return Registry, (self._points, list(self._added.values()))
