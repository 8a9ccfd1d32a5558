"""What the steps of a configuration may use beyond their entities: storages, HTTP, rows, files, the time.

A rehearsal (preview, dry run) changes nothing: what steps put into storages stays in memory, and they send no writes.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import chain
from typing import Any, Literal

from haloitsm_connector.catalogue import Catalogue
from haloitsm_connector.client import HttpClient
from haloitsm_connector.client.body import read_value, refuse_error
from haloitsm_connector.client.fields import HaloClientFields
from haloitsm_connector.client.reason import status_error
from haloitsm_connector.client.redaction import Redactor
from haloitsm_connector.client.request import Request, encode_query, fill_path
from haloitsm_connector.config import Config, StorageFields
from haloitsm_connector.config.beside import path_below, reader_below
from haloitsm_connector.config.check import schemas_of
from haloitsm_connector.config.python_functions import PythonFunctions
from haloitsm_connector.errors import ConnectorError, InputError, StatusError
from haloitsm_connector.store import Database, KeptStorage
from haloitsm_connector.subscriber import FileSubscriber, HttpSubscriber, Subscriber
from haloitsm_transformers import Call, Entity, Storage, TransformError, expression
from haloitsm_transformers.capabilities import Settled, Source, ends_run
from haloitsm_transformers.world import MemoryStorage

LOGGER = logging.getLogger("haloitsm.steps")
Mode = Literal["run", "rehearsal", "rehearsal without reads"]
THREADS = 16


class Capabilities:
    """What one configuration grants its steps; ``offered`` is given to every chain.

    ``client`` and ``incoming`` return parts by name, ``state`` the open state file. ``close`` ends what it started.
    """

    def __init__(
        self,
        config: Config,
        client: Callable[[str], HttpClient],
        incoming: Callable[[str], Iterable[list[Entity]]],
        state: Callable[[], Database],
        mode: Mode,
    ) -> None:
        self._config = config
        self._client = client
        self._incoming = incoming
        self._state = state
        self._mode = mode
        self._building = threading.Lock()
        self._storages: dict[str, Storage] = {}
        self._pools: list[ThreadPoolExecutor] = []
        self._reading = threading.local()
        self._hide = Redactor(config.secrets).text
        self.offered: Mapping[str, Callable[..., Any]] = {
            "storage": self._storage,
            "http": self._start,
            "rows": self._rows,
            "clock": lambda: datetime.now(UTC),
            "log": self._log,
            "files": reader_below(config.folder),
            "schemas": schemas_of(config.catalogue),
            "modules": PythonFunctions(config.folder, config.python_folder).load,
        }

    def close(self) -> None:
        """End the threads in which calls are made."""
        for pool in self._pools:
            pool.shutdown(cancel_futures=True)

    def _threads(self) -> ThreadPoolExecutor:
        with self._building:
            if not self._pools:
                self._pools.append(ThreadPoolExecutor(THREADS, "haloitsm-steps"))
            return self._pools[0]

    def _storage(self, name: str) -> Storage:
        with self._building:
            if name not in self._storages:
                fields = self._config.storages.get(name, StorageFields())
                kept = KeptStorage(self._state(), name, fields.ttl_seconds)
                self._storages[name] = kept if self._mode == "run" else RehearsedStorage(kept)
            return self._storages[name]

    def _start(self, call: Call) -> Future[Any]:
        reads = call.method == "GET" or call.repeatable
        if self._mode == "rehearsal without reads" or (self._mode == "rehearsal" and not reads):
            why = "the reads of steps are sent with --send only" if reads else "a preview or dry run sends no write"
            raise TransformError(f"{call.method} {call.uri} was not sent: {why}")
        return self._threads().submit(_answer, call, self._client(call.client), self._config.catalogue)

    def _log(self, level: str, line: str) -> None:
        LOGGER.log(logging.getLevelNamesMapping()[level.upper()], "%s", self._hide(line))

    def _rows(self, source: Source, name: str) -> Iterator[Entity]:
        match source:
            case "storage":
                return (value for _, value in self._storage(name).iterate())
            case "file":
                return _told(FileSubscriber(path_below(self._config.folder, name)))
            case "incoming":
                if self._mode == "rehearsal without reads":
                    raise TransformError(f"the incoming '{name}' was not read: steps read with --send only")
                return _told(self._of_incoming(name))

    def _of_incoming(self, name: str) -> Iterator[Entity]:
        outer = getattr(self._reading, "names", ())
        if name in outer:
            raise TransformError(f"the incoming '{name}' joins itself: {' > '.join((*outer, name))}")
        self._reading.names = (*outer, name)
        try:
            yield from chain.from_iterable(self._incoming(name))
        finally:
            self._reading.names = outer


def _answer(call: Call, client: HttpClient, catalogue: Catalogue) -> Any:
    """Send what a call asks for and return the decoded answer; TransformError where it costs the entity."""
    with _telling():
        try:
            value = _value(call, client, catalogue)
        except StatusError as error:
            if error.status in call.normal_statuses:
                return None
            raise
        return expression(call.items)(value) if call.items and not call.paging else value


def _value(call: Call, client: HttpClient, catalogue: Catalogue) -> Any:
    if call.paging:
        return list(
            HttpSubscriber(
                client,
                call.uri,
                path=call.path,
                query=call.query,
                headers=call.headers,
                items=call.items,
                paging=call.paging,
            )
        )
    of_halo = isinstance(client.fields, HaloClientFields)
    if of_halo and call.method == "GET" and not call.raw and _is_list(call.uri, catalogue):
        return list(Subscriber(client, f"GET {call.uri}", path=call.path, query=call.query, catalogue=catalogue))
    request = Request(
        call.method,
        fill_path(call.uri, call.path),
        encode_query(call.query),
        call.payload,
        headers=tuple(call.headers.items()),
        repeatable=call.repeatable,
    )
    response = client.send(request)
    if client.normal(response.status):
        return None
    if not 200 <= response.status < 300:
        raise status_error(response, call.method)
    if call.raw:
        return response.body
    value = read_value(response)
    if of_halo:
        refuse_error(value, response)
    return value


def _is_list(uri: str, catalogue: Catalogue) -> bool:
    try:
        return catalogue.find(f"GET {uri}", ("GET",)).listing is not None
    except InputError:
        return False  # the catalogue does not know all that a Halo answers


def _told(rows: Iterable[Entity]) -> Iterator[Entity]:
    with _telling():
        yield from rows


@contextmanager
def _telling() -> Iterator[None]:
    """Raise as TransformError what costs one entity; what ends the run stays what it is."""
    try:
        yield
    except ConnectorError as error:
        if ends_run(error):
            raise
        raise TransformError(str(error)) from error


class RehearsedStorage:
    """A storage whose changes stay in memory, so that later steps see them and the state file does not."""

    def __init__(self, kept: Storage) -> None:
        self._kept = kept
        self._put = MemoryStorage()
        self._deleted: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value under a key, or ``default`` where there is none."""
        return self._put.get(key, default if key in self._deleted else self._kept.get(key, default))

    def put(self, key: str, value: Any, ttl_seconds: float | None = None) -> None:
        """Keep a value until the rehearsal is over; ValueError when it is not JSON."""
        self._put.put(key, value)

    def delete(self, key: str) -> None:
        """Forget a key until the rehearsal is over."""
        self._put.delete(key)
        self._deleted.add(key)

    def iterate(self) -> Iterator[tuple[str, Any]]:
        """Yield keys with their values, sorted by key."""
        kept = {key: value for key, value in self._kept.iterate() if key not in self._deleted}
        return iter(sorted((kept | dict(self._put.iterate())).items()))


class Deliveries:
    """Who wants to be told what becomes of an entity: the capability ``delivery`` of one outgoing."""

    def __init__(self) -> None:
        self._asked: dict[int, tuple[Entity, list[Settled]]] = {}  # by identity, which the entity kept here preserves

    def __call__(self, entity: Entity, settled: Settled) -> None:
        """Have ``settled`` called when it is known whether this very entity was delivered."""
        self._asked.setdefault(id(entity), (entity, []))[1].append(settled)

    @property
    def asked(self) -> bool:
        """Whether anybody asked about any entity."""
        return bool(self._asked)

    def settle(self, entity: Entity, delivered: bool) -> None:
        """Tell those who asked about an entity."""
        for settled in self._asked.pop(id(entity), (entity, []))[1]:
            settled(delivered)
