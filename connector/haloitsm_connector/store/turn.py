"""One at a time: a lock on a name that dies with its holder."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from haloitsm_connector.client.shared_file import lock
from haloitsm_connector.errors import HeldError, StateError

LOOK_SECONDS = 0.1
"""How long whoever wants a name waits for those who only look whether it is held."""
AGAIN_SECONDS = 0.005


@contextmanager
def turn(folder: Path, name: str) -> Iterator[None]:
    """Hold a name; HeldError while anybody else does, in this process or in another.

    However its holder ends, the name is free again. A child process that was forked meanwhile holds it too.
    """
    path = _path(folder, name)
    descriptor = _held(path, name)
    try:
        os.truncate(descriptor, 0)
        os.write(descriptor, since_now().encode())
        yield
    finally:
        with suppress(OSError):  # Windows removes no file that is open
            path.unlink()
        os.close(descriptor)


def holder(folder: Path, name: str) -> str:
    """Say who holds a name at this moment; empty for nobody."""
    path = _path(folder, name)
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise _unusable(path, error) from None
    try:
        lock(descriptor)
        return ""
    except BlockingIOError:
        return _written(path) or "another process"
    finally:
        os.close(descriptor)


def since_now(machine: str = "") -> str:
    """Say which process this is, on which machine if others matter, and that it holds something from now on."""
    where = f" on {machine}" if machine else ""
    return f"process {os.getpid()}{where} since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"


def held(name: str, who: str) -> HeldError:
    """Return the error for a name that somebody else holds."""
    hint = "Wait until that one ends, or give this one another name: what it has in mind would be done twice."
    return HeldError(f"the job '{name}' is running already{f' ({who})' if who else ''}", hint, who=who)


def _held(path: Path, name: str) -> int:
    deadline = time.monotonic() + LOOK_SECONDS
    while True:
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
        except OSError as error:
            raise _unusable(path, error) from None
        try:
            lock(descriptor)
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            if time.monotonic() > deadline:
                raise held(name, _written(path)) from None
            time.sleep(AGAIN_SECONDS)
            continue
        except FileNotFoundError:
            pass
        os.close(descriptor)  # the one before has just removed the file that was locked here


def _path(folder: Path, name: str) -> Path:
    return folder / hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _written(path: Path) -> str:
    with suppress(OSError):
        return path.read_text("utf-8")
    return ""


def _unusable(path: Path, error: OSError) -> StateError:
    return StateError(f"{path} cannot be used: {error.strerror}", "Name another state file.")
