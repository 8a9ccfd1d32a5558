"""Tasks: stored with their cursor, delivered in order, moved by people only as the table of transitions allows."""

from __future__ import annotations

import json
import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from haloitsm_connector.errors import InputError, StateError
from haloitsm_connector.publisher.journal import Intent
from haloitsm_connector.store import Cursors, Database, Intents, JobJournal, open_state
from haloitsm_connector.store.at_hand import AtHand
from haloitsm_connector.store.statuses import STATUSES, TRANSITIONS, Transition, after, before
from haloitsm_connector.store.tasks import Filter, NewTask, Settled, Tasks

EVERY = Filter()


@pytest.fixture
def tasks(state: Database) -> Tasks:
    return Tasks(state, now=lambda: 1000.0, at_hand=AtHand())


def new(*keys: str | None) -> list[NewTask]:
    return [NewTask({"n": number}, key) for number, key in enumerate(keys)]


def some(number: int) -> list[NewTask]:
    return [NewTask({"n": each}) for each in range(number)]


def only(tasks: Tasks, status: str = "new", queue: str = "a") -> int:
    """Return the number of the one task that there is, brought to a status."""
    tasks.add({queue: [NewTask({"n": 1}, "k", "too large" if status == "rejected" else "")]}, {}, covers=True)
    (task,) = tasks.list(Filter(queue=queue))
    if status not in ("new", "rejected"):
        tasks.claim(queue, 1)
    if status not in ("new", "rejected", "processing"):
        tasks.settle(queue, [Settled(task.number, status, "because", due=900.0)])  # type: ignore[arg-type]
    return task.number


def status_of(tasks: Tasks, number: int) -> str | None:
    return next((task.status for task in tasks.list() if task.number == number), None)


def rows(state: Database, table: str) -> int:
    return int(state.rows(f"SELECT count(*) FROM {table}")[0][0])


@pytest.mark.parametrize("way", TRANSITIONS, ids=lambda way: f"{way.before}-{way.event}")
def test_every_way_of_the_table_can_be_gone(state: Database, tasks: Tasks, way: Transition) -> None:
    number = only(tasks, way.before or ("rejected" if way.event == "reject" else "new"))
    match way.event:
        case "claim":
            tasks.claim("a", 1)
        case "release":
            tasks.release("a", [number])
        case "repair":
            tasks.repair("a")
        case "decide":
            decide(state, number)
        case "prune":
            tasks.prune(most=0)
        case "retry" | "reopen" | "skip" | "delete" as action:
            getattr(tasks, action)(EVERY)
        case "store" | "reject":
            pass
        case _:
            tasks.settle("a", [Settled(number, way.after or "new", due=2000.0)])
    assert status_of(tasks, number) == way.after


def decide(state: Database, number: int) -> None:
    """Say of the create of a waiting task that it had no effect."""
    with JobJournal(lambda: state, "a").begin() as run:
        (intent,) = run.intend([Intent("x", "POST /Asset")])
        with state.transaction() as connection:
            connection.execute("INSERT INTO doubts (intent, task) VALUES (?, ?)", (intent.number, number))
        run.end()
    Intents(state).again(intent.number)


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("action", ["retry", "reopen", "skip", "delete"])
def test_no_other_way_can_be_gone(tasks: Tasks, action: Any, status: Any) -> None:
    number = only(tasks, status)
    if status in before(action):
        return
    for where in (Filter(numbers=[number]), Filter(statuses=[status])):
        with pytest.raises(InputError, match=r"cannot be .*Only what is .* can be"):
            getattr(tasks, action)(where)
    assert getattr(tasks, action)(EVERY) == 0
    assert status_of(tasks, number) == status


def test_refusal_names_the_task_and_says_what_to_do_instead(tasks: Tasks) -> None:
    number = only(tasks, "finished")
    with pytest.raises(InputError) as caught:
        tasks.retry(Filter(numbers=[number]))
    assert str(caught.value) == (
        f"task {number}: what is finished cannot be retried. Only what is failed, skipped or retry can be retried. "
        "What is finished is delivered once more by reopening it."
    )
    with pytest.raises(InputError, match="there is no task 7"):
        tasks.get(7)


