"""Which process this is, and whether another one that was here is certainly gone."""

from __future__ import annotations

import os
from pathlib import Path

_ENDED = ("Z", "X")
"""States of a process that runs no more, and of which only the name is left."""


def this_process() -> str:
    """Return what no other process has, on this machine or another; empty where the system does not tell."""
    began = _state_and_start(os.getpid())
    where = _machine()
    return f"{where} {os.getpid()} {began[1]}" if began and where else ""


def is_gone(process: str) -> bool:
    """Whether a process is known to have ended; False where that cannot be known, as of another machine."""
    where, _, rest = process.rpartition(" ")[0].rpartition(" ")
    if not where or where != _machine():
        return False
    try:
        os.kill(int(rest), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    found = _state_and_start(int(rest))
    return found is not None and (found[0] in _ENDED or found[1] != process.rpartition(" ")[2])


def _machine() -> str:
    """Name this start of this machine, and the container: process ids are given once in it."""
    try:
        start = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{start} {os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return ""


def _state_and_start(number: int) -> tuple[str, str] | None:
    try:
        words = Path(f"/proc/{number}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return None
    return words[0], words[19]
