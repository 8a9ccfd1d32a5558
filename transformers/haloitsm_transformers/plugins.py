"""What is installed under a name: entry points of this distribution and of others, imported when first used.

Setting ``HALOITSM_PLUGINS=none`` leaves out all that this distribution does not bring itself.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol, TypeVar

from haloitsm_transformers.errors import PluginError

OWN_DISTRIBUTION = "haloitsm-connector"


class Named(Protocol):
    """Something that knows its own name, as transformers and prototypes do."""

    @property
    def name(self) -> str:
        """The name under which it is installed."""


Loaded = TypeVar("Loaded", bound=Named)


def installed(group: str) -> dict[str, list[EntryPoint]]:
    """Return the entry points of a group by name, importing none of them; a name claimed twice has two."""
    found: dict[str, list[EntryPoint]] = {}
    own_only = os.environ.get("HALOITSM_PLUGINS") == "none"
    for point in entry_points(group=group):
        if not own_only or (point.dist and point.dist.name == OWN_DISTRIBUTION):
            found.setdefault(point.name, []).append(point)
    return found


def load(what: str, points: Sequence[EntryPoint], kind: type[Loaded]) -> Loaded:
    """Import the one entry point of a name; PluginError, about ``what``, if it is broken or claimed twice."""
    if len(points) > 1:
        owners = " and ".join(sorted(map(_owner, points)))
        raise PluginError(f"{what} comes from both {owners}", "Uninstall one of them.")
    (point,) = points
    try:
        loaded = point.load()
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise PluginError(f"{what} from {_owner(point)} cannot be loaded: {reason}") from error
    if not isinstance(loaded, kind) or loaded.name != point.name:
        raise PluginError(f"{what} from {_owner(point)}: {point.value} is not a {kind.__name__} of that name")
    return loaded


def _owner(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown distribution"
