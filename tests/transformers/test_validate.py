"""``validate``: schemas that cannot be used are found when checking; failures name places and never values."""

from __future__ import annotations

import pytest

from haloitsm_transformers import Registry, StepsError, TransformError, check_steps, compile_chain

REGISTRY = Registry.installed()


@pytest.mark.parametrize(
    ("schema", "path", "what"),
    [
        ({"properties": {"a": {"pattern": "(?=a)"}}}, ("properties", "a", "pattern"), "not a regular expression"),
        ({"properties": {"a": {"pattern": r"(a)\1"}}}, ("properties", "a", "pattern"), "not a regular expression"),
        ({"patternProperties": {"(a": {}}}, ("patternProperties", "(a"), "not a regular expression"),
        ({"patternProperties": {"a": {}}, "unevaluatedProperties": False}, (), "are not taken together"),
        ({"$ref": "https://example.com/schema.json"}, ("$ref",), "another document"),
        ({"properties": {"a": {"$ref": "other.json"}}}, ("properties", "a", "$ref"), "another document"),
        ({"properties": {"a": {"$ref": "#/nope"}}}, ("properties", "a", "$ref"), "leads nowhere"),
        ({"properties": {"default": {"$ref": "#/nope"}}}, ("properties", "default", "$ref"), "leads nowhere"),
        ({"$dynamicRef": "#nope"}, (), "not a JSON Schema"),
        ({"type": "strin"}, ("type",), "not a JSON Schema"),
        ({"properties": {"a": {"minimum": "x"}}}, ("properties", "a", "minimum"), "not a JSON Schema"),
    ],
)
def test_schema_that_cannot_be_used_is_a_located_problem(schema, path, what):
    (problem,) = check_steps([{"validate": {"schema": schema}}], REGISTRY)
    assert problem.path == (0, "validate", "schema", *path)
    assert what in problem.what


def test_exactly_one_schema_is_given():
    for options in ({}, {"schema": {}, "operation": "POST /Tickets"}):
        (problem,) = check_steps([{"validate": options}], REGISTRY, offered=None)
        assert "exactly one of 'schema', 'file' and 'operation'" in problem.what


def files(name):
    if name not in FILES:
        raise TransformError(f"the file '{name}' cannot be read")
    return FILES[name]


FILES = {"good.json": b'{"required": ["id"]}', "bad.json": b'{"type": "strin"}', "broken.json": b"{"}


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("none.json", "the file 'none.json' cannot be read"),
        ("bad.json", "type: is not a JSON Schema"),
        ("broken.json", "the file holds no JSON"),
    ],
)
def test_a_schema_in_a_file_is_checked_before_anything_runs(name, what):
    steps = [{"validate": {"file": name}}]
    (problem,) = check_steps(steps, REGISTRY, offered={"files": files})
    assert problem.path == (0, "validate", "file")
    assert problem.what.startswith(what)
    with pytest.raises(StepsError, match="step 1"):
        compile_chain(steps, REGISTRY).open(capabilities={"files": files})


def test_a_schema_in_a_file_is_used():
    steps = [{"validate": {"file": "good.json"}}]
    assert check_steps(steps, REGISTRY, offered={"files": files}) == []
    run = compile_chain(steps, REGISTRY).open(capabilities={"files": files})
    assert run([{"id": 1}]) == [{"id": 1}]
    with pytest.raises(TransformError, match="the field 'id' is missing"):
        run([{}])


@pytest.mark.parametrize("pattern", ["^(a+)+$", "^(a|a)*$"])
def test_no_pattern_keeps_a_run_busy(pattern):
    run = compile_chain([{"validate": {"schema": {"properties": {"a": {"pattern": pattern}}}}}], REGISTRY).open()
    with pytest.raises(TransformError, match="wants pattern"):
        run([{"a": "a" * 20_000 + "b"}])


