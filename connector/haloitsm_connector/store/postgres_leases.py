"""Leases in PostgreSQL: rows that say who holds a name until when, by the clock of the server."""

from __future__ import annotations

import platform
import secrets
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

import psycopg

from haloitsm_connector.errors import StateError
from haloitsm_connector.store.database import Connection, Database
from haloitsm_connector.store.postgres_server import Server
from haloitsm_connector.store.process import is_gone, this_process
from haloitsm_connector.store.turn import held, since_now

_LOOK = "SELECT who, process, ends <= clock_timestamp() FROM leases WHERE name = ? FOR UPDATE"
_TAKE = (
    "INSERT INTO leases (name, owner, who, process, ends)"
    " VALUES (?, ?, ?, ?, clock_timestamp() + make_interval(secs => ?)) ON CONFLICT (name)"
    " DO UPDATE SET owner = excluded.owner, who = excluded.who, process = excluded.process, ends = excluded.ends"
)
_RENEW = "UPDATE leases SET ends = clock_timestamp() + make_interval(secs => ?) WHERE owner = ?"
# A row that is locked belongs to a transaction that has just renewed it.
_BEAT = (
    "UPDATE leases SET ends = clock_timestamp() + make_interval(secs => %s) WHERE name IN"
    " (SELECT name FROM leases WHERE owner = ANY(%s) FOR UPDATE SKIP LOCKED)"
)


class Leases:
    """The leases that one open database holds; one thread, with a connection of its own, renews them all."""

    def __init__(self, database: Database, server: Server, seconds: float) -> None:
        self._database = database
        self._server = server
        self._seconds = seconds
        self._lock = threading.Lock()
        self._owners: set[str] = set()
        self._idle = threading.Event()

    @contextmanager
    def held(self, names: Sequence[str]) -> Iterator[Database]:
        """Hold names, all or none; HeldError says who holds one of them."""
        wanted = sorted(set(names))
        owner = secrets.token_hex(16)
        who = since_now(platform.node())
        with self._database.transaction() as connection:
            for name in wanted:
                for other, process, over in connection.execute(_LOOK, (name,)).fetchall():
                    if not over and not is_gone(process):
                        raise held(name, other)
            rows = [(name, owner, who, this_process(), self._seconds) for name in wanted]
            connection.executemany(_TAKE, rows)
        self._keep(owner)
        try:
            yield Leased(self._database, owner, wanted, self._seconds)
        finally:
            self._give_back(owner)

    def holder(self, name: str) -> str:
        """Say who holds a name at this moment; empty for nobody."""
        found = self._database.rows(
            "SELECT who, process FROM leases WHERE name = ? AND ends > clock_timestamp()", (name,)
        )
        return "" if not found or is_gone(found[0][1]) else str(found[0][0])

    def _keep(self, owner: str) -> None:
        with self._lock:
            if not self._owners:
                self._idle = threading.Event()
                threading.Thread(target=self._beat, args=(self._idle,), name="haloitsm-leases", daemon=True).start()
            self._owners.add(owner)

    def _give_back(self, owner: str) -> None:
        with self._lock:
            self._owners.discard(owner)
            if not self._owners:
                self._idle.set()
        with suppress(StateError), self._database.transaction(durable=False) as connection:  # else it runs out
            connection.execute("DELETE FROM leases WHERE owner = ?", (owner,))

    def _beat(self, idle: threading.Event) -> None:
        """Renew what is held; where it cannot be done for too long, the next transaction is refused."""
        connection: psycopg.Connection | None = None
        pause = self._seconds / 3
        while not idle.wait(pause):
            try:
                connection = connection or self._server.connect()
                with self._lock:
                    owners = list(self._owners)
                connection.execute(_BEAT, (self._seconds, owners))
                pause = self._seconds / 3
            except psycopg.Error:
                if connection:
                    connection.close()
                connection, pause = None, self._seconds / 10
        if connection:
            connection.close()


class Leased(Database):
    """A database each of whose transactions renews the lease first, and is refused when somebody else has it now."""

    def __init__(self, database: Database, owner: str, names: Sequence[str], seconds: float) -> None:
        self.place = database.place
        self._database = database
        self._owner = owner
        self._names = names
        self._seconds = seconds

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[Connection]:
        """Do several things or none, while nobody else writes and the names are held."""
        with self._database.transaction(durable=durable) as connection:
            renewed = connection.execute(_RENEW, (self._seconds, self._owner)).rowcount
            if renewed != len(self._names):
                raise self._lost(connection)
            yield connection

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows that a SELECT finds."""
        return self._database.rows(sql, values)

    def lease(self, *names: str) -> AbstractContextManager[Database]:
        """Hold further names, for themselves."""
        return self._database.lease(*names)

    def holder(self, name: str) -> str:
        """Say who holds a name at this moment; empty for nobody."""
        return self._database.holder(name)

    def close(self) -> None:
        """Close what is beneath."""
        self._database.close()

    def _lost(self, connection: Connection) -> StateError:
        sql = "SELECT name, who FROM leases WHERE owner <> ? AND name = ?"
        found = [connection.execute(sql, (self._owner, name)).fetchone() for name in self._names]
        others = "; ".join(f"'{name}' by {who}" for name, who in filter(None, found)) or "nobody"
        what = f"this process was away for longer than {self._seconds:g} s and its work was taken over: {others}"
        return StateError(what, "Nothing is lost; whoever took it over goes on with it.")
