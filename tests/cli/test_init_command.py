from __future__ import annotations

import os
import pty
import stat
import sys
from pathlib import Path

import pytest
from dotenv import dotenv_values
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from haloitsm_connector.cli.settings import write_variables


def test_variables_alone_are_enough(haloitsm, project):
    ended = haloitsm("init", "new.yaml")
    assert ended.status == 0
    assert not (project / ".env").exists()
    assert haloitsm("check", "new.yaml", "--connect").status == 0


@pytest.mark.parametrize("kind", ["client_credentials", "password", "api_key"])
def test_every_authentication_makes_a_configuration_that_connects(haloitsm, project, kind):
    assert haloitsm("init", "new.yaml", "--authentication", kind).status == 0
    assert f"type: {kind}" in (project / "new.yaml").read_text()
    assert haloitsm("check", "new.yaml", "--connect").status == 0


def test_options_go_into_the_env_file(haloitsm, project, sandbox, monkeypatch):
    monkeypatch.delenv("HALO_BASE_URI")
    ended = haloitsm("init", "new.yaml", "--base-uri", sandbox.base_uri)
    assert ended.status == 0
    assert dotenv_values(project / ".env") == {"HALO_BASE_URI": sandbox.base_uri}
    assert stat.S_IMODE((project / ".env").stat().st_mode) == 0o600


def test_nothing_is_written_when_the_credentials_are_wrong(haloitsm, project, monkeypatch):
    monkeypatch.setenv("HALO_CLIENT_SECRET", "mistyped-0815")
    ended = haloitsm("init", "new.yaml")
    assert ended.status == 3
    assert "invalid_client" in ended.err
    assert not (project / "new.yaml").exists()


def test_a_wrong_api_key_is_noticed_too(haloitsm, project, monkeypatch):
    monkeypatch.setenv("HALO_API_KEY", "mistyped-0815")
    assert haloitsm("init", "new.yaml", "--authentication", "api_key").status == 3


def test_no_connect_writes_unproved(haloitsm, project, monkeypatch):
    monkeypatch.setenv("HALO_BASE_URI", "https://nowhere.invalid")
    assert haloitsm("init", "new.yaml", "--no-connect").status == 0


def test_nothing_is_overwritten(haloitsm, project, monkeypatch):
    ended = haloitsm("init")
    assert (ended.status, ended.err) == (
        1,
        "error: halo.yaml exists already. Name another file, or move it away first.\n",
    )
    monkeypatch.delenv("HALO_BASE_URI")
    (project / ".env").write_text("OTHER=1\n")
    ended = haloitsm("init", "new.yaml", "--base-uri", "https://x.example")
    assert ended.status == 1
    assert ended.err.startswith("error: .env exists already and has no HALO_BASE_URI.")
    assert (project / ".env").read_text() == "OTHER=1\n"


def test_an_option_against_the_environment_is_refused(haloitsm, project):
    ended = haloitsm("init", "new.yaml", "--base-uri", "https://other.example")
    assert ended.err.startswith("error: HALO_BASE_URI is set to another value.")


def test_without_a_terminal_what_is_missing_is_named(haloitsm, folder):
    ended = haloitsm("init")
    assert ended.status == 1
    assert "Set HALO_BASE_URI, HALO_CLIENT_ID, HALO_CLIENT_SECRET in the environment." in ended.err


@pytest.mark.slow
def test_at_a_terminal_it_asks_and_hides_the_secret(folder, sandbox):
    command = str(Path(sys.executable).with_name("haloitsm"))
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(command, [command, "init"])
    answers = {
        "[client_credentials]: ": "magic",
        "there are: client_credentials, password, api_key\r\n": "",
        "URL of your Halo: ": sandbox.base_uri,
        "Client ID: ": sandbox.client_id,
        "Client secret: ": sandbox.client_secret,
    }
    shown = ""
    for prompt, answer in answers.items():
        while not shown.partition(prompt)[1]:
            shown += os.read(terminal, 4096).decode()
        os.write(terminal, f"{answer}\n".encode())
    try:
        while piece := os.read(terminal, 4096):
            shown += piece.decode()
    except OSError:  # the terminal is gone when its last process has ended
        pass
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, shown
    os.close(terminal)
    assert sandbox.client_secret not in shown
    assert dotenv_values(folder / ".env")["HALO_CLIENT_SECRET"] == sandbox.client_secret
    assert (folder / "halo.yaml").exists()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.text(st.characters(codec="utf-8", exclude_characters="\r"), min_size=1))
def test_what_is_written_is_read_back(tmp_path, value):
    write_variables(tmp_path / ".env", {"HALO_CLIENT_SECRET": value}, "Heading.")
    assert dotenv_values(tmp_path / ".env", interpolate=False) == {"HALO_CLIENT_SECRET": value}
