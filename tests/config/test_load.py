from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from haloitsm_connector.config import Config
from haloitsm_connector.config import load as load_config
from haloitsm_connector.config.models import IncomingFields, OutgoingFields, RouteConfig
from haloitsm_connector.config.sources import TOP_LEVEL
from haloitsm_connector.config.yaml_document import Position
from haloitsm_connector.errors import ConfigError

Load = Callable[..., Config]
Problems = Callable[..., list[str]]

GOOD = """\
clients:
  halo:
    prototype: haloitsm
    base_uri: ${HALO_BASE_URI:-https://acme.example}
    authentication: {type: client_credentials, client_id: id, client_secret: hunter22}
    timeouts: {read_seconds: "${READ:-5}"}
transformers:
  tidy:
    - rename: {summary: subject}
incoming:
  tickets:
    subscriber:
      prototype: haloitsm
      client: halo
      entity: GET /Tickets
      input_transformers:
        - set: {query.open_only: true}
    transformers:
      - tidy
outgoing:
  lines:
    publisher: {prototype: file, path: out.jsonl}
  assets:
    transformers:
      - set: {payload: {inventory_number: "{{ serial }}", assettype_id: 130}}
    publisher: {prototype: haloitsm, client: halo, entity: POST /Asset}
routes:
  export: {incoming: tickets, outgoing: lines, results: assets, disabled: "${OFF:-true}"}
"""


def test_a_configuration_is_typed_data_with_its_prototypes(load: Load) -> None:
    config = load(GOOD)
    assert config.warnings == []
    assert config.files == (Path("halo.yaml"),)
    client = config.clients["halo"]
    assert client.prototype.name == "haloitsm"
    assert client.fields.model_dump()["base_uri"] == "https://acme.example"
    assert client.fields.model_dump()["timeouts"] == {"read_seconds": 5.0}
    assert config.incoming["tickets"].transformers == ["tidy"]
    assert config.outgoing["lines"].transformers == []
    assert config.outgoing["lines"].publisher.prototype.name == "file"
    assert config.chains == {"tidy": [{"rename": {"summary": "subject"}}]}
    assert config.routes["export"].disabled is True
    assert config.routes["export"].results == "assets"


def test_every_place_can_be_told_at_run_time(load: Load) -> None:
    config = load(GOOD)
    assert config.where(("transformers", "tidy", 0)) == "halo.yaml:9:7"
    assert config.where(("transformers", "tidy", 0, "rename", "summary")) == "halo.yaml:9:16"
    assert config.where(("transformers", "tidy", 0, "rename", "nothing", 3)) == "halo.yaml:9:7"
    assert config.where(("nowhere",)) == "halo.yaml:1:1"


def test_all_problems_come_at_once_in_the_order_of_the_lines(problems: Problems) -> None:
    assert problems(
        """\
clients:
  halo:
    prototype: haloitsm
    base_url: https://acme.example
    authentication: {type: pasword}
  other: {prototype: htp}
  none:
transformers:
  tidy: [lop, {renam: {}}]
incoming:
  tickets:
    subscriber: {prototype: haloitsm, client: hallo, entity: GET /Tikets}
    transformrs: []
  assets:
    subscriber: {client: halo}
outgoing:
  lines: {publisher: {prototype: file, path: 5}, transformers: tidy}
routes:
  r: {incoming: ticket, outgoing: line, disabled: maybe}
shedules: {}
strict: x
"""
    ) == [
        "halo.yaml:2:3: clients.halo: 'base_uri' is missing.",
        "halo.yaml:4:5: clients.halo.base_url: unknown key 'base_url'. Did you mean 'base_uri'?",
        "halo.yaml:5:22: clients.halo.authentication.type: 'pasword' is not known here. Did you mean 'password'?",
        "halo.yaml:6:11: clients.other.prototype: there is no prototype 'htp'. Did you mean 'http'?",
        "halo.yaml:7:3: clients.none: must be a mapping (name: value). It needs 'prototype:' and its fields.",
        "halo.yaml:9:10: transformers.tidy[0]: there is no chain 'lop'. Chains are declared under 'transformers:'.",
        "halo.yaml:9:16: transformers.tidy[1].renam: there is no step 'renam'. Did you mean 'rename'?",
        "halo.yaml:12:39: incoming.tickets.subscriber.client: there is no client 'hallo'. Did you mean 'halo'?",
        "halo.yaml:12:54: incoming.tickets.subscriber.entity: "
        "Halo has no operation 'GET /Tikets'. Did you mean 'GET /Tickets'?",
        "halo.yaml:13:5: incoming.tickets.transformrs: unknown key 'transformrs'. Did you mean 'transformers'?",
        "halo.yaml:15:5: incoming.assets.subscriber: 'prototype' is missing. There are: file, haloitsm.",
        "halo.yaml:17:40: outgoing.lines.publisher.path: must be text. Put it in quotes.",
        "halo.yaml:17:50: outgoing.lines.transformers: must be a list of steps, not text.",
        "halo.yaml:19:7: routes.r.incoming: there is no incoming 'ticket'. Did you mean 'tickets'?",
        "halo.yaml:19:25: routes.r.outgoing: there is no outgoing 'line'. Did you mean 'lines'?",
        "halo.yaml:19:41: routes.r.disabled: must be true or false.",
        "halo.yaml:20:1: shedules: unknown section 'shedules'. Did you mean 'schedules'?",
        "halo.yaml:21:1: strict: must be true or false.",
    ]


