"""A state that an earlier release wrote is brought up to date as it is opened, with all that is in it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from haloitsm_connector.errors import StateError
from haloitsm_connector.publisher.journal import Intent
from haloitsm_connector.store import Cursors, Database, Intents, KeptStorage, journal, open_state, postgres, sqlite
from haloitsm_connector.store.postgres_server import server_at
from haloitsm_connector.store.schema import APPLICATION_ID, FOUNDATION, MIGRATIONS, for_postgresql

RELEASED = 4
STATEMENTS = [
    statement.strip()
    for statement in Path(__file__).with_name("format_4.sql").read_text("utf-8").partition("\n")[2].split(";\n")
    if statement.strip()
]


@pytest.fixture
def old(place: Path | str) -> Path | str:
    """A state that the release before wrote."""
    if isinstance(place, Path):
        with closing(sqlite3.connect(place, isolation_level=None)) as connection:
            for statement in STATEMENTS:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {RELEASED}")
            connection.execute("PRAGMA journal_mode = WAL")
        return place
    server = server_at(place)
    with server.connect() as connection:
        connection.execute(f'CREATE SCHEMA "{server.schema}"')
        for statement in (*FOUNDATION, *(for_postgresql(each) for each in STATEMENTS if "sqlite_sequence" not in each)):
            connection.execute(statement)
        connection.execute("SELECT setval(pg_get_serial_sequence('intents', 'number'), 6)")
        connection.execute("INSERT INTO version VALUES (%s, %s)", (APPLICATION_ID, RELEASED))
    return place


def test_everything_is_there_and_goes_on(old: Path | str) -> None:
    for _ in range(2):
        with open_state(old) as state:
            assert Cursors(state).list() == {
                "route assets": {
                    "read_until": "2026-01-01T00:00:00.000Z",
                    "run": {"began": "2026-02-01T00:00:00.000Z", "id": 77},
                },
                "route tickets": {"read_until": "2026-10-31T23:59:59.999Z", "remembered": [1, 2, 3]},
            }
            seen = {"a": {"name": "naïve ' \U0001f600", "n": 12345678901234567890}, "b": [1, 2.5, None]}
            assert dict(KeptStorage(state, "seen").iterate()) == seen
            assert KeptStorage(state, "short").get("gone") == 1
            assert [one.number for one in Intents(state).waiting()] == [2, 3, 5, 6]
    with journal(old, "route laptops").begin() as run:
        left = [run.left_behind(identity) for identity in "xyz"]
        assert [(one.number, one.done, one.id, one.payload, one.reason) for one in left if one] == [
            (1, True, 7, None, ""),
            (2, False, None, [{"inventory_number": "y"}], "no answer came"),
            (3, False, None, None, ""),
        ]
        assert [one.number for one in run.intend([Intent("w", "POST /Asset")])] == [7]


def test_it_becomes_what_a_new_state_is(old: Path | str, tmp_path: Path) -> None:
    new = tmp_path / "new" if isinstance(old, Path) else f"{old}_new"
    with open_state(old) as one, open_state(new) as other:
        assert form(one) == form(other) != []


def form(state: Database) -> list[tuple[Any, ...]]:
    """Return the tables and indexes of a state."""
    if not state.place.startswith("postgresql"):
        return state.rows("SELECT type, name, sql FROM sqlite_schema ORDER BY type, name")
    columns = (
        "SELECT table_name, column_name, data_type, is_nullable, column_default, collation_name, is_identity"
        " FROM information_schema.columns WHERE table_schema = current_schema() ORDER BY table_name, ordinal_position"
    )
    indexes = (
        "SELECT tablename, indexname, replace(indexdef, schemaname || '.', '') FROM pg_indexes"
        " WHERE schemaname = current_schema() ORDER BY indexname"
    )
    return state.rows(columns) + state.rows(indexes)


def test_upgrade_that_fails_leaves_what_there_was(old: Path | str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (sqlite, postgres):
        monkeypatch.setattr(module, "MIGRATIONS", (*MIGRATIONS, "CREATE TABLE cursors (name TEXT)"))
    with pytest.raises(StateError, match="already exists"):
        open_state(old)
    monkeypatch.undo()
    with open_state(old) as state:
        assert len(Cursors(state).list()) == 2


def test_release_that_runs_is_not_left_behind_unnoticed(old: Path | str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody updates one machine while another one goes on with the release before."""
    with open_state(old) as running:
        for module in (sqlite, postgres):
            monkeypatch.setattr(module, "MIGRATIONS", (*MIGRATIONS, "CREATE TABLE further (name TEXT)"))
        with open_state(old) as updated:
            Cursors(updated).set("a", 1)
        monkeypatch.undo()
        with pytest.raises(StateError, match="later version"):
            Cursors(running).set("a", 2)
        assert Cursors(running).get("a") == 1


def test_released_steps_are_what_they_were() -> None:
    created = {statement for statement in STATEMENTS if statement.startswith("CREATE")}
    assert created == set(MIGRATIONS[:RELEASED])
