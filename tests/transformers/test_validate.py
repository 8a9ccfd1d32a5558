from __future__ import annotations

import pytest

from haloitsm_transformers import Registry, TransformError, check_steps, compile_chain

REGISTRY = Registry.installed()


@pytest.mark.parametrize(
    ("schema", "path", "what"),
    [
        ({"properties": {"a": {"pattern": "(a+)+$"}}}, ("properties", "a", "pattern"), "busy for ever"),
        (
            {"properties": {"properties": {"pattern": "(a+)+$"}}},
            ("properties", "properties", "pattern"),
            "busy for ever",
        ),
        ({"properties": {"default": {"pattern": "(a+)+$"}}}, ("properties", "default", "pattern"), "busy for ever"),
        ({"$ref": "https://example.com/schema.json"}, ("$ref",), "another document"),
        ({"properties": {"a": {"$ref": "#/nope"}}}, ("properties", "a", "$ref"), "leads nowhere"),
        ({"type": "strin"}, ("type",), "not a JSON Schema"),
    ],
)
def test_schema_that_cannot_be_used_is_a_located_problem(schema, path, what):
    (problem,) = check_steps([{"validate": {"schema": schema}}], REGISTRY)
    assert problem.path == (0, "validate", "schema", *path)
    assert what in problem.what


def test_properties_may_have_the_names_of_keywords():
    steps = [{"validate": {"schema": {"properties": {"pattern": {"type": "string"}, "$ref": {"type": "string"}}}}}]
    assert check_steps(steps, REGISTRY) == []


def test_misfits_are_named_by_path_and_never_show_the_value():
    schema = {"properties": {"user": {"properties": {"pin": {"type": "string"}, "age": {"maximum": 5}}}}}
    run = compile_chain([{"validate": {"schema": schema}}], REGISTRY).open()
    with pytest.raises(TransformError) as caught:
        run([{"user": {"pin": 748512, "age": 90210}}])
    assert "user.pin: is a number, and the schema wants type: string" in str(caught.value)
    assert "user.age" in str(caught.value)
    assert "748512" not in str(caught.value)
    assert "90210" not in str(caught.value)


def test_a_schema_that_only_refers_to_itself_costs_the_entity_alone():
    run = compile_chain([{"validate": {"schema": {"$ref": "#"}}}], REGISTRY).open()
    with pytest.raises(TransformError, match="refers to itself without end"):
        run([{"id": 1}])


def test_a_schema_may_refer_to_its_own_parts():
    schema = {"$defs": {"id": {"type": "integer"}}, "properties": {"id": {"$ref": "#/$defs/id"}}}
    assert compile_chain([{"validate": {"schema": schema}}], REGISTRY).open()([{"id": 1}]) == [{"id": 1}]
