"""What the work at hand belongs to - a route, a task, a request - for whoever writes logs and traces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType

_NOTED: ContextVar[Mapping[str, str | int]] = ContextVar("noted", default=MappingProxyType({}))


@contextmanager
def noting(**values: str | int) -> Iterator[None]:
    """Have all that is logged in this block say what it belongs to: ``with noting(route="tickets"):``."""
    token = _NOTED.set({**_NOTED.get(), **values})
    try:
        yield
    finally:
        _NOTED.reset(token)


def noted() -> Mapping[str, str | int]:
    """Return what the work at hand belongs to, by name."""
    return _NOTED.get()
