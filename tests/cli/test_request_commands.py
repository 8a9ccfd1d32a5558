from __future__ import annotations

import json
import socket
import time

import pytest


@pytest.mark.parametrize(
    "arguments",
    [
        ["GET /Actions/{id}", "-p", "id=AC12"],
        ["get one action", "-p", "id=AC12"],
        ["/Actions/AC12"],
        ["Actions/AC12"],
        ["/api/Actions/AC12"],
        ["api/Actions/AC12"],
    ],
    ids=" ".join,
)
def test_get_takes_a_path_as_people_write_it(haloitsm, project, sandbox, arguments):
    ended = haloitsm("get", *arguments)
    assert ended.status == 0
    assert f"GET {sandbox.base_uri}/api/Actions/AC12\n200, " in ended.err
    assert json.loads(ended.out)["ticket_id"] == 2001


def test_get_takes_a_whole_address_of_this_halo_and_of_no_other(haloitsm, project, sandbox):
    assert haloitsm("get", f"{sandbox.base_uri}/api/Actions/AC12").status == 0
    ended = haloitsm("get", "https://elsewhere.example/api/Actions/AC12")
    assert ended.status == 1
    assert "elsewhere.example is not the host of this client" in ended.err


def test_query_values_reach_the_url(haloitsm, project):
    ended = haloitsm("get", "Tickets", "-q", "count=2", "-q", "search=a b&c")
    assert "/api/Tickets?count=2&search=a%20b%26c\n" in ended.err


def test_the_variables_are_enough_without_a_configuration(haloitsm, project):
    (project / "halo.yaml").unlink()
    assert haloitsm("get", "/Actions/AC12").status == 0


def test_the_env_file_is_enough(haloitsm, folder, sandbox):
    (folder / "my.env").write_text("".join(f"{name}={value}\n" for name, value in sandbox.environment.items()))
    assert haloitsm("--env-file", "my.env", "get", "/Actions/AC12").status == 0


def test_post_creates_and_delete_deletes(haloitsm, project):
    created = haloitsm("post", "/Asset", "-d", '[{"inventory_number": "X1", "assettype_id": 130, "client_id": 12}]')
    key = json.loads(created.out)["id"]
    assert (created.status, haloitsm("delete", f"/Asset/{key}").status) == (0, 0)


def test_data_comes_from_a_file_too(haloitsm, project):
    (project / "new.json").write_text('[{"inventory_number": "X2", "assettype_id": 130, "client_id": 12}]')
    assert haloitsm("post", "POST /Asset", "--data", "@new.json").status == 0


def test_the_answer_goes_into_a_file(haloitsm, project):
    ended = haloitsm("get", "/Actions/AC12", "-o", "action.json")
    assert (ended.status, ended.out) == (0, "")
    assert json.loads((project / "action.json").read_bytes())["id"] == 12


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["get", "/Acton/12"], 3, "Halo has no /Acton. Did you mean '/Actions'?"),
        (["get", "/Asset/999999"], 3, "answered 404"),
        (["get", "Tickts"], 1, "Did you mean"),
        (["get", "/Actions/{id}"], 1, "GET /Actions/{id} needs a value for 'id'. Give it with -p id=VALUE."),
        (["get", "/Actions/{id}", "-p", "ud=1", "-p", "id=1"], 1, "has no path parameter 'ud'"),
        (["get", "POST /Asset"], 1, "GET is needed here"),
        (["post", "/Asset", "-d", "[{"], 1, "--data is not JSON"),
        (["post", "/Asset", "-d", "@missing.json"], 1, "cannot read missing.json: No such file or directory"),
        (["post", "/Asset", "-d", "{}"], 3, "an array is wanted"),
        (["delete", "/Asset"], 3, "answered 405"),
        (["get", "/Tickets", "--client", "hallo"], 1, "Did you mean 'halo'?"),
        (["get", "/Tickets", "-c", "missing.yaml"], 1, "there is no such file or folder"),
        (["get", "/Tickets", "-o", "missing/answer.json"], 1, "missing/answer.json: No such file or directory"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_is_wrong_is_said_in_one_message(haloitsm, project, arguments, status, said):
    ended = haloitsm(*arguments)
    assert ended.status == status
    assert said in ended.err
    assert ended.err.count("error: ") == 1


def test_without_any_halo_the_way_to_one_is_shown(haloitsm, folder):
    ended = haloitsm("get", "/Tickets")
    assert ended.status == 1
    assert "haloitsm init writes a first configuration" in ended.err


def test_several_clients_need_a_choice(haloitsm, project):
    two = (
        (project / "halo.yaml")
        .read_text()
        .replace("incoming:", "  other: {prototype: http, base_uri: http://localhost}\nincoming:", 1)
    )
    (project / "halo.yaml").write_text(two)
    assert "Choose one with --client: halo, other." in haloitsm("get", "/Tickets").err
    assert haloitsm("get", "/Tickets", "--client", "halo").status == 0


def test_a_wrong_secret_is_told_apart(haloitsm, project, monkeypatch):
    monkeypatch.setenv("HALO_CLIENT_SECRET", "mistyped-0815")
    ended = haloitsm("get", "/Tickets")
    assert ended.status == 3
    assert "(invalid_client). Compare client_id and client_secret with" in ended.err
    assert "mistyped-0815" not in ended.err


@pytest.mark.slow
def test_a_dead_host_is_reported_within_ten_seconds(haloitsm, project, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setenv("HALO_BASE_URI", f"http://127.0.0.1:{port}")
    begun = time.monotonic()
    ended = haloitsm("get", "/Tickets")
    assert time.monotonic() - begun < 10
    assert ended.status == 3
    assert f"127.0.0.1:{port} refuses connections" in ended.err
