"""Which of the waiting jobs begin."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from haloitsm_connector.serve.agenda import LATER, Job, beginning

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
JOBS = st.builds(
    lambda name, minutes, groups, priority: Job(
        "schedule", name, NOON + timedelta(minutes=minutes), tuple(map(tuple, groups)), priority
    ),
    st.sampled_from("abcdef"),
    st.integers(0, 5),
    st.lists(st.lists(st.sampled_from("uvwxyz"), min_size=1, max_size=2), min_size=1, max_size=2),
    st.sampled_from(sorted(LATER)),
)


def test_higher_priorities_come_first_and_then_who_waits_longest():
    old, new = NOON, NOON + timedelta(minutes=1)
    jobs = [Job("schedule", "c", old, (("c",),), "low"), Job("schedule", "b", new, (("b",),)),
            Job("schedule", "a", old, (("a",),)), Job("schedule", "d", new, (("d",),), "high")]  # fmt: skip
    assert [job.name for job in beginning(jobs, [], 9)] == ["d", "a", "b", "c"]
    assert [job.name for job in beginning(jobs, [], 2)] == ["d", "a"]


def test_who_waits_for_a_route_does_not_hold_up_those_behind_it():
    running = Job("schedule", "a", NOON, (("tickets",),))
    waiting = [Job("arrived", "b", NOON, (("tickets",),), "high"), Job("due", "c", NOON, (("customers",),))]
    assert [job.name for job in beginning(waiting, [running], 2)] == ["c"]


def test_who_has_waited_long_enough_comes_before_whatever_is_new():
    busy = [Job("arrived", name, NOON, ((name,),), "high") for name in "abcd"]
    for priority in ("medium", "low"):
        patient = Job("schedule", "p", NOON - LATER[priority], (("p",),), priority)
        impatient = Job("schedule", "i", NOON - LATER[priority] + timedelta(seconds=1), (("i",),), priority)
        assert beginning([*busy, patient, impatient], [], 5) == [*busy, patient]
        later = [Job("arrived", name, NOON + timedelta(seconds=1), ((name,),), "high") for name in "abcd"]
        assert beginning([*later, patient], [], 1) == [patient]


def test_who_needs_several_routes_gets_them_though_each_is_busy_again_and_again():
    running = Job("arrived", "a", NOON, (("a",),), "high")
    nightly = Job("schedule", "nightly", NOON - timedelta(hours=1), (("a",), ("b",)))
    assert beginning([Job("arrived", "b", NOON, (("b",),), "high"), nightly], [running], 4) == []


@settings(max_examples=100, deadline=None)
@given(waiting=st.lists(JOBS, max_size=8), running=st.lists(JOBS, max_size=3), most=st.integers(1, 6))
def test_there_are_never_too_many_nor_two_at_one_route_and_none_waits_for_nothing(waiting, running, most):
    begun = beginning(waiting, running, most)
    assert len(begun) <= max(0, most - len(running))
    for number, job in enumerate(begun):
        for other in [*running, *begun[:number]]:
            assert not job.routes & other.routes
            assert job.name != other.name
    if len(running) + len(begun) < most:
        order = sorted(waiting, key=lambda job: (job.since + LATER[job.priority], str(job)))
        for number, job in enumerate(order):
            ahead = [*running, *begun, *order[:number]]
            assert job in begun or any(job.name == other.name or job.routes & other.routes for other in ahead)
