"""What the work at hand belongs to - a route, a task, a request - for whoever writes logs and traces.

And whether it shall stop, for whoever waits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, Token
from types import MappingProxyType

Noted = Mapping[str, str | int]
_NOTED: ContextVar[Noted] = ContextVar("noted", default=MappingProxyType({}))
_STOPPING: ContextVar[Callable[[], bool]] = ContextVar("stopping", default=lambda: False)


class noting:  # noqa: N801 - reads as what it does: with noting(...)
    """Have all that is logged in this block say what it belongs to: ``with noting(route="tickets"):``.

    Once around each task and each request, so it is a class: a generator would take several times as long.
    """

    __slots__ = ("_before", "_values")

    def __init__(self, **values: str | int) -> None:
        self._values = values

    def __enter__(self) -> None:
        self._before: Token[Noted] = _NOTED.set({**_NOTED.get(), **self._values})

    def __exit__(self, *error: object) -> None:
        _NOTED.reset(self._before)


def noted() -> Noted:
    """Return what the work at hand belongs to, by name."""
    return _NOTED.get()


@contextmanager
def stopped_by(stopping: Callable[[], bool]) -> Iterator[None]:
    """Have `stopping` ask this function within the block, and in whatever is begun there."""
    before = _STOPPING.set(stopping)
    try:
        yield
    finally:
        _STOPPING.reset(before)


def stopping() -> bool:
    """Whether the work at hand shall come to its end: what waits to be sent is not sent any more."""
    return _STOPPING.get()()
