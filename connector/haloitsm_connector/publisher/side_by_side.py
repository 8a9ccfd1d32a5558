"""Carry out several exchanges side by side: their requests in flight together, their outcomes in order.

An exchange is a flow of its own, written as if it were alone: it yields requests, announces them, pauses, and returns
outcomes.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from haloitsm_connector.client.drive import Ahead, Flow, Pause, Stopped
from haloitsm_connector.client.request import Request, Response
from haloitsm_connector.errors import ConnectorError
from haloitsm_connector.publisher.base import Outcome

Part = Generator[Request | Ahead | Pause, Response | None, None]
"""What an exchange consists of."""
Exchange = Generator[Request | Ahead | Pause, Response | None, list[Outcome]]


@dataclass(frozen=True, slots=True)
class Task:
    """An exchange that can be begun, and the records that it concerns: no later one overtakes it on those."""

    exchange: Exchange
    concerns: frozenset[Hashable] = frozenset()


def side_by_side(tasks: Iterator[Task], parallel: int) -> Flow[Outcome]:
    """Begin tasks as there is room, ``parallel`` of them at a time, and yield the outcomes of each in their order.

    Where a task raises an error, or taking the next one does, no other is begun; those under way are brought to their
    end and told before the error is raised. Where nobody reads on, what is under way is waited for, and no more.
    """
    lanes = _Lanes(tasks, parallel)
    try:
        while True:
            yield from lanes.told()
            lanes.fill()
            lane = lanes.next()
            if lane is not None:
                yield from lanes.advance(lane)
            elif lanes.empty:
                break
        if lanes.error is not None:
            raise lanes.error
    except Stopped:
        yield from lanes.wind_up()
        raise
    finally:
        lanes.close()


def together(tasks: Iterator[Task], parallel: int) -> Part:
    """Carry out tasks without outcomes, within an exchange, ``parallel`` of them at a time."""
    lanes = _Lanes(tasks, parallel)
    try:
        while not lanes.empty:
            for _ in lanes.told():
                pass
            lanes.fill()
            if (lane := lanes.next()) is not None:
                yield from lanes.advance(lane)
        if lanes.error is not None:
            raise lanes.error
    finally:
        lanes.close()


@dataclass(slots=True, eq=False)
class _Lane:
    """An exchange under way: what it waits for, until when if that is a pause, and its outcomes when it has ended.

    ``ahead`` is what it has announced, and may ask for next.
    """

    task: Task
    asks: Request | None = None
    ahead: Sequence[Request] = ()
    until: float = 0.0
    outcomes: list[Outcome] | None = None


@dataclass(slots=True)
class _Lanes:
    """The exchanges under way, in order, and the requests that they wait for, longest first."""

    tasks: Iterator[Task]
    parallel: int
    error: Exception | None = None
    ended: bool = False
    _lanes: deque[_Lane] = field(default_factory=deque)
    _waiting: list[_Lane] = field(default_factory=list)
    _begun: set[int] = field(default_factory=set)
    _held: Task | None = None

    @property
    def empty(self) -> bool:
        """Whether all has been told, and nothing more comes."""
        return self.ended and not self._lanes

    def fill(self) -> None:
        """Begin tasks while there is room, and none that concerns what an earlier one is at."""
        while not self.ended and len(self._lanes) < self.parallel:
            task = self._held or self._taken()
            if task is None:
                return
            self._held = None
            if any(task.concerns & lane.task.concerns for lane in self._waiting):
                self._held = task
                return
            lane = _Lane(task)
            self._lanes.append(lane)
            self._step(lane, partial(next, task.exchange))

    def told(self) -> Generator[list[Outcome]]:
        """Yield the outcomes that are complete up to the first exchange under way."""
        while self._lanes and self._lanes[0].outcomes is not None:
            if outcomes := self._lanes.popleft().outcomes:
                yield outcomes

    def next(self) -> _Lane | None:
        """Return the exchange that can go on first."""
        return min(self._waiting, key=lambda lane: lane.until, default=None)

    def advance(self, lane: _Lane) -> Part:
        """Give an exchange what it waits for; whatever else is wanted is under way meanwhile."""
        asked = {id(each.asks): each.asks for each in self._waiting if each.asks is not None}
        asked |= {id(request): request for each in self._waiting for request in each.ahead}
        if len(asked) > 1 and not self._begun.issuperset(asked):
            self._begun = set(asked)
            yield Ahead([*asked.values()], self.parallel)
        self._waiting.remove(lane)
        if lane.asks is None:
            try:
                if (seconds := lane.until - time.monotonic()) > 0:
                    yield Pause(seconds)
            except ConnectorError as error:
                self._step(lane, partial(lane.task.exchange.throw, error))
            else:
                self._step(lane, partial(next, lane.task.exchange))
            return
        self._begun.discard(id(lane.asks))
        lane.ahead = [request for request in lane.ahead if request is not lane.asks]
        try:
            response = yield lane.asks
        except ConnectorError as error:
            self._step(lane, partial(lane.task.exchange.throw, error))
        else:
            self._step(lane, partial(lane.task.exchange.send, response))

    def wind_up(self) -> Part:
        """Wait for the answers that are under way, and begin nothing; what is learnt is kept in the journal."""
        self.ended = True
        for lane in [lane for lane in self._waiting if id(lane.asks) in self._begun]:
            try:
                yield from self.advance(lane)
            except Stopped:  # it was not under way any more
                lane.task.exchange.close()

    def close(self) -> None:
        """Leave every exchange where it stands."""
        for lane in self._waiting:
            lane.task.exchange.close()

    def _taken(self) -> Task | None:
        try:
            return next(self.tasks)
        except StopIteration:
            self.ended = True
        except Exception as error:  # whatever the source of entities raises
            self._fail(error)
        return None

    def _step(self, lane: _Lane, step: Callable[[], Any]) -> None:
        """Let an exchange go on to its next request or pause, or to its end."""
        try:
            while isinstance(item := step(), Ahead):
                lane.ahead, step = item.requests, partial(next, lane.task.exchange)
        except StopIteration as end:
            lane.outcomes = end.value
        except Exception as error:
            lane.outcomes = []
            self._fail(error)
        else:
            lane.asks = item if isinstance(item, Request) else None
            lane.until = time.monotonic() + item.seconds if isinstance(item, Pause) else 0.0
            self._waiting.append(lane)

    def _fail(self, error: Exception) -> None:
        self.error = self.error or error
        self.ended = True
