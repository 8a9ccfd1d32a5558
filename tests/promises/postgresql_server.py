"""A PostgreSQL server of one's own: made in an empty folder, reachable from this machine only, gone in the end."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import psycopg

USER = "halo"
PASSWORD = "p@ss:w/rd %?#"
START_SECONDS = 60.0


def programs() -> Path | None:
    """Return the folder with the programs of the newest server that is installed, None without one."""
    found = [Path(os.path.realpath(path)).parent for path in [shutil.which("postgres")] if path]
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    return next((path for path in found if (path / "postgres").exists() and (path / "initdb").exists()), None)


class PostgresqlServer:
    """A server; ``start``, ``stop`` and ``kill`` it as often as needed, what it keeps stays until the block ends."""

    def __init__(self, bin: Path) -> None:
        self._bin = bin
        self._folder = Path(tempfile.mkdtemp(prefix="haloitsm-pg-"))
        self._data = self._folder / "data"
        # The server refuses to run as root.
        self._as: dict[str, Any] = {}
        if os.getuid() == 0:
            user = next(user for user in ("postgres", "nobody") if user in {each.pw_name for each in pwd.getpwall()})
            known = pwd.getpwnam(user)
            os.chown(self._folder, known.pw_uid, known.pw_gid)
            self._as = {"user": known.pw_uid, "group": known.pw_gid, "extra_groups": []}
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        password = self._folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        command = [self._bin / "initdb", "-D", self._data, "-U", USER, "-E", "UTF8", "--locale=C", "--no-sync"]
        command += ["--auth=scram-sha-256", f"--pwfile={password}"]
        subprocess.run(command, check=True, capture_output=True, cwd="/", **self._as)
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self) -> None:
        """Start it, and return when it answers."""
        settings = {
            "listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": self._folder,
            "fsync": "off", "shared_buffers": "16MB", "max_connections": 60, "lc_messages": "C",
        }  # fmt: skip
        options = [f"--{name}={value}" for name, value in settings.items()]
        with (self._folder / "log").open("ab") as log:
            command = [self._bin / "postgres", "-D", self._data, *options]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd="/", **self._as)
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                psycopg.connect(self.address(schema=None), connect_timeout=5).close()
                return
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError((self._folder / "log").read_text()) from None
                time.sleep(0.05)

    def stop(self) -> None:
        """Stop it as an administrator does: who is in the middle of something is cut off."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Stop it as a failing machine does."""
        self._end(signal.SIGQUIT)

    def _end(self, how: signal.Signals) -> None:
        if self._process:
            self._process.send_signal(how)
            self._process.wait()
            self._process = None

    def address(
        self, *, schema: str | None = "", user: str = USER, password: str = PASSWORD, database: str = "postgres"
    ) -> str:
        """Return the address of a state, each time another one unless a schema is named."""
        secret = f":{quote(password, safe='')}" if password else ""
        chosen = "" if schema is None else f"?schema={schema or f's{secrets.token_hex(6)}'}"
        return f"postgresql://{user}{secret}@127.0.0.1:{self.port}/{database}{chosen}"
