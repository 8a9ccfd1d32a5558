"""A job in parts: whatever dies, and wherever its rows come again, nothing that was created is created again."""

from __future__ import annotations

import pytest

from haloitsm_connector.errors import HeldError
from haloitsm_connector.publisher.journal import Intent
from haloitsm_connector.store import parts_journal
from haloitsm_connector.store.parts_journal import JobInParts


@pytest.fixture
def job(state):
    job = JobInParts(state, "import")
    job.take_over()
    return job


def created(run, identity, id=None):
    (intent,) = run.intend([Intent(identity, "POST /Tickets", {"summary": identity})])
    if id is not None:
        run.keep([Intent(identity, intent.request, number=intent.number, done=True, id=id)])


def test_the_next_attempt_takes_up_what_one_left_and_no_other_part_does(job):
    with job.part(1) as run:
        created(run, "one", 7)
        created(run, "two")
    with job.part(2) as other:
        assert other.left_behind("one") is None
    with job.part(1) as again:
        assert again.left_behind("one").id == 7
        assert again.left_behind("one") is None
        assert again.left_behind("two").done is False
        assert again.left_behind("three") is None


def test_a_part_that_was_over_may_come_again(job):
    for _ in range(3):
        with job.part(1) as run:
            if not run.left_behind("one"):
                created(run, "one", 7)
    assert [intent.id for intent in run.recorded()] == [7]


def test_another_run_takes_it_up_in_any_part_and_once(job):
    with job.part(1) as run:
        created(run, "same", 7)
    with job.part(2) as run:
        created(run, "same", 8)
    job.take_over()
    with job.part(5) as run:
        assert {run.left_behind("same").id, run.left_behind("same").id} == {7, 8}
        assert run.left_behind("same") is None
    with job.part(6) as run:
        assert run.left_behind("same") is None


def test_a_job_that_is_over_forgets_what_it_created_and_keeps_what_nobody_knows(job):
    with job.part(1) as run:
        created(run, "one", 7)
        created(run, "two")
    job.end()
    job.take_over()
    with job.part(1) as run:
        assert run.left_behind("one") is None
        assert run.left_behind("two").done is False


def test_a_job_of_a_longer_name_is_another_one(job, state):
    other = JobInParts(state, "imports")
    with other.part(1) as run:
        created(run, "one", 7)
    job.end()
    with other.part(1) as run:
        assert run.left_behind("one").id == 7


def test_it_cannot_be_begun_while_a_part_of_it_goes_on(job):
    with job.part(1) as run:
        created(run, "one", 7)
        with pytest.raises(HeldError, match="'import' is running already"):
            job.take_over()


def test_an_attempt_waits_for_an_earlier_one_but_not_for_ever(job, monkeypatch):
    monkeypatch.setattr(parts_journal, "PATIENCE_SECONDS", 0.0)
    with job.part(1), pytest.raises(HeldError), job.part(1):
        pass
