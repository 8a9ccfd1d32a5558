"""A state in PostgreSQL: its address, who may use it, and what is told when the server is not as it should be."""

from __future__ import annotations

import re
import socket
import sys
import threading
from contextlib import suppress

import psycopg
import pytest
from postgresql_server import PASSWORD, PostgresqlServer

from haloitsm_connector.errors import StateError
from haloitsm_connector.store import Cursors, Database, open_state, postgres, postgres_server
from haloitsm_connector.store.cursors import STORE


def test_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "haloitsm_connector.store.postgres")
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StateError, match=r"needs the package psycopg\. Install it: pip install"):
        open_state("postgresql://halo@db/state")


def test_password_is_read_as_it_was_meant_and_shown_nowhere(postgresql: PostgresqlServer) -> None:
    address = postgresql.address()
    with open_state(address) as state:
        Cursors(state).set("a", 1)
        shown = f"{state!r} {state.place} {state._server!r}"
    assert f"halo@127.0.0.1:{postgresql.port}/postgres" in shown
    assert PASSWORD not in shown
    assert "p%40ss" not in shown


def test_states_in_one_database_are_apart(postgresql: PostgresqlServer) -> None:
    first, second = postgresql.address(), postgresql.address(schema='a "name"')
    with open_state(first) as one, open_state(second.replace(" ", "%20").replace('"', "%22")) as two:
        Cursors(one).set("a", 1)
        assert Cursors(two).list() == {}
        with one.lease("x"), two.lease("x"):
            pass


@pytest.mark.parametrize(
    ("wrong", "what", "hint"),
    [
        ({"password": "Nobody knows"}, "lets nobody in", "Check user and password"),
        ({"password": ""}, "lets nobody in", "Check user and password"),
        ({"user": "stranger"}, "lets nobody in", "Check user and password"),
        ({"database": "nowhere"}, "there is no such database", "createdb"),
    ],
)
def test_who_is_not_let_in_is_told_why(
    postgresql: PostgresqlServer, wrong: dict[str, str], what: str, hint: str
) -> None:
    with pytest.raises(StateError, match=what) as told:
        open_state(postgresql.address(**wrong))
    assert hint in told.value.hint
    assert "Nobody knows" not in str(told.value)
    assert PASSWORD not in str(told.value)


def test_server_that_is_not_there_is_told_at_once() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    for host in ("127.0.0.1", "nowhere.invalid"):
        with pytest.raises(StateError, match=f"halo@{re.escape(host)}:{port}/state cannot be reached") as told:
            open_state(f"postgresql://halo:secret@{host}:{port}/state")
        assert "secret" not in str(told.value)
        assert "\n" not in str(told.value)


def test_permissions_that_are_missing_are_told(postgresql: PostgresqlServer) -> None:
    with psycopg.connect(postgresql.address(schema=None), autocommit=True) as admin:
        admin.execute("DROP ROLE IF EXISTS guest")
        admin.execute("CREATE ROLE guest LOGIN PASSWORD 'guest'")
        admin.execute("CREATE SCHEMA IF NOT EXISTS of_guest")
        admin.execute("GRANT USAGE, CREATE ON SCHEMA of_guest TO guest")
    with pytest.raises(StateError, match="needs permissions") as told:
        open_state(postgresql.address(user="guest", password="guest"))
    assert 'CREATE SCHEMA "s' in told.value.hint
    with open_state(postgresql.address(user="guest", password="guest", schema="of_guest")) as state:
        Cursors(state).set("a", 1)
    with psycopg.connect(postgresql.address(schema=None), autocommit=True) as admin:
        admin.execute("REVOKE ALL ON SCHEMA of_guest FROM guest")
    with pytest.raises(StateError, match="needs permissions"):
        open_state(postgresql.address(user="guest", password="guest", schema="of_guest"))


def test_schema_of_another_program_is_named_and_left_alone(postgresql: PostgresqlServer) -> None:
    with psycopg.connect(postgresql.address(schema=None), autocommit=True) as other:
        other.execute("CREATE SCHEMA IF NOT EXISTS shop")
        other.execute("CREATE TABLE IF NOT EXISTS shop.version (number INTEGER)")
        with pytest.raises(StateError, match="'shop' in postgresql://halo@127"):
            open_state(postgresql.address(schema="shop"))
        assert other.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'shop'").fetchall() == [(1,)]


def test_database_that_cannot_keep_every_text_is_refused(postgresql: PostgresqlServer) -> None:
    with psycopg.connect(postgresql.address(schema=None), autocommit=True) as admin:
        admin.execute("DROP DATABASE IF EXISTS ancient")
        admin.execute("CREATE DATABASE ancient ENCODING 'LATIN1' TEMPLATE template0")
    with pytest.raises(StateError, match="keeps text as LATIN1"):
        open_state(postgresql.address(database="ancient"))


def test_server_that_is_started_again_is_found_again(postgresql: PostgresqlServer) -> None:
    with open_state(postgresql.address()) as state:
        for number in range(3):
            Cursors(state).set("n", number)
            postgresql.stop()
            postgresql.start()
            assert Cursors(state).get("n") == number


