from __future__ import annotations

import json

import pytest

CONFIG = """\
clients:
  halo:
    prototype: haloitsm
    base_uri: ${HALO_BASE_URI}
    tenant: ${HALO_TENANT:-}
    authentication: {type: client_credentials, client_id: "${HALO_CLIENT_ID}", client_secret: "${HALO_CLIENT_SECRET}"}
incoming:
  open-tickets:
    subscriber:
      prototype: haloitsm
      client: halo
      entity: GET /Tickets
      request_parameters: {query: {open_only: true, client_id: [12, 13]}}
  one-action:
    subscriber:
      prototype: haloitsm
      client: halo
      entity: GET /Actions/{id}
      request_parameters: {path: {id: AC12}, query: {ticket_id: 2001}}
  laptops: {subscriber: {prototype: file, path: laptops.csv}}
outgoing:
  tax-code:
    publisher:
      prototype: haloitsm
      client: halo
      entity: POST /Client
      payload: {id: "{{ id }}", item_tax_code: 1}
"""


@pytest.fixture
def exported(folder, haloitsm):
    """Export something, and return the requests by name, the collection, the environment and what was said."""

    def export(*arguments):
        ended = haloitsm("export", "postman", *arguments, "-o", "x.postman_collection.json")
        assert ended.status == 0, ended.err
        collection = json.loads((folder / "x.postman_collection.json").read_text("utf-8"))
        environment = json.loads((folder / "x.postman_environment.json").read_text("utf-8"))
        requests = {item["name"]: item for tag in collection["item"] for item in tag["item"]}
        return requests, collection, {one["key"]: one for one in environment["values"]}, ended.err

    return export


@pytest.fixture
def config(folder):
    path = folder / "halo.yaml"
    path.write_text(CONFIG, "utf-8")
    return path


def test_a_configuration_becomes_a_folder_per_tag_with_its_requests(exported, config, is_collection):
    requests, collection, _, _ = exported(config)
    is_collection(collection)
    assert [tag["name"] for tag in collection["item"]] == ["Actions", "Area", "Faults"]
    url = requests["open-tickets"]["request"]["url"]
    assert url["raw"].startswith("{{api_uri}}/Tickets?pageinate=true&page_size=100&page_no=1&open_only=true")
    assert [one["value"] for one in url["query"] if one["key"] == "client_id"] == ["12,13"]
    assert requests["one-action"]["request"]["url"]["path"] == ["Actions", ":id"]
    assert requests["one-action"]["request"]["url"]["variable"][0]["value"] == "AC12"


def test_what_an_entity_fills_in_has_an_example_and_is_said(exported, config):
    requests, _, _, said = exported(config)
    assert json.loads(requests["tax-code"]["request"]["body"]["raw"]) == [{"id": 1, "item_tax_code": 1}]
    assert "outgoing tax-code: its {{ placeholders }}" in said
    assert "incoming laptops: reads or writes with 'file'" in said


def test_signing_in_is_set_up_as_in_the_guide(exported, config):
    _, collection, _, _ = exported(config)
    assert collection["auth"]["type"] == "oauth2"
    settings = {one["key"]: one["value"] for one in collection["auth"]["oauth2"]}
    assert settings["grant_type"] == "client_credentials"
    assert settings["accessTokenUrl"] == "{{auth_uri}}/token?tenant={{tenant}}"
    assert settings["client_authentication"] == "header"
    assert (settings["scope"], settings["addTokenTo"], settings["headerPrefix"]) == ("all", "header", "Bearer")


def test_secrets_are_variables_without_a_value(exported, config, folder, monkeypatch):
    monkeypatch.setenv("HALO_BASE_URI", "https://acme.haloitsm.com")
    monkeypatch.setenv("HALO_CLIENT_ID", "some-id")
    monkeypatch.setenv("HALO_CLIENT_SECRET", "very-secret-value")
    _, _, values, said = exported(config)
    assert values["client_secret"] == {"key": "client_secret", "value": "", "type": "secret", "enabled": True}
    assert (values["base_uri"]["value"], values["client_id"]["value"]) == ("https://acme.haloitsm.com", "some-id")
    assert "Fill in, in Postman: client_secret." in said
    assert not any("very-secret-value" in path.read_text("utf-8") for path in folder.glob("x.*"))


