"""What steps may use beyond their entity: a step names it in ``needs``, the host grants it.

| name | what ``builder.capability(name)`` returns |
|---|---|
| ``storage`` | a function from the name of a declared storage to its `Storage` |
| ``http`` | a function that starts a `Call` through a declared client: `Http` |
| ``rows`` | a function that reads a table of entities from elsewhere: `Rows` |
| ``clock`` | a function that returns the present time, aware, in UTC |
| ``files`` | a function from a path below the configuration's folder to the file's bytes |
| ``log`` | a function that writes a line: ``log("warning", "text")``; levels ``info``, ``warning``, ``error`` |
| ``schemas`` | a function from an operation, ``POST /Tickets``, to the JSON Schema of one record of its payload |
| ``modules`` | a function from ``module.function`` to a Python function that the configuration may use |
| ``delivery`` | a function that asks to be told what becomes of an entity: `Delivery` |
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

Entity = dict[str, Any]
ELSEWHERE = frozenset({"http", "rows", "modules"})
"""What asks others, or may do so, who may be away, or answer otherwise another time."""


def ends_run(error: BaseException) -> bool:
    """Whether an error concerns no single entity: a server that nobody reaches, a disk that is full.

    The host says so by an attribute ``ends_run`` of what a capability raises; the error then leaves the chain as it is.
    """
    return bool(getattr(error, "ends_run", False))


class Storage(Protocol):
    """Keys to JSON values, kept between runs. What is put is a copy; what is got belongs to the caller."""

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value under a key, or ``default`` where there is none or its time is over."""
        ...

    def put(self, key: str, value: Any, ttl_seconds: float | None = None) -> None:
        """Keep a value, for ``ttl_seconds`` or as long as the storage does; ValueError when it is not JSON."""
        ...

    def delete(self, key: str) -> None:
        """Forget a key; one that is not there is fine."""
        ...

    def iterate(self) -> Iterator[tuple[str, Any]]:
        """Yield keys with their values, sorted by key."""
        ...


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request through a declared client.

    ``path`` fills the placeholders of ``uri``, each value percent-encoded. ``items`` is a JMESPath expression to a list
    in the answer, ``paging`` how the API pages: with either of them the value is a list, of all pages. ``repeatable``
    says that sending it twice does no harm. ``normal_statuses`` are error statuses that are none here. With ``raw`` the
    value is the answer's bytes.
    """

    client: str
    method: str
    uri: str
    path: Mapping[str, Any] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    payload: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    items: str | None = None
    paging: Any = None
    repeatable: bool = False
    normal_statuses: frozenset[int] = frozenset()
    raw: bool = False


Http = Callable[[Call], "Future[Any]"]
"""Starts a call and returns at once. The future gives the decoded answer, None for a normal error status.

It raises TransformError, which says what went wrong in plain words.
"""

Source = Literal["file", "incoming", "storage"]
Rows = Callable[[Source, str], Iterator[Entity]]
"""Yields the entities of a file (CSV, JSON, JSON lines, XLSX), an incoming or a storage; TransformError if it cannot.
"""

Settled = Callable[[bool], None]
Delivery = Callable[[Entity, Settled], None]
"""Calls ``settled(True)`` once that very entity was delivered, ``settled(False)`` when it was not."""

NOT_HERE: Mapping[str, str] = {
    "delivery": "It waits for what becomes of each entity, so it stands last: at the end of a route's transformers, "
    "where it waits until the entity is stored as a task, or of an outgoing's, where it waits for the publisher.",
}
"""What to do where a capability is not offered."""
