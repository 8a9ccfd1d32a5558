"""Which task an outcome is about: also where an error has cost others theirs, or a publisher names another object."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haloitsm_connector.assemble import Outgoing
from haloitsm_connector.capabilities import Deliveries
from haloitsm_connector.client.drive import Flow
from haloitsm_connector.config import RetryFields
from haloitsm_connector.errors import RemoteError
from haloitsm_connector.publisher import Outcome, PublisherBase
from haloitsm_connector.runner.deliver import Delivery
from haloitsm_connector.runner.feed import Feed
from haloitsm_connector.runner.journal import QueueRun
from haloitsm_connector.runner.retry import Rule
from haloitsm_connector.store import open_state
from haloitsm_connector.store.tasks import NewTask, Tasks
from haloitsm_transformers import Entity, Registry, compile_chain

SPLIT = [{"split": {"items": "parts"}}]


class Forgetful(PublisherBase):
    """Takes all it is given, tells some of the outcomes in their order, so many on a page, and then raises an error."""

    def __init__(self, told: Sequence[bool], page: int, copies: bool) -> None:
        self.told = told
        self.page = page
        self.copies = copies

    def flow(self, entities: Iterable[Entity]) -> Flow[Outcome]:
        """Yield pages of outcomes."""
        taken = list(entities)
        left = [entity for entity, told in zip(taken, self.told, strict=False) if told]
        for start in range(0, len(left), self.page):
            some = left[start : start + self.page]
            yield [Outcome({**entity} if self.copies else entity, "sent") for entity in some]
        if not all(self.told[: len(taken)]):
            raise RemoteError("it is gone")


def delivered(
    folder: Path, entities: list[Entity], steps: list[Any], told: Sequence[bool], page: int, *, copies: bool = False
) -> list[str]:
    """Return the statuses of the tasks after a delivery, in their order."""
    with open_state(folder / "state") as state:
        tasks = Tasks(state)
        tasks.add({"q": [NewTask(entity) for entity in entities]}, {}, covers=True)
        feed = Feed()
        outgoing = Outgoing(
            "out", compile_chain(steps, Registry.installed()), Forgetful(told, page, copies), Deliveries()
        )
        journal, rule = QueueRun(state, "job", "q"), Rule(RetryFields())
        delivery = Delivery("q", outgoing, tasks, journal, rule, feed, lambda _: None, lambda: False)
        feed.end()
        with suppress(RemoteError):
            delivery.run()
        return [task.status for task in tasks.list(newest_first=False)]


@settings(max_examples=30)
@given(told=st.lists(st.booleans(), min_size=1, max_size=12), page=st.integers(1, 5))
def test_the_tasks_whose_outcomes_an_error_has_cost_are_new_again_and_no_other(
    tmp_path_factory: pytest.TempPathFactory, told: list[bool], page: int
) -> None:
    entities: list[Entity] = [{"n": 1} for _ in told]  # all alike
    statuses = delivered(tmp_path_factory.mktemp("state"), entities, [], told, page)
    assert statuses == ["finished" if one else "new" for one in told]


@settings(max_examples=30)
@given(parts=st.lists(st.lists(st.booleans(), max_size=3), min_size=1, max_size=6), page=st.integers(1, 5))
def test_a_task_of_several_entities_is_new_again_where_one_of_their_outcomes_is_lost(
    tmp_path_factory: pytest.TempPathFactory, parts: list[list[bool]], page: int
) -> None:
    entities: list[Entity] = [{"parts": [{"n": 1} for _ in some]} for some in parts]
    told = [one for some in parts for one in some]
    statuses = delivered(tmp_path_factory.mktemp("state"), entities, SPLIT, told, page)
    assert statuses == [("finished" if all(some) else "new") if some else "skipped" for some in parts]


@pytest.mark.parametrize("steps", [[], SPLIT], ids=["as they are", "split"])
def test_outcomes_that_name_copies_of_the_entities_are_taken_in_their_order(tmp_path: Path, steps: list[Any]) -> None:
    entities: list[Entity] = [{"n": number, "parts": [{"n": number}] * 2} for number in range(5)]
    statuses = delivered(tmp_path, entities, steps, [True] * 10, 3, copies=True)
    assert statuses == ["finished"] * 5
