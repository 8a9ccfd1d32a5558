"""Where a state in PostgreSQL is: its address, how to connect, and its errors in plain words without its secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit

import psycopg
from psycopg import conninfo
from psycopg.adapt import Loader
from psycopg.sql import Identifier
from psycopg.types.string import StrDumperUnknown, TextLoader

from haloitsm_connector.errors import InputError, StateError

SCHEMA = "haloitsm"
"""The schema that holds the tables where the address names none with ``?schema=``."""
BUSY_SECONDS = 30.0
"""How long to wait for others who write; nobody here writes for longer than one commit."""
_DEFAULTS = {"connect_timeout": "10", "tcp_user_timeout": "30000", "fallback_application_name": "haloitsm"}
_SETTINGS = {
    "lock_timeout": f"{BUSY_SECONDS:.0f}s",
    # Somebody who is frozen in the middle must not stop everybody else for ever.
    "idle_in_transaction_session_timeout": f"{2 * BUSY_SECONDS:.0f}s",
}
_SECRETS = ("password", "sslpassword")
_ABSENT = re.compile("[\0\1]")
_ESCAPED = re.compile("\1([\1\2])")


@dataclass(frozen=True)
class Server:
    """A schema of a database on a server; ``place`` names it without what is secret."""

    place: str
    schema: str
    parameters: Mapping[str, str] = field(repr=False)

    def connect(self) -> psycopg.Connection:
        """Return a new connection, in which each statement stands by itself."""
        parameters: dict[str, Any] = {**_DEFAULTS, **self.parameters, "client_encoding": "utf8"}
        connection = psycopg.connect(**parameters, autocommit=True)
        try:
            connection.adapters.register_loader("numeric", _Number)
            connection.adapters.register_loader("text", _TextOut)
            connection.adapters.register_dumper(str, _TextIn)
            settings = {**_SETTINGS, "search_path": Identifier(self.schema).as_string()}
            each = ", ".join(["set_config(%s, %s, false)"] * len(settings))
            connection.execute(f"SELECT {each}", [text for pair in settings.items() for text in pair])
        except BaseException:
            connection.close()
            raise
        return connection

    def error(self, error: psycopg.Error) -> StateError:
        """Return what happened, and what to do, for an error of PostgreSQL."""
        said = self._said(error)
        known = {"place": self.place, "schema": self.schema, "said": said, "seconds": f"{BUSY_SECONDS:g}"}
        for state, pattern, what, hint in _WORDS:
            by_text = error.sqlstate is None and isinstance(error, psycopg.OperationalError)
            if re.search(pattern, said) if by_text else state and (error.sqlstate or "").startswith(state):
                return StateError(what.format(**known), hint.format(**known))
        return StateError(f"the state in {self.place} cannot be used: {said}")

    def lost(self, error: psycopg.Error, *, committing: bool) -> StateError:
        """Return the error for a connection that ended in the middle of a transaction."""
        if committing:
            kept = "Whether the last step was kept is not known: run again, it goes on from what is there."
        else:
            kept = "What was just under way was not kept: run again, it goes on from before."
        return StateError(f"the connection to the state in {self.place} was lost: {self._said(error)}", kept)

    def _said(self, error: psycopg.Error) -> str:
        """Return what the server or the library said, in one line."""
        lines = (error.diag.message_primary or str(error)).strip().splitlines() or [type(error).__name__]
        text = re.sub(r"^(connection failed: )?(connection to server .*? failed: )?(FATAL: +)?", "", lines[0])
        for secret in filter(None, map(self.parameters.get, _SECRETS)):
            text = text.replace(secret, "***")
        return text


def server_at(address: str) -> Server:
    """Read ``postgresql://user:password@host:port/database?schema=name``; InputError, which does not repeat it."""
    try:
        parts = urlsplit(address)
        rest = [each for each in parts.query.split("&") if not each.startswith("schema=")]
        schema = parse_qs(parts.query).get("schema", [SCHEMA])[-1]
        known = conninfo.conninfo_to_dict(urlunsplit(parts._replace(query="&".join(rest))))
    except (psycopg.Error, ValueError):
        hint = (
            "Write postgresql://USER:PASSWORD@HOST:PORT/DATABASE, and in the password %25 %3A %2F %40 %3F %23"
            " for % : / @ ? #."
        )
        raise InputError("the address of the state is not one of a PostgreSQL database", hint) from None
    parameters = {name: str(value) for name, value in known.items() if value is not None}
    return Server(_place(parameters, schema), schema, parameters)


def _place(known: Mapping[str, str], schema: str) -> str:
    user = f"{known['user']}@" if "user" in known else ""
    port = f":{known['port']}" if "port" in known else ""
    chosen = f"?schema={schema}" if schema != SCHEMA else ""
    return f"postgresql://{user}{known.get('host', '')}{port}/{known.get('dbname', '')}{chosen}"


class _Number(Loader):
    """Reads what PostgreSQL makes of a sum as Python's own number, as SQLite does."""

    def load(self, data: Any) -> int | float:
        text = bytes(data).decode()
        return int(text) if text.lstrip("-").isdigit() else float(text)


class _TextIn(StrDumperUnknown):
    """Writes the one character that PostgreSQL does not take, NUL, as two others that sort in its place."""

    def dump(self, obj: str) -> Any:
        return super().dump(_ABSENT.sub(lambda found: f"\1{chr(ord(found[0]) + 1)}", obj))


class _TextOut(TextLoader):
    """Reads it back."""

    def load(self, data: Any) -> str:
        return _ESCAPED.sub(lambda found: chr(ord(found[1]) - 1), bytes(data).decode())


_WORDS: tuple[tuple[str, str, str, str], ...] = (
    # beginning of an SQLSTATE, and a pattern where a failed connection has none; what happened; what to do
    (
        "28",
        r"password|authentication|pg_hba\.conf|role .* does not exist",
        "the server of the state lets nobody in as {place}: {said}",
        "Check user and password; a password may also be in PGPASSWORD or ~/.pgpass.",
    ),
    (
        "3D",
        r"database .* does not exist",
        "there is no such database for the state: {place}",
        "Make it with createdb, or name another one.",
    ),
    (
        "42501",
        r"permission denied",
        "the state in {place} needs permissions that its user does not have: {said}",
        'Have somebody who may do it run: CREATE SCHEMA "{schema}" AUTHORIZATION the user.',
    ),
    (
        "53100",
        r"No space left",
        "there is no room left for the state in {place}",
        "Make room on the disk of that server; nothing was lost.",
    ),
    (
        "53",
        r"too many|connection slots|out of memory",
        "the server of the state in {place} takes no more at this time: {said}",
        "Try again later, or give it more connections or memory.",
    ),
    (
        "55P03",
        r"lock timeout",
        "the state in {place} was locked for {seconds} s",
        "Another program keeps it locked, or is frozen while it writes: end that one.",
    ),
    (
        "25006",
        r"read-only",
        "the server of the state in {place} is a copy that can only be read",
        "Name the server that it copies, or add target_session_attrs=read-write.",
    ),
    (
        "57",
        r"starting up|shutting down|recovery mode|terminating connection",
        "the server of the state in {place} is just being stopped or started: {said}",
        "Try again when it is up.",
    ),
    (
        "XX",
        r"$^",
        "the state in {place} is damaged: {said}",
        "Have its server looked after; nothing was written to it.",
    ),
    ("08", r"", "the state in {place} cannot be reached: {said}", "Check the address, the network, and that it runs."),
)
