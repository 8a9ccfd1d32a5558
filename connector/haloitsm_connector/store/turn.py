"""One at a time: a lock on a name that dies with its holder."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from haloitsm_connector.client.shared_file import lock
from haloitsm_connector.errors import StateError


@contextmanager
def turn(folder: Path, name: str) -> Iterator[None]:
    """Hold a name; StateError while anybody else does, in this process or in another.

    However its holder ends, the name is free again. A child process that was forked meanwhile holds it too.
    """
    path = _path(folder, name)
    descriptor = _held(path, name)
    try:
        os.truncate(descriptor, 0)
        os.write(descriptor, f"process {os.getpid()} since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC".encode())
        yield
    finally:
        with suppress(OSError):  # Windows removes no file that is open
            path.unlink()
        os.close(descriptor)


def taken(folder: Path, name: str) -> bool:
    """Whether anybody holds a name at this moment."""
    if not _path(folder, name).exists():
        return False
    try:
        with turn(folder, name):
            return False
    except StateError:
        return True


def _held(path: Path, name: str) -> int:
    while True:
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
        except OSError as error:
            raise StateError(f"{path} cannot be used: {error.strerror}", "Name another state file.") from None
        try:
            lock(descriptor)
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        except BlockingIOError:
            who = _holder(path)
            os.close(descriptor)
            hint = "Wait until that one ends, or give this one another name: what it has in mind would be done twice."
            raise StateError(f"the job '{name}' is running already{who}", hint) from None
        except FileNotFoundError:
            pass
        os.close(descriptor)  # the one before has just removed the file that was locked here


def _path(folder: Path, name: str) -> Path:
    return folder / hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _holder(path: Path) -> str:
    with suppress(OSError):
        if text := path.read_text("utf-8"):
            return f" ({text})"
    return ""
