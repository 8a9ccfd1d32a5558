"""Exchanges side by side: in order, as many as allowed, none overtaking another on the same record."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haloitsm_connector.client.drive import Ahead, Flow, Pause, Stopped
from haloitsm_connector.client.request import Request, Response
from haloitsm_connector.errors import UnreachableError
from haloitsm_connector.publisher import Outcome
from haloitsm_connector.publisher.side_by_side import Exchange, Task, side_by_side

STEP = st.sampled_from(["request", "pause"])
TASK = st.tuples(st.lists(STEP, max_size=3), st.sets(st.integers(0, 2), max_size=2))


class Course:
    """Drives a flow by hand, and remembers what was begun, ended and under way."""

    def __init__(self, tasks: list[tuple[list[str], set[int]]], parallel: int) -> None:
        self.events: list[tuple[str, int]] = []
        self.told: list[int] = []
        self.widest = 0
        self.flow: Flow[Outcome] = side_by_side(self.tasks(tasks), parallel)

    def tasks(self, tasks: list[tuple[list[str], set[int]]]) -> Iterator[Task]:
        for number, (steps, concerns) in enumerate(tasks):
            yield Task(self.exchange(number, steps), frozenset(concerns))

    def exchange(self, number: int, steps: list[str]) -> Exchange:
        self.events.append(("begun", number))
        for place, step in enumerate(steps):
            if step == "pause":
                yield Pause(0)
            else:
                response = yield Request("POST", f"/{number}/{place}")
                assert response
                assert response.url == f"/{number}/{place}"
        self.events.append(("ended", number))
        return [Outcome({"number": number}, "sent")]

    def run(self, lost: str = "") -> list[int]:
        """Answer everything but ``lost``, and return the numbers in the order in which they were told."""
        step: Any = partial(next, self.flow)
        while True:
            try:
                item = step()
            except StopIteration:
                return self.told
            step = partial(next, self.flow)
            if isinstance(item, list):
                self.told += [outcome.entity["number"] for outcome in item]
            elif isinstance(item, Ahead):
                self.widest = max(self.widest, len(item.requests))
            elif isinstance(item, Request) and item.path == lost:
                step = partial(self.flow.throw, UnreachableError("nobody is there"))
            elif isinstance(item, Request):
                step = partial(self.flow.send, Response(200, {}, b"", item.path))


@settings(max_examples=150, deadline=None)
@given(tasks=st.lists(TASK, max_size=12), parallel=st.integers(1, 5))
def test_outcomes_come_in_order_and_nothing_overtakes(tasks: list[tuple[list[str], set[int]]], parallel: int) -> None:
    course = Course(tasks, parallel)
    assert course.run() == list(range(len(tasks)))
    assert course.widest <= parallel
    under_way: set[int] = set()
    for what, number in course.events:
        if what == "begun":
            assert not any(tasks[number][1] & tasks[other][1] for other in under_way)
            under_way.add(number)
            assert len(under_way) <= parallel
        else:
            under_way.remove(number)
    assert [number for what, number in course.events if what == "begun"] == list(range(len(tasks)))


def test_requests_of_several_are_under_way_together() -> None:
    course = Course([(["request"], set())] * 6, 3)
    course.run()
    assert course.widest == 3


def test_error_of_one_is_raised_after_the_others_were_told() -> None:
    course = Course([(["request"], set())] * 5, 3)
    with pytest.raises(UnreachableError):
        course.run(lost="/1/0")
    assert course.told == [0, 2, 3]
    assert ("begun", 4) not in course.events


def test_where_nobody_reads_on_only_what_is_under_way_is_asked_for() -> None:
    course = Course([(["request"], set()), (["request", "request"], set()), (["request"], set())], 2)
    ahead: Any = next(course.flow)
    assert [request.path for request in ahead.requests] == ["/0/0", "/1/0"]
    first: Any = next(course.flow)
    page = course.flow.send(Response(200, {}, b"", first.path))
    assert isinstance(page, list)
    item: Any = course.flow.throw(Stopped())
    assert item.path == "/1/0"
    with pytest.raises(Stopped):
        course.flow.send(Response(200, {}, b"", item.path))
    assert ("begun", 2) not in course.events
