"""Read an incoming once, and store what its routes make of it as tasks, together with how far it was read."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import compress

from haloitsm_connector.assemble import Incoming, Route
from haloitsm_connector.publisher import Outcome
from haloitsm_connector.runner.events import FetchEnded, Stored, Tell
from haloitsm_connector.runner.keys import key_of
from haloitsm_connector.runner.known import Known
from haloitsm_connector.store.at_hand import AtHand
from haloitsm_connector.store.tasks import Tasks
from haloitsm_connector.store.tasks_cut import NewTask, dump
from haloitsm_connector.subscriber import Cursor, Slice
from haloitsm_transformers import Entity, Failure
from haloitsm_transformers.run import ChainRun

GIVE_WAY_SECONDS = 0.5
"""How long reading waits for who delivers, each time that as much is stored as can be kept at hand for him."""


def cursor_name(route: str) -> str:
    """Return the name under which the cursor of a route is stored."""
    return f"route {route}"


def incoming_cursor_name(incoming: str) -> str:
    """Return the name under which the cursor of an incoming is stored that is run by itself."""
    return f"incoming {incoming}"


@dataclass
class Branch:
    """What one route makes of what is read; for one fetch, in one thread."""

    route: Route
    known: Known
    failed: deque[Failure] = field(default_factory=deque)
    last: Cursor | None = None

    @cached_property
    def run(self) -> ChainRun:
        """The route's chain at work."""
        return self.route.chain.open(self.failed.append)

    def push(self, one: Slice, failures: Sequence[Failure]) -> Made:
        """Make tasks of a slice, and of what failed in the incoming."""
        self.failed.extend(failures)
        self.last = one.cursor or self.last
        made = self.run(one.entities) if one.entities else []
        # Where a step holds entities back, nobody can tell to which slice they belong: the cursor comes in the end.
        return self._made(len(one.entities) + len(failures), made, None if self.run.holds else one.cursor)

    def finish(self, failures: Sequence[Failure]) -> Made:
        """Make tasks of what the steps held back."""
        self.failed.extend(failures)
        return self._made(len(failures), self.run.finish(), self.last if self.run.holds else None)

    def _made(self, read: int, entities: list[Entity], cursor: Cursor | None) -> Made:
        known = 0
        if self.known.left:
            stored = [self.known.take(entity) for entity in entities]
            known = sum(stored)
            for entity in compress(entities, stored):
                self.route.deliveries.settle(entity, True)  # it is stored, as what comes next is compared with it
            entities = [entity for entity, is_stored in zip(entities, stored, strict=True) if not is_stored]
        too_large = self._too_large(entities)
        rejected = []
        while self.failed:
            failure = self.failed.popleft()
            if self.known.left and self.known.take(failure.entity or {}):
                known += 1
            else:
                rejected.append(failure)
        refused = [(Outcome.failed(one), NewTask(one.entity or {}, rejected=str(one))) for one in rejected]
        refused += [(Outcome(one, "refused", reason=why), NewTask(one, rejected=why)) for one, why in too_large]
        large = {id(entity) for entity, _ in too_large}
        new = [entity for entity in entities if id(entity) not in large] if large else entities
        for entity, _ in too_large:
            self.route.deliveries.settle(entity, False)
        return Made(self, read, new, refused, known, cursor)

    def _too_large(self, entities: list[Entity]) -> list[tuple[Entity, str]]:
        most_kb = self.route.config.largest_kb
        if most_kb is None or len(dump(entities)) <= most_kb * 1024:
            return []
        sizes = ((entity, len(dump(entity)) / 1024) for entity in entities)
        return [
            (entity, f"it has {kb:,.1f} KiB, and the route takes {most_kb:g} (`largest_kb`)")
            for entity, kb in sizes
            if kb > most_kb
        ]


@dataclass(frozen=True)
class Made:
    """What a branch made of a slice: entities to be delivered, what will not be with its outcome, and the cursor."""

    branch: Branch
    read: int
    new: list[Entity]
    refused: list[tuple[Outcome, NewTask]]
    known: int
    cursor: Cursor | None

    @property
    def name(self) -> str:
        """The name of the route."""
        return self.branch.route.name

    def tasks(self) -> list[NewTask]:
        """Return all of it as new tasks."""
        key = key_of(self.branch.route.config.key)
        return [*(NewTask(entity, key(entity)) for entity in self.new), *(task for _, task in self.refused)]


@dataclass(frozen=True)
class Fetch:
    """One reading of an incoming for routes whose cursors are equal; for no route it only fills storages.

    ``going_on`` is asked before each slice. ``stored`` is called when there is something new for a route. ``at_hand``
    holds what was stored and not taken yet by who delivers.
    """

    incoming: Incoming
    routes: Sequence[Route]
    cursor: Cursor | None
    tasks: Tasks
    tell: Tell
    going_on: Callable[[], bool]
    stored: Callable[[str], None] = lambda route: None
    at_hand: AtHand = field(default_factory=AtHand)

    def run(self) -> bool:
        """Read and store until nothing more is there; whether it came to its end. RemoteError where reading fails."""
        complete = False
        try:
            with ExitStack() as stack:
                branches = [Branch(route, self._known(route, stack)) for route in self.routes]
                complete = self._read(branches)
        finally:
            for route in self.routes:
                self.tell(FetchEnded(route.name, complete))
        return complete

    def _known(self, route: Route, stack: ExitStack) -> Known:
        known = Known(self.tasks.uncovered(route.name))
        stack.callback(known.close)
        return known

    def _read(self, branches: list[Branch]) -> bool:
        failures: list[Failure] = []
        slices: Iterator[Slice] = self.incoming.slices(self.cursor, failures.append)
        while self.going_on():
            self.at_hand.make_room(GIVE_WAY_SECONDS)
            one = next(slices, None)
            if one is None:
                self._store([branch.finish(failures) for branch in branches])
                return True
            self._store([branch.push(one, failures) for branch in branches])
            if not branches and one.cursor:
                self.tasks.add({}, {incoming_cursor_name(self.incoming.name): one.cursor}, covers=False)
            failures.clear()
        slices.close()  # type: ignore[attr-defined]  # a generator, which gives up what is under way
        return False

    def _store(self, made: list[Made]) -> None:
        """Store what was made, each route's tasks and its cursor at once; then tell who waits for it."""
        for covers in (True, False):
            some = [one for one in made if (one.cursor is not None) == covers]
            tasks = {one.name: one.tasks() for one in some if covers or one.new or one.refused}
            if tasks:
                cursors = {cursor_name(one.name): one.cursor for one in some}
                source, also = f"incoming {self.incoming.name}", partial(_settle, some)
                plain = [one.name for one in some if self.incoming.json and one.branch.route.chain.json]
                self.tasks.add(tasks, cursors, covers=covers, source=source, plain=plain, also=also)
        for one in made:
            if one.new:
                self.stored(one.name)
            if one.read or one.new or one.refused:
                refused = tuple(outcome for outcome, _ in one.refused)
                self.tell(Stored(one.name, one.read, len(one.new), refused, one.known))


def _settle(made: Iterable[Made]) -> None:
    """Tell steps that entities are tasks now."""
    for one in made:
        for entity in one.new:
            one.branch.route.deliveries.settle(entity, True)
