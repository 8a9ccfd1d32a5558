"""A state in a PostgreSQL database that processes of several machines share."""

from __future__ import annotations

import os
import re
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache
from typing import Any, TypeVar

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.sql import SQL, Identifier

from haloitsm_connector.errors import StateError
from haloitsm_connector.store.database import LEASE_SECONDS, Connection, Database, Found
from haloitsm_connector.store.postgres_leases import Leases
from haloitsm_connector.store.postgres_server import Server, server_at
from haloitsm_connector.store.schema import APPLICATION_ID, FOUNDATION, MIGRATIONS, for_postgresql, later

Result = TypeVar("Result")

RECONNECT_SECONDS = 30.0
"""How long a server that was there may be away between two transactions."""
AGAIN_SECONDS = 0.2
_ALONE = "LOCK TABLE version IN EXCLUSIVE MODE; SELECT version FROM version"
"""Who writes is alone, as in a file; readers go on."""
_MARKS = re.compile(r"""'(?:[^']|'')*'|"[^"]*"|[?%]""")


class PostgresDatabase(Database):
    """A state in PostgreSQL that is open, by one connection that is made anew when it was lost between transactions."""

    def __init__(self, address: str, *, lease_seconds: float = LEASE_SECONDS) -> None:
        self._server = server_at(address)
        self.place = self._server.place
        self._lock = threading.RLock()
        self._process = os.getpid()
        with self._told():
            connection = self._server.connect()
        self._wire = [connection]  # a list, which the end of this object can close without keeping the object
        self._end = weakref.finalize(self, _close, self._wire, self._process)
        self._leases = Leases(self, self._server, lease_seconds)
        try:
            with self._told():
                _prepare(connection, self._server)
        except BaseException:
            self.close()
            raise

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[Connection]:
        """Do several things or none, while nobody else writes."""
        with self._lock, self._told():
            if self._wire[0].info.transaction_status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
                yield _Translating(self._wire[0])
                return
            connection = self._safely(lambda connection: _begin(connection, durable, self.place))
            committing = False
            try:
                yield _Translating(connection)
                committing = True
                _commit(connection, self.place)
            except BaseException as error:
                lost = connection.broken
                _take_back(connection)
                if lost and isinstance(error, psycopg.Error):
                    raise self._server.lost(error, committing=committing) from None
                raise

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows that a SELECT finds."""
        with self._lock, self._told():
            return self._safely(lambda connection: _Translating(connection).execute(sql, values).fetchall())

    def lease(self, *names: str) -> AbstractContextManager[Database]:
        """Hold names by rows that are renewed; who has lost one to somebody else is refused."""
        return self._leases.held(names)

    def holder(self, name: str) -> str:
        """Say who holds a name at this moment; empty for nobody."""
        return self._leases.holder(name)

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._end()

    def _safely(self, call: Callable[[psycopg.Connection], Result]) -> Result:
        """Make a call that may be made twice, on a new connection where the one before was lost since the last."""
        if self._process != os.getpid():
            raise StateError(f"{self.place} was opened before the process forked", "Open it again in every process.")
        if not self._end.alive:
            raise StateError(f"{self.place} is closed", "Keep what uses it inside its `with` block.")
        (connection,) = self._wire
        under_way = connection.info.transaction_status is not TransactionStatus.IDLE and not connection.closed
        try:
            return call(connection)
        except psycopg.OperationalError as error:
            if not connection.closed:
                raise
            if under_way:
                raise self._server.lost(error, committing=False) from None
        return call(self._reconnected())

    def _reconnected(self) -> psycopg.Connection:
        """Connect anew; a server that is just being started again is given time."""
        deadline = time.monotonic() + RECONNECT_SECONDS
        while True:
            try:
                self._wire[0] = self._server.connect()
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(AGAIN_SECONDS)
            else:
                return self._wire[0]

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Raise what PostgreSQL says as StateError."""
        try:
            yield
        except psycopg.Error as error:
            raise self._server.error(error) from None


class _Translating:
    """A connection that takes the SQL of a transaction: values stand as ``?``."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def execute(self, sql: str, values: Sequence[Any] = (), /) -> Found:
        """Carry one statement out."""
        return self._connection.execute(_translated(sql), values)

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]], /) -> Found:
        """Carry one statement out for each row of values."""
        cursor = self._connection.cursor()
        cursor.executemany(_translated(sql), rows)
        return cursor


@lru_cache
def _translated(sql: str) -> str:
    """Return a statement as psycopg takes it; what stands between quotation marks stays what it says."""
    return _MARKS.sub(lambda found: "%s" if found[0] == "?" else found[0].replace("%", "%%"), sql)


def _begin(connection: psycopg.Connection, durable: bool, place: str) -> psycopg.Connection:
    """Begin a transaction; StateError for a state that a later version has taken over meanwhile."""
    lax = "" if durable else "SET LOCAL synchronous_commit = off; "
    try:
        found = connection.execute(f"BEGIN; {lax}{_ALONE}", prepare=False)
        while found.nextset():
            pass
        ((version,),) = found.fetchall()
        if version > len(MIGRATIONS):
            raise later(place, version)
    except BaseException:
        _take_back(connection)
        raise
    return connection


def _commit(connection: psycopg.Connection, place: str) -> None:
    if connection.execute("COMMIT").statusmessage != "COMMIT":
        raise StateError(f"{place}: a step went on behind a statement that had failed", "Nothing of it was kept.")


def _take_back(connection: psycopg.Connection) -> None:
    try:
        connection.rollback()
    except psycopg.Error:
        connection.close()  # whatever it was in the middle of, the server takes back


def _close(wire: list[psycopg.Connection], process: int) -> None:
    if process == os.getpid():  # a forked process would say goodbye in the name of the other
        wire[0].close()


def _prepare(connection: psycopg.Connection, server: Server) -> None:
    """Make the tables, or bring them up to date; StateError for what another program or a later version made."""
    if (encoding := connection.info.parameter_status("server_encoding")) != "UTF8":
        raise StateError(f"the database {server.place} keeps text as {encoding}", "Name one whose encoding is UTF8.")
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (APPLICATION_ID,))
        version = _version(connection, server)
        if version > len(MIGRATIONS):
            raise later(server.place, version)
        if version < len(MIGRATIONS):
            connection.execute("LOCK TABLE version IN ACCESS EXCLUSIVE MODE")
            for step in MIGRATIONS[version:]:
                connection.execute(for_postgresql(step))
            connection.execute("UPDATE version SET version = %s", (len(MIGRATIONS),))


def _version(connection: psycopg.Connection, server: Server) -> int:
    """Return the version of the tables, of which there is the foundation when this returns."""
    if not connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (server.schema,)).fetchone():
        connection.execute(SQL("CREATE SCHEMA {}").format(Identifier(server.schema)))
    sql = "SELECT relname FROM pg_class WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = %s)"
    tables = {name for (name,) in connection.execute(sql, (server.schema,))}
    if not tables:
        for step in FOUNDATION:
            connection.execute(step)
        connection.execute("INSERT INTO version (application, version) VALUES (%s, 0)", (APPLICATION_ID,))
    elif not tables >= {"version", "leases"}:
        raise _of_another_program(server)
    found = connection.execute(SQL("SELECT application, version FROM {}.version").format(Identifier(server.schema)))
    ((application, version),) = found.fetchall()
    if application != APPLICATION_ID:
        raise _of_another_program(server)
    return int(version)


def _of_another_program(server: Server) -> StateError:
    what = f"the schema '{server.schema}' in {server.place} is of another program"
    return StateError(what, "Name another one: add ?schema=NAME to the address.")
