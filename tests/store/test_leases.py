"""Leases: one holder at a time in every store, free when it ends, and refused to whom another has taken over from."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from haloitsm_connector.errors import HeldError, StateError
from haloitsm_connector.store import Cursors, Database, open_state
from haloitsm_connector.store.cursors import STORE
from haloitsm_connector.store.process import is_gone, this_process


def test_name_is_held_once(place: Path | str) -> None:
    with open_state(place) as first, open_state(place) as second:
        with first.lease("a"):
            for database in (first, second):
                assert database.holder("a").startswith(f"process {os.getpid()} ")
                with (
                    pytest.raises(HeldError, match=rf"'a' is running already \(process {os.getpid()} "),
                    database.lease("a"),
                ):
                    pass
            with second.lease("b"):
                assert second.holder("b")
        assert second.holder("a") == ""
        with second.lease("a"):
            pass


def test_several_names_are_held_all_or_none(state: Database) -> None:
    with state.lease("b"):
        with pytest.raises(HeldError, match="'b'"), state.lease("a", "b", "c"):
            pass
        assert [state.holder(name) for name in "ac"] == ["", ""]
    with state.lease("c", "a", "b", "a"), pytest.raises(HeldError), state.lease("c"):
        pass
    assert [state.holder(name) for name in "abc"] == ["", "", ""]


def test_error_inside_gives_the_name_back(state: Database) -> None:
    with pytest.raises(KeyError), state.lease("a"):
        raise KeyError
    assert state.holder("a") == ""


def test_lease_that_nobody_closes_ends_when_it_is_forgotten(state: Database) -> None:
    lease = state.lease("a")
    lease.__enter__()
    del lease
    gc.collect()
    assert state.holder("a") == ""


def test_what_is_done_under_a_lease_is_done_in_the_same_state(state: Database) -> None:
    with state.lease("a") as held:
        Cursors(held).set("n", 1)
        assert Cursors(state).get("n") == 1
        assert held.rows("SELECT name FROM cursors") == [("n",)]
        assert held.holder("a") == state.holder("a") != ""
        with held.lease("b") as further:
            Cursors(further).set("n", 2)
    assert Cursors(state).get("n") == 2


def test_looking_at_a_name_takes_it_from_nobody(place: Path | str) -> None:
    with open_state(place) as database, open_state(place) as other:
        ended = threading.Event()

        def look() -> None:
            while not ended.is_set():
                other.holder("a")

        thread = threading.Thread(target=look)
        thread.start()
        try:
            for _ in range(20):
                with database.lease("a"):
                    pass
        finally:
            ended.set()
            thread.join()


HOLDER = """
import sys, time
from haloitsm_connector.store import Cursors, open_state
with open_state(sys.argv[1], lease_seconds=float(sys.argv[2])) as database, database.lease("a") as held:
    Cursors(held).set("n", 1)
    print("held", flush=True)
    sys.stdin.readline()
    Cursors(held).set("n", 2)
"""


def holder(place: Path | str, lease_seconds: float = 30.0) -> subprocess.Popen[str]:
    command = [sys.executable, "-P", "-c", HOLDER, str(place), str(lease_seconds)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout
    assert child.stdout.readline() == "held\n"
    return child


@pytest.mark.slow
def test_killed_holder_holds_nothing_any_more(place: Path | str, state: Database) -> None:
    child = holder(place)
    with pytest.raises(HeldError, match=f"process {child.pid} "), state.lease("a"):
        pass
    child.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # ended, and not yet buried by its parent
    with state.lease("a") as held:
        assert Cursors(held).get("n") == 1
    child.communicate()
    with state.lease("a"):
        pass


WORKER = """
import sys, time
from haloitsm_connector.errors import HeldError
from haloitsm_connector.store import Cursors, open_state
with open_state(sys.argv[1]) as database:
    for _ in range(int(sys.argv[2])):
        while True:
            try:
                with database.lease("count") as held:
                    number = Cursors(held).get("n") or 0  # only the lease keeps others out between this and the next
                    time.sleep(0.002)
                    Cursors(held).set("n", number + 1)
                    print(number + 1, flush=True)
                break
            except HeldError:
                time.sleep(0.005)