def test_tasks_and_the_cursor_behind_them_are_stored_together_or_not_at_all(state: Database, tasks: Tasks) -> None:
    tasks.add({"a": some(2), "b": some(1)}, {"route a": {"at": 1}, "route b": None}, covers=True)
    assert Cursors(state).list() == {"route a": {"at": 1}}
    with pytest.raises(TypeError):
        tasks.add({"a": some(2)}, {"route a": {"at": {1}}}, covers=True)
    assert tasks.counts() == {"a": Counter(new=2), "b": Counter(new=1)}


def test_what_a_fetch_stored_before_it_was_cut_off_is_read_back(tasks: Tasks) -> None:
    tasks.add({"a": some(1)}, {}, covers=True)
    tasks.add({"a": some(250)}, {}, covers=False)
    tasks.bring("a", ['{"entity": {"n": "by hand"}}'], refused([]))
    assert [entity["n"] for entity in tasks.uncovered("a")] == list(range(250))
    tasks.add({"a": []}, {}, covers=True)
    assert list(tasks.uncovered("a")) == []


def refused(lines: list[tuple[int, str]]) -> Any:
    return lambda number, why: lines.append((number, why))


def test_a_batch_is_one_row_until_a_task_has_a_fate_of_its_own(state: Database, tasks: Tasks) -> None:
    tasks.add({"a": some(300)}, {}, covers=True)
    claimed = tasks.claim("a", 300)
    assert [task.entity["n"] for task in claimed] == list(range(300))
    tasks.settle("a", [Settled(task.number, "finished", answer={"id": 1}) for task in claimed[:200]])
    assert (rows(state, "batches"), rows(state, "tasks"), rows(state, "events")) == (3, 0, 0)
    tasks.settle("a", [Settled(task.number, "failed" if task.number % 50 else "finished") for task in claimed[200:]])
    assert (rows(state, "tasks"), tasks.counts()["a"]) == (98, Counter(finished=202, failed=98))


def test_tasks_with_one_key_are_delivered_one_after_the_other(tasks: Tasks) -> None:
    tasks.add({"a": new("x", "y", "x", None, "x")}, {}, covers=True)
    claimed = tasks.claim("a", 10)
    first = claimed[0].number
    assert [task.number - first for task in claimed] == [0, 1, 3]
    assert tasks.claim("a", 10) == []
    tasks.settle("a", [Settled(first, "retry", due=2000.0), *(Settled(one.number, "finished") for one in claimed[1:])])
    assert tasks.claim("a", 10) == []
    assert tasks.next_due("a") == 2000.0
    tasks.skip(Filter(numbers=[first]))
    (second,) = tasks.claim("a", 10)
    tasks.settle("a", [Settled(second.number, "failed")])
    assert [task.number - first for task in tasks.claim("a", 10)] == [4]
    assert [entry.what for entry in tasks.get(first + 4).history] == ["stored", "behind"]


def test_one_key_that_waits_holds_up_no_other_however_many_tasks_it_has(tasks: Tasks) -> None:
    tasks.add({"a": new("x")}, {}, covers=True)
    (first,) = tasks.claim("a", 1)
    tasks.settle("a", [Settled(first.number, "retry", due=2000.0)])
    tasks.add({"a": new(*["x"] * 250, "y")}, {}, covers=True)
    assert [task.key for task in tasks.claim("a", 100)] == ["y"]


def test_a_task_that_is_due_comes_at_its_place(tasks: Tasks, state: Database) -> None:
    tasks.add({"a": some(3)}, {}, covers=True)
    tasks.settle("a", [Settled(task.number, "retry", due=1500.0) for task in tasks.claim("a", 3)])
    tasks.add({"a": some(3)}, {}, covers=True)
    assert [task.attempts for task in Tasks(state, now=lambda: 1600.0).claim("a", 9)] == [1, 1, 1, 0, 0, 0]