def test_no_route_is_called_like_the_tasks_that_follow_from_another(problems: Problems) -> None:
    found = problems(
        GOOD.replace("\nroutes:\n", "\nroutes:\n  tickets results: {incoming: tickets, outgoing: lines}\n")
    )
    assert [text.partition(": ")[2] for text in found] == [
        "routes.tickets results: the name of a route cannot end in 'results': "
        "so tasks are called that follow from others. Choose another name."
    ]


@pytest.mark.parametrize(
    "steps", ["input_transformers: [{renam: {}}]", "input_transformers: [{when: {if: id, then: [{renam: {}}]}}]"]
)
def test_steps_are_checked_wherever_a_prototype_takes_them(problems: Problems, steps: str) -> None:
    found = problems(GOOD.replace("input_transformers:\n        - set: {query.open_only: true}", steps))
    assert len(found) == 1
    assert "there is no step 'renam'. Did you mean 'rename'?" in found[0]
    assert found[0].startswith("halo.yaml:16:")


def test_a_haloitsm_subscriber_needs_a_haloitsm_client(problems: Problems) -> None:
    found = problems(GOOD.replace("prototype: haloitsm\n    base_uri", "prototype: http\n    base_uri"))
    assert found == [
        f"halo.yaml:{where}: client 'halo' is of prototype 'http'; a client of prototype 'haloitsm' is needed here."
        for where in ("14:7: incoming.tickets.subscriber.client", "26:38: outgoing.assets.publisher.client")
    ]


def test_warnings_let_a_configuration_load_unless_it_is_strict(load: Load) -> None:
    text = GOOD.replace("${HALO_BASE_URI:-https://acme.example}", "http://acme.example")
    warning = "halo.yaml:4:5: warning: clients.halo.base_uri: is not https. Use https."
    assert [str(problem) for problem in load(text).warnings] == [warning]
    for strict in ("true", '"${STRICT:-true}"'):
        with pytest.raises(ConfigError) as error:
            load(f"{text}strict: {strict}\n")
        assert str(error.value) == warning.replace("warning: ", "")
    with pytest.raises(ConfigError) as error:
        load(text.replace("client: halo", "client: hallo"))
    assert [problem.severity for problem in error.value.problems] == ["warning", "error", "error"]


def test_payloads_written_out_are_compared_with_the_record(problems: Problems) -> None:
    set_step = 'set: {payload: {inventory_number: "{{ serial }}", assettype_id: 130}}'
    for written in (
        "set: {payload: {inventory_nmber: x}}",
        "set: {payload: [{inventory_number: x}, {inventory_nmber: x}]}",
    ):
        (found,) = problems(GOOD.replace(set_step, written))
        assert "warning: outgoing.assets.transformers[0].set.payload" in found
        assert found.endswith("Did you mean 'inventory_number'?")
    (found,) = problems(GOOD.replace(set_step, "set: {payload.inventory_nmber: x, payload.lines.0: x}"))
    assert found.startswith("halo.yaml:25:15: warning: outgoing.assets.transformers[0].set.payload.inventory_nmber: ")
    (found,) = problems(GOOD.replace("assettype_id: 130", "assettype_id: laptop"))
    assert found.startswith("halo.yaml:25:59: warning: outgoing.assets.transformers[0].set.payload.assettype_id: ")
    (found,) = problems(
        GOOD.replace("entity: POST /Asset", "entity: POST /Asset, request_transformers: [{set: {payload: {x_y_z: 1}}}]")
    )
    assert "warning: outgoing.assets.publisher.request_transformers[0].set.payload.x_y_z: " in found


