"""The journal of jobs: what a run leaves behind, what the next one finds, and what people decide."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from haloitsm_connector.errors import InputError, StateError
from haloitsm_connector.publisher.journal import Intent
from haloitsm_connector.store import Database, Intents, JobJournal, journal, open_state


class CutOff(Exception):  # noqa: N818
    """What ends a run in the middle."""


def job(state: Database, name: str = "import") -> JobJournal:
    return JobJournal(lambda: state, name)


def intent(identity: str, **known: Any) -> Intent:
    return Intent(identity, "POST /Asset", [{"inventory_number": identity}], **known)


def test_run_that_is_cut_off_leaves_its_intents_to_the_next(state: Database) -> None:
    with suppress(CutOff), job(state).begin() as run:
        done, _ = run.intend([intent("a"), intent("b")])
        run.keep([replace(done, done=True, id=7)])
        raise CutOff
    with job(state).begin() as run:
        first, second = run.left_behind("a"), run.left_behind("b")
        assert first
        assert second
        assert (first.done, first.id, second.done, second.payload) == (True, 7, False, [{"inventory_number": "b"}])
        assert run.left_behind("a") is None
        assert run.left_behind("c") is None


def test_answer_of_what_was_created_is_kept_whole(state: Database) -> None:
    answer = {"status": "created", "response": {"id": 7, "data_base64": "x" * 200_000}}
    with suppress(CutOff), job(state).begin() as run:
        (made,) = run.intend([intent("a")])
        run.keep([replace(made, done=True, id=7, answer=answer)])
        raise CutOff
    with job(state).begin() as run:
        left = run.left_behind("a")
        assert left
        assert (left.done, left.id, left.answer, left.payload) == (True, 7, answer, None)


def test_run_that_ends_forgets_what_was_done_and_keeps_what_is_unknown(state: Database) -> None:
    with job(state).begin() as run:
        done, lost = run.intend([intent("a"), intent("b")])
        run.keep([replace(done, done=True, id=7), replace(lost, reason="no answer")])
    with job(state).begin() as run:
        assert run.left_behind("a") is None
        left = run.left_behind("b")
        assert left
        assert left.reason == "no answer"


def test_equal_creates_are_counted_one_by_one(state: Database) -> None:
    with suppress(CutOff), job(state).begin() as run:
        first, _ = run.intend([intent("same"), intent("same")])
        run.keep([replace(first, done=True, id=1)])
        raise CutOff
    with job(state).begin() as run:
        found = [run.left_behind("same") for _ in range(3)]
        assert [one and one.done for one in found] == [True, False, None]


def test_own_intents_are_not_left_behind(state: Database) -> None:
    with job(state).begin() as run:
        run.intend([intent("a")])
        assert run.left_behind("a") is None


def test_jobs_do_not_see_each_other(state: Database) -> None:
    with suppress(CutOff), job(state, "one").begin() as run:
        run.intend([intent("a")])
        raise CutOff
    with job(state, "two").begin() as run:
        assert run.left_behind("a") is None


def test_job_runs_once_at_a_time(state: Database) -> None:
    with job(state).begin():
        with pytest.raises(StateError, match=rf"'import' is running already \(process {os.getpid()} "):
            job(state).begin().__enter__()
        with job(state, "other").begin():
            pass
    with job(state).begin():
        pass


def test_run_that_nobody_closes_ends_when_it_is_forgotten(place: Path | str) -> None:
    begun = journal(place, "import").begin()
    begun.__enter__().intend([intent("a")])
    del begun
    gc.collect()
    with journal(place, "import").begin() as run:
        assert run.left_behind("a")


@pytest.mark.slow
def test_killed_process_holds_its_job_no_more(place: Path | str) -> None:
    script = f"""
import sys, time
from haloitsm_connector import journal
from haloitsm_connector.publisher.journal import Intent
with journal({str(place)!r}, "import").begin() as run:
    run.intend([Intent("a", "POST /Asset")])
    print("begun", flush=True)
    time.sleep(60)