def test_history_tells_when_a_task_was_stored_tried_and_touched(state: Database) -> None:
    clock = [1000.0]
    tasks = Tasks(state, now=lambda: clock[0])
    tasks.add({"a": some(2)}, {}, covers=True, source="incoming tickets")
    first, second = tasks.claim("a", 2)
    clock[0] = 1002
    answer = {"outcome": "created", "id": 7, "request": "POST /Asset", "response": [{"id": 7}]}
    refusal = {"outcome": "refused", "request": "POST /Asset"}
    tasks.settle(
        "a", [Settled(first.number, "finished", answer=answer), Settled(second.number, "failed", "no", answer=refusal)]
    )
    clock[0] = 1003
    tasks.reopen(EVERY)
    tasks.retry(EVERY)
    done, failed = tasks.get(first.number), tasks.get(second.number)
    assert [(entry.at, entry.what) for entry in done.history] == [(1000, "stored"), (1002, "attempt"), (1003, "reopen")]
    assert (done.history[0].detail, done.history[1].detail) == (
        {"source": "incoming tickets"},
        {"status": "finished", "answer": answer},
    )
    assert failed.history[1].detail == {"status": "failed", "reason": "no", "answer": refusal}
    assert (done.entity, done.answer, done.status, done.attempts) == ({"n": 0}, answer, "new", 0)


def test_what_is_skipped_quietly_tells_why(tasks: Tasks) -> None:
    tasks.add({"a": some(2)}, {}, covers=True)
    tasks.settle("a", [Settled(task.number, "skipped", "nothing had changed") for task in tasks.claim("a", 2)])
    assert {task.reason for task in tasks.list(Filter(text="NOTHING"))} == {"nothing had changed"}
    assert list(tasks.list(Filter(text="everything"))) == []


def test_the_process_that_was_replaced_cannot_settle(tasks: Tasks) -> None:
    tasks.add({"a": some(3)}, {}, covers=True)
    claimed = tasks.claim("a", 3)
    tasks.repair("a")
    for late in (
        lambda: tasks.settle("a", [Settled(claimed[0].number, "finished")]),
        lambda: tasks.release("a", [claimed[0].number]),
    ):
        with pytest.raises(StateError, match="not under way here any more"):
            late()
    assert tasks.counts() == {"a": Counter(new=3)}


