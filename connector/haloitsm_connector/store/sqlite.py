"""A state in one SQLite file that threads and processes of one machine share, and its errors in plain words."""

from __future__ import annotations

import os
import secrets
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from haloitsm_connector.errors import StateError
from haloitsm_connector.store import turn
from haloitsm_connector.store.database import Connection, Database
from haloitsm_connector.store.schema import APPLICATION_ID, MIGRATIONS, later

BUSY_SECONDS = 30.0
"""How long to wait for another process that writes; nobody here holds the file for longer than one commit."""
AGAIN_SECONDS = 0.02
_HEADER = b"SQLite format 3\0"
"""How a database begins; its page size follows, where 1 means 65536."""
PAGE_BYTES = 16384
"""Size of a page of a new file: payloads of a task fit into few of them."""


class SqliteDatabase(Database):
    """A state file that is open."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.place = str(path)
        real = path.resolve()  # whatever links lead there
        self._turns = real.with_name(f"{real.name}-running")
        self._lock = threading.RLock()
        self._process = os.getpid()
        with self._told():
            try:
                _make(path)
            except OSError as error:
                why = error.strerror or str(error)
                raise StateError(f"the state file {path} cannot be used: {why}", "Name another one.") from None
            connection = _connect(path)
        self._connection = connection
        self._end = weakref.finalize(self, connection.close)
        try:
            with self._told():
                self._recognise()
                self._share()
                self._migrate()
        except BaseException:
            self.close()
            raise

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[Connection]:
        """Do several things or none, alone in the file."""
        with self._lock, self._told():
            connection = self._own()
            if connection.in_transaction:
                yield connection
                return
            connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            connection.execute("BEGIN IMMEDIATE")
            try:
                self._check_version()
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:  # SQLite itself takes a transaction back when the disk is full
                    connection.execute("ROLLBACK")
                raise

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows that a SELECT finds."""
        with self._lock, self._told():
            return self._own().execute(sql, values).fetchall()

    @contextmanager
    def lease(self, *names: str) -> Iterator[Database]:
        """Hold names by locks that die with this process: nobody can take over while it lives."""
        with ExitStack() as held:
            for name in sorted(set(names)):
                held.enter_context(turn.turn(self._turns, name))
            yield self

    def holder(self, name: str) -> str:
        """Say who holds a name at this moment; empty for nobody."""
        return turn.holder(self._turns, name)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._end()

    def _own(self) -> sqlite3.Connection:
        if self._process != os.getpid():
            raise StateError(f"{self.path} was opened before the process forked", "Open it again in every process.")
        if not self._end.alive:
            raise StateError(f"{self.path} is closed", "Keep what uses it inside its `with` block.")
        return self._connection

    def _recognise(self) -> None:
        """Raise StateError for a file of another program, or of a later version of this one."""
        ((application,),) = self.rows("PRAGMA application_id")
        if application != APPLICATION_ID and (application or self.rows("SELECT 1 FROM sqlite_schema")):
            raise StateError(f"{self.path} is a database of another program", "Name another file for the state.")
        self._check_version()

    def _check_version(self) -> int:
        ((version,),) = self._connection.execute("PRAGMA user_version").fetchall()
        if version > len(MIGRATIONS):
            raise later(self.place, version)
        return int(version)

    def _share(self) -> None:
        """Let readers and a writer work side by side; the change of mode does not wait its turn by itself."""
        deadline = time.monotonic() + BUSY_SECONDS
        while self.rows("PRAGMA journal_mode") != [("wal",)]:
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
                return  # a file system that cannot do it keeps the old mode, which is as safe
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(AGAIN_SECONDS)

    def _migrate(self) -> None:
        if self._check_version() < len(MIGRATIONS):
            with self.transaction():
                _migrate(self._connection)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Raise what SQLite says as StateError."""
        try:
            yield
        except sqlite3.Error as error:
            raise StateError(*_words(self.path, error)) from None


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)


def _make(path: Path) -> None:
    """Make the file and the folders above it, for this user alone; SQLite gives its side files the same mode.

    A file appears with all that is in it or not at all: one that is empty has lost what was in it.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists():
        return _check_whole(path)
    new = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    try:
        os.close(os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        connection = _connect(new)
        try:
            connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
            connection.execute("BEGIN IMMEDIATE")
            _migrate(connection)
            connection.execute("COMMIT")
        finally:
            connection.close()
        _put(new, path)
    finally:
        for left in (new, new.with_name(f"{new.name}-journal")):
            left.unlink(missing_ok=True)


def _check_whole(path: Path) -> None:
    """Raise StateError for a file that was cut off where SQLite itself takes it for a new one, or does not see it."""
    if not path.is_file():
        return
    with path.open("rb") as file:
        head = file.read(18)
        size = file.seek(0, os.SEEK_END)
    beginning = len(head) < 18 and _HEADER.startswith(head[:16])
    page = int.from_bytes(head[16:18], "big")
    log = path.with_name(f"{path.name}-wal")
    torn = head.startswith(_HEADER) and not beginning and size % ({1: 65536}.get(page, page) or 1)
    if beginning or (torn and not (log.exists() and log.stat().st_size)):  # with a log, the last page may be under way
        hint = "Restore it from a copy, or move it away: then it is not known what was read and sent."
        raise StateError(f"the state file {path} is cut off: it has lost its end", hint)


def _put(new: Path, path: Path) -> None:
    """Give a file its name, unless another process was first."""
    try:
        os.link(new, path)
    except FileExistsError:
        pass
    except OSError:  # not every file system has links
        with suppress(FileExistsError):
            if not path.exists():
                new.rename(path)


def _migrate(connection: sqlite3.Connection) -> None:
    ((version,),) = connection.execute("PRAGMA user_version").fetchall()
    for step in MIGRATIONS[version:]:
        connection.execute(step)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def _words(path: Path, error: sqlite3.Error) -> tuple[str, str]:
    """Return what happened, and what to do, for an error of SQLite."""
    match getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF:
        case sqlite3.SQLITE_NOTADB:
            return f"{path} is not a state file", "Name another file for the state; this one was left as it is."
        case sqlite3.SQLITE_CORRUPT:
            hint = "Restore it from a copy, or move it away: then it is not known what was under way."
            return f"the state file {path} is damaged", hint
        case sqlite3.SQLITE_READONLY:
            return f"the state file {path} cannot be written to", "Check its permissions, and those of its folder."
        case sqlite3.SQLITE_FULL:
            return f"there is no room left for the state file {path}", "Make room on that disk; nothing was lost."
        case sqlite3.SQLITE_IOERR:
            hint = "Look at its disk: is there room left, is there a limit or a fault?"
            return f"the state file {path} cannot be read or written: {error}", hint
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            hint = "Another program keeps it open for writing: end that one."
            return f"the state file {path} was locked for {BUSY_SECONDS:g} s", hint
        case sqlite3.SQLITE_CANTOPEN:
            return f"the state file {path} cannot be opened", "Check that it is a file, and the permissions above it."
    return f"the state file {path} cannot be used: {error}", ""
