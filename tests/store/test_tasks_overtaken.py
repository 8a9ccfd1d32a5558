"""What is put back by hand is not written over what a newer task with its key has delivered."""

from __future__ import annotations

import pytest

from haloitsm_connector.store import Database
from haloitsm_connector.store.tasks import Filter, NewTask, Settled, Tasks
from haloitsm_connector.store.tasks_overtaken import Overtaken


class Queue:
    """Tasks of one queue with keys, and what became of them, by their numbers."""

    def __init__(self, state: Database) -> None:
        self.tasks = Tasks(state)
        self.numbers: list[int] = []

    def add(self, **became: str) -> None:
        """Store a task for each key, in one batch, and settle it."""
        self.tasks.add({"a": [NewTask({"key": key}, key[0]) for key in became]}, {}, covers=True)
        claimed = self.tasks.claim("a", 500)
        assert len(claimed) == len(became)
        self.numbers += [one.number for one in claimed]
        ends = [(one.number, became) for one, became in zip(claimed, became.values(), strict=True)]
        self.tasks.settle("a", [Settled(number, became) for number, became in ends if became != "processing"])

    def retry(self, *numbers: int, action: str = "retry") -> list[Overtaken]:
        """Put some back, by their place; return what was left out."""
        left_out: list[Overtaken] = []
        where = Filter(numbers=[self.numbers[one] for one in numbers])
        assert getattr(self.tasks, action)(where, left_out.append) + len(left_out) == len(numbers)
        return left_out

    def statuses(self) -> list[str]:
        return [task.status for task in self.tasks.list(newest_first=False)]


@pytest.fixture
def queue(state: Database) -> Queue:
    return Queue(state)


@pytest.mark.parametrize("since", ["finished", "skipped", "waiting", "processing"])
def test_a_task_is_left_out_where_a_newer_one_with_its_key_was_delivered_or_may_have_been(queue: Queue, since) -> None:
    queue.add(x="failed", y="failed", z="failed")
    queue.add(x=since, y="failed", w="finished")
    x = queue.numbers[0]
    assert queue.retry(0, 1) == [Overtaken(x, "x", queue.numbers[3])]
    assert queue.statuses()[:2] == ["failed", "new"]
    assert queue.tasks.retry(Filter(numbers=[x])) == 1, "without anybody to tell, none is left out"


def test_whoever_left_the_crowd_of_its_batch_counts_by_itself(queue: Queue) -> None:
    queue.add(x="failed", y="failed")
    queue.add(x="failed", y="finished", z="finished")
    assert queue.retry(0, 1) == [Overtaken(queue.numbers[1], "y", queue.numbers[3])]


def test_a_newer_one_that_nobody_tried_overtakes_nobody_and_comes_after(queue: Queue) -> None:
    queue.add(x="failed")
    queue.add(x="finished")
    queue.tasks.delete(Filter(numbers=[queue.numbers[1]]))
    queue.tasks.add({"a": [NewTask({"n": 1}, "x"), NewTask({"n": 2}, "y")], "b": [NewTask({}, "x")]}, {}, covers=True)
    skipped = [task.number for task in queue.tasks.list(Filter(queue="a", statuses=["new"], key="x"))]
    queue.tasks.skip(Filter(numbers=skipped))
    assert queue.retry(0) == []


def test_what_is_put_back_together_is_delivered_in_its_order_and_overtakes_nobody(queue: Queue) -> None:
    queue.add(x="finished", y="finished")
    queue.add(x="finished", y="skipped")
    assert queue.retry(0, 2, action="reopen") == []
    assert queue.tasks.claim("a", 500)[0].number == queue.numbers[0]
    assert queue.retry(1, action="reopen") == [Overtaken(queue.numbers[1], "y", queue.numbers[3])]


def test_a_filter_puts_back_all_but_those_that_were_overtaken(queue: Queue) -> None:
    for _ in range(3):
        queue.add(x="failed", y="failed", z="finished")
    queue.add(x="finished")
    left_out: list[Overtaken] = []
    assert queue.tasks.retry(Filter(statuses=["failed"]), left_out.append) == 3
    assert [one.key for one in left_out] == ["x", "x", "x"]
    assert {one.by for one in left_out} == {queue.numbers[-1]}
