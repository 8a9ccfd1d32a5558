"""What every store of state promises: kept when committed, shared by threads and processes, refused when not ours."""

from __future__ import annotations

import gc
import inspect
import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from haloitsm_connector.errors import ConnectorError, InputError, StateError
from haloitsm_connector.store import Cursors, Database, open_state, state_of
from haloitsm_connector.store.cursors import STORE
from haloitsm_connector.store.schema import MIGRATIONS, for_postgresql


def test_what_is_committed_is_there_when_the_state_is_opened_again(place: Path | str) -> None:
    for number in range(3):
        with open_state(place) as database:
            cursors = Cursors(database)
            assert cursors.get("n") == (number - 1 if number else None)
            cursors.set("n", number)


def test_transaction_that_fails_leaves_nothing(state: Database) -> None:
    with pytest.raises(StateError, match=r"(?i)unique"), state.transaction() as connection:
        connection.executemany("INSERT INTO cursors VALUES ('a', ?, 0)", [("1",), ("2",)])
    assert Cursors(state).list() == {}
    Cursors(state).set("a", 1)
    with suppress(KeyError), state.transaction() as connection:
        connection.execute("DELETE FROM cursors")
        raise KeyError
    assert Cursors(state).list() == {"a": 1}


def test_error_of_what_is_done_inside_stays_what_it_is(state: Database) -> None:
    with pytest.raises(FileNotFoundError), state.transaction():
        Path("/nowhere/at all").read_text()


def test_transaction_sees_what_it_did(state: Database) -> None:
    with state.transaction() as connection:
        connection.execute(STORE, ("a", "1", 0.5))
        assert state.rows("SELECT name, value, stored FROM cursors") == [("a", "1", 0.5)]
        changed = connection.execute("UPDATE cursors SET value = ? WHERE name = ? RETURNING value, stored", ("2", "a"))
        assert changed.fetchall() == [("2", 0.5)]
        assert connection.execute("UPDATE cursors SET value = '3'").rowcount == 1
        assert connection.execute("SELECT value FROM cursors").fetchone() == ("3",)
        assert list(connection.execute("SELECT value FROM cursors WHERE name = ?", ("b",))) == []


def test_statement_means_the_same_in_every_store(state: Database) -> None:
    with state.transaction() as connection:
        connection.executemany(STORE, [(name, "10", 0) for name in ("a%", "A_", "é", "Z?")])
    assert state.rows("SELECT name FROM cursors ORDER BY name") == [("A_",), ("Z?",), ("a%",), ("é",)]
    assert state.rows("SELECT '?''%', name FROM cursors WHERE name = ?", ("a%",)) == [("?'%", "a%")]
    ((total, count, mean, text),) = state.rows(
        "SELECT sum(length(value)), count(*), avg(length(value)), max(name) FROM cursors WHERE stored < ?", (1,)
    )
    assert (total, type(total), count, mean, text) == (8, int, 4, 2.0, "é")


def test_bytes_text_and_numbers_come_back_as_they_were(state: Database) -> None:
    row = (2**62, -0.1, "naïve \U0001f600\n'\0", b"\0\xff", None)
    blob = for_postgresql("BLOB") if state.place.startswith("postgresql") else "BLOB"
    with state.transaction() as connection:
        connection.execute(f"CREATE TEMP TABLE kept (a BIGINT, b DOUBLE PRECISION, c TEXT, d {blob}, e {blob})")
        connection.execute("INSERT INTO kept VALUES (?, ?, ?, ?, ?)", row)
        connection.executemany("INSERT INTO kept VALUES (?, ?, ?, ?, ?)", [row])
        assert connection.execute("SELECT * FROM kept").fetchall() == [row, row]


def count(database: Database) -> None:
    for _ in range(25):
        with database.transaction(durable=False) as connection:
            found = connection.execute("SELECT value FROM cursors WHERE name = 'n'").fetchone()
            number = int(found[0]) if found else 0
            connection.execute(STORE, ("n", str(number + 1), 0))


