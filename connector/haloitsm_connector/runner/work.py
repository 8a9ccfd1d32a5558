"""The work of one incoming and its routes, under the leases that it takes: who reads what, and who delivers it.

There is a thread for each reading, and one for each queue that is delivered. A *queue* is a route, or what the response
transformers of its publisher made: ``NAME results``.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial

import orjson

from haloitsm_connector.assemble import Assembly, Outgoing, Route
from haloitsm_connector.config.models import RESULTS
from haloitsm_connector.context import noting, stopped_by
from haloitsm_connector.errors import ConnectorError, HeldError, StoppedError
from haloitsm_connector.publisher.exchange import RequestPublisher
from haloitsm_connector.runner.deliver import Delivery
from haloitsm_connector.runner.events import Began, Failed, FetchEnded, Held, Stored, Tell
from haloitsm_connector.runner.feed import Feed
from haloitsm_connector.runner.fetch import Fetch, cursor_name, incoming_cursor_name
from haloitsm_connector.runner.journal import QueueRun
from haloitsm_connector.runner.read_apart import Load, read_apart
from haloitsm_connector.runner.retry import Rule
from haloitsm_connector.runner.side_by_side import side_by_side
from haloitsm_connector.store import Cursors, Database
from haloitsm_connector.store.at_hand import AtHand
from haloitsm_connector.store.tasks import Tasks
from haloitsm_connector.subscriber import Cursor

WAIT_SECONDS = 0.5
"""How often who waits for another process looks whether that one has ended."""


def results_queue(route: str) -> str:
    """Return the name of the queue of what the response transformers of a route's publisher made."""
    return f"{route}{RESULTS}"


@dataclass
class Line:
    """One queue: its outgoing, the job under whose name its creates are on record, and what feeds it."""

    queue: str
    outgoing: Outgoing
    job: str
    feed: Feed = field(default_factory=Feed)
    drained: bool = False


@dataclass
class RouteWork:
    """One route at work: its own queue, and that of its results if it has one."""

    route: Route
    main: Line
    results: Line | None
    read: bool = False

    @classmethod
    def of(cls, route: Route) -> RouteWork:
        """Return the work of a route."""
        results = route.results and Line(results_queue(route.name), route.results, f"results of route {route.name}")
        return cls(route, Line(route.name, route.outgoing, f"route {route.name}"), results or None)

    @property
    def lines(self) -> list[Line]:
        """Its queues."""
        return [self.main, self.results] if self.results else [self.main]


