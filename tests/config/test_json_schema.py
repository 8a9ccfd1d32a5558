from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from haloitsm_connector.config import json_schema
from haloitsm_connector.config.load import installed_prototypes
from haloitsm_connector.config.load import load as load_config
from haloitsm_connector.config.sources import TOP_LEVEL
from haloitsm_connector.config.yaml_document import read
from haloitsm_connector.errors import ConfigError, InputError
from haloitsm_transformers import Registry, Transformer

CONFIGS = Path(__file__).parents[2] / "configs"
ENVIRON = dict.fromkeys(("HALO_BASE_URI", "HALO_CLIENT_ID", "HALO_CLIENT_SECRET"), "https://acme.haloitsm.com")

GOOD = """\
strict: ${STRICT:-false}
clients:
  halo:
    prototype: haloitsm
    base_uri: https://acme.haloitsm.com
    authentication: {type: password, client_id: a, username: b, password: "${PASSWORD:-c}"}
    timeouts: {connect_seconds: 1, read_seconds: "${READ:-5}", total_seconds: 1e2}
    retry: {attempts: "${ATTEMPTS:-3}"}
    normal_statuses: [404, "410-419"]
    logging: ${LOG:-off}
  rest: {prototype: http, base_uri: "https://api.example.com"}
transformers:
  tidy:
    - rename: {summary: subject}
    - set: {label: "#{{ id }}"}
  all: [tidy, {filter: id}]
incoming:
  tickets:
    subscriber:
      prototype: haloitsm
      client: halo
      entity: get /tickets
      request_parameters: {query: {open_only: true}}
      input_transformers: [{set: {query.agent_id: 3}}]
      page_size: ${SIZE:-50}
    transformers: [all]
outgoing:
  assets:
    publisher: {prototype: haloitsm, client: halo, entity: POST /Asset, payload: {inventory_number: "{{ id }}"}}
  gone:
    publisher: {prototype: haloitsm, client: halo, entity: "DELETE /Asset/{id}", path: {id: "{{ id }}"}}
  lines:
    transformers: []
    publisher: {prototype: file, path: "${OUT:-out}.jsonl"}
routes:
  export: {incoming: tickets, outgoing: lines, transformers: [tidy], results: assets, disabled: "${OFF:-no}"}
"""

BAD = {
    "an unknown section": ("clients:", "client:"),
    "an unknown client prototype": ("prototype: http,", "prototype: htp,"),
    "a missing prototype": ("prototype: http, ", ""),
    "an unknown client field": ("    retry:", "    retries:"),
    "a missing client field": ("base_uri: https://acme.haloitsm.com", "tenant: x"),
    "an unknown authentication": ("type: password", "type: passwort"),
    "a missing authentication type": ("type: password, ", ""),
    "a missing credential": ("username: b, ", ""),
    "text for a number": ("connect_seconds: 1,", "connect_seconds: soon,"),
    "a number out of bounds": ("connect_seconds: 1,", "connect_seconds: 0,"),
    "a number for text": ("username: b", "username: 12"),
    "an unknown nested field": ("connect_seconds", "connect_secnds"),
    "an unknown word": ("${LOG:-off}", "loud"),
    "no list where one belongs": ('normal_statuses: [404, "410-419"]', "normal_statuses: 404"),
    "no value": ("base_uri: https://acme.haloitsm.com", "base_uri:"),
    "an empty section": ("strict: ${STRICT:-false}", "routes2: {}"),
    "text for true or false": ("${STRICT:-false}", "perhaps"),
    "a chain that is no list": ("  all: [tidy, {filter: id}]", "  all: tidy"),
    "an unknown verb": ("rename: {summary", "renam: {summary"),
    "two verbs in one step": ("    - set: {label", "      set: {label"),
    "an unknown verb in a prototype's steps": ("{set: {query.agent_id: 3}}", "{sett: {query.agent_id: 3}}"),
    "a step that is a number": ("transformers: [all]", "transformers: [3]"),
    "an incoming without subscriber": ("    subscriber:", "    subscribr:"),
    "a publisher as subscriber field": ("page_size: ${SIZE:-50}", "payload: {}"),
    "an outgoing without publisher": ('    publisher: {prototype: file, path: "${OUT:-out}.jsonl"}\n', ""),
    "a route without outgoing": ("outgoing: lines, ", ""),
    "an unknown route field": ("results: assets", "result: assets"),
    "a list for a name": ("incoming: tickets", "incoming: [tickets]"),
}


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return json_schema()


