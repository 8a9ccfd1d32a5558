"""One line of text that processes change in turn: a small file with a lock that dies with its holder."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

Result = TypeVar("Result")
Change = Callable[[bytes], tuple[bytes, Result]]


class SharedFile:
    """A line in a file, empty at first. No file stays open, so a fork or a deleted file does no harm."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def change(self, change: Change[Result]) -> Result:
        """Replace the line by what ``change`` makes of it, and return what else it returns.

        Never waits: BlockingIOError while somebody else changes the line. OSError when the file cannot be used.
        """
        descriptor = self._open()
        try:
            lock(descriptor)
            try:
                line = _read(descriptor).partition(b"\n")[0]
                changed, result = change(line)
                if changed != line:
                    # What a kill leaves behind the first line is not read; a longer line is torn at most between pages.
                    os.lseek(descriptor, 0, os.SEEK_SET)
                    os.write(descriptor, changed + b"\n")
                    os.ftruncate(descriptor, len(changed) + 1)
            finally:
                unlock(descriptor)  # a process forked meanwhile holds the file, and the lock with it
        finally:
            os.close(descriptor)
        return result

    def _open(self) -> int:
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)
        try:
            return os.open(self.path, flags, 0o666)
        except FileNotFoundError:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            return os.open(self.path, flags, 0o666)


class PrivateLine:
    """A line that nobody shares, for where no file can be used."""

    def __init__(self) -> None:
        self._line = b""

    def change(self, change: Change[Result]) -> Result:
        """Replace the line by what ``change`` makes of it, and return what else it returns."""
        self._line, result = change(self._line)
        return result


def temporary_folder() -> Path:
    """Return this user's own folder for files that need not last; PermissionError when another has taken its name."""
    if sys.platform == "win32":
        return Path(tempfile.gettempdir(), "haloitsm")
    folder = Path(tempfile.gettempdir(), f"haloitsm-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.lstat().st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to somebody else")
    return folder


def _read(descriptor: int) -> bytes:
    return os.read(descriptor, os.fstat(descriptor).st_size)


def lock(descriptor: int) -> None:
    """Lock a file that is open, until it is unlocked or closed; BlockingIOError while somebody else does."""
    if sys.platform == "win32":
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError(*error.args) from None
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def unlock(descriptor: int) -> None:
    """Let others lock it."""
    if sys.platform == "win32":
        os.lseek(descriptor, 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
