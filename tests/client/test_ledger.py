"""What a request budget decides, under a clock of the test's own."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haloitsm_connector.client import ledger
from haloitsm_connector.client.ledger import Lease, Ledger, Rules

HALO = Rules(300, 300.0)
START = 1_770_000_000.0


@dataclass
class Machine:
    """Processes that share one ledger; ``true`` is the time that passes, the clock of the wall may be set back."""

    rules: Rules
    true: float = START
    behind: float = 0.0
    text: bytes = b"[0,0,0]"
    leases: dict[int, Lease] = field(default_factory=lambda: {number: Lease() for number in range(3)})
    arrivals: list[float] = field(default_factory=list)

    @property
    def wall(self) -> float:
        return self.true - self.behind

    def read(self) -> Ledger:
        return ledger.current(Ledger.read(self.text), self.rules, self.wall)

    def send(self, process: int, latency: float = 0.0) -> bool:
        if not self.leases[process].take(self.wall):
            known = ledger.give_back(self.read(), self.leases[process])
            known, self.leases[process] = ledger.lease(known, self.rules, self.wall)
            self.text = known.text()
            if not self.leases[process].take(self.wall):
                return False
        self.arrivals.append(self.true + latency * max(0.25, self.rules.window_seconds / 100))
        return True

    def refuse(self, asked: float | None, full: bool) -> None:
        self.text = ledger.refused(self.read(), self.rules, self.wall, asked_seconds=asked, full=full).text()

    def close(self, process: int) -> None:
        self.text = ledger.give_back(self.read(), self.leases[process]).text()
        self.leases[process] = Lease()

    def wait(self) -> float:
        return ledger.wait_seconds(self.read(), self.rules, self.wall)

    def fullest_window(self) -> int:
        """The most requests that came in any window, by the server's count."""
        came = sorted(self.arrivals)
        first = 0
        most = 0
        for last, moment in enumerate(came):
            while came[first] <= moment - self.rules.window_seconds:
                first += 1
            most = max(most, last - first + 1)
        return most


processes = st.integers(0, 2)
seconds = st.floats(0, 400)
events = st.one_of(
    st.tuples(st.just("send"), processes, st.integers(1, 40), st.floats(0, 1)),
    st.tuples(st.just("pass"), st.floats(0, 20) | seconds),
    st.tuples(st.just("refuse"), st.none() | st.floats(0, 5000), st.booleans()),
    st.tuples(st.just("close"), processes),
    st.tuples(st.just("kill"), processes),
    st.tuples(st.just("set back"), seconds | st.floats(0, 1e6)),
)
any_rules = st.builds(Rules, st.integers(1, 60) | st.just(300), st.sampled_from([1.0, 2.0, 60.0, 300.0]))


def happen(machine: Machine, history) -> None:
    for event in history:
        match event:
            case "send", process, count, latency:
                for _ in range(count):
                    machine.send(process, latency)
            case "pass", time:
                machine.true += time
            case "refuse", asked, full:
                machine.refuse(asked, full)
            case "close", process:
                machine.close(process)
            case "kill", process:
                machine.leases[process] = Lease()
            case "set back", time:
                machine.behind += time


@settings(max_examples=150)
@given(rules=any_rules, history=st.lists(events, max_size=40))
def test_no_window_ever_holds_more_than_the_budget_and_nothing_freezes(rules, history):
    machine = Machine(rules)
    happen(machine, history)
    started = machine.true
    while not machine.send(0):
        wait = machine.wait()
        machine.true += wait + 1e-6
        assert machine.true - started <= rules.counted_seconds + 3 * rules.step_seconds
    assert machine.fullest_window() <= rules.requests


@given(rules=any_rules, after=st.floats(0, 1))
def test_a_burst_uses_the_whole_window(rules, after):
    machine = Machine(rules, true=START + after)
    sent = 0
    while machine.send(0):
        sent += 1
    assert sent == rules.requests
    machine.true += rules.counted_seconds + 2 * rules.step_seconds + 1e-6  # a float of today is that coarse
    assert all(machine.send(0) for _ in range(rules.requests))


