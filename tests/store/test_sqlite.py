"""State files: made privately and at once, and told plainly when they cannot be used."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from haloitsm_connector.errors import StateError
from haloitsm_connector.store import Cursors, open_state, sqlite


def test_new_file_and_its_folder_belong_to_this_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "state.sqlite"
    with open_state(path) as database, database.transaction():
        modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
        assert set(modes) == {"state.sqlite", "state.sqlite-wal", "state.sqlite-shm"}
        assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_new_file_has_large_pages(tmp_path: Path) -> None:
    with open_state(tmp_path / "state") as database:
        assert database.rows("PRAGMA page_size") == [(16384,)]


def test_file_that_another_process_made_first_stays(tmp_path: Path) -> None:
    path = tmp_path / "state"
    with open_state(path) as database:
        Cursors(database).set("a", 1)
    (tmp_path / "new").touch()
    sqlite._put(tmp_path / "new", path)
    with open_state(path) as database:
        assert Cursors(database).get("a") == 1


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


@pytest.mark.parametrize("size", [0, 1, 99, 100, 5000, 16384, 20000, -16384, -1])
def test_truncated_file_is_refused_and_left_alone(tmp_path: Path, size: int) -> None:
    path = tmp_path / "state"
    with open_state(path) as database:
        for number in range(100):
            Cursors(database).set(f"name {number}", "x" * 2000)
    content = path.read_bytes()[: size or None] if size else b""
    path.write_bytes(content)
    with pytest.raises(StateError, match=r"is cut off|is damaged"):
        open_state(path)
    assert path.read_bytes() == content


def test_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "state"
    with open_state(path) as database:
        for number in range(500):
            Cursors(database).set(f"name {number}", "x" * 200)
    content = path.read_bytes()
    path.write_bytes(content[:16384] + b"\xff" * (len(content) - 16384))
    with pytest.raises(StateError, match="is damaged"), open_state(path) as database:
        Cursors(database).list()


def test_folder_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match="cannot be used"):
        open_state(tmp_path / "file" / "state")
    with pytest.raises(StateError, match="cannot be opened"):
        open_state(tmp_path)


def test_names_are_held_in_the_file_whatever_way_leads_there(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "state")
    with open_state(tmp_path / "state") as one, open_state(tmp_path / "link") as other:
        with one.lease("a"):
            assert other.holder("a")
        assert not other.holder("a")


def test_file_that_another_program_keeps_locked_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.05)
    path = tmp_path / "state"
    with open_state(path) as database:
        cursors = Cursors(database)
        cursors.set("a", 1)
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StateError, match=r"was locked for 0\.05 s"):
            cursors.set("a", 2)
        assert cursors.get("a") == 1
        other.execute("ROLLBACK")
        other.close()
        cursors.set("a", 2)
        assert cursors.get("a") == 2


def test_full_file_is_told_and_what_was_there_stays(tmp_path: Path) -> None:
    with open_state(tmp_path / "state") as database:
        cursors = Cursors(database)
        cursors.set("kept", 1)
        ((pages,),) = database.rows("PRAGMA page_count")
        database.rows(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StateError, match="no room left"):
            cursors.set("large", "x" * 100_000)
        assert cursors.list() == {"kept": 1}


@pytest.mark.slow
def test_disk_that_takes_no_more_is_told_and_what_was_kept_is_kept(tmp_path: Path) -> None:
    """The system itself refuses to let a file grow, in the middle of a transaction, and of making the file."""
    program = """
import resource, signal, sys
from haloitsm_connector.errors import StateError
from haloitsm_connector.store import Cursors, open_state
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
path, room = sys.argv[1], int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
kept = 0
try:
    with open_state(path) as database:
        for number in range(1000):
            Cursors(database).set(f"n {number:03}", "x" * 5000)
            kept = number + 1
except StateError as error:
    print(kept, error)
"""
    for room in (0, 50_000, 1_000_000):
        path = tmp_path / f"state {room}"
        command = [sys.executable, "-P", "-c", program, str(path), str(room)]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        kept = int(said.split()[0])
        assert "no room left" in said or "cannot be read or written" in said
        assert (kept > 0) is (room == 1_000_000)
        with open_state(path) as database:
            assert len(Cursors(database).list()) >= kept
        assert [each for each in tmp_path.iterdir() if each.name.startswith(".")] == []