def test_nothing_is_said_of_a_payload_field_that_a_later_step_changes(problems: Problems) -> None:
    set_step = 'set: {payload: {inventory_number: "{{ serial }}", assettype_id: 130}}'
    fields = "set: {payload: {customfields: {CFa: 1}, fields: {A: 1}}}"
    (found,) = problems(
        GOOD.replace(set_step, f"{fields}\n      - custom_fields: {{to: list, at: payload.customfields}}")
    )
    assert "payload.fields" in found


def test_a_payload_that_does_not_come_from_a_set_step_is_left_alone(problems: Problems) -> None:
    for entity in ("POST /Asset", "POST /Nothing", "DELETE /Asset/{id}"):
        for step in ('set: {payload: "{{ @ }}"}', "set: {other: {x_y_z: 1}}", "tidy"):
            text = GOOD.replace("entity: POST /Asset", f'entity: "{entity}"')
            assert (
                problems(
                    text.replace(
                        text[text.index("set: {payload") : text.index("\n    publisher: {prototype: haloitsm")], step
                    )
                )
                == []
            )


def test_what_cannot_be_read_is_not_complained_about_twice(problems: Problems) -> None:
    found = problems(GOOD.replace("${READ:-5}", "${READ}").replace("client_id: id", "client_id: {{ id }}"))
    assert [line.split(": ")[2] for line in found] == [
        "braces cannot be a key. Text with { or } at its start, or inside { } and [ ], needs quotes",
        "the environment variable READ is not set. Set it, in a file .env here for one, or give a default",
    ]


def test_a_key_is_named_as_unknown_even_if_its_value_cannot_be_read(problems: Problems) -> None:
    found = problems(GOOD.replace("base_uri: ${HALO_BASE_URI:-https://acme.example}", "base_url: ${HALO_BASE_URI}"))
    assert "halo.yaml:4:5: clients.halo.base_url: unknown key 'base_url'. Did you mean 'base_uri'?" in found


def test_a_file_that_cannot_be_read_hides_no_other_problem_and_makes_no_wrong_ones(problems: Problems) -> None:
    files = {
        "clients.yaml": "clients:\n\thalo:\n",
        "rest.yaml": GOOD[GOOD.index("transformers:") :].replace("rename", "renam"),
    }
    assert problems(files) == [
        "clients.yaml:2:1: a tab cannot indent. Use spaces.",
        "rest.yaml:3:7: transformers.tidy[0].renam: there is no step 'renam'. Did you mean 'rename'?",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("- a\n", "1:1: this is not a configuration"),
        ("text\n", "1:1: this is not a configuration"),
        ("", "1:1: the file is empty"),
        ("clients: []\n", "1:1: clients: must be a mapping of names"),
        ("clients:\n", "1:1: clients: must be a mapping of names"),
        ("clients: {{ x }}\n", "1:11: clients: braces cannot be a key"),
    ],
)
def test_what_has_no_sections_is_one_problem(problems: Problems, text: str, problem: str) -> None:
    (found,) = problems(text)
    assert found.startswith(f"halo.yaml:{problem}.")


CLIENT = "clients:\n  {}: {{prototype: http, base_uri: x}}\n"


def test_a_folder_is_read_with_all_its_folders(load: Load) -> None:
    config = load(
        {
            "conf/b.yaml": CLIENT.format("b"),
            "conf/a.yml": CLIENT.format("a"),
            "conf/deep/er/c.yaml": CLIENT.format("c"),
            "conf/a.test.yaml": "nonsense",
            "conf/.hidden.yaml": "nonsense",
            "conf/.git/x.yaml": "nonsense",
            "conf/notes.txt": "nonsense",
        },
        paths=["conf", "conf/a.yml"],
    )
    assert list(config.clients) == ["a", "b", "c"]
    assert [str(file) for file in config.files] == ["conf/a.yml", "conf/b.yaml", "conf/deep/er/c.yaml"]
    assert config.where(("clients", "c")) == "conf/deep/er/c.yaml:2:3"


def test_a_name_used_in_two_files_is_a_problem_that_names_both(problems: Problems) -> None:
    assert problems(
        {"a.yaml": CLIENT.format("x") + "strict: false\n", "b.yaml": CLIENT.format("x") + "strict: true\n"}
    ) == [
        "b.yaml:2:3: clients.x: 'x' is defined in another place already: a.yaml:2:3. Rename or remove one of them.",
        "b.yaml:3:1: strict: 'strict' is defined in another place already: a.yaml:3:1. Rename or remove one of them.",
    ]