def test_threads_share_one_database(state: Database) -> None:
    threads = [threading.Thread(target=count, args=(state,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Cursors(state).get("n") == 100


COUNTING = f"""
from __future__ import annotations
import sys
from haloitsm_connector.store import open_state
from haloitsm_connector.store.cursors import STORE
{inspect.getsource(count)}
with open_state(sys.argv[1]) as database:
    count(database)
"""


@pytest.mark.slow
def test_processes_make_and_share_one_state(place: Path | str) -> None:
    children = [subprocess.Popen([sys.executable, "-P", "-c", COUNTING, str(place)]) for _ in range(4)]
    assert [child.wait() for child in children] == [0] * 4
    with open_state(place) as database:
        assert Cursors(database).get("n") == 100


def test_fork_and_close_are_told(place: Path | str) -> None:
    database = open_state(place)
    database._process = os.getpid() + 1
    with pytest.raises(StateError, match="before the process forked"):
        database.rows("SELECT 1")
    with pytest.raises(StateError, match="before the process forked"), database.transaction():
        pass
    database._process = os.getpid()
    database.close()
    database.close()
    with pytest.raises(StateError, match="is closed"):
        database.rows("SELECT 1")


def test_state_that_nobody_closes_does_no_harm(place: Path | str) -> None:
    Cursors(open_state(place)).set("a", 1)
    gc.collect()
    with open_state(place) as database:
        assert Cursors(database).get("a") == 1


def test_state_of_a_later_version_is_refused_and_left_alone(place: Path | str) -> None:
    with open_state(place) as database, open_state(place) as other:
        Cursors(database).set("a", 1)
        make_later(database)
        with pytest.raises(StateError, match="later version"):
            open_state(place)
        with pytest.raises(StateError, match="later version"):
            Cursors(other).set("a", 2)
        assert Cursors(database).get("a") == 1


def make_later(database: Database) -> None:
    with database.transaction() as connection:
        if database.place.startswith("postgresql"):
            connection.execute("UPDATE version SET version = ?", (len(MIGRATIONS) + 1,))
        else:
            connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")


def test_cursor_can_be_replaced_and_forgotten(state: Database) -> None:
    cursors = Cursors(state)
    cursors.set("b", {"since": "2026-01-01", "keys": [1, 2]})
    cursors.set("a", None)
    cursors.set("b", 2)
    assert list(cursors.list().items()) == [("a", None), ("b", 2)]
    cursors.delete("b")
    cursors.delete("b")
    assert cursors.list() == {"a": None}


def test_state_is_where_it_was_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = state_of(tmp_path / "halo.yaml")
    assert str(own).startswith(os.environ["HALOITSM_STATE_DIR"])
    monkeypatch.setenv("HALOITSM_STATE", "postgresql://halo@db/state")
    assert state_of(tmp_path) == "postgresql://halo@db/state"
    assert state_of(tmp_path / "halo.yaml", {}) == own
    assert state_of(tmp_path, {"HALOITSM_STATE": "a.sqlite"}) == "a.sqlite"


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://halo:se%crect@db/state",
        "postgresql://halo:secret@db:x/state?nonsense=secret",
        "postgres://halo:secret@[db/state",
    ],
)
def test_address_that_is_none_is_refused_without_its_secrets(address: str) -> None:
    with pytest.raises(ConnectorError) as told:
        open_state(address)
    assert "not one of a PostgreSQL database" in str(told.value) or not isinstance(told.value, InputError)
    assert "se" + "cr" not in str(told.value)
    assert told.value.__cause__ is None


def test_a_transaction_inside_of_another_is_a_part_of_it(state: Database) -> None:
    with state.transaction(durable=False):
        Cursors(state).set("a", 1)
        with state.transaction() as connection:
            connection.execute(STORE, ("b", "2", 0.0))
        assert Cursors(state).list() == {"a": 1, "b": 2}
    with suppress(KeyError), state.lease("job") as held, held.transaction():
        Cursors(state).set("a", 3)
        with held.transaction() as connection:
            connection.execute("DELETE FROM cursors WHERE name = 'b'")
        raise KeyError
    assert Cursors(state).list() == {"a": 1, "b": 2}