def test_connection_that_is_lost_in_the_middle_takes_the_step_back(postgresql: PostgresqlServer) -> None:
    def lose(state: Database, *then: str) -> None:
        with state.transaction() as connection:
            connection.execute(STORE, ("n", "2", 0))
            cut_off(postgresql, state)
            for sql in then:
                connection.execute(sql)

    def lose_and_look(state: Database) -> None:
        with state.transaction():
            cut_off(postgresql, state)
            state.rows("SELECT 1")

    with open_state(postgresql.address()) as state:
        Cursors(state).set("n", 1)
        with pytest.raises(StateError, match="was lost") as told:
            lose(state, "DELETE FROM cursors")
        assert "was not kept" in told.value.hint
        assert Cursors(state).get("n") == 1
        with pytest.raises(StateError, match="was lost") as told:
            lose(state)
        assert "is not known" in told.value.hint
        assert Cursors(state).get("n") == 1
        with pytest.raises(StateError, match="was lost"):
            lose_and_look(state)


def cut_off(postgresql: PostgresqlServer, state: Database) -> None:
    with psycopg.connect(postgresql.address(schema=None), autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(%s)", (state._wire[0].info.backend_pid,))


def test_server_that_stays_away_is_told(postgresql: PostgresqlServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "RECONNECT_SECONDS", 0.3)
    with open_state(postgresql.address()) as state:
        Cursors(state).set("n", 1)
        postgresql.stop()
        try:
            for _ in range(2):
                with pytest.raises(StateError, match=r"cannot be reached|being stopped"):
                    Cursors(state).set("n", 2)
        finally:
            postgresql.start()
        assert Cursors(state).get("n") == 1


def test_state_that_another_program_keeps_locked_is_told(
    postgresql: PostgresqlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(postgres_server._SETTINGS, "lock_timeout", "50ms")
    address = postgresql.address(schema="locked")
    with open_state(address) as state, psycopg.connect(postgresql.address(schema=None)) as other:
        Cursors(state).set("n", 1)
        other.execute("LOCK TABLE locked.version IN EXCLUSIVE MODE")
        with pytest.raises(StateError, match="was locked for 30 s"):
            Cursors(state).set("n", 2)
        assert Cursors(state).get("n") == 1
        other.rollback()
        Cursors(state).set("n", 2)


def test_step_that_goes_on_behind_a_failure_is_not_taken_for_kept(postgresql: PostgresqlServer) -> None:
    def go_on(state: Database) -> None:
        with state.transaction() as connection:
            connection.execute(STORE, ("n", "1", 0))
            with suppress(psycopg.Error):
                connection.execute("SELECT nonsense")

    with open_state(postgresql.address()) as state:
        with pytest.raises(StateError, match="behind a statement that had failed"):
            go_on(state)
        assert Cursors(state).list() == {}


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("53100", "there is no room left for the state in postgresql://halo@"),
        ("53300", "takes no more at this time: the words of the server"),
        ("25006", "is a copy that can only be read"),
        ("57P03", "is just being stopped or started"),
        ("XX001", "is damaged: the words of the server"),
        ("22012", "cannot be used: the words of the server"),
    ],
)
def test_what_the_server_says_is_told_in_plain_words(postgresql: PostgresqlServer, code: str, what: str) -> None:
    said = f"DO $$ BEGIN RAISE EXCEPTION 'the words of the server' USING ERRCODE = '{code}'; END $$"
    with open_state(postgresql.address()) as state:
        with pytest.raises(StateError, match=what), state.transaction() as connection:
            connection.execute(said)
        with state.transaction() as connection:
            connection.execute(STORE, ("n", "1", 0))


def test_who_is_frozen_in_the_middle_stops_others_for_a_while_only(
    postgresql: PostgresqlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(postgres_server._SETTINGS, "idle_in_transaction_session_timeout", "50ms")
    address = postgresql.address()

    def freeze(frozen: Database, other: Database) -> None:
        with frozen.transaction() as connection:
            connection.execute(STORE, ("n", "1", 0))
            Cursors(other).set("n", 2)  # waits until the server has lost its patience with the first

    with open_state(address) as frozen, open_state(address) as other:
        with pytest.raises(StateError, match=r"was lost: .*idle-in-transaction"):
            freeze(frozen, other)
        assert Cursors(frozen).get("n") == 2


COUNT = (
    "INSERT INTO cursors (name, value, stored) VALUES ('n', '1', 0)"
    " ON CONFLICT (name) DO UPDATE SET value = CAST(cursors.value AS INTEGER) + 1"
)


@pytest.mark.slow
def test_server_that_dies_again_and_again_loses_nothing_that_was_kept(postgresql: PostgresqlServer) -> None:
    address = postgresql.address()
    ended, kept, unknown = threading.Event(), 0, 0

    def work() -> None:
        nonlocal kept, unknown
        with open_state(address) as state:
            while not ended.is_set():
                try:
                    with state.transaction() as connection:
                        connection.execute(COUNT)
                    kept += 1
                except StateError as error:
                    unknown += "is not known" in error.hint

    worker = threading.Thread(target=work)
    worker.start()
    try:
        for _ in range(3):
            before = kept
            while kept < before + 20:
                assert worker.is_alive()
                worker.join(0.01)
            postgresql.kill()
            postgresql.start()
    finally:
        ended.set()
        worker.join()
    with open_state(address) as state:
        assert kept <= Cursors(state).get("n") <= kept + unknown
