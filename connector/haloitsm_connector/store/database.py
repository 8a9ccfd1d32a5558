"""What every store of state promises, whichever database stands behind it, and how it is opened."""

from __future__ import annotations

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol, Self

from haloitsm_connector.client.budget import state_folder
from haloitsm_connector.errors import StateError

POSTGRESQL = ("postgresql:", "postgres:")
"""How the address of a PostgreSQL database begins; anything else is the path of a file."""
LEASE_SECONDS = 30.0
"""How long a lease outlives a holder of whom nobody knows whether it is still there."""


class Found(Protocol):
    """What a statement gave back."""

    @property
    def rowcount(self) -> int:
        """How many rows were changed."""

    def fetchone(self) -> Any:
        """Return the next row, None behind the last."""

    def fetchall(self) -> list[Any]:
        """Return the rows that are left."""

    def __iter__(self) -> Iterator[Any]: ...


class Connection(Protocol):
    """What a transaction is made of: statements in the SQL that every database here understands.

    Values stand as ``?``. To be read the same everywhere: INSERT .. ON CONFLICT, RETURNING (fetch all of it), CASE,
    partial indexes, ``done = 1`` for a truth value, which is kept as a number. A literal ``NULL`` is written out.
    """

    def execute(self, sql: str, values: Sequence[Any] = (), /) -> Found:
        """Carry one statement out."""

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]], /) -> Found:
        """Carry one statement out for each row of values."""


class Database(ABC):
    """A store that is open; threads may share it, and other processes may open the same store.

    Closing twice is fine, and so is never closing: what was committed is kept. Everything may raise StateError.
    ``place`` says where it is, without any password.
    """

    place: str

    @abstractmethod
    def transaction(self, *, durable: bool = True) -> AbstractContextManager[Connection]:
        """Do several things or none, while nobody else writes; they are committed when the block ends without an error.

        What is ``durable`` survives a power failure. Else it survives the end of this process, however sudden, and a
        power failure as soon as anything durable follows. Never wait for a network inside of it. Where this thread is
        in a transaction already, it becomes a part of that one: let an error in it end both.
        """

    @abstractmethod
    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows that a SELECT finds."""

    @abstractmethod
    def lease(self, *names: str) -> AbstractContextManager[Database]:
        """Hold names, all or none, for as long as the block lasts; HeldError says who holds one of them.

        Whatever must happen only while they are held goes through the database that this gives: its transactions are
        refused, with StateError, once somebody else has taken over. However a holder ends, its names become free.
        """

    @abstractmethod
    def holder(self, name: str) -> str:
        """Say who holds a name at this moment: ``process 7 since 2026-01-01 00:00:00 UTC``; empty for nobody."""

    @abstractmethod
    def close(self) -> None:
        """Close it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.place}>"


def open_state(place: Path | str, *, lease_seconds: float = LEASE_SECONDS) -> Database:
    """Open a state: a file, made when it is not there, for this user alone, or ``postgresql://user@host/database``.

    StateError says why it cannot be used. ``lease_seconds`` is how long the names that a holder of leases left behind
    are kept from others, where nobody can know that it is gone.
    """
    from haloitsm_connector.store.sqlite import SqliteDatabase

    if not is_address(place):
        if "://" in str(place):  # the path of a file would show the password in it
            raise StateError("the state is kept in PostgreSQL or in a file", "Write postgresql://… or a path.")
        return SqliteDatabase(Path(place).expanduser())
    try:
        from haloitsm_connector.store.postgres import PostgresDatabase
    except ImportError:
        hint = "Install it: pip install 'haloitsm-connector[postgres]'."
        raise StateError("a state in PostgreSQL needs the package psycopg", hint) from None
    return PostgresDatabase(str(place), lease_seconds=lease_seconds)


def is_address(place: Path | str) -> bool:
    """Whether a state is named by the address of a PostgreSQL database, and not by the path of a file."""
    return isinstance(place, str) and place.startswith(POSTGRESQL)


def state_of(configuration: Path | str, environ: Mapping[str, str] | None = None) -> Path | str:
    """Return the state that a configuration (a file or a folder) has without being told: one for all in a folder.

    It is what HALOITSM_STATE names or, without that, a file in the user's state folder or in HALOITSM_STATE_DIR.
    ``environ`` is where the variables of the configuration are, the environment unless given.
    """
    if named := (os.environ if environ is None else environ).get("HALOITSM_STATE"):
        return named
    path = Path(configuration).resolve()
    folder = path if path.is_dir() else path.parent
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    return state_folder(None) / "runs" / f"{folder.name or 'root'}-{digest}.sqlite"
