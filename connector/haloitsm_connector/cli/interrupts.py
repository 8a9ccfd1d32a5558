"""Interrupts: the first one lets what is in flight finish, and none is lost."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from haloitsm_connector.cli import output

AGAIN_SECONDS = 0.05
SHOW_CURSOR = "\x1b[?25h"


@contextmanager
def none_lost() -> Iterator[None]:
    """Within it, an interrupt (Ctrl-C) that came in a finalizer, where it has no effect, comes once more after it.

    Python forgets one there.
    """
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


@contextmanager
def stopped_by_signals(stop: threading.Event, shows_live: bool) -> Iterator[list[int]]:
    """Stop clean at the first Ctrl-C or SIGTERM, at once at the second; gives the signals that came.

    ``shows_live``: a live display says itself that it stops, and has hidden the cursor.
    """
    came: list[int] = []

    def stop_soon(number: int, _frame: Any) -> None:
        came.append(number)
        if len(came) > 1:
            # Whatever is under way is on disk, or will be found out about by the next run.
            output.say_from_a_signal(f"{SHOW_CURSOR if shows_live else ''}Stopped at once.")
            os._exit(128 + number)
        stop.set()
        if not shows_live:  # there, the live display says so
            output.say_from_a_signal("Finishing what is in flight … once more stops at once; nothing is lost.")

    before = {number: signal.signal(number, stop_soon) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