def test_people_and_a_worker_at_once_never_contradict_each_other(place: Path | str) -> None:
    with open_state(place) as database:
        Tasks(database).add({"a": [NewTask({"n": n}, str(n)) for n in range(400)]}, {}, covers=True)
    delivered: list[int] = []
    skipped: list[int] = []

    def work() -> None:
        with open_state(place) as database:
            tasks = Tasks(database)
            while claimed := tasks.claim("a", 30):
                delivered.extend(task.number for task in claimed)
                tasks.settle("a", [Settled(task.number, "finished") for task in claimed])

    def skip() -> None:
        with open_state(place) as database:
            tasks = Tasks(database)
            skipped.extend(tasks.skip(Filter(key=str(key))) for key in reversed(range(0, 400, 7)))

    threads = [threading.Thread(target=work), threading.Thread(target=skip)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with open_state(place) as database:
        counts = Tasks(database).counts()["a"]
        assert len(set(delivered)) == len(delivered) == counts["finished"]
        assert counts == Counter(finished=400 - sum(skipped), skipped=sum(skipped))


def test_what_is_deleted_leaves_nothing_of_its_entity(tasks: Tasks, state: Database) -> None:
    tasks.add({"a": [NewTask({"name": "Ann"}, "Ann"), NewTask({"name": "Bob"}, "Bob")]}, {}, covers=False)
    tasks.settle("a", [Settled(task.number, "finished", answer={"of": task.key}) for task in tasks.claim("a", 2)])
    assert tasks.delete(Filter(key="Ann")) == 1
    assert [task.key for task in tasks.list()] == ["Bob"]
    found = [state.rows(f"SELECT * FROM {table}") for table in ("contents", "answers", "tasks", "events")]
    assert "Ann" not in str([[bytes(c) if isinstance(c, memoryview) else c for c in row] for t in found for row in t])
    assert list(tasks.uncovered("a")) == [{"name": "Bob"}]
    assert tasks.delete(EVERY) == 1
    assert [rows(state, table) for table in ("batches", "contents", "answers", "tasks", "events")] == [0] * 5


def test_retention_drops_whole_batches_of_which_nothing_is_open(tasks: Tasks, state: Database) -> None:
    tasks.add({"a": some(250)}, {}, covers=True)
    claimed = tasks.claim("a", 300)
    open_one = claimed[120].number
    tasks.settle("a", [Settled(one.number, "waiting" if one.number == open_one else "finished") for one in claimed])
    later = Tasks(state, now=lambda: 1000.0 + 3600)
    assert later.prune(older_than_seconds=3601) == 0
    assert later.prune(older_than_seconds=3599) == 150
    assert {task.number // 100 for task in later.list()} == {open_one // 100}
    later.add({"b": some(250)}, {}, covers=False)
    later.settle("b", [Settled(one.number, "finished") for one in later.claim("b", 300)])
    assert later.prune(queue="b", most=10) == 0, "it would be read again"
    later.add({"b": []}, {}, covers=True)
    assert later.prune(queue="b", most=200) == 100, "the oldest batch"


def test_what_is_exported_can_be_mended_and_imported(tasks: Tasks) -> None:
    number = only(tasks, "failed")
    (line,) = tasks.export(Filter(statuses=["failed"]))
    told = json.loads(line)
    assert (told["task"], told["route"], told["reason"], told["entity"]) == (number, "a", "because", {"n": 1})
    bad: list[tuple[int, str]] = []
    lines = [line, "", "{", b'{"entity": [1]}', '{"entity": {}, "key": 7}', '{"entity": {"n": NaN}}', b'{"entity": {}}']
    assert tasks.bring("a", lines, refused(bad), source="import of failed.jsonl") == 2
    assert [number for number, _ in bad] == [3, 4, 5, 6]
    assert [(task.key, task.source) for task in tasks.list(Filter(statuses=["new"]), newest_first=False)] == [
        ("k", "import of failed.jsonl"),
        (None, "import of failed.jsonl"),
    ]


@pytest.mark.parametrize("value", [2**70, "\ud800", "\x00", [1.5, None, {"ö": True}]])
def test_entities_come_back_as_they_were(tasks: Tasks, value: Any) -> None:
    tasks.add({"a": [NewTask({"value": value}), NewTask({"n": 1})]}, {}, covers=True)
    assert [task.entity for task in tasks.claim("a", 5)] == [{"value": value}, {"n": 1}]


def test_what_is_no_json_is_rejected_alone(tasks: Tasks) -> None:
    tasks.add({"a": [NewTask({"value": {1}}), NewTask({"n": 1})]}, {}, covers=True)
    assert tasks.counts() == {"a": Counter(new=1, rejected=1)}
    (task,) = tasks.list(Filter(statuses=["rejected"]))
    assert task.reason == "the entity is no JSON: Object of type set is not JSON serializable"
    assert tasks.get(task.number).entity == {"repr": "{'value': {1}}"}


def test_odd_texts_and_answers_do_not_stop_what_goes_with_them(tasks: Tasks) -> None:
    tasks.add({"a": new("a\x00b", "\ud800", "c")}, {}, covers=True)
    first, second, third = tasks.claim("a", 3)
    assert [first.key, second.key] == ["a\ufffdb", "?"]
    tasks.settle(
        "a",
        [
            Settled(first.number, "failed", "said \x00", answer={"response": b"odd"}),
            Settled(second.number, "finished", answer={"response": {1}}),
            Settled(third.number, "finished", answer={"response": 2**70}),
        ],
    )
    answers = [tasks.get(one.number).answer for one in (first, second, third)]
    assert answers == [{"response": "b'odd'"}, {"response": "{1}"}, {"response": 2**70}]


def test_large_entities_make_small_batches(tasks: Tasks, state: Database) -> None:
    tasks.add({"a": [NewTask({"text": "x" * 1_500_000}) for _ in range(5)]}, {}, covers=True)
    assert rows(state, "batches") == 3


def test_results_become_tasks_of_another_queue_in_the_same_transaction(tasks: Tasks) -> None:
    number = only(tasks, "processing")
    with pytest.raises(StateError):
        tasks.settle("a", [Settled(number + 1, "finished")], results={"a results": some(2)})
    tasks.settle("a", [Settled(number, "finished")], results={"a results": some(2)})
    assert tasks.counts() == {"a": Counter(finished=1), "a results": Counter(new=2)}


def test_settling_forgets_the_intents_that_were_done(state: Database, tasks: Tasks) -> None:
    number = only(tasks, "processing")
    with JobJournal(lambda: state, "a").begin() as run:
        done, doubtful = run.intend([Intent("x", "POST /Asset"), Intent("y", "POST /Asset")])
        with state.transaction() as connection:
            connection.execute("UPDATE intents SET done = 1 WHERE number = ?", (done.number,))
        tasks.settle("a", [Settled(number, "finished")], forget=[done.number, doubtful.number])
    assert [one.number for one in Intents(state).waiting()] == [doubtful.number]


def test_settling_drops_the_answers_of_creates_that_were_told(state: Database, tasks: Tasks) -> None:
    number = only(tasks, "processing")
    with JobJournal(lambda: state, "a").begin() as run:
        made = run.intend([Intent("x", "POST /Asset"), Intent("y", "POST /Asset")])
        answer = {"status": "created", "response": {"id": 7}}
        run.keep([replace(one, done=True, id=7, answer=answer) for one in made])
        tasks.settle("a", [Settled(number, "failed")], told=[made[0].number])
        assert [(one.done, one.id, one.answer) for one in run.recorded()] == [(True, 7, None), (True, 7, answer)]


@pytest.mark.parametrize("action", ["skip", "delete"])
def test_create_in_doubt_goes_with_the_last_task_that_waits_for_it(state: Database, tasks: Tasks, action: Any) -> None:
    tasks.add({"a": some(3)}, {}, covers=True)
    first, second, third = (task.number for task in tasks.claim("a", 3))
    with JobJournal(lambda: state, "a").begin() as run:
        made = run.intend([Intent("x", "POST /Asset", [1]), Intent("y", "POST /Asset", [1])])
        run.keep([replace(one, reason="no answer") for one in made])
    shared, other = (one.number for one in made)
    doubts = [(first, shared), (second, shared), (third, other)]
    tasks.settle("a", [Settled(number, "waiting", doubts=[intent]) for number, intent in doubts])
    waiting = Intents(state).waiting
    getattr(tasks, action)(Filter(numbers=[first]))
    assert [one.number for one in waiting()] == [shared, other]
    getattr(tasks, action)(Filter(numbers=[second]))
    assert [one.number for one in waiting()] == [other]
    getattr(tasks, action)(EVERY)
    assert waiting() == []


def test_table_knows_every_status_and_leads_nowhere_else() -> None:
    assert {way.before for way in TRANSITIONS} - {None} == set(STATUSES)
    assert {way.after for way in TRANSITIONS} - {None} == set(STATUSES)
    assert len({(way.before, way.event) for way in TRANSITIONS}) == len(TRANSITIONS)
    assert after("failed", "retry") == "new"


def test_a_claim_is_limited_by_what_its_batches_hold_and_takes_the_first_in_any_case(tasks: Tasks) -> None:
    heavy = [NewTask({"n": number, "text": "x" * 1_000_000}) for number in range(10)]
    tasks.add({"a": heavy}, {}, covers=True)
    tasks.add({"a": some(250)}, {}, covers=True)
    assert [len(tasks.claim("a", 500, 5_000_000)) for _ in range(4)] == [3, 3, 254, 0]
    under_way = [task.number for task in tasks.list(Filter(statuses=["processing"]), newest_first=False)]
    tasks.settle("a", [Settled(number, "retry", due=900.0) for number in under_way])
    claims = [tasks.claim("a", 500, 1_000) for _ in range(10)]
    assert [len(claimed) for claimed in claims] == [3, 3, 3, 1, 100, 100, 50, 0, 0, 0]
