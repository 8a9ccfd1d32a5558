"""However a command ends, it ends in words: no traceback for what a user can mend, no secret ever."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from haloitsm_connector.cli import entities

FOR_ANY = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@FOR_ANY
@given(content=st.binary() | st.text().map(str.encode))
def test_any_bytes_as_a_configuration_end_in_a_message(haloitsm, folder, content):
    (folder / "any.yaml").write_bytes(content)
    ended = haloitsm("check", "any.yaml")
    assert ended.status in {0, 1}
    assert "defect" not in ended.err


@FOR_ANY
@given(name=st.text().filter(lambda text: not text.startswith("-")))
def test_any_text_as_an_entity_ends_in_a_message(haloitsm, folder, name):
    ended = haloitsm("entity", name)
    assert ended.status in {0, 1}
    assert "defect" not in ended.err


@FOR_ANY
@given(target=st.text().filter(lambda text: not text.startswith("-")), value=st.text())
def test_any_text_as_a_path_ends_in_a_message(haloitsm, project, target, value):
    (project / "halo.yaml").unlink(missing_ok=True)
    ended = haloitsm("get", target, "-q", f"search={value}")
    assert ended.status in {0, 1, 3}
    assert "defect" not in ended.err


@FOR_ANY
@given(value=st.text(min_size=1))
def test_any_path_value_stays_in_its_segment(haloitsm, project, sandbox, value):
    (project / "halo.yaml").unlink(missing_ok=True)
    seen = len(sandbox.requests)
    ended = haloitsm("get", "GET /Actions/{id}", "-p", f"id={value}")
    assert ended.status in {0, 1, 3}
    asked = [request.target for request in sandbox.requests[seen:] if request.method == "GET"]
    assert all(target.startswith("/api/Actions/") and target.count("/") == 3 for target in asked)


def test_an_argument_that_is_not_unicode_ends_in_a_message(finished, folder):
    ended = finished("entity", b"GET /\xff".decode("utf-8", "surrogateescape"))
    assert ended.status == 1
    assert ended.err.startswith("error: Halo has no operation")


def broken(*arguments, **options):
    raise RuntimeError("Authorization: Bearer abcdef0123456789 and topsecretvalue")


def test_a_defect_says_that_it_is_one(haloitsm, monkeypatch):
    monkeypatch.setattr(entities, "user_catalogue", broken)
    ended = haloitsm("entities")
    assert ended.status == 1
    assert ended.err == (
        "error: unexpected RuntimeError. This is a defect of haloitsm-connector, not of what you did; "
        "HALOITSM_DEBUG=1 shows where it happened.\n"
    )


def test_a_defect_is_shown_on_demand_without_secrets(folder, capsys, monkeypatch):
    from haloitsm_connector.cli.main import main

    monkeypatch.setattr(entities, "user_catalogue", broken)
    monkeypatch.setenv("HALOITSM_DEBUG", "1")
    (folder / ".env").write_text("HALO_CLIENT_SECRET=topsecretvalue\n")
    with pytest.raises(SystemExit):
        main(["entities"])
    shown = capsys.readouterr().err
    assert "in broken" in shown
    assert "topsecretvalue" not in shown
    assert "abcdef0123456789" not in shown


@pytest.mark.parametrize("env_file", ["missing.env", ".", "binary.env"])
def test_an_env_file_that_cannot_be_read_is_named(haloitsm, folder, env_file):
    (folder / "binary.env").write_bytes(b"A=\xff\n")
    ended = haloitsm("--env-file", env_file, "entities", "asset")
    assert ended.status == 1
    assert ended.err.startswith(f"error: cannot read {env_file}: ")


@pytest.mark.parametrize("verbosity", ["-v", "-vv", "-vvv"])
def test_no_secret_is_logged(finished, project, sandbox, verbosity):
    ended = finished(verbosity, "run", "halo.yaml")
    assert ended.status == 0
    assert f"POST {sandbox.base_uri}/auth/token?tenant=sandbox 200" in ended.err
    for secret in (sandbox.client_secret, sandbox.password, sandbox.api_key, "Bearer "):
        assert secret not in ended.out + ended.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("arguments", [["entities"], ["entity", "GET /Actions/{id}"], ["--version"]], ids=" ".join)
def test_a_full_disk_is_said(finished, folder, arguments):
    with Path("/dev/full").open("w") as full:
        ended = finished(*arguments, stdout=full)
    assert ended.status == 1
    assert ended.err.startswith("error: ")
    assert "No space left on device" in ended.err
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize("arguments", [["entities"], ["entity", "GET /Actions/{id}", "--all"]], ids=" ".join)
def test_an_output_that_is_closed_early_ends_in_silence(process, folder, arguments):
    reader = subprocess.Popen(["head", "-c", "1"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    running = process(*arguments, stdout=reader.stdin)
    reader.stdin.close()
    _, err = running.communicate(timeout=30)
    reader.wait(10)
    assert err == ""


def test_ctrl_c_while_waiting_for_an_answer_ends_with_130(process, project):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        running = process("get", "/Tickets", environ={"HALO_BASE_URI": address})
        connection, _ = silent.accept()
        time.sleep(0.2)
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=10)
        connection.close()
    assert running.returncode == 130
    assert err.endswith("Interrupted.\n")
    assert "Traceback" not in err


def test_http_is_logged_wherever_the_option_stands(haloitsm, project, sandbox):
    asked = f"{sandbox.base_uri}/api/Tickets/2001 200"
    assert asked not in haloitsm("get", "/Tickets/2001").err
    for arguments in (
        ("-v", "get", "/Tickets/2001"),
        ("get", "/Tickets/2001", "-v"),
        ("get", "--verbose", "/Tickets/2001"),
    ):
        assert asked in haloitsm(*arguments).err
