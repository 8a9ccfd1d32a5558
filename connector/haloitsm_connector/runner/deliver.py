"""Deliver the tasks of one queue, in their order: chain, publisher, and what became of each into the store."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import chain, repeat

from haloitsm_connector.assemble import Outgoing
from haloitsm_connector.context import noting
from haloitsm_connector.errors import StateError, StoppedError
from haloitsm_connector.publisher import Outcome
from haloitsm_connector.runner.events import Delivered, Done, QueueEnded, Tell
from haloitsm_connector.runner.feed import Feed
from haloitsm_connector.runner.journal import QueueRun
from haloitsm_connector.runner.keys import id_of
from haloitsm_connector.runner.retry import Rule
from haloitsm_connector.runner.under_way import UnderWay
from haloitsm_connector.store.tasks import Tasks
from haloitsm_connector.store.tasks_claimed import Claimed
from haloitsm_connector.store.tasks_cut import NewTask
from haloitsm_connector.store.tasks_settled import Settled
from haloitsm_connector.store.tasks_stored import place_of
from haloitsm_transformers import Entity, Failure
from haloitsm_transformers.run import ChainRun

CLAIM = 1_000
"""Tasks that are taken at once: some whole batches."""
CLAIM_HELD = 10_000
"""Tasks that are taken at once where a step of the chain holds entities back."""
CLAIM_HELD_BYTES = 100_000_000
"""Bytes of JSON that are taken at once there."""
SETTLE = 1_000
"""Tasks whose outcomes are kept in one transaction, as far as they come in whole batches."""
NOTHING_LEFT = "the outgoing's transformers left nothing of it"
SETTLE_SECONDS = 1.0
"""How long an outcome waits for others before it is kept."""


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
    _under_way: deque[UnderWay] = field(default_factory=deque)
    _lost: list[Claimed] = field(default_factory=list)
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
        for one in self._under_way:
            if not page:
                return
            page = one.hear(page)
        for outcome in page:
            self._hear_late(outcome)

    def _hear_late(self, outcome: Outcome) -> None:
        """Put an outcome to its task where an error has cost some before it their outcomes."""
        places = [one.place(outcome) for one in self._under_way]
        known = any(place is not None for place in places)
        for one, place in zip(self._under_way, places, strict=True):
            if known and place is None:
                self._lost += one.lose(len(one.made) - len(one.outcomes))
            elif not one.complete:  # the next one, where a publisher names an entity that it was not given
                self._lost += one.lose(place or 0)
                one.outcomes.append(outcome)
                return

    def _end(self) -> None:
        """Keep what is known, and put the rest back."""
        for one in self._under_way:
            self._judge(one)
        self._settle()
        left = [*self._lost, *chain.from_iterable(one.tasks for one in self._under_way), *self._claimed]
        self._lost.clear()
        self._under_way.clear()
        self._claimed.clear()
        if left:
            self.tasks.release(self.queue, [task.number for task in left])

    def _claim(self) -> bool:
        if not self.stopping():
            limits = (CLAIM_HELD, CLAIM_HELD_BYTES) if self._chain.holds else (CLAIM,)
            self._claimed.extend(self.tasks.claim(self.queue, *limits))
        return bool(self._claimed)

    def _entities(self) -> Iterator[Entity]:
        """Yield what the chain makes of the tasks, one after the other."""
        while not self.stopping() and (self._claimed or self._claim()):
            one = self._begun()
            self._under_way.append(one)
            if one.shared and len(self._under_way) == 1:
                self._settle_in_time()  # all may be known already
            made = deque(one.made)
            while made and not self.stopping():
                yield made.popleft()

    def _begun(self) -> UnderWay:
        """Begin the next tasks: all that are claimed, unless steps of the chain make something of each by itself."""
        if not len(self.outgoing.chain):
            tasks = self._taken(len(self._claimed))
            return UnderWay(tasks, [task.entity for task in tasks])
        if self._chain.holds:
            tasks = self._taken(len(self._claimed))
            run = self.outgoing.chain.open(self._failures.append)
            made = [*run([task.entity for task in tasks]), *run.finish()]
        else:
            tasks = self._taken(1)
            made = self._made(tasks[0])
        failed = [Outcome.failed(failure) for failure in self._failures]
        self._failures.clear()
        if not made and not failed:
            failed = [Outcome(tasks[0].entity, "skipped", reason=NOTHING_LEFT)]
        return UnderWay(tasks, made, shared=True, failed=failed)

    def _taken(self, count: int) -> list[Claimed]:
        return [self._claimed.popleft() for _ in range(count)]

    def _made(self, task: Claimed) -> list[Entity]:
        """Make entities of a task."""
        with noting(task=task.number):
            return self._chain([task.entity])

    def _complete(self) -> None:
        """Judge the tasks that have all their outcomes, in their order, and keep that if it is enough."""
        while self._under_way:
            one = self._under_way[0]
            self._judge(one)
            if not one.complete:
                break
            self._under_way.popleft()
        count = self._in_whole_batches()
        if count >= SETTLE:
            self._settle(count)

    def _judge(self, one: UnderWay) -> None:
        """Say what became of those tasks of which all is known."""
        tasks, outcomes = one.known()
        if not tasks:
            return
        now = self.now()
        if one.shared:
            settled = self.rule.shared(tasks, outcomes, now)
            told = [(*outcomes,), *[()] * (len(tasks) - 1)]  # those of several tasks are told with the first
        else:
            settled = [*map(self.rule.settled, tasks, outcomes, repeat(now))]
            told = [*zip(outcomes, strict=True)]
        self._settled += settled
        self._done += [
            Done(task.number, task.key, each.status, task.attempts + 1, some)
            for task, each, some in zip(tasks, settled, told, strict=True)
        ]

    def _settle_in_time(self) -> None:
        """Keep what is known where it is enough for a transaction, or has waited long enough."""
        self._complete()
        if not self._settled:
            self._kept = time.monotonic()
        elif time.monotonic() - self._kept > SETTLE_SECONDS:
            self._settle()

    def _in_whole_batches(self) -> int:
        """How many tasks are known before the batch of the next one, so that one row is enough for each batch."""
        following = next(chain((task for one in self._under_way for task in one.tasks), self._claimed), None)
        count = len(self._settled)
        if following is not None:
            batch, _ = place_of(following.number)
            while count and place_of(self._settled[count - 1].number)[0] == batch:
                count -= 1
        return count

    def _settle(self, count: int | None = None) -> None:
        """Keep what became of the first tasks, or of all."""
        self._kept = time.monotonic()
        settled, self._settled = self._settled[:count], self._settled[count:] if count else []
        done, self._done = tuple(self._done[:count]), self._done[count:] if count else []
        if not settled:
            return
        outcomes = [outcome for one in done for outcome in one.outcomes]
        made = [NewTask(result, id_of(result)) for outcome in outcomes for result in outcome.results]
        intents = {outcome.intent for outcome in outcomes if outcome.intent}
        well = (one for one in done if one.status in ("finished", "skipped"))
        forget = intents & {outcome.intent for one in well for outcome in one.outcomes}
        results = {self.results: made} if self.results and made else {}
        also = partial(self.outgoing.settle, outcomes)
        self.tasks.settle(self.queue, settled, forget=[*forget], told=[*intents - forget], results=results, also=also)
        self.journal.settled(intents, forget)
        if results:
            self.after_results()
        self.tell(Delivered(self.queue, done))
