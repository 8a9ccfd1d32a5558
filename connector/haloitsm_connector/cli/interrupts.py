"""Interrupts that are not lost: Python forgets one that comes while it cleans up an object."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

AGAIN_SECONDS = 0.05


@contextmanager
def none_lost() -> Iterator[None]:
    """Within it, an interrupt (Ctrl-C) that came in a finalizer, where it has no effect, comes once more after it."""
    before = sys.unraisablehook

    def told(unraisable: Any) -> None:
        if not issubclass(unraisable.exc_type, KeyboardInterrupt):
            before(unraisable)
            return
        once_more = threading.Timer(AGAIN_SECONDS, os.kill, (os.getpid(), signal.SIGINT))
        once_more.daemon = True
        once_more.start()

    sys.unraisablehook = told
    try:
        yield
    finally:
        sys.unraisablehook = before
