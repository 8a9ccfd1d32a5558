"""Whatever is done to tasks, in whatever order, they are what a plain dictionary says, by the table of transitions."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from haloitsm_connector.errors import InputError
from haloitsm_connector.store import open_state
from haloitsm_connector.store.statuses import STATUSES, TRANSITIONS, before
from haloitsm_connector.store.tasks import Claimed, Filter, NewTask, Settled, Task, Tasks

QUEUES = ["a", "b"]
TABLES = ["queues", "tallies", "batches", "contents", "answers", "tasks", "doubts", "events", "cursors"]
KEYS = st.sampled_from([None, None, "x", "y", "z"])
NEW = st.lists(st.tuples(KEYS, st.sampled_from(["", "", "", "too large"])), max_size=6)
OPEN = {"new", "retry", "processing"}
ALLOWED = {(one.event, one.before, one.after) for one in TRANSITIONS}
OUTCOMES = ["finished", "finished", "finished", "finished", "skipped", "failed", "retry", "waiting"]


@dataclass
class Known:
    """What is known of a task."""

    queue: str
    key: str | None
    entity: dict[str, Any]
    status: str
    attempts: int = 0
    tried: int = 0
    due: float = 0.0
    changed: float = 0.0
    reason: str = ""
    intent: int = 0
    answer: Any = None
    source: str = ""


class TasksMachine(RuleBasedStateMachine):
    def __init__(self, place: Path | str) -> None:
        super().__init__()
        self.place = place
        self.clock = 1000.0
        self.model: dict[int, Known] = {}
        self.uncovered: dict[str, list[int]] = {queue: [] for queue in QUEUES}
        self.made = 0
        self.open()
        with self.state.transaction() as connection:
            for table in TABLES:
                connection.execute(f"DELETE FROM {table}")

    def open(self) -> None:
        self.state = open_state(self.place)
        self.tasks = Tasks(self.state, now=lambda: self.clock)

    def teardown(self) -> None:
        self.state.close()

    # what happens

    @rule(some=st.dictionaries(st.sampled_from(QUEUES), NEW, min_size=1), covers=st.booleans())
    def add(self, some: dict[str, list[tuple[str | None, str]]], covers: bool) -> None:
        new = {queue: [self.make(key, rejected) for key, rejected in ones] for queue, ones in some.items()}
        known = set(self.model)
        self.tasks.add(new, {"cursor": {"at": self.clock}}, covers=covers, source="incoming s")
        self.learn(new, known, "incoming s")
        for queue in some:
            if covers:
                self.uncovered[queue] = []
            else:
                self.uncovered[queue] += [n for n in self.of(queue) if n not in known]

    def make(self, key: str | None, rejected: str = "") -> NewTask:
        self.made += 1
        return NewTask({"n": self.made}, key, rejected)

    def learn(self, new: dict[str, list[NewTask]], known: set[int], source: str) -> None:
        for queue, ones in new.items():
            found = [
                task for task in self.tasks.list(Filter(queue=queue), newest_first=False) if task.number not in known
            ]
            assert len(found) == len(ones)
            for task, one in zip(found, ones, strict=True):
                status = "rejected" if one.rejected else "new"
                self.model[task.number] = Known(queue, one.key, one.entity, "", changed=self.clock, source=source)
                self.go(task.number, "reject" if one.rejected else "store", status, reason=one.rejected, first=True)

    @rule(queue=st.sampled_from(QUEUES), most=st.sampled_from([1, 3, 500, 500]))
    def claim(self, queue: str, most: int) -> None:
        ready = [n for n in self.of(queue) if self.ready(n)]
        claimed = self.tasks.claim(queue, most)
        numbers = [one.number for one in claimed]
        assert numbers == sorted(numbers)
        assert len(numbers) <= most
        assert bool(numbers) == bool(ready)
        assert set(numbers) <= set(ready)
        if most == 500:
            assert numbers == [n for n in ready if n <= numbers[-1]] if numbers else not ready
        for one in claimed:
            known = self.model[one.number]
            assert one == Claimed(one.number, known.entity, known.key, known.attempts)
            self.go(one.number, "claim", "processing")

    def ready(self, number: int) -> bool:
        """Whether it is the turn of a task, if those before it with the same key are left where they are."""
        task = self.model[number]
        if task.status != "new" and not (task.status == "retry" and task.due <= self.clock):
            return False
        same = [n for n in self.of(task.queue) if n != number and task.key and self.model[n].key == task.key]
        return not any(
            self.model[n].status == "processing" or (n < number and self.model[n].status in OPEN) for n in same
        )

    @rule(queue=st.sampled_from(QUEUES), data=st.data(), whole=st.booleans(), results=st.lists(KEYS, max_size=2))
    def settle(self, queue: str, data: st.DataObject, whole: bool, results: list[str | None]) -> None:
        under_way = self.of(queue, "processing")
        assume(under_way)
        chosen = under_way if whole else data.draw(st.lists(st.sampled_from(under_way), unique=True, min_size=1))
        settled = [self.outcome(number, data.draw(st.sampled_from(OUTCOMES))) for number in chosen]
        new = {f"{queue} results": [self.make(key) for key in results]}
        known = set(self.model)
        self.tasks.settle(queue, settled, results=new)
        for one in settled:
            task = self.model[one.number]
            task.tried += 1
            event = {"finished": "finish", "skipped": "drop", "failed": "fail", "retry": "postpone"}
            known_due = one.due or 0.0
            self.go(one.number, event.get(one.status, "doubt"), one.status, reason=one.reason, due=known_due)
            task.attempts, task.intent, task.answer = task.attempts + 1, sum(one.doubts), one.answer
        self.learn(new, known, f"route {queue}")

    def outcome(self, number: int, status: Any) -> Settled:
        due = self.clock + 5 if status == "retry" else None
        reason = "" if status == "finished" else f"It was {status}"
        answer = {"outcome": status, "id": number} if number % 3 else None
        return Settled(number, status, reason, due, doubts=[number] if status == "waiting" else [], answer=answer)

    @rule(queue=st.sampled_from(QUEUES), data=st.data())
    def release(self, queue: str, data: st.DataObject) -> None:
        under_way = self.of(queue, "processing")
        assume(under_way)
        chosen = data.draw(st.lists(st.sampled_from(under_way), unique=True))
        self.tasks.release(queue, chosen)
        for number in chosen:
            self.go(number, "release", "new")

    @rule(queue=st.sampled_from(QUEUES))
    def die_and_repair(self, queue: str) -> None:
        self.state.close()
        self.open()
        under_way = self.of(queue, "processing")
        assert self.tasks.repair(queue) == len(under_way)
        for number in under_way:
            self.go(number, "repair", "new")

    @rule(
        action=st.sampled_from(["retry", "reopen", "skip", "delete"]),
        queue=st.sampled_from([None, *QUEUES, "a results"]),
        statuses=st.lists(st.sampled_from(STATUSES), max_size=2, unique=True),
        key=st.sampled_from([None, None, "x"]),
        since=st.sampled_from([None, None, 0.0, 10.0]),
        text=st.sampled_from(["", "", "was FAILED"]),
    )
    def do(self, action: Any, since: float | None, **filters: Any) -> None:
        since = None if since is None else self.clock - since
        where = Filter(**filters, since=since)
        if not set(where.statuses) <= set(before(action)):
            try:
                getattr(self.tasks, action)(where)
            except InputError:
                return
            raise AssertionError("that should not be possible")
        meant = [n for n in self.meant(where) if self.model[n].status in before(action)]
        assert getattr(self.tasks, action)(where) == len(meant)
        self.done(action, meant)

    @rule(action=st.sampled_from(["retry", "reopen", "skip", "delete"]), data=st.data())
    def do_to_some(self, action: Any, data: st.DataObject) -> None:
        assume(self.model)
        chosen = data.draw(st.lists(st.sampled_from(sorted(self.model)), min_size=1, max_size=3, unique=True))
        if all(self.model[number].status in before(action) for number in chosen):
            assert getattr(self.tasks, action)(Filter(numbers=chosen)) == len(chosen)
            self.done(action, chosen)
        else:
            try:
                getattr(self.tasks, action)(Filter(numbers=chosen))
            except InputError:
                return
            raise AssertionError("that should not be possible")

    def done(self, action: str, numbers: list[int]) -> None:
        for number in numbers:
            if action == "delete":
                self.go(number, action, None)
            else:
                self.go(number, action, "skipped" if action == "skip" else "new")
                self.model[number].attempts = self.model[number].intent = 0

    @rule(
        queue=st.sampled_from([None, *QUEUES]), older=st.sampled_from([None, 0, 3]), most=st.sampled_from([None, 0, 9])
    )
    def prune(self, queue: str | None, older: float | None, most: int | None) -> None:
        totals = Counter(one.queue for one in self.model.values())
        pruned = self.tasks.prune(queue=queue, older_than_seconds=older, most=most)
        left = {task.number for task in self.tasks.list()}
        gone = sorted(set(self.model) - left)
        assert len(gone) == pruned
        for number in gone:
            task = self.model[number]
            old = older is not None and task.changed < self.clock - older
            assert old or (most is not None and totals[task.queue] > most)
            assert number not in self.uncovered.get(task.queue, [])
            self.go(number, "prune", None)
        for number in left:
            batch = [n for n in left if n // 100 == number // 100]
            wanted = most == 0 and queue in (None, self.model[number].queue)
            closed = all(self.model[n].status in before("prune") for n in batch)
            covered = not self.uncovered.get(self.model[number].queue)
            assert not (wanted and closed and covered)

    @rule(seconds=st.sampled_from([1.0, 6.0]))
    def wait(self, seconds: float) -> None:
        self.clock += seconds

    # what must hold

    def of(self, queue: str, status: str | None = None) -> list[int]:
        return sorted(n for n, one in self.model.items() if one.queue == queue and status in (None, one.status))

    def meant(self, where: Filter) -> list[int]:
        return [
            number
            for number, one in sorted(self.model.items())
            if where.queue in (None, one.queue)
            and (not where.statuses or one.status in where.statuses)
            and where.key in (None, one.key)
            and (where.since is None or one.changed >= where.since)
            and where.text.casefold() in one.reason.casefold()
        ]

    def go(
        self, number: int, event: str, after: str | None, reason: str = "", due: float = 0.0, first: bool = False
    ) -> None:
        task = self.model[number]
        assert (event, None if first else task.status, after) in ALLOWED
        if after is None:
            del self.model[number]
            for numbers in self.uncovered.values():
                if number in numbers:
                    numbers.remove(number)
            return
        task.status, task.due, task.changed = after, due, self.clock
        if event not in ("claim", "release", "repair"):
            task.reason = reason

    @invariant()
    def counted(self) -> None:
        expected: dict[str, Counter[str]] = {}
        for one in self.model.values():
            expected.setdefault(one.queue, Counter())[one.status] += 1
        assert self.tasks.counts() == expected

    @invariant()
    def listed(self) -> None:
        found = {task.number: described(task) for task in self.tasks.list()}
        assert list(found) == sorted(found, reverse=True)
        assert found == {n: described(one) for n, one in self.model.items()}
        for queue in QUEUES:
            stored = sorted(entity["n"] for entity in self.tasks.uncovered(queue))
            assert stored == sorted(self.model[n].entity["n"] for n in self.uncovered[queue])

    @invariant()
    def shown(self) -> None:
        for number in sorted(self.model)[-3:]:
            one, task = self.model[number], self.tasks.get(number)
            assert (task.entity, task.status, task.intent, task.source) == (
                one.entity,
                one.status,
                one.intent,
                one.source,
            )
            assert [entry.what for entry in task.history].count("attempt") == one.tried
            assert task.history[0].what == "stored"
            assert task.due == (one.due or None)
            assert task.answer == one.answer

    @invariant()
    def due(self) -> None:
        for queue in QUEUES:
            planned = [self.model[n].due for n in self.of(queue, "retry")]
            found = self.tasks.next_due(queue)
            assert found is None or found in planned


def described(one: Known | Task) -> tuple[Any, ...]:
    return one.queue, one.status, one.key, one.attempts, one.changed, one.reason, one.intent, one.source


@pytest.mark.slow
def test_tasks_are_what_a_dictionary_says(place: Path | str) -> None:
    examples = 40 if isinstance(place, Path) else 8
    run_state_machine_as_test(
        lambda: TasksMachine(place),
        settings=settings(
            max_examples=examples,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
        ),
    )