@pytest.mark.parametrize(
    ("schema", "entity", "says"),
    [
        ({"additionalProperties": False}, {"x": 1}, "has a field 'x', which the schema does not know"),
        (
            {"patternProperties": {"^(a+)+$": {"type": "string"}}, "additionalProperties": False},
            {"a": 1, "a" * 40 + "!": 1},
            "a!', which the schema does not know; a: is a number, and the schema wants string",
        ),
        ({"properties": {"a": {"pattern": "^(a+)+$"}}}, {"a": "a" * 40 + "!"}, "wants pattern: ^(a+)+$"),
        ({"additionalProperties": {"type": "string"}}, {"x": 1}, "x: is a number, and the schema wants string"),
        ({"unevaluatedProperties": False}, {"x": 1}, "has a field that the schema does not know"),
        (
            {"properties": {"a": {"properties": {"y": {}}, "additionalProperties": False}}},
            {"a": {"x": 1}},
            "a: has a field 'x', which the schema does not know",
        ),
        ({"properties": {"a": False}}, {"a": 1}, "a: may not be there"),
        (
            {"properties": {"a": {"anyOf": [{"type": "string"}, {"type": "null"}]}}},
            {"a": 1},
            "does not fit one of 'anyOf'",
        ),
        ({"properties": {"a": {"oneOf": [{}, {}]}}}, {"a": 1}, "does not fit exactly one of 'oneOf'"),
        (
            {"properties": {"a": {"items": {"enum": [1, 2]}}}},
            {"a": [1, 3]},
            "a.1: is a number, and the schema wants enum",
        ),
        ({"properties": {"a": {"uniqueItems": True}}}, {"a": [1, 1]}, "a: is a list, and the schema wants uniqueItems"),
        ({"properties": {"a": {"not": {"type": "string"}}}}, {"a": "x"}, "a: is text, and the schema wants not"),
        ({"required": list("abcde")}, {}, "'c' is missing; and 2 more"),
    ],
)
def test_a_misfit_is_said_in_plain_words(schema, entity, says):
    with pytest.raises(TransformError) as caught:
        compile_chain([{"validate": {"schema": schema}}], REGISTRY).open()([entity])
    assert says in str(caught.value)


def test_properties_may_have_the_names_of_keywords():
    steps = [{"validate": {"schema": {"properties": {"pattern": {"type": "string"}, "$ref": {"type": "string"}}}}}]
    assert check_steps(steps, REGISTRY) == []


def test_misfits_are_named_by_path_and_never_show_the_value():
    schema = {"properties": {"user": {"properties": {"pin": {"type": "string"}, "age": {"maximum": 5}}}}}
    run = compile_chain([{"validate": {"schema": schema}}], REGISTRY).open()
    with pytest.raises(TransformError) as caught:
        run([{"user": {"pin": 748512, "age": 90210}}])
    assert "user.pin: is a number, and the schema wants string" in str(caught.value)
    assert "user.age" in str(caught.value)
    assert "748512" not in str(caught.value)
    assert "90210" not in str(caught.value)


def test_a_schema_that_only_refers_to_itself_wants_nothing():
    assert compile_chain([{"validate": {"schema": {"$ref": "#"}}}], REGISTRY).open()([{"id": 1}]) == [{"id": 1}]


def test_a_schema_may_refer_to_its_own_parts():
    schema = {"$defs": {"id": {"type": "integer"}}, "properties": {"id": {"$ref": "#/$defs/id"}}}
    assert compile_chain([{"validate": {"schema": schema}}], REGISTRY).open()([{"id": 1}]) == [{"id": 1}]


def test_misfits_are_told_in_the_order_of_the_fields():
    schema = {"additionalProperties": False, "properties": {"a": False}}
    entity = dict.fromkeys(["zz", "b", "yy", "c"], 1)
    run = compile_chain([{"validate": {"schema": schema}}], REGISTRY).open()
    with pytest.raises(TransformError, match=r"'zz'.*'b'.*'yy'.*and 1 more"):
        run([entity])


@pytest.mark.parametrize(("items", "told"), [([{"n": 1}, {"n": 1.0}], True), ([1, True, "1", [1], {}], False)])
def test_items_that_are_not_unique_are_told_however_many_there_are(items, told):
    schema = {"required": ["id"], "properties": {"l": {"uniqueItems": True}}}
    many = [{"number": number} for number in range(5_000)]
    with pytest.raises(TransformError) as caught:
        compile_chain([{"validate": {"schema": schema}}], REGISTRY).open()([{"l": [*many, *items]}])
    assert ("uniqueItems" in str(caught.value)) is told