@pytest.fixture(scope="module")
def validator(schema: dict[str, Any]) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(schema)


@pytest.fixture
def loads(tmp_path: Path) -> Callable[[str], bool]:
    def run(text: str) -> bool:
        file = tmp_path / "halo.yaml"
        file.write_text(text)
        try:
            load_config([file], environ={})
        except ConfigError:
            return False
        return True

    return run


def data(text: str) -> Any:
    document = read(text.encode(), "halo.yaml")
    assert not document.problems
    return document.data


def test_the_schema_is_a_schema_with_every_section(schema: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(schema)
    assert set(schema["properties"]) == set(TOP_LEVEL)
    assert all(section["description"] for section in schema["properties"].values())
    assert json.loads(json.dumps(schema)) == schema


def test_every_reference_leads_somewhere(schema: dict[str, Any]) -> None:
    text = json.dumps(schema)
    for reference in {part.split('"')[0] for part in text.split('"$ref": "#/$defs/')[1:]}:
        assert reference in schema["$defs"]


def test_a_good_document_is_accepted_by_both(
    validator: jsonschema.Draft202012Validator, loads: Callable[[str], bool]
) -> None:
    assert [error.message for error in validator.iter_errors(data(GOOD))] == []
    assert loads(GOOD)


@pytest.mark.parametrize("mistake", BAD)
def test_a_mistake_is_refused_by_both(
    validator: jsonschema.Draft202012Validator, loads: Callable[[str], bool], mistake: str
) -> None:
    right, wrong = BAD[mistake]
    assert GOOD.count(right) >= 1
    text = GOOD.replace(right, wrong, 1)
    assert not validator.is_valid(data(text))
    assert not loads(text)


@pytest.mark.parametrize("file", sorted(CONFIGS.rglob("*.yaml")), ids=lambda file: file.stem)
def test_the_committed_configurations_are_accepted(validator: jsonschema.Draft202012Validator, file: Path) -> None:
    assert [error.message for error in validator.iter_errors(data(file.read_text("utf-8")))] == []


def test_the_committed_configurations_load_without_a_warning() -> None:
    assert load_config([CONFIGS], environ=ENVIRON).warnings == []


def test_operations_complete_where_they_fit(schema: dict[str, Any]) -> None:
    read_names = schema["$defs"]["subscribers.haloitsm"]["properties"]["entity"]["anyOf"][0]["enum"]
    written_names = schema["$defs"]["publishers.haloitsm"]["properties"]["entity"]["anyOf"][0]["enum"]
    assert "GET /Actions/{id}" in read_names
    assert {name.split()[0] for name in read_names} == {"GET"}
    assert {name.split()[0] for name in written_names} == {"POST", "DELETE"}


def test_every_field_of_every_prototype_is_described(schema: dict[str, Any]) -> None:
    for kind, source in installed_prototypes().items():
        for name in source.names():
            for field, described in schema["$defs"][f"{kind}.{name}"]["properties"].items():
                assert described.get("description"), f"{kind}.{name}.{field}"


def test_third_party_steps_are_in_the_schema() -> None:
    registry = Registry.installed()
    mine = registry.get("rename")
    added = registry.with_(Transformer("acme_rename", mine.level, mine.params, mine.build))
    assert "acme_rename" in json_schema(added)["$defs"]["step"]["anyOf"][1]["properties"]


def test_a_plugin_that_cannot_be_loaded_is_named() -> None:
    class Broken(Registry):
        def names(self) -> list[str]:
            return ["broken"]

    with pytest.raises(InputError, match="there is no step 'broken'"):
        json_schema(Broken({}))
