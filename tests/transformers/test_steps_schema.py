"""The JSON Schema of steps completes verbs and options, and refuses what check_steps refuses."""

from __future__ import annotations

import jsonschema
import pytest

from haloitsm_transformers import Registry, check_steps, json_schema

REGISTRY = Registry.installed()
SCHEMA = json_schema(REGISTRY)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def test_the_schema_is_sound_and_every_reference_leads_somewhere():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    for reference in references(SCHEMA):
        assert reference.removeprefix("#/$defs/") in SCHEMA["$defs"]


def references(schema):
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"]
        for inner in schema.values():
            yield from references(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from references(inner)


def test_verbs_and_options_are_described():
    verbs = SCHEMA["$defs"]["step"]["anyOf"][1]["properties"]
    assert sorted(verbs.keys() - {"on_error"}) == REGISTRY.names()
    assert verbs["split"]["description"].startswith("Make an entity of each item")
    assert SCHEMA["$defs"]["step.split"]["properties"]["items"]["description"].startswith("JMESPath")
    assert SCHEMA["$defs"]["step.when"]["properties"]["then"]["$ref"] == "#/$defs/steps"
    assert SCHEMA["$defs"]["step.when"]["properties"]["else_if"]["items"] == {"$ref": "#/$defs/step.when.Branch"}


def test_a_step_may_say_what_becomes_of_an_entity_that_fails():
    steps = [{"remove": ["a"], "on_error": "drop"}, {"filter": "a", "on_error": "keep"}]
    VALIDATOR.validate(steps)
    assert check_steps(steps, REGISTRY) == []


@pytest.mark.parametrize("name", REGISTRY.names())
def test_the_examples_of_a_verb_satisfy_the_schema(name):
    for example in REGISTRY.get(name).examples:
        VALIDATOR.validate([{name: example.params}])


@pytest.mark.parametrize(
    "steps",
    [
        [{"renam": {}}],
        [{}],
        [{"rename": {"a": "b"}, "set": {"a": 1}}],
        [5],
        {},
        [{"split": {"itms": "a"}}],
        [{"split": {}}],
        [{"remove": "a"}],
        [{"remove": []}],
        [{"filter": {"a": {"eq": 1}}}],
        [{"filter": {"and": []}}],
        [{"filter": {}}],
        [{"filter": 5}],
        [{"when": {"if": "a", "then": [{"renam": {}}]}}],
        [{"when": {"if": "a", "then": [], "els": []}}],
        [{"on_error": "drop"}],
        [{"remove": ["a"], "on_error": "stop"}],
        [{"remove": ["a"], "filter": "a", "on_error": "drop"}],
    ],
)
def test_the_schema_and_the_check_refuse_the_same(steps):
    assert not VALIDATOR.is_valid(steps)
    assert check_steps(steps, REGISTRY)
