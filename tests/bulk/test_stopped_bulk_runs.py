"""A run that is stopped says how far it came, and another Halo, state or configuration is not taken for its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from select import select

import pytest

from haloitsm_connector.bulk.record import Runs
from haloitsm_connector.sandbox import Sandbox
from haloitsm_connector.store import open_state, state_of

CONFIG = """\
clients:
  halo:
    prototype: haloitsm
    base_uri: ${HALO_BASE_URI}
    tenant: ${HALO_TENANT}
    authentication: {type: client_credentials, client_id: "${HALO_CLIENT_ID}", client_secret: "${HALO_CLIENT_SECRET}"}
transformers:
  cleaned:
    - cast: {number: integer}
    - set: {id: "{{ number }}"}
"""


def clients(folder: Path) -> str:
    (folder / "in.csv").write_text("id\n" + "".join(f"{number}\n" for number in range(2, 26)))
    return "in.csv"


@pytest.mark.slow
def test_an_interrupted_run_says_how_far_it_came_and_goes_on(bulk, sandbox, folder, result):
    sandbox.faults = {"faults": [{"kind": "latency", "seconds": 0.3, "match": {"method": "POST"}}]}
    command = (
        "update",
        "Client",
        "--from",
        clients(folder),
        "--set",
        "ref=X",
        "--batch",
        "2",
        "--parallel",
        "1",
        "--yes",
    )
    halo = Path(sys.executable).with_name("haloitsm")
    process = subprocess.Popen(
        [halo, "bulk", *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and sum(one["ref"] == "X" for one in sandbox.tables["Client"].values()) < 6:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Run 1 was stopped: " in said
    assert "The same command goes on." in said
    assert {row["bulk_outcome"] for row in result()} == {"updated", "to do"}
    sandbox.faults = None
    sandbox.tables["Client"][25]["ref"] = "of somebody else"
    assert "of somebody else" in bulk(*command, "--dry-run", "--full").out
    ended = bulk(*command)
    assert "Going on with run 1." in ended.err
    assert [sandbox.tables["Client"][number]["ref"] for number in range(2, 26)] == ["X"] * 24
    bulk("undo", "1", "--yes")
    assert sandbox.tables["Client"][25]["ref"] == "of somebody else"
    assert "X" not in {sandbox.tables["Client"][number]["ref"] for number in range(2, 26)}


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
@pytest.mark.parametrize(
    ("when", "said"),
    [
        ("reading old values: ", "Nothing was sent."),
        ("[y/N] ", "Nothing was sent."),
        ("sending: ", "Run 1 was stopped: "),
    ],
)
def test_interrupted_at_a_terminal_it_says_whether_anything_was_sent(sandbox, folder, writes, when, said):
    sandbox.faults = {"faults": [{"kind": "latency", "seconds": 0.4, "match": {"path": "/api/Client*"}}]}
    command = ("update", "Client", "--from", clients(folder), "--set", "ref=X", "--batch", "2", "--parallel", "1")
    status, shown = interrupted(when, "bulk", *command, *(["--yes"] if "sending" in when else []))
    assert status == 130, shown
    assert said in shown
    assert "Traceback" not in shown
    with open_state(state_of("halo.yaml")) as state:
        runs = Runs(state).all()
    if "sending" in when:
        assert [run.status for run in runs] == ["begun"]
        assert "updated. The same command goes on." in shown
    else:
        assert (runs, writes()) == ([], [])


def interrupted(when: str, *arguments: str) -> tuple[int, str]:
    """Run a command at a terminal, press Ctrl-C when it says something, and return its status and what it showed."""
    import pty

    child, terminal = pty.fork()
    if not child:
        os.execv(Path(sys.executable).with_name("haloitsm"), ["haloitsm", *arguments])
    shown, pressed = "", False
    with suppress(OSError):  # which Linux raises when the other end is closed
        while True:
            if select([terminal], [], [], 5.0)[0]:
                shown += os.read(terminal, 65536).decode(errors="replace")
            elif pressed:  # between a prompt and the wait for its answer it is not noticed: press again, as people do
                pressed = False
            if not pressed and when in shown:
                os.write(terminal, b"\x03")
                pressed = True
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown


def test_an_attempt_that_sent_nothing_leaves_no_run(bulk, sandbox, folder):
    sandbox.faults = {"faults": [{"kind": "answer", "status": 403, "match": {"path": "/api/Client*"}}]}
    ended = bulk("update", "Client", "--from", clients(folder), "--set", "ref=X", "--yes")
    assert ended.status == 3
    assert "Nothing was sent." in ended.err
    assert "There is no bulk run." in bulk("list").err


def test_a_halo_that_is_gone_ends_the_run_with_status_3(bulk, sandbox, folder, monkeypatch):
    monkeypatch.setenv("HALO_BASE_URI", "http://127.0.0.1:9")
    ended = bulk("update", "Client", "--from", clients(folder), "--set", "ref=X", "--yes")
    assert ended.status == 3


def test_a_run_of_another_halo_is_not_undone_here(bulk, sandbox, folder, monkeypatch):
    bulk("update", "Client", "--from", clients(folder), "--set", "ref=X", "--yes")
    with Sandbox() as other:
        for name, value in other.environment.items():
            monkeypatch.setenv(name, value)
        ended = bulk("undo", "1", "--yes")
    assert ended.status == 1
    assert f"the run was about {sandbox.base_uri}/api, and this is {other.base_uri}" in ended.err


def test_a_configuration_gives_client_and_chain_and_is_not_repeated(bulk, sandbox, folder, monkeypatch):
    (folder / "halo.yaml").write_text(CONFIG)
    (folder / "in.csv").write_text("number,ref\n2,X\nsix,Y\n")
    options = ("--from", "in.csv", "--transformers", "halo.yaml", "--save-config", "saved.yaml", "--yes")
    ended = bulk("update", "Client", *options)
    assert ended.status == 4
    assert sandbox.tables["Client"][2]["ref"] == "X"
    assert "left out: line 3: halo.yaml:9:7: " in ended.out
    assert "Wrote saved.yaml; the client 'halo' is that of halo.yaml." in ended.err
    assert "clients:" not in (folder / "saved.yaml").read_text()
    assert "saved.yaml exists already" in bulk("update", "Client", *options, "--set", "accountsid=A").err


def test_a_file_of_transformers_names_its_chain(bulk, folder):
    for text, said in (("transformers: {a: [], b: []}\n", "2 chains"), ("clients: {}\n", "0 chains")):
        (folder / "steps.yaml").write_text(text)
        ended = bulk("update", "Client", "--from", clients(folder), "--transformers", "steps.yaml")
        assert ended.status == 1
        assert f"{said} under `transformers:`. The rows go through the one that is named bulk." in ended.err


def test_two_at_once_are_refused(bulk, sandbox, folder):
    command = ("update", "Client", "--from", clients(folder), "--set", "ref=X", "--yes")
    bulk(*command, "--limit", 3)
    with open_state(state_of("halo.yaml")) as state, state.lease(f"bulk {Runs(state).get(1).mark}"):
        ended, others = bulk(*command), [bulk("undo", 1, "--yes"), bulk("forget", 1, "--yes")]
    for one in (ended, *others):
        assert one.status == 1
        assert f"the same command is running already: process {os.getpid()} since " in one.err
        assert "Wait until it has ended." in one.err
    assert "Nothing was sent." in ended.err
    assert bulk(*command).status == 0
