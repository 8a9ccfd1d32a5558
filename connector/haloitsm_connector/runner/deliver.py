"""Deliver the tasks of one queue, in their order: chain, publisher, and what became of each into the store."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import cached_property, partial

from haloitsm_connector.assemble import Outgoing
from haloitsm_connector.context import noting
from haloitsm_connector.errors import StateError, StoppedError
from haloitsm_connector.publisher import Outcome
from haloitsm_connector.runner.events import Delivered, Done, QueueEnded, Tell
from haloitsm_connector.runner.feed import Feed
from haloitsm_connector.runner.journal import QueueRun
from haloitsm_connector.runner.keys import id_of
from haloitsm_connector.runner.retry import Rule
from haloitsm_connector.store.tasks import Tasks
from haloitsm_connector.store.tasks_claimed import Claimed
from haloitsm_connector.store.tasks_cut import NewTask
from haloitsm_connector.store.tasks_settled import Settled
from haloitsm_connector.store.tasks_stored import place_of
from haloitsm_transformers import Entity, Failure
from haloitsm_transformers.run import ChainRun

CLAIM = 500
"""Tasks that are taken at once: some whole batches."""
CLAIM_HELD = 10_000
"""Tasks that are taken at once where a step of the chain holds entities back."""
CLAIM_HELD_BYTES = 100_000_000
"""Bytes of JSON that are taken at once there."""
SETTLE = 500
"""Tasks whose outcomes are kept in one transaction, as far as they come in whole batches."""
NOTHING_LEFT = "the outgoing's transformers left nothing of it"
SETTLE_SECONDS = 1.0
"""How long an outcome waits for others before it is kept."""


@dataclass(slots=True)
class _UnderWay:
    """Tasks that share their fate (nearly always one), the entities that were made of them, and the outcomes so far.

    There will be ``expected`` outcomes: of those entities, and of what failed in the chain.
    """

    tasks: Sequence[Claimed]
    made: Sequence[Entity]
    expected: int
    outcomes: list[Outcome]

    @property
    def complete(self) -> bool:
        """Whether all outcomes came."""
        return len(self.outcomes) == self.expected

    def is_next(self, outcome: Outcome) -> bool:
        """Whether an outcome is that of the entity whose turn it is."""
        place = len(self.made) - self.expected + len(self.outcomes)
        return place < len(self.made) and self.made[place] is outcome.entity

    def made_into(self, outcome: Outcome) -> bool:
        """Whether an outcome is that of any of the entities."""
        return any(one is outcome.entity for one in self.made)


@dataclass
class Delivery:
    """The delivery of one queue by whoever holds its lease; for one thread.

    ``results`` names the queue that gets what the publisher's response transformers made. ``feed`` says whether more
    is coming, ``stopping`` whether nothing more shall be begun.
    """

    queue: str
    outgoing: Outgoing
    tasks: Tasks
    journal: QueueRun
    rule: Rule
    feed: Feed
    tell: Tell
    stopping: Callable[[], bool]
    results: str | None = None
    after_results: Callable[[], None] = lambda: None
    now: Callable[[], float] = time.time
    _under_way: deque[_UnderWay] = field(default_factory=deque)
    _claimed: deque[Claimed] = field(default_factory=deque)
    _settled: list[Settled] = field(default_factory=list)
    _done: list[Done] = field(default_factory=list)
    _failures: list[Failure] = field(default_factory=list)
    _published: bool = False
    _kept: float = 0.0

    def run(self) -> bool:
        """Deliver until the queue is empty and nothing more comes; whether it came to that.

        RemoteError where going on makes no sense: what was not delivered is new again.
        """
        self.outgoing.publisher.journal = self.journal
        drained = False
        with suppress(StoppedError):
            while not (drained or self.stopping()):
                seen, ended = self.feed.look()
                if self._chain.holds and not ended:  # what belongs together must not depend on what is read when
                    self.feed.wait(seen)
                elif not self._deliver(ended):
                    drained = ended and not self.stopping()  # nothing is claimed once it shall stop
                    self.feed.wait(seen)
        if drained:
            self.journal.end()
        left = self.tasks.counts(self.queue).get(self.queue, Counter())
        self.tell(QueueEnded(self.queue, left, self.tasks.next_due(self.queue)))
        return drained

    @cached_property
    def _chain(self) -> ChainRun:
        return self.outgoing.chain.open(self._failures.append)

    def _deliver(self, last: bool) -> bool:
        """Deliver what is there; whether that was anything. The ``last`` time is told to the publisher in any case."""
        if not self._claim() and (self._published or not last):
            return False
        self._published, self._kept = True, time.monotonic()
        try:
            with closing(self.outgoing.send(self._entities())) as pages:
                for page in pages:
                    self._hear(page)
                    self._settle_in_time()
        except StateError:
            raise  # nothing can be kept: who takes over puts right what is under way
        except BaseException:
            self._end()
            raise
        self._end()
        return True

    def _hear(self, page: list[Outcome]) -> None:
        """Put outcomes to the tasks that they are about: they come in the order of the entities."""
        waiting = (one for one in self._under_way if not one.complete)
        one = None
        for outcome in page:
            if one is None or one.complete:
                one = next(waiting, self._under_way[-1])
            if not one.is_next(outcome):  # an error has cost some before it their outcomes
                one = next((each for each in self._under_way if each.made_into(outcome)), one)
            one.outcomes.append(outcome)

    def _end(self) -> None:
        """Keep what is known, and put the rest back."""
        left_open = [one for one in self._under_way if not one.complete]
        self._under_way = deque(one for one in self._under_way if one.complete)
        self._complete()
        self._settle()
        left = [task.number for one in left_open for task in one.tasks]
        left += [task.number for task in self._claimed]
        self._claimed.clear()
        if left:
            self.tasks.release(self.queue, left)

    def _claim(self) -> bool:
        if not self.stopping():
            limits = (CLAIM_HELD, CLAIM_HELD_BYTES) if self._chain.holds else (CLAIM,)
            self._claimed.extend(self.tasks.claim(self.queue, *limits))
        return bool(self._claimed)

    def _entities(self) -> Iterator[Entity]:
        """Yield what the chain makes of the tasks, one after the other."""
        steps, holds = len(self.outgoing.chain) > 0, self._chain.holds
        while not self.stopping() and (self._claimed or self._claim()):
            if holds:
                tasks = list(self._claimed)
                self._claimed.clear()
                chain = self.outgoing.chain.open(self._failures.append)
                made = [*chain([task.entity for task in tasks]), *chain.finish()]
            else:
                tasks = [self._claimed.popleft()]
                made = self._made(tasks[0]) if steps else [tasks[0].entity]
            outcomes = [Outcome.failed(failure) for failure in self._failures] if self._failures else []
            self._failures.clear()
            if not made and not outcomes:
                outcomes = [Outcome(tasks[0].entity, "skipped", reason=NOTHING_LEFT)]
            self._under_way.append(_UnderWay(tasks, made, len(made) + len(outcomes), outcomes))
            if len(self._under_way) == 1:
                self._settle_in_time()  # all may be known already
            yield from made

    def _made(self, task: Claimed) -> list[Entity]:
        """Make entities of a task."""
        with noting(task=task.number):
            return self._chain([task.entity])

    def _complete(self) -> None:
        """Judge the tasks that have all their outcomes, up to the first that has not, and keep that if it is enough."""
        under_way, now = self._under_way, self.now()
        while under_way and under_way[0].complete:
            one = under_way.popleft()
            outcomes = tuple(one.outcomes)
            all_settled = self.rule.settled(one.tasks, outcomes, now)
            self._settled += all_settled
            for task, settled in zip(one.tasks, all_settled, strict=True):
                self._done.append(Done(task.number, task.key, settled.status, task.attempts + 1, outcomes))
                outcomes = ()  # those of several tasks are told with the first
            if len(self._settled) >= SETTLE and self._between_batches():
                self._settle()

    def _settle_in_time(self) -> None:
        """Keep what is known where it is enough for a transaction, or has waited long enough."""
        self._complete()
        if not self._settled:
            self._kept = time.monotonic()
        elif time.monotonic() - self._kept > SETTLE_SECONDS:
            self._settle()

    def _between_batches(self) -> bool:
        """Whether the last task that is known and the next one lie in different batches, so that one row is enough."""
        following = self._under_way[0].tasks[0] if self._under_way else next(iter(self._claimed), None)
        last, _ = place_of(self._settled[-1].number)
        return following is None or place_of(following.number)[0] != last

    def _settle(self) -> None:
        self._kept = time.monotonic()
        if not self._settled:
            return
        settled, done = self._settled, tuple(self._done)
        outcomes = [outcome for one in done for outcome in one.outcomes]
        made = [NewTask(result, id_of(result)) for outcome in outcomes for result in outcome.results]
        forget = {
            outcome.intent
            for one in done
            if one.status in ("finished", "skipped")
            for outcome in one.outcomes
            if outcome.intent
        }
        told = {outcome.intent for outcome in outcomes if outcome.intent} - forget
        results = {self.results: made} if self.results and made else {}
        also = partial(self.outgoing.settle, outcomes)
        self.tasks.settle(self.queue, settled, forget=[*forget], told=[*told], results=results, also=also)
        self._settled, self._done = [], []
        self.journal.settled(outcomes, forget)
        if results:
            self.after_results()
        self.tell(Delivered(self.queue, done))