"""
    child = subprocess.Popen([sys.executable, "-P", "-c", script], stdout=subprocess.PIPE, text=True)
    assert child.stdout
    assert child.stdout.readline() == "begun\n"
    with pytest.raises(StateError, match="running already"):
        journal(place, "import").begin().__enter__()
    with open_state(place) as state:
        assert Intents(state).waiting() == []
    child.send_signal(signal.SIGKILL)
    child.communicate()
    with open_state(place) as state:
        assert [one.identity for one in Intents(state).waiting()] == ["a"]
    with journal(place, "import").begin() as run:
        assert run.left_behind("a")


def test_people_settle_what_waits(state: Database) -> None:
    with job(state).begin() as run:
        kept = run.intend([intent("a"), intent("b")])
        run.keep([replace(one, reason="no answer") for one in kept])
    intents = Intents(state)
    first, second = intents.waiting()
    assert (first.job, first.reason, first.request) == ("import", "no answer", "POST /Asset")
    intents.created(first.number, {"id": 7})
    intents.again(second.number)
    assert intents.waiting() == []
    with job(state).begin() as run:
        left = run.left_behind("a")
        assert left
        assert (left.done, left.id) == (True, {"id": 7})
        assert run.left_behind("b") is None
    for decide in (intents.created, intents.again):
        with pytest.raises(InputError, match="no create with number"):
            decide(first.number)


def test_large_payload_is_not_kept(state: Database) -> None:
    with job(state).begin() as run:
        run.keep(
            [
                replace(one, reason="no answer")
                for one in run.intend([Intent("file", "POST /Attachment", [{"data_base64": "x" * 200_000}])])
            ]
        )
    (waiting,) = Intents(state).waiting()
    assert waiting.payload is None


def test_no_room_on_disk_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    with open_state(tmp_path / "state") as state, suppress(StateError), job(state).begin() as run:
        ((pages,),) = state.rows("PRAGMA page_count")
        state.rows(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StateError, match="no room left"):
            run.intend([Intent(str(number), "POST /Asset", "x" * 5_000) for number in range(100)])


def test_intents_keep_their_order_and_their_numbers(state: Database) -> None:
    with suppress(CutOff), job(state).begin() as run:
        first = run.intend([intent(name) for name in "abc"])
        second = run.intend([intent("d")])
        assert [one.identity for one in first + second] == ["a", "b", "c", "d"]
        numbers = [one.number for one in first + second]
        assert numbers == sorted(set(numbers))
        raise CutOff
    with job(state).begin() as run:
        left = [run.left_behind(name) for name in "ca"]
        again = run.intend([left[0], intent("e"), left[1]])
        assert [one.number for one in again if one.identity != "e"] == [numbers[2], numbers[0]]
        assert again[1].number > max(numbers)
        rows = state.rows("SELECT identity, number FROM intents ORDER BY number")
        assert rows == [*zip("abcd", numbers, strict=True), ("e", again[1].number)]


class Journals(RuleBasedStateMachine):
    """A job that is run, cut off and run again, against a plain model of what is on record."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self.database = database
        with database.transaction(durable=False) as connection:
            connection.execute("DELETE FROM intents")
        self.model: dict[int, tuple[str, bool]] = {}
        self.taken: set[int] = set()
        self.begin()

    def begin(self) -> None:
        self.context = job(self.database).begin()
        self.run = self.context.__enter__()
        self.earlier = set(self.model)
        self.taken = set()

    @rule(identity=st.sampled_from("abc"))
    def intend(self, identity: str) -> None:
        (made,) = self.run.intend([intent(identity)])
        self.model[made.number] = (identity, False)

    @rule(index=st.integers(0, 20))
    def settle(self, index: int) -> None:
        number = self._known(index)
        if number in self.model and (number not in self.earlier or number in self.taken):
            identity, _ = self.model[number]
            self.run.keep([intent(identity, number=number, done=True, id=number)])
            self.model[number] = (identity, True)

    @rule(index=st.integers(0, 20))
    def forget(self, index: int) -> None:
        number = self._known(index)
        if number in self.model and (number not in self.earlier or number in self.taken):
            self.run.forget([intent(self.model.pop(number)[0], number=number)])

    def _known(self, index: int) -> int:
        return sorted(self.model)[index] if index < len(self.model) else 0

    @rule(identity=st.sampled_from("abc"))
    def look(self, identity: str) -> None:
        possible = [
            (not done, number)
            for number, (name, done) in self.model.items()
            if name == identity and number in self.earlier - self.taken
        ]
        found = self.run.left_behind(identity)
        assert (found and (not found.done, found.number)) == min(possible, default=None)
        if found:
            self.taken.add(found.number)

    @rule()
    def end(self) -> None:
        self.context.__exit__(None, None, None)
        self.model = {number: kept for number, kept in self.model.items() if not kept[1]}
        self.begin()

    @rule()
    def cut_off(self) -> None:
        with suppress(CutOff):
            self.context.__exit__(CutOff, CutOff(), None)
        self.begin()

    @invariant()
    def the_record_is_that_of_the_model(self) -> None:
        rows = self.database.rows("SELECT number, identity, done FROM intents")
        assert {number: (identity, bool(done)) for number, identity, done in rows} == self.model

    def teardown(self) -> None:
        with suppress(CutOff):
            self.context.__exit__(CutOff, CutOff(), None)


@pytest.mark.slow
def test_journal_does_what_its_model_does(state: Database) -> None:
    few = settings(max_examples=25, stateful_step_count=30, deadline=None)
    run_state_machine_as_test(lambda: Journals(state), settings=few)


def test_what_jobs_created_long_ago_can_be_forgotten_by_the_beginning_of_their_names(state: Database) -> None:
    for name in ("host one", "host two", "another"):
        with suppress(CutOff), job(state, name).begin() as run:
            run.keep([replace(run.intend([intent("a")])[0], done=True, id=7)])
            run.intend([intent("b")])
            raise CutOff
    Intents(state).forget_created("host ", before=time.time() - 60)
    with job(state, "host one").begin() as run:
        assert [one.identity for one in run.recorded()] == ["a", "b"]
    Intents(state).forget_created("host ", before=time.time() + 60)
    with job(state, "host two").begin() as run:
        assert [one.identity for one in run.recorded()] == ["b"]
    with job(state, "another").begin() as run:
        assert [one.identity for one in run.recorded()] == ["a", "b"]
