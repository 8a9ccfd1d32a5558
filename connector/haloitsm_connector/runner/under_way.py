"""Tasks that are with the publisher: what was made of them, and which outcome is about which of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import attrgetter, is_

from haloitsm_connector.publisher import Outcome
from haloitsm_connector.store.tasks_claimed import Claimed
from haloitsm_transformers import Entity

_entity = attrgetter("entity")


@dataclass(slots=True)
class UnderWay:
    """Tasks in their order, the entities that were made of them, and the outcomes of these so far.

    Nearly always each task is one entity, and has its own outcome. Where they are ``shared``, all outcomes belong to
    all of the tasks; ``failed`` are those of what failed before it came to the publisher.
    """

    tasks: list[Claimed]
    made: list[Entity]
    shared: bool = False
    failed: list[Outcome] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether no more outcomes will come."""
        return len(self.outcomes) == len(self.made)

    def hear(self, page: list[Outcome]) -> list[Outcome]:
        """Take the outcomes at the beginning of a page that are about the next entities; return the others."""
        heard = len(self.outcomes)
        awaited = self.made[heard : heard + len(page)]
        if not all(map(is_, map(_entity, page), awaited)):
            return page
        self.outcomes += page[: len(awaited)]
        return page[len(awaited) :]

    def place(self, outcome: Outcome) -> int | None:
        """Return where the entity of an outcome stands among those whose outcomes have not come."""
        awaited = enumerate(self.made[len(self.outcomes) :])
        return next((place for place, entity in awaited if entity is outcome.entity), None)

    def lose(self, count: int) -> list[Claimed]:
        """Give up the next outcomes; return the tasks that will therefore never have all of theirs."""
        if not count:
            return []
        heard = len(self.outcomes)
        begin, end = (0, len(self.tasks)) if self.shared else (heard, heard + count)
        lost = self.tasks[begin:end]
        del self.tasks[begin:end]
        del self.made[heard : heard + count]
        return lost

    def known(self) -> tuple[list[Claimed], list[Outcome]]:
        """Hand over the tasks of which all is known now, and what is known of them."""
        if self.shared and not self.complete:
            return [], []
        known = len(self.tasks) if self.shared else len(self.outcomes)
        tasks, self.tasks = self.tasks[:known], self.tasks[known:]
        outcomes = self.failed + self.outcomes
        if not self.shared:
            self.made, self.outcomes = self.made[known:], []
        return tasks, outcomes