def test_a_long_run_settles_at_the_rate_of_the_budget():
    machine = Machine(HALO)
    while machine.true < START + 20 * HALO.window_seconds:
        for process in range(3):
            while machine.send(process):
                pass
        machine.true += machine.wait() + 0.5
    assert len(machine.arrivals) > 0.97 * 20 * HALO.requests
    assert machine.fullest_window() <= HALO.requests


def test_slots_in_advance_are_few_when_it_gets_tight():
    known, at_first = ledger.lease(Ledger(), HALO, START)
    assert at_first.count == 10
    _, later = ledger.lease(Ledger({START: 290}), HALO, START)
    assert later.count == 1
    _, none = ledger.lease(Ledger({START: 300}), HALO, START)
    assert none.count == 0
    assert ledger.left(ledger.give_back(known, at_first), HALO, START) == 300


def test_slots_in_advance_expire():
    _, lease = ledger.lease(Ledger(), HALO, START)
    assert lease.take(START)
    assert not lease.take(lease.until)
    assert lease.until <= START + 2 * HALO.step_seconds
    assert not lease.take(START - 1)  # the clock was set back


def pauses(*times: float, asked: float | None = None) -> list[float]:
    """How long everybody pauses after refusals at these times."""
    known, found = Ledger(), []
    for time in times:
        known = ledger.refused(known, HALO, START + time, asked_seconds=asked, full=True)
        found.append(known.not_before - START - time)
    return found


def test_a_refusal_pauses_everybody_and_the_next_ones_longer_up_to_a_minute():
    assert pauses(0) == [10]
    assert pauses(0, 10, 30, 70, 130) == [10, 20, 40, 60, 60]
    assert pauses(0, 25) == [10, 10]


def test_refusals_of_what_was_on_its_way_do_not_add_up():
    assert pauses(0, 1, 2, 9) == [10, 9, 8, 1]


def test_a_retry_after_is_kept_to_for_no_longer_than_a_window():
    assert pauses(0, asked=90) == [90]
    assert pauses(0, asked=86_400) == [300]
    assert pauses(0, asked=0) == [10]


def test_the_count_of_the_server_wins():
    known = Ledger({START - 1: 20})
    known = ledger.refused(known, HALO, START, asked_seconds=5, full=True)
    assert ledger.used(known, HALO, START) == 300
    assert ledger.left(known, HALO, START + 4) == 0
    freed = [ledger.left(known, HALO, START + time) for time in (15, 75, 150, 295)]
    assert freed == sorted(freed)
    assert 1 <= freed[0] <= 15
    assert 260 <= freed[-1] <= 280


def test_a_server_that_is_only_busy_does_not_fill_the_budget():
    known = ledger.refused(Ledger(), HALO, START, asked_seconds=30, full=False)
    assert ledger.left(known, HALO, START + 29) == 0
    assert ledger.left(known, HALO, START + 30) == 300


def test_who_counts_over_a_longer_window_finds_everything():
    quick, slow = Rules(10, 10.0), Rules(300, 300.0)
    known = ledger.current(Ledger({START: 5}), slow, START)
    later = ledger.current(known, quick, START + 100)
    assert ledger.used(later, quick, START + 100) == 0
    assert ledger.used(later, slow, START + 100) == 5


@pytest.mark.parametrize("text", [b"{", b"[]", b"5", b'["x",0,0]', b"[0,0,1e300]", b"[0,0,0,[1,-5]]", b"[0,0,0,[1]]"])
def test_what_is_no_ledger_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        Ledger.read(text)


@given(st.binary())
def test_any_bytes_are_a_ledger_or_refused(text):
    with contextlib.suppress(ValueError):
        assert isinstance(Ledger.read(text), Ledger)


numbers = st.floats(allow_nan=False, allow_infinity=False)


@given(st.builds(Ledger, st.dictionaries(numbers, st.integers(0, 10**6)), numbers, numbers, st.floats(0, 600)))
def test_whatever_a_ledger_says_nobody_waits_much_longer_than_a_window(known):
    read = Ledger.read(known.text())
    assert read == known
    wait = ledger.wait_seconds(ledger.current(read, HALO, START), HALO, START)
    assert wait <= HALO.counted_seconds + 6