@dataclass(frozen=True, kw_only=True)
class Work:
    """What is to be done for incomings, and whom it is told.

    ``apart`` loads the assembly once more in a second process, where that one shall read for routes. ``covers`` says
    whether reading that is complete is put down as over; else whoever delivers what was read does that.
    """

    assembly: Assembly
    reads: bool
    delivers: bool
    wait: bool
    stop: threading.Event
    tell: Tell
    now: Callable[[], float]
    apart: Load | None = None
    covers: bool = True

    def incoming(self, name: str, names: Sequence[str]) -> None:
        """Do the work of routes of one incoming; without any, the incoming fills storages by its steps."""
        routes: list[RouteWork] = []
        for one in names:
            with self._reporting(one):
                routes.append(RouteWork.of(self.assembly.route(one)))
        if routes:
            self._together(routes)
        elif not names and self.reads:
            with self._reporting(name), self._leased(name, [reading_lease(incoming_cursor_name(name))]) as held:
                tasks, cursor = Tasks(held, now=self.now), Cursors(held).get(incoming_cursor_name(name))
                incoming = self.assembly.incoming(name)
                Fetch(incoming, [], cursor, tasks, self.tell, lambda: not self.stop.is_set()).run()

    def _together(self, routes: list[RouteWork]) -> None:
        """Work on routes together or, where somebody else is at one of them, on each by itself."""
        name = ", ".join(one.route.name for one in routes)
        leases = [lease for one in routes for lease in self._leases(one)]
        try:
            with self._leased(name, leases, wait=self.wait and len(routes) == 1) as held:
                self._routes(routes, held)
        except HeldError as error:
            if len(routes) == 1:
                self.tell(Failed(name, error))
            else:
                side_by_side([partial(self._together, [one]) for one in routes], self.stop)
        except ConnectorError as error:
            self.tell(Failed(name, error))

    def _leases(self, one: RouteWork) -> Iterator[str]:
        if self.reads and not self.apart:
            yield reading_lease(cursor_name(one.route.name))
        if self.delivers:
            yield from (line.job for line in one.lines)

    @contextmanager
    def _leased(self, name: str, leases: Sequence[str], *, wait: bool | None = None) -> Iterator[Database]:
        """Hold leases, when it is our turn; HeldError where that is not waited for."""
        wait, told = self.wait if wait is None else wait, False
        with ExitStack() as stack:
            while True:
                try:
                    held = stack.enter_context(self.assembly.state.lease(*leases))
                    break
                except HeldError as error:
                    if not wait or self.stop.is_set():
                        raise
                    if not told:
                        self.tell(Held(name, error.what))
                    told = True
                    self.stop.wait(WAIT_SECONDS)
            yield held

    def _routes(self, routes: list[RouteWork], held: Database) -> None:
        """Read for routes and deliver them at the same time, while their leases are held."""
        at_hand = AtHand() if self.reads and self.delivers and not self.apart else AtHand(0)
        tasks = Tasks(held, now=self.now, at_hand=at_hand)
        for one in routes:
            left = sum(self._taken_over(line, tasks) for line in one.lines) if self.delivers else 0
            self.tell(Began(one.route.name, left))
        jobs: list[Callable[[], None]] = []
        if self.apart:
            jobs.append(partial(self._read_apart, routes, self.apart))
        elif self.reads:
            jobs += [
                partial(self._read, group, cursor, tasks, at_hand) for group, cursor in _groups(routes, Cursors(held))
            ]
        else:
            for one in routes:
                one.main.feed.end()
        if self.delivers:
            jobs += [partial(self._deliver, one, line, tasks, held) for one in routes for line in one.lines]
        side_by_side(jobs, self.stop)
        for one in routes:
            # A source without cursors is read from its beginning each time, so a run that was cut off is known by what
            # it had stored; one that came to its end is over.
            over = one.read and (one.main.drained or not self.delivers)
            if over and self.covers and not one.route.incoming.resumes:
                tasks.add({one.route.name: []}, {}, covers=True)

    def _taken_over(self, line: Line, tasks: Tasks) -> int:
        """Put right what whoever had the queue before left under way; how many tasks wait for their delivery."""
        tasks.repair(line.queue)
        left = tasks.counts(line.queue).get(line.queue, Counter())["new"]
        cut_off = next(tasks.uncovered(line.queue), None) is not None
        line.outgoing.publisher.goes_on = bool(left) or cut_off
        return left

    def _read(self, routes: list[RouteWork], cursor: Cursor | None, tasks: Tasks, at_hand: AtHand) -> None:
        """Read once for routes with the same cursor, as long as anybody delivers what is read."""
        feeds = {one.route.name: one.main.feed for one in routes}
        fetch = Fetch(
            routes[0].route.incoming,
            [one.route for one in routes],
            cursor,
            tasks,
            self.tell,
            lambda: not self.stop.is_set() and not all(feed.left for feed in feeds.values()),
            lambda route: feeds[route].came(),
            at_hand,
        )
        try:
            with self._reporting(", ".join(feeds)):
                if fetch.run():
                    for one in routes:
                        one.read = True
        finally:
            for feed in feeds.values():
                feed.end()

    def _read_apart(self, routes: list[RouteWork], load: Load) -> None:
        """Let a second process read for routes, as long as anybody delivers what is read."""
        named = {one.route.name: one for one in routes}
        read = partial(read_alone, routes[0].route.incoming.name, list(named), self.wait)
        try:
            with self._reporting(", ".join(named)):
                for event in read_apart(load, read, list(named), lambda: self._wanted(routes)):
                    self.tell(event)
                    match event:
                        case Stored(name=name, new=new) if new:
                            named[name].main.feed.came()
                        case FetchEnded(name=name, complete=complete):
                            named[name].read = complete
        finally:
            for one in routes:
                one.main.feed.end()

    def _wanted(self, routes: list[RouteWork]) -> bool:
        """Whether there is anybody who delivers what is read."""
        return not self.stop.is_set() and not all(one.main.feed.left for one in routes)

    def _deliver(self, one: RouteWork, line: Line, tasks: Tasks, held: Database) -> None:
        """Deliver one queue; what follows from it is fed into the other."""
        after = one.results if line is one.main else None
        publisher = line.outgoing.publisher
        looks_up = isinstance(publisher, RequestPublisher) and publisher.look_up is not None
        try:
            with self._reporting(line.queue):
                delivery = Delivery(
                    line.queue,
                    line.outgoing,
                    tasks,
                    QueueRun(held, line.job, line.queue),
                    Rule(one.route.config.retry, looks_up),
                    line.feed,
                    self.tell,
                    self.stop.is_set,
                    after.queue if after else None,
                    after.feed.came if after else lambda: None,
                    self.now,
                )
                line.drained = delivery.run()
        finally:
            line.feed.left = True
            if after:
                after.feed.end()

    @contextmanager
    def _reporting(self, name: str) -> Iterator[None]:
        with noting(route=name):
            try:
                yield
            except StoppedError:
                pass  # whoever wanted it knows
            except ConnectorError as error:
                self.tell(Failed(name, error))


def _groups(routes: list[RouteWork], cursors: Cursors) -> list[tuple[list[RouteWork], Cursor | None]]:
    """Put routes together that can be read for at once: those that have been read for equally far."""
    groups: dict[bytes, tuple[list[RouteWork], Cursor | None]] = {}
    for one in routes:
        cursor = cursors.get(cursor_name(one.route.name)) if one.route.incoming.resumes else None
        groups.setdefault(orjson.dumps(cursor, option=orjson.OPT_SORT_KEYS), ([], cursor))[0].append(one)
    return list(groups.values())


def read_alone(
    incoming: str, names: Sequence[str], wait: bool, assembly: Assembly, stop: threading.Event, tell: Tell
) -> None:
    """Only read for routes of an incoming: the part of a run that its second process does."""
    work = Work(
        assembly=assembly,
        reads=True,
        delivers=False,
        wait=wait,
        stop=stop,
        tell=tell,
        now=time.time,
        covers=False,
    )
    with stopped_by(stop.is_set):
        work.incoming(incoming, names)


def reading_lease(name: str) -> str:
    """Return the name under which reading for a route, or an incoming, is held."""
    return f"reading of {name}"
