"""Run routes: read each incoming once, store what its routes make of it, deliver it; go on where a run was cut off."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from functools import partial

from haloitsm_connector.assemble import Assembly, declared
from haloitsm_connector.context import stopped_by
from haloitsm_connector.runner.events import Event, Summary, Tell
from haloitsm_connector.runner.read_apart import Load
from haloitsm_connector.runner.side_by_side import side_by_side
from haloitsm_connector.runner.work import Work


def silent(event: Event) -> None:
    """Tell nobody."""


class Runner:
    """Runs the routes of an assembly; any number of processes may run on one state.

    ``now`` is the clock by which tasks are due.
    """

    def __init__(self, assembly: Assembly, *, now: Callable[[], float] = time.time) -> None:
        self._assembly = assembly
        self._now = now

    def run(
        self,
        names: Sequence[str] = (),
        *,
        reads: bool = True,
        delivers: bool = True,
        at_once: bool = False,
        wait: bool = False,
        apart: Load | None = None,
        stop: threading.Event | None = None,
        tell: Tell = silent,
    ) -> Summary:
        """Read and deliver, or one of both; deliver what earlier runs left behind.

        ``names`` are routes, all that are not disabled without any; the name of an incoming reads it so that its steps
        fill storages. Routes of one incoming are run together, those of others after each other in the order given, or
        all ``at_once``. What ends one of them does not end the others: it is told, and in the summary. Where another
        process is at a route, that is such an end, unless this one shall ``wait`` for it. ``apart`` loads the same
        configuration on the same state in a second process, which then does the reading for routes: it can be pickled,
        as ``partial(Pipeline.load, path)`` can, and the program that calls this does not begin anew on import. Once
        ``stop`` is set, nothing more is begun, what waits to be sent is given up, and what is in flight is finished.
        ``tell`` gets every event, from several threads, one at a time.

        InputError for a name that is not declared, before anything runs.
        """
        summary, telling, stop = Summary(), threading.Lock(), stop or threading.Event()

        def told(event: Event) -> None:
            with telling:
                summary.add(event)
                tell(event)

        work = Work(
            assembly=self._assembly,
            reads=reads,
            delivers=delivers,
            wait=wait,
            stop=stop,
            tell=told,
            now=self._now,
            apart=apart if reads and delivers else None,
        )
        jobs = [partial(work.incoming, *one) for one in self._chosen(names).items()]
        with stopped_by(stop.is_set):
            if at_once:
                side_by_side(jobs, stop)
            else:
                for job in jobs:
                    if not stop.is_set():
                        job()
        summary.stopped = stop.is_set()
        return summary

    def _chosen(self, names: Sequence[str]) -> dict[str, list[str]]:
        """Return incomings, each with its routes that shall be run."""
        config = self._assembly.config
        chosen: dict[str, list[str]] = {}
        for name in names or [name for name, route in config.routes.items() if not route.disabled]:
            if name in config.incoming and name not in config.routes:
                chosen.setdefault(name, [])
                continue
            routes = chosen.setdefault(declared(config.routes, "route", name).incoming, [])
            if name not in routes:
                routes.append(name)
        return chosen