"""


@pytest.mark.slow
def test_processes_take_turns_and_one_that_is_killed_stops_nobody(place: Path | str) -> None:
    def worker(times: int) -> subprocess.Popen[str]:
        command = [sys.executable, "-P", "-c", WORKER, str(place), str(times)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    workers, victim = [worker(8) for _ in range(2)], worker(100_000)
    assert victim.stdout
    for _ in range(3):
        victim.stdout.readline()
    victim.kill()
    told = 3 + len(victim.communicate()[0].split())
    counted = [len(each.communicate()[0].split()) for each in workers]
    assert counted == [8, 8]
    with open_state(place) as state:
        assert Cursors(state).get("n") in (16 + told, 16 + told + 1)  # the victim may have had no time to say so


@pytest.mark.slow
def test_holder_that_was_frozen_for_too_long_is_refused(postgresql) -> None:
    address = postgresql.address()
    child = holder(address, 0.5)
    with open_state(address, lease_seconds=0.5) as state:
        child.send_signal(signal.SIGSTOP)
        taken_over(state)
        child.send_signal(signal.SIGCONT)
        _, error = child.communicate("go on\n")
        assert "longer than 0.5 s and its work was taken over" in error
        assert Cursors(state).get("n") == 1


def taken_over(state: Database) -> None:
    """Take the lease as soon as it can be had, and give it back."""
    deadline = time.monotonic() + 60
    while True:
        try:
            with state.lease("a"):
                return
        except HeldError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_lease_that_another_machine_left_behind_runs_out(postgresql) -> None:
    with open_state(postgresql.address()) as state:
        with state.transaction() as connection:
            sql = "INSERT INTO leases VALUES (?, 'o', 'process 7 on elsewhere', 'boot 1 7 9', now() + ?::interval)"
            connection.executemany(sql, [("over", "-1 second"), ("held", "1 hour")])
        assert [state.holder(name) for name in ("over", "held")] == ["", "process 7 on elsewhere"]
        with state.lease("over"):
            assert state.holder("over").startswith(f"process {os.getpid()} on ")
        with pytest.raises(HeldError, match="process 7 on elsewhere"), state.lease("held"):
            pass


def test_lease_is_renewed_for_as_long_as_it_is_held(postgresql) -> None:
    with open_state(postgresql.address(), lease_seconds=0.3) as state, state.lease("a"), state.lease("b"):
        first = state.rows("SELECT max(ends) FROM leases")[0][0]
        deadline = time.monotonic() + 60
        while min(row[0] for row in state.rows("SELECT ends FROM leases")) <= first:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_lost_lease_keeps_nothing_of_what_is_done_under_it(postgresql) -> None:
    with open_state(postgresql.address()) as state, state.lease("a", "b") as held:
        with state.transaction() as connection:
            connection.execute("UPDATE leases SET owner = 'o', who = 'process 7 on elsewhere' WHERE name = 'b'")
        with (
            pytest.raises(StateError, match="was taken over: 'b' by process 7 on elsewhere"),
            held.transaction() as connection,
        ):
            connection.execute(STORE, ("n", "1", 0))
        assert Cursors(state).list() == {}


def test_lease_outlives_a_server_that_is_started_again(postgresql) -> None:
    with open_state(postgresql.address()) as state, state.lease("a") as held:
        Cursors(held).set("n", 1)
        postgresql.kill()
        postgresql.start()
        Cursors(held).set("n", 2)
        assert Cursors(state).get("n") == 2


def test_process_is_known_while_it_runs_and_when_it_has_ended() -> None:
    script = "from haloitsm_connector.store.process import this_process; print(this_process()); input()"
    child = subprocess.Popen(
        [sys.executable, "-P", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout
    process = child.stdout.readline().strip()
    assert process
    assert not is_gone(process)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert is_gone(process)
    child.communicate()
    assert is_gone(process)
    assert not is_gone(this_process())
    where, number, began = this_process().rsplit(" ", 2)
    assert is_gone(f"{where} {number} {int(began) + 1}")
    for elsewhere in ("", "boot 1 7 9", f"other{where} {number} {began}"):
        assert not is_gone(elsewhere)
