"""A small world made of data, in which steps can be tried: what storages hold, what servers answer, what time it is."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from haloitsm_transformers.capabilities import Call, Entity, Settled, Source
from haloitsm_transformers.errors import TransformError
from haloitsm_transformers.example_functions import EXAMPLES
from haloitsm_transformers.expressions import expression
from haloitsm_transformers.keys import to_json
from haloitsm_transformers.placeholders import as_text


class Answer(BaseModel):
    """What a server answers to one request, however often it is sent."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    request: str = Field(description="Method and path with query, as sent: GET /Client/12?includedetails=true.")
    payload: Any = Field(None, description="The payload for which this is the answer; any if not given.")
    status: int = Field(200, ge=100, le=599, description="Status of the answer.")
    value: Any = Field(None, description="The decoded answer; of a list in pages, all of it.")


class World(BaseModel):
    """What steps meet outside their entities."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    storages: dict[str, dict[str, Any]] = Field({}, description="Name of a storage to what it holds, by key.")
    answers: list[Answer] = Field([], description="What servers answer; any other request fails.")
    rows: dict[str, list[dict[str, Any]]] = Field({}, description="Name of a file or incoming to its entities.")
    files: dict[str, str] = Field({}, description="Path of a file to the text in it.")
    schemas: dict[str, dict[str, Any]] = Field(
        {}, description="Operation to the JSON Schema of a record of its payload."
    )
    now: AwareDatetime = Field(datetime(2025, 1, 1, tzinfo=UTC), description="The present time.")

    def open(self) -> OpenWorld:
        """Make a world to change: every one begins with the same storages."""
        return OpenWorld(self)


class OpenWorld:
    """A world at work: ``capabilities`` are what it offers, ``held()`` what its storages hold by now.

    Time stands still in it, so nothing that is stored goes away; every entity counts as delivered at once.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._storages: dict[str, MemoryStorage] = {}
        for name, values in world.storages.items():
            for key, value in values.items():
                self._storage(name).put(key, value)
        self.capabilities: Mapping[str, Callable[..., Any]] = {
            "storage": self._storage,
            "http": self._start,
            "rows": self._rows,
            "clock": lambda: world.now,
            "files": self._file,
            "log": lambda level, line: None,
            "schemas": self._schema,
            "modules": self._function,
            "delivery": self._deliver,
        }

    def held(self) -> dict[str, dict[str, Any]]:
        """Return what the storages hold, by name and key."""
        return {name: dict(storage.iterate()) for name, storage in self._storages.items()}

    def _storage(self, name: str) -> MemoryStorage:
        return self._storages.setdefault(name, MemoryStorage())

    def _start(self, call: Call) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(_answered(call, self._world.answers))
        except TransformError as error:
            future.set_exception(error)
        return future

    def _rows(self, source: Source, name: str) -> Iterator[Entity]:
        if source == "storage":
            return (value for _, value in self._storage(name).iterate())
        if name not in self._world.rows:
            raise TransformError(f"there are no rows of the {source} '{name}' in this world")
        return iter(self._world.rows[name])

    def _file(self, path: str) -> bytes:
        if path not in self._world.files:
            raise TransformError(f"there is no file '{path}' in this world")
        return self._world.files[path].encode()

    def _schema(self, operation: str) -> dict[str, Any]:
        if operation not in self._world.schemas:
            raise TransformError(f"there is no schema of {operation} in this world")
        return self._world.schemas[operation]

    def _function(self, name: str) -> Callable[..., Any]:
        if name not in EXAMPLES:
            raise TransformError(f"there is no function '{name}' in this world")
        return EXAMPLES[name]

    def _deliver(self, entity: Entity, settled: Settled) -> None:
        settled(True)


class MemoryStorage:
    """A storage in memory; what is put in it stays until it is deleted."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value under a key, or ``default``."""
        return json.loads(self._texts[key]) if key in self._texts else default

    def put(self, key: str, value: Any, ttl_seconds: float | None = None) -> None:
        """Keep a value; ValueError when it is not JSON."""
        self._texts[key] = to_json(value)

    def delete(self, key: str) -> None:
        """Forget a key."""
        self._texts.pop(key, None)

    def iterate(self) -> Iterator[tuple[str, Any]]:
        """Yield keys with their values, sorted."""
        return ((key, self.get(key)) for key in sorted(self._texts))


def _answered(call: Call, answers: Sequence[Answer]) -> Any:
    request = _written(call)
    for answer in answers:
        if answer.request == request and answer.payload in (None, call.payload):
            break
    else:
        payload = "" if call.payload is None else f" with {to_json(call.payload)}"
        raise TransformError(f"this world has no answer to {request}{payload}")
    if answer.status in call.normal_statuses:
        return None
    if answer.status >= 400:
        raise TransformError(f"{request} answered {answer.status}")
    if call.raw:
        return str(answer.value).encode()
    return expression(call.items)(answer.value) if call.items else answer.value


def _written(call: Call) -> str:
    uri = re.sub(r"\{(\w+)\}", lambda match: quote(as_text(call.path.get(match[1])) or "", safe=""), call.uri)
    query = {name: as_text(value) or to_json(value) for name, value in call.query.items() if value is not None}
    return f"{call.method} {uri}{'?' if query else ''}{urlencode(query, quote_via=quote, safe=',:')}"
