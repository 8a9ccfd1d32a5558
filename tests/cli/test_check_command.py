from __future__ import annotations

import json

import pytest

BROKEN = """\
clients:
  halo: {prototype: haloitsm, base_uri: "https://x.example", authentication: {type: api_key, api_key: topsecretkey}}
incoming:
  one: {subscriber: {prototype: haloitsm, client: hallo, entity: "GET /Acton/{id}"}}
  two:
    subscriber: {prototype: haloitsm, client: halo, entity: GET /Tickets}
    transformers:
      - renam: {summary: subject}
"""
TWO_CLIENTS = """\
clients:
  good:
    prototype: haloitsm
    base_uri: ${HALO_BASE_URI}
    tenant: ${HALO_TENANT}
    authentication:
      type: password
      client_id: ${HALO_CLIENT_ID}
      username: ${HALO_USERNAME}
      password: ${HALO_PASSWORD}
  bad:
    prototype: haloitsm
    base_uri: ${HALO_BASE_URI}
    tenant: ${HALO_TENANT}
    authentication: {type: client_credentials, client_id: nobody, client_secret: not-this-one}
  key:
    prototype: haloitsm
    base_uri: ${HALO_BASE_URI}
    authentication: {type: api_key, api_key: "${HALO_API_KEY}"}
"""


def test_a_good_configuration_is_counted(haloitsm, project):
    ended = haloitsm("check", "halo.yaml")
    assert ended.status == 0
    assert ended.err == "No errors: 1 client, 2 incoming, 2 outgoing, 2 routes.\n"


def test_every_problem_is_located(haloitsm, folder):
    (folder / "broken.yaml").write_text(BROKEN, "utf-8")
    ended = haloitsm("check", "broken.yaml")
    assert ended.status == 1
    assert [line.partition(" ")[0] for line in ended.out.splitlines()] == [
        "broken.yaml:4:43:",
        "broken.yaml:4:58:",
        "broken.yaml:8:9:",
    ]
    assert ended.out.count("Did you mean") == 3
    assert ended.err == "3 errors, 0 warnings.\n"


def test_problems_as_json_are_one_document(haloitsm, folder):
    (folder / "broken.yaml").write_text(BROKEN, "utf-8")
    problems = json.loads(haloitsm("check", "broken.yaml", "--json").out)["problems"]
    assert [problem["line"] for problem in problems] == [4, 4, 8]


@pytest.mark.parametrize("path", ["missing.yaml", "."])
def test_a_path_without_yaml_is_named(haloitsm, folder, path):
    ended = haloitsm("check", path)
    assert ended.status == 1
    assert ended.out.startswith(f"{path}:1:1: there is no")


def test_an_unreadable_file_is_named(haloitsm, folder):
    (folder / "binary.yaml").write_bytes(b"\x00\xff\xfe")
    ended = haloitsm("check", "binary.yaml")
    assert ended.status == 1
    assert ended.out.startswith("binary.yaml:1:")


def test_connect_proves_every_client_in_one_row(haloitsm, project):
    (project / "two.yaml").write_text(TWO_CLIENTS, "utf-8")
    ended = haloitsm("check", "two.yaml", "--connect")
    rows = {line.split()[0]: line.split()[1:] for line in ended.out.splitlines()}
    assert ended.status == 3
    assert rows["good"] == ["connected", "password", "sandbox", "all", "60", "min", "no", "limit"]
    assert rows["bad"] == ["failed", "client_credentials"]
    assert rows["key"][:2] == ["no", "token"]
    assert "client 'bad': no token from" in ended.err
    assert "invalid_client" in ended.err


def test_connections_are_in_the_json(haloitsm, project):
    ended = haloitsm("check", "halo.yaml", "--connect", "--json")
    found = json.loads(ended.out)
    assert ended.status == 0
    assert found["counts"] == {"clients": 1, "incoming": 2, "outgoing": 2, "routes": 2}
    assert found["connections"][0]["result"] == "connected"


def test_secrets_of_a_configuration_are_not_shown(haloitsm, folder):
    (folder / "broken.yaml").write_text(BROKEN.replace("client: hallo", "client: topsecretkey"), "utf-8")
    ended = haloitsm("check", "broken.yaml")
    assert ended.status == 1
    assert "topsecretkey" not in ended.out + ended.err