def test_variables_that_are_not_set_leave_empty_values(exported, config):
    _, _, values, said = exported(config)
    assert {values[name]["value"] for name in ("base_uri", "tenant", "client_id")} == {""}
    assert "Fill in, in Postman: base_uri, client_id, client_secret." in said


def test_a_secret_in_a_query_is_hidden_and_said(exported, folder):
    (folder / "code.txt").write_text("hidden-code\n", "utf-8")
    text = CONFIG.replace("open_only: true", "open_only: true, search: '${file:code.txt}'")
    (folder / "halo.yaml").write_text(text, "utf-8")
    requests, _, _, said = exported(folder / "halo.yaml")
    assert "hidden-code" not in json.dumps(requests)
    assert "incoming open-tickets: holds a secret" in said


def test_a_variable_that_is_not_set_leaves_its_value_empty_and_is_said(exported, folder):
    (folder / "halo.yaml").write_text(CONFIG.replace("id: AC12", "id: '${ACTION}'"), "utf-8")
    requests, collection, _, said = exported(folder / "halo.yaml")
    assert requests["one-action"]["request"]["url"]["variable"][0]["value"] == ""
    assert "incoming one-action: a variable in it is not set" in said
    assert "not-set" not in json.dumps(collection)


@pytest.mark.slow
def test_the_whole_catalogue_is_a_valid_collection(exported, catalogue, is_collection):
    _, collection, _, _ = exported("--all")
    is_collection(collection)
    items = [item for tag in collection["item"] for item in tag["item"]]
    operations = {one.name: one for one in catalogue.operations()}
    named = [item["request"]["description"].partition("`")[2].partition("`")[0] for item in items]
    assert sorted(named) == sorted(operations)
    for item, name in zip(items, named, strict=True):
        operation, request = operations[name], item["request"]
        assert any("pm.test(" in line for line in item["event"][0]["script"]["exec"])
        described = [*request["url"].get("query", []), *request["url"].get("variable", [])]
        assert all(one["description"] for one in described)
        assert {one.name for one in operation.query_parameters} <= {one["key"] for one in described}
        if operation.body in ("array", "object"):
            assert isinstance(json.loads(request["body"]["raw"]), list if operation.body == "array" else dict)


def test_chosen_operations_are_found_by_any_name(exported):
    requests, _, _, _ = exported("-e", "get /clients/{client_id}", "-e", "list tickets")
    assert sorted(requests) == ["Get one client", "List tickets"]


def test_other_kinds_of_signing_in_are_written_too(exported, folder):
    for kind, expected in (
        ("{type: api_key, api_key: secret-key}", "apikey"),
        ("{type: password, client_id: id, username: robin, password: secret-key}", "oauth2"),
    ):
        text = CONFIG.replace(CONFIG.partition("authentication: ")[2].partition("\n")[0], kind)
        (folder / "halo.yaml").write_text(text, "utf-8")
        _, collection, values, _ = exported(folder / "halo.yaml")
        assert collection["auth"]["type"] == expected
        assert "secret-key" not in json.dumps([collection, values])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "nothing to export is named"),
        (["-e", "GET /Acton"], "Did you mean"),
        (["two.yaml"], "Choose it with --client: one, two"),
        (["two.yaml", "--client", "tow"], "Did you mean 'two'?"),
        (["none.yaml"], "declares no HaloITSM client"),
    ],
)
def test_a_mistake_is_said_before_anything_is_written(haloitsm, folder, arguments, said):
    client = "{prototype: haloitsm, base_uri: 'https://a.haloitsm.com', authentication: {type: api_key, api_key: x}}"
    (folder / "two.yaml").write_text(f"clients:\n  one: {client}\n  two: {client}\n", "utf-8")
    (folder / "none.yaml").write_text("incoming: {rows: {subscriber: {prototype: file, path: x.csv}}}\n", "utf-8")
    ended = haloitsm("export", "postman", *arguments)
    assert ended.status == 1
    assert said in ended.err
    assert not list(folder.glob("*.json"))
