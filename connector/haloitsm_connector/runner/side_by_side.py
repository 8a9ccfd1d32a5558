"""Do several things in threads of their own, and come back when all of them have ended."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextvars import copy_context


def side_by_side(jobs: Sequence[Callable[[], object]], stop: threading.Event) -> None:
    """Do jobs at the same time, and wait for all; the first error of any is raised when all have ended.

    Where one fails, or this thread is interrupted, ``stop`` is set, so that the others come to their end.
    """
    errors: list[BaseException] = []

    def do(job: Callable[[], object]) -> None:
        try:
            job()
        except BaseException as error:
            errors.append(error)
            stop.set()

    # What the work belongs to, for logs and traces, goes with it into the threads.
    threads = [threading.Thread(target=copy_context().run, args=(do, job), name="haloitsm-run") for job in jobs]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    except BaseException:
        stop.set()
        for thread in threads:
            thread.join()
        raise
    if errors:
        raise errors[0]
