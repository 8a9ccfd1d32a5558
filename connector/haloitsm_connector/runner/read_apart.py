"""Reading in a second process, so that reading and delivering do not take turns on one core.

The second process is a run of its own on the same state, which only reads: it holds the leases for that, and what it
stores is in the state before it tells of it. Either process may be killed at any time; the other comes to its end.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Protocol

from haloitsm_connector.errors import ConnectorError
from haloitsm_connector.runner.events import Event, Failed, Tell

if TYPE_CHECKING:
    from haloitsm_connector.assemble import Assembly

LOOK_SECONDS = 0.1
"""How often it is asked whether to go on while the second process tells nothing."""
_PROCESSES = get_context("spawn")  # a fork would share open files of a database and locks that threads hold


class Loaded(Protocol):
    """A configuration that is loaded: a `haloitsm_connector.Pipeline`."""

    @property
    def assembly(self) -> Assembly:
        """Its parts."""

    def close(self) -> None:
        """Close its clients and its state."""


Load = Callable[[], Loaded]
"""Loads a configuration in the second process; can be pickled."""


class Read(Protocol):
    """Reads in the second process, until ``stop`` is set; can be pickled."""

    def __call__(self, assembly: Assembly, stop: threading.Event, tell: Tell) -> None:
        """Read, and tell of it."""


def read_apart(load: Load, read: Read, names: Sequence[str], going_on: Callable[[], bool]) -> Iterator[Event]:
    """Let a second process read for the routes with these names; yield what it tells until it has ended.

    Raises ConnectorError where it came to no orderly end.
    """
    ours, theirs = _PROCESSES.Pipe()
    process = _PROCESSES.Process(target=_read, args=(load, read, names, theirs), daemon=True)
    process.start()
    theirs.close()
    stopped = False
    try:
        with suppress(EOFError, OSError):
            while True:
                if not stopped and not going_on():
                    ours.send(None)
                    stopped = True
                if ours.poll(LOOK_SECONDS):
                    yield ours.recv()
    finally:
        ours.close()
        process.join()
    if code := process.exitcode:
        how = f"signal {-code}" if code < 0 else f"exit status {code}"
        hint = "What it has stored is delivered; the next run reads on."
        raise ConnectorError(f"the process that read for it ended before its time ({how})", hint)


def _read(load: Load, read: Read, names: Sequence[str], pipe: Connection) -> None:
    """Read in this process, the second one, until it is told to stop, or the first one is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C comes to both: the first one says what it means
    stop, telling = threading.Event(), threading.Lock()

    def listen() -> None:
        try:
            pipe.recv()
            stop.set()
            pipe.recv()
        except (EOFError, OSError):
            os._exit(1)  # the first process is gone: no run that comes now shall have to wait for this one

    def tell(event: Event) -> None:
        with telling, suppress(OSError):
            pipe.send(event)

    threading.Thread(target=listen, daemon=True).start()
    try:
        with closing(load()) as loaded:
            read(loaded.assembly, stop, tell)
    except ConnectorError as error:
        tell(Failed(", ".join(names), error))
