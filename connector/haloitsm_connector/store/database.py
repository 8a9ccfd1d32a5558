"""One state file: a SQLite database that threads and processes share, and its errors in plain words."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from haloitsm_connector.client.budget import state_folder
from haloitsm_connector.errors import StateError
from haloitsm_connector.store.schema import APPLICATION_ID, MIGRATIONS

BUSY_SECONDS = 30.0
"""How long to wait for another process that writes; nobody here holds the file for longer than one commit."""
AGAIN_SECONDS = 0.02


def open_state(path: Path | str) -> Database:
    """Open a state file, made when it is not there, for this user alone; StateError says why it cannot be used."""
    return Database(Path(path).expanduser())


def state_of(configuration: Path | str) -> Path:
    """Return the state file that a configuration (a file or a folder) has of itself: one for everything in a folder.

    It is in the user's state folder or, where it is set, in HALOITSM_STATE_DIR.
    """
    path = Path(configuration).resolve()
    folder = path if path.is_dir() else path.parent
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    return state_folder(None) / "runs" / f"{folder.name or 'root'}-{digest}.sqlite"


class Database:
    """A state file that is open; threads may share it, and other processes may open the same file.

    Everything written goes through ``transaction``. Closing twice is fine, and so is never closing: what was committed
    is on disk.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._process = os.getpid()
        with self._told():
            _make(path)
            connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
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
    def transaction(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """Do several things or none, alone in the file; they are committed when the block ends without an error.

        What is ``durable`` survives a power failure. Else it survives the end of this process, however sudden, and a
        power failure as soon as anything durable follows. Never wait for a network inside of it. StateError when it
        cannot be done.
        """
        with self._lock, self._told():
            connection = self._own()
            connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            connection.execute("BEGIN IMMEDIATE")
            try:
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

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Database {self.path}>"

    def _own(self) -> sqlite3.Connection:
        if self._process != os.getpid():
            raise StateError(f"{self.path} was opened before the process forked", "Open it again in every process.")
        if not self._end.alive:
            raise StateError(f"{self.path} is closed", "Keep what uses it inside its `with` block.")
        return self._connection

    def _recognise(self) -> None:
        """Raise StateError for a file of another program, or of a later version of this one."""
        self._connection.execute("BEGIN")  # another process may be making the tables
        ((application,),) = self.rows("PRAGMA application_id")
        ((version,),) = self.rows("PRAGMA user_version")
        ours = application == APPLICATION_ID or (application == 0 and not self.rows("SELECT 1 FROM sqlite_schema"))
        self._connection.execute("COMMIT")
        if not ours:
            raise StateError(f"{self.path} is a database of another program", "Name another file for the state.")
        if version > len(MIGRATIONS):
            what = f"{self.path} was written by a later version of this program (format {version})"
            raise StateError(what, "Update this installation, or name another file for the state.")

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
        if self.rows("PRAGMA user_version") == [(len(MIGRATIONS),)]:
            return
        with self.transaction() as connection:
            ((version,),) = connection.execute("PRAGMA user_version").fetchall()
            for step in MIGRATIONS[version:]:
                connection.execute(step)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Raise what SQLite and the file system say as StateError."""
        try:
            yield
        except sqlite3.Error as error:
            raise StateError(*_words(self.path, error)) from None
        except OSError as error:
            why = error.strerror or str(error)
            raise StateError(f"the state file {self.path} cannot be used: {why}", "Name another one.") from None


def _make(path: Path) -> None:
    """Make the file and the folders above it, for this user alone; SQLite gives its side files the same mode."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


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
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            hint = "Another program keeps it open for writing: end that one."
            return f"the state file {path} was locked for {BUSY_SECONDS:g} s", hint
        case sqlite3.SQLITE_CANTOPEN:
            return f"the state file {path} cannot be opened", "Check that it is a file, and the permissions above it."
    return f"the state file {path} cannot be used: {error}", ""