def test_a_name_may_be_used_in_two_sections(load: Load) -> None:
    config = load(
        "outgoing:\n  x: {publisher: {prototype: file, path: y}}\nclients:\n  x: {prototype: http, base_uri: y}\n"
    )
    assert set(config.outgoing) == set(config.clients) == {"x"}


def test_paths_that_are_not_there_are_problems(problems: Problems) -> None:
    assert problems({"conf/notes.txt": ""}, paths=["none.yaml", "conf"]) == [
        "conf:1:1: there is no YAML file in this folder. Names end in .yaml or .yml.",
        "none.yaml:1:1: there is no such file or folder.",
    ]


def test_a_variable_from_a_file_is_relative_to_the_file_that_names_it(load: Load) -> None:
    config = load(
        {"conf/secret": "hunter22\n", "conf/a.yaml": CLIENT.format("a").replace("x", "'${file:secret}'")},
        paths=["conf"],
    )
    assert config.secrets == {"hunter22"}
    assert config.clients["a"].fields.model_dump()["base_uri"] == "hunter22"


def test_secrets_are_collected_and_stay_out_of_the_representation(load: Load) -> None:
    config = load(
        {
            "key": "s3cret-file",
            "halo.yaml": GOOD.replace("GET /Tickets", "GET /Tickets\n      query: {x: '${file:key}'}"),
        },
        paths=["halo.yaml"],
    )
    assert config.secrets == {"hunter22", "s3cret-file"}
    assert "hunter22" not in repr(config)
    assert "s3cret-file" not in repr(config)


@pytest.mark.parametrize(
    "place", ["base_uri: {}", "level: {}", "prototype: {}", "{}", "timeouts: {{read_seconds: {}}}", "x: {}"]
)
def test_a_secret_from_a_file_is_in_no_problem(problems: Problems, place: str) -> None:
    text = "clients:\n  a:\n    authentication: {type: ${file:key}}\n    " + place.format("${file:key}")
    found = problems(
        {"key": "hunter22-hunter22", "halo.yaml": text.replace("{type: ${file:key}}", "{type: '${file:key}'}")}
    )
    assert found
    assert "hunter22" not in "\n".join(found)


secret_texts = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=8, max_size=30).filter(
    lambda text: text.strip() == text
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    secret=secret_texts, wrong=st.sampled_from(["type: x", "client_secret: ''", "y: 1", "client_id: 5", "scopes: 1"])
)
def test_a_secret_value_is_in_no_problem(problems: Problems, secret: str, wrong: str) -> None:
    unique = f"\N{KEY}{secret}"
    for field in ("client_secret", "password"):
        text = GOOD.replace("client_id: id, client_secret: hunter22", f"{field}: '${{SECRET}}', {wrong}")
        assert unique not in "\n".join(problems(text, environ={"SECRET": unique}))


MODELS = (IncomingFields, OutgoingFields, RouteConfig)
NAMES = [*TOP_LEVEL, *(name for model in MODELS for name in model.model_fields)]
KEYS = st.sampled_from([*NAMES, "prototype", "client", "entity", "payload", "path", "type", "set", "haloitsm", "x"])
VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | KEYS
VALUES |= st.sampled_from(["POST /Asset", "GET /Tickets", "${X}", "${file:x}", "{{ id }}", "{{", "client_credentials"])
TREES = st.recursive(
    VALUES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=25
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=st.dictionaries(KEYS, TREES, max_size=5))
def test_no_data_makes_anything_but_located_problems(problems: Problems, tree: dict[str, Any]) -> None:
    assert all(line.startswith("halo.yaml:") for line in problems(yaml.safe_dump(tree)))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=80), at=st.integers(0, len(GOOD)))
def test_no_bytes_in_a_good_configuration_make_anything_but_a_config_error(
    tmp_path: Path, content: bytes, at: int
) -> None:
    file = tmp_path / "halo.yaml"
    file.write_bytes(GOOD[:at].encode() + content + GOOD[at:].encode())
    with suppress(ConfigError):
        load_config([file], environ={})


def test_positions_sort_by_file_and_line(problems: Problems) -> None:
    assert str(Position("a.yaml", 2, 3)) == "a.yaml:2:3"
    found = problems({"b.yaml": "x: 1\ny: 1\n", "a.yaml": "z: 1\n"})
    assert [line.split(": ")[0] for line in found] == ["a.yaml:1:1", "b.yaml:1:1", "b.yaml:2:1"]
