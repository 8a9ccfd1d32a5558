"""What every step is granted: schemas of the catalogue, files below the folder, lines in the log without secrets."""

from __future__ import annotations

import json
import logging
import pickle

import pytest

from haloitsm_connector import ConfigError, Pipeline
from haloitsm_transformers import StepsError, TransformError, World


@pytest.fixture
def run(tmp_path):
    def through(steps, rows, **environ):
        chain = "".join(f"      - {json.dumps(step)}\n" for step in steps)
        (tmp_path / "halo.yaml").write_text(
            f"incoming:\n  rows:\n    subscriber: {{prototype: file, path: {tmp_path}/rows.json}}\n"
            f"    transformers:\n{chain}"
            "clients:\n  crm:\n    prototype: http\n    base_uri: https://crm.example.com\n"
            "    authentication: {type: bearer, token: '${TOKEN:-unset}'}\n",
            "utf-8",
        )
        (tmp_path / "rows.json").write_text(json.dumps(rows), "utf-8")
        with Pipeline.load(tmp_path / "halo.yaml", environ=environ, state=tmp_path / "state") as pipeline:
            return list(pipeline.read("rows"))

    return through


def test_a_step_may_ask_for_the_schema_of_an_operation(run):
    steps = [{"validate": {"operation": "POST /Tickets"}, "on_error": "drop"}]
    assert run(steps, [{"summary": "x", "client_id": 12}, {"client_id": "twelve"}]) == [
        {"summary": "x", "client_id": 12}
    ]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"operation": "POST /Tikets"}, "Did you mean"),
        ({"operation": "POST /Agent/ClearCache"}, "nothing is known of the payload"),
        ({"file": "../outside.json"}, "is outside of the configuration's folder"),
        ({"file": "none.json"}, "'none.json' cannot be read"),
    ],
)
def test_what_a_step_cannot_be_granted_is_a_located_problem(run, options, said):
    with pytest.raises(ConfigError) as error:
        run([{"validate": options}], [])
    assert said in str(error.value)
    assert "halo.yaml:5:" in str(error.value)


def test_a_chain_pickles_and_is_granted_what_its_host_has_there(tmp_path):
    text = (
        "storages: {s: {}}\ntransformers: {keep: [{save: {storage: s, key: '{{ id }}'}}, {set: {n: '{{ m.n }}x'}}]}\n"
    )
    (tmp_path / "halo.yaml").write_text(text, "utf-8")
    with Pipeline.load(tmp_path, state=tmp_path / "state") as pipeline:
        chain = pickle.loads(pickle.dumps(pipeline.assembly.chain(("transformers", "keep"))))
    with pytest.raises(StepsError, match="needs 'storage'"):
        chain.open()
    world = World().open()
    with pytest.raises(TransformError, match=r"halo.yaml:2:\d+: step 2 \(set\)"):
        chain.open(capabilities=world.capabilities)([{"id": 1}])
    assert chain.needs == {"storage"}


def test_lines_of_steps_are_logged_without_secrets(run, caplog):
    with caplog.at_level(logging.INFO, "haloitsm.steps"):
        run([{"log": {"message": "key {{ key }}"}}], [{"key": "s3cret-token"}], TOKEN="s3cret-token")
    (record,) = caplog.records
    assert record.getMessage().endswith("key ***")
