"""State files: made privately, shared by threads and processes, and told plainly when they cannot be used."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from haloitsm_connector.errors import StateError
from haloitsm_connector.store import Cursors, Database, open_state
from haloitsm_connector.store.cursors import STORE
from haloitsm_connector.store.schema import MIGRATIONS


def test_new_file_and_its_folder_belong_to_this_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "state.sqlite"
    with open_state(path) as database, database.transaction():
        modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
        assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_what_is_committed_is_there_when_the_file_is_opened_again(tmp_path: Path) -> None:
    for number in range(3):
        with open_state(tmp_path / "state") as database:
            cursors = Cursors(database)
            assert cursors.get("n") == (number - 1 if number else None)
            cursors.set("n", number)


def test_transaction_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with open_state(tmp_path / "state") as database:
        with pytest.raises(StateError, match="UNIQUE"), database.transaction() as connection:
            connection.executemany("INSERT INTO cursors VALUES ('a', ?, 0)", [("1",), ("2",)])
        assert Cursors(database).list() == {}


def test_threads_share_one_database(tmp_path: Path) -> None:
    with open_state(tmp_path / "state") as database:
        threads = [threading.Thread(target=count, args=(database,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert Cursors(database).get("n") == 100


def count(database: Database) -> None:
    for _ in range(25):
        with database.transaction(durable=False) as connection:
            found = connection.execute("SELECT value FROM cursors WHERE name = 'n'").fetchone()
            number = int(found[0]) if found else 0
            connection.execute(STORE, ("n", str(number + 1), 0))


@pytest.mark.slow
def test_processes_make_and_share_one_file(tmp_path: Path) -> None:
    path = tmp_path / "state"
    script = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); from test_database import *\n"
    script += f"with open_state({str(path)!r}) as database: count(database)"
    children = [subprocess.Popen([sys.executable, "-P", "-c", script]) for _ in range(6)]
    assert [child.wait() for child in children] == [0] * 6
    with open_state(path) as database:
        assert Cursors(database).get("n") == 150


def test_fork_and_close_are_told(tmp_path: Path) -> None:
    database = open_state(tmp_path / "state")
    database._process = os.getpid() + 1
    with pytest.raises(StateError, match="before the process forked"):
        database.rows("SELECT 1")
    database._process = os.getpid()
    database.close()
    database.close()
    with pytest.raises(StateError, match="is closed"):
        database.rows("SELECT 1")


def test_file_of_another_kind_is_named_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.write_text("name,serial\n" * 200)
    with pytest.raises(StateError, match="is not a state file"):
        open_state(path)
    assert path.read_text() == "name,serial\n" * 200


def test_database_of_another_program_is_named_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE things (name)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(StateError, match="of another program"):
        open_state(path)
    assert path.read_bytes() == before


def test_file_of_a_later_version_is_refused(tmp_path: Path) -> None:
    with open_state(tmp_path / "state") as database, database.transaction() as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.raises(StateError, match="later version"):
        open_state(tmp_path / "state")


def test_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "state"
    with open_state(path) as database:
        for number in range(500):
            Cursors(database).set(f"name {number}", "x" * 200)
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    with pytest.raises(StateError, match="is damaged"), open_state(path) as database:
        Cursors(database).list()


def test_folder_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match="cannot be used"):
        open_state(tmp_path / "file" / "state")
    with pytest.raises(StateError, match="cannot be opened"):
        open_state(tmp_path)


def test_full_disk_is_told_and_what_was_there_stays(tmp_path: Path) -> None:
    with open_state(tmp_path / "state") as database:
        cursors = Cursors(database)
        cursors.set("kept", 1)
        ((pages,),) = database.rows("PRAGMA page_count")
        database.rows(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StateError, match="no room left"):
            cursors.set("large", "x" * 100_000)
        assert cursors.list() == {"kept": 1}


def test_cursor_can_be_replaced_and_forgotten(tmp_path: Path) -> None:
    with open_state(tmp_path / "state") as database:
        cursors = Cursors(database)
        cursors.set("b", {"since": "2026-01-01", "keys": [1, 2]})
        cursors.set("a", None)
        cursors.set("b", 2)
        assert list(cursors.list().items()) == [("a", None), ("b", 2)]
        cursors.delete("b")
        cursors.delete("b")
        assert cursors.list() == {"a": None}
