"""``haloitsm doctor`` looks at all that runs rest on, and says what to do about what is not well."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from haloitsm_connector.store import open_state
from haloitsm_connector.store.tasks import Tasks
from haloitsm_connector.store.tasks_cut import NewTask


def results(ended):
    """Return what each check found, by its name."""
    return {
        line["what"]: (line["result"], line["found"], line["do"]) for line in map(json.loads, ended.out.splitlines())
    }


def test_all_is_well_in_a_fresh_project(haloitsm, project):
    ended = haloitsm("doctor", "halo.yaml")
    assert (ended.status, ended.err) == (0, "All is well.\n")
    assert [line.partition(":")[0].split(maxsplit=1) for line in ended.out.splitlines()] == [
        ["ok", what]
        for what in (
            "configuration", "state", "permissions", "disk", "tasks", "token of halo",
            "clock of halo", "budget of halo",
        )
    ]  # fmt: skip


def test_a_damaged_state_fails_and_the_clients_are_looked_at_all_the_same(haloitsm, project):
    (project / "bad.sqlite").write_bytes(b"this is no database " * 100)
    ended = haloitsm("doctor", "halo.yaml", "--state", "bad.sqlite", "--json")
    found = results(ended)
    assert ended.status == 1
    assert found["state"][0] == "fail"
    assert found["state"][1] == "bad.sqlite is not a state file"
    assert found["token of halo"][0] == "ok"


def test_damage_inside_of_the_state_is_found(haloitsm, project):
    assert haloitsm("doctor", "halo.yaml", "--state", "mine.sqlite").status == 0
    with Path("mine.sqlite").open("r+b") as file:
        file.seek(3 * 16384)
        file.write(b"\xff" * 16384)
    ended = haloitsm("doctor", "halo.yaml", "--state", "mine.sqlite", "--json")
    assert ended.status == 1
    result, _, do = results(ended)["state"]
    assert result == "fail"
    assert "estore" in do


def test_a_state_that_others_may_open_is_told(haloitsm, project):
    haloitsm("doctor", "halo.yaml", "--state", "mine.sqlite")
    Path("mine.sqlite").chmod(0o644)
    ended = haloitsm("doctor", "halo.yaml", "--state", "mine.sqlite")
    assert (ended.status, ended.err) == (0, "Nothing fails.\n")
    assert (
        "warn  permissions: others on this machine may open mine.sqlite\n      It holds your data: chmod 600"
        in ended.out
    )


def test_a_wrong_secret_fails_without_being_shown(haloitsm, project, monkeypatch):
    monkeypatch.setenv("HALO_CLIENT_SECRET", "mistyped-secret")
    ended = haloitsm("doctor", "halo.yaml")
    assert ended.status == 1
    assert "fail  client halo: no token from" in ended.out
    assert "mistyped-secret" not in ended.out + ended.err


class Clockwork(BaseHTTPRequestHandler):
    """Answers everything with an object, and with a Date that is off by some seconds."""

    off_seconds = 0

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def date_time_string(self, timestamp=None):
        return formatdate(time.time() + self.off_seconds, usegmt=True)

    def log_message(self, *arguments):
        pass


@pytest.mark.parametrize(
    ("off_seconds", "result", "said", "status"),
    [(120, "warn", "s ahead of", 0), (-3600, "fail", "s behind", 1), (0, "ok", "the same as", 0)],
)
def test_clocks_that_differ_are_told(haloitsm, project, off_seconds, result, said, status):
    handler = type("Off", (Clockwork,), {"off_seconds": off_seconds})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        (project / "clock.yaml").write_text(
            f"clients: {{halo: {{prototype: haloitsm, base_uri: '{address}',"
            " authentication: {type: api_key, api_key: some-key}}}\n"
        )
        ended = haloitsm("doctor", "clock.yaml", "--json")
        server.shutdown()
    found = results(ended)["clock of halo"]
    assert (found[0], ended.status) == (result, status)
    assert said in found[1]


def test_a_budget_that_is_nearly_used_up_is_told(haloitsm, project):
    config = (project / "halo.yaml").read_text()
    budget = "prototype: haloitsm\n    budget: {requests: 20, window_seconds: 300}\n    base_uri"
    (project / "halo.yaml").write_text(config.replace("prototype: haloitsm\n    base_uri", budget))
    found = results(haloitsm("doctor", "halo.yaml", "--json"))
    assert found["budget of halo"][0] == "warn"
    assert "Runs wait by themselves" in found["budget of halo"][2]


def test_tasks_that_nobody_will_deliver_are_told(haloitsm, project):
    with open_state("mine.sqlite") as state:
        earlier = Tasks(state, now=lambda: time.time() - 200_000)
        earlier.add({"laptops": [NewTask({"n": 1}), NewTask({"n": 2})], "gone": [NewTask({})]}, {}, covers=True)
        earlier.add({"tickets": [NewTask({"id": 7}, rejected="too large")]}, {}, covers=True)
        earlier.claim("laptops", 1)
    ended = haloitsm("doctor", "halo.yaml", "--state", "mine.sqlite")
    assert (ended.status, ended.err) == (0, "Nothing fails.\n")
    for line in (
        "warn  tasks of gone: 1 to deliver, and no route 'gone' is declared",
        "warn  tasks of laptops: 1 under way, and nobody is at it",
        "warn  tasks of laptops: the oldest new one waits for 2 d 7 h",
        "warn  tasks of tickets: 1 rejected",
        "      haloitsm tasks list halo.yaml --route 'tickets' --status failed,rejected shows them and why.",
    ):
        assert line in ended.out.splitlines()


def test_a_state_on_a_server_is_looked_at_there(haloitsm, project, postgresql):
    address = postgresql.address()
    with open_state(address) as state:
        tasks = Tasks(state)
        tasks.add({"laptops": [NewTask({"n": 1})]}, {}, covers=True)
        tasks.claim("laptops", 1)
    ended = haloitsm("doctor", "halo.yaml", "--state", address, "--json")
    found = results(ended)
    place = address.replace(":" + address.partition("@")[0].rpartition(":")[2], "")
    assert ended.status == 0
    assert found["state"][0] == "ok"
    assert re.fullmatch(rf"{re.escape(place)} answers: PostgreSQL \d+\.\d+, \d+ kB", found["state"][1])
    assert found["durability"][:2] == ("warn", "the server does not wait for its disk: fsync is off")
    assert found["tasks of laptops"][1] == "1 under way, and nobody is at it"
    assert found["tasks"][1] == "1 task kept"
    assert "permissions" not in found
    assert "disk" not in found


def test_whoever_is_at_a_route_on_another_connection_is_seen(haloitsm, project, postgresql):
    address = postgresql.address()
    with open_state(address) as state, state.lease("route laptops") as held:
        tasks = Tasks(held)
        tasks.add({"laptops": [NewTask({"n": 1})]}, {}, covers=True)
        tasks.claim("laptops", 1)
        assert "tasks of laptops" not in results(haloitsm("doctor", "halo.yaml", "--state", address, "--json"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"password": "mistyped"}, "password"),
        ({"database": "missing"}, "missing"),
        ({"schema": "taken"}, "is of another program"),
    ],
)
def test_a_server_that_cannot_be_used_fails_and_no_password_is_shown(haloitsm, project, postgresql, changes, said):
    with open_state(postgresql.address()) as state, state.transaction() as connection:
        connection.execute("CREATE SCHEMA IF NOT EXISTS taken")
        connection.execute("CREATE TABLE IF NOT EXISTS taken.things (name TEXT)")
    address = postgresql.address(**changes)
    ended = haloitsm("doctor", "halo.yaml", "--state", address, "--json")
    found = results(ended)
    assert ended.status == 1
    assert found["state"][0] == "fail"
    assert said in found["state"][1]
    assert found["token of halo"][0] == "ok"
    assert address.partition("@")[0].rpartition(":")[2] not in ended.out + ended.err


@pytest.mark.slow
def test_a_server_that_is_away_fails(haloitsm, project, postgresql):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    address = postgresql.address().replace(f":{postgresql.port}/", f":{port}/")
    ended = haloitsm("doctor", "halo.yaml", "--state", address)
    assert ended.status == 1
    assert "fail  state: " in ended.out
    assert "refused" in ended.out
