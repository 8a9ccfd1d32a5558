from __future__ import annotations

import signal
import socket
import stat
import time

import pytest
from dotenv import dotenv_values


def appears(path):
    deadline = time.monotonic() + 20
    while not (path.is_file() and path.stat().st_size):
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.slow
def test_the_sandbox_leads_commands_to_itself_until_interrupted(process, haloitsm, folder):
    running = process("sandbox", "--write-env", ".env", "--seed", "5")
    appears(folder / ".env")
    assert stat.S_IMODE((folder / ".env").stat().st_mode) == 0o600
    assert haloitsm("get", "/Tickets", "-q", "count=1").status == 0
    assert running.stderr.readline().partition("; ")[2] == "the way to it is in .env. Ctrl-C stops it.\n"
    running.send_signal(signal.SIGINT)
    assert running.communicate(timeout=10) == ("", "")
    assert running.returncode == 0


@pytest.mark.slow
def test_without_a_file_the_variables_are_printed(process, folder):
    (folder / "mine.json").write_text('{"Tickets": [{"id": 7, "summary": "Mine"}]}')
    running = process("sandbox", "--data", "mine.json")
    printed = [running.stdout.readline() for _ in range(7)]
    assert running.stderr.readline() == "Ctrl-C stops it.\n"
    running.send_signal(signal.SIGINT)
    assert running.communicate(timeout=10) == ("", "")
    (folder / "printed.env").write_text("".join(printed))
    assert {"HALO_CLIENT_SECRET", "HALO_API_KEY"} <= dotenv_values(folder / "printed.env").keys()


def test_a_port_in_use_is_said(haloitsm, folder):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = haloitsm("sandbox", "--port", port)
    assert ended.status == 1
    assert ended.err.startswith(f"error: Cannot listen on 127.0.0.1:{port}: ")
    assert ended.err.endswith("Give another port.\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--data", "missing.json"], "missing.json: cannot be read"),
        (["--data", "bad.json"], "bad.json"),
        (["--faults", "bad.yaml"], "bad.yaml:1:11: faults[0].kind: there is no fault 'rest'. Did you mean 'reset'?"),
        (["--write-env", "missing/.env"], "missing/.env: No such file or directory"),
        (["--write-env", "mine.env"], "mine.env exists and was not written by a sandbox"),
    ],
)
def test_what_it_cannot_use_is_said(haloitsm, folder, arguments, said):
    (folder / "bad.json").write_text("{")
    (folder / "bad.yaml").write_text("faults: [{kind: rest}]")
    (folder / "mine.env").write_text("HALO_CLIENT_SECRET=precious\n")
    ended = haloitsm("sandbox", *arguments)
    assert ended.status == 1
    assert said in ended.err
    assert (folder / "mine.env").read_text() == "HALO_CLIENT_SECRET=precious\n"


def test_a_file_of_an_earlier_sandbox_is_written_anew(process, folder):
    (folder / ".env").write_text("# Written by haloitsm sandbox; the next one may write it anew.\nHALO_BASE_URI=old\n")
    running = process("sandbox", "--write-env", ".env")
    assert running.stderr.readline().startswith("Sandbox at http://127.0.0.1:")
    assert dotenv_values(folder / ".env")["HALO_BASE_URI"] != "old"
