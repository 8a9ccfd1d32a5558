"""Conditions: named tests, joined; never an error on an entity."""

from __future__ import annotations

import pytest

from haloitsm_transformers import StepsError, condition


@pytest.mark.parametrize(
    ("written", "entity", "holds"),
    [
        ("a", {"a": 0}, True),
        ("a", {"a": ""}, False),
        ("a == 'x'", {"a": "x"}, True),
        ("contains(a, 'x')", {}, False),
        ({"a": {"equals": None}}, {}, True),
        ({"a": {"equals": 1}}, {"a": True}, False),
        ({"a": {"equals": 1}}, {"a": 1.0}, True),
        ({"a": {"equals": [True, {"b": 0}]}}, {"a": [1, {"b": 0}]}, False),
        ({"a": {"equals": [True, {"b": 0}]}}, {"a": [True, {"b": 0.0}]}, True),
        ({"a": {"one_of": [True, "x"]}}, {"a": "x"}, True),
        ({"a": {"one_of": [True]}}, {"a": 1}, False),
        ({"a.0.b": {"exists": True}}, {"a": [{"b": None}]}, True),
        ({"a.1": {"exists": False}}, {"a": [1]}, True),
        ({"a": {"empty": True}}, {"a": 0}, False),
        ({"a": {"empty": True}}, {"a": {}}, True),
        ({"a": {"empty": True}}, {}, True),
        ({"a": {"empty": False}}, {"a": False}, True),
        ({"a": {"type": "integer"}}, {"a": 5.0}, True),
        ({"a": {"type": "integer"}}, {"a": float("inf")}, False),
        ({"a": {"type": "integer"}}, {"a": True}, False),
        ({"a": {"type": "null"}}, {}, False),
        ({"a": {"less_than": 3}}, {"a": 2}, True),
        ({"a": {"less_than": 3}}, {"a": "2"}, False),
        ({"a": {"at_least": "2025-01-01"}}, {"a": "2025-03-01T10:00:00"}, True),
        ({"a": {"more_than": 0, "at_most": 5}}, {"a": 6}, False),
        ({"a": {"exists": True}, "b": {"exists": True}}, {"a": 1}, False),
        ({"a": {"not_equals": None}}, {}, False),
        ({"a": {"not_equals": 1}}, {"a": True}, True),
        ({"a": {"contains": "b"}}, {"a": "abc"}, True),
        ({"a": {"contains": "b"}}, {"a": ["abc"]}, False),
        ({"a": {"contains": {"b": 1}}}, {"a": [{"b": 1.0}]}, True),
        ({"a": {"contains": 1}}, {"a": "1"}, False),
        ({"a": {"contains": "b"}}, {"a": {"b": 1}}, False),
        ({"a": {"starts_with": "a"}}, {"a": "abc"}, True),
        ({"a": {"starts_with": ""}}, {"a": 5}, False),
        ({"a": {"ends_with": "é"}}, {"a": "café"}, True),
        ({"a": {"ends_with": "c"}}, {}, False),
        ({"a": {"matches": r"^[A-Z]{2}-\d+$"}}, {"a": "AB-12"}, True),
        ({"a": {"matches": r"^[A-Z]{2}-\d+$"}}, {"a": "AB-12x"}, False),
        ({"a": {"matches": "(?i)acme"}}, {"a": "The ACME Ltd"}, True),
        ({"a": {"matches": ""}}, {"a": None}, False),
        ({"a": {"matches": "."}}, {"a": 5}, False),
        ({"a": {"matches": "a"}}, {"a": "\ud800a"}, False),
        ({"a": {"between": [1, 3]}}, {"a": 3}, True),
        ({"a": {"between": [1, 3]}}, {"a": 3.5}, False),
        ({"a": {"between": [1, 3]}}, {"a": True}, False),
        ({"a": {"between": ["b", "d"]}}, {"a": "c"}, True),
        ({"a": {"between": ["2025-01-01", "2025-01-31"]}}, {"a": "2025-01-31T00:00:00Z"}, True),
        ({"a": {"between": ["2025-01-01", "2025-01-31"]}}, {"a": "2025-01-31T00:00:01"}, False),
        ({"a": {"less_than": "2025-01-01T00:00:00Z"}}, {"a": "2025-01-01T00:30:00+01:00"}, True),
        ({"a": {"less_than": "2025-01-01"}}, {"a": "2024"}, False),
        ({"a": {"less_than": "2025-01-01"}}, {"a": "2024-13-01"}, False),
        ({"a": {"less_than": "b"}}, {"a": "2025-01-01"}, True),
        ({"a": {"at_most": 10**400}}, {"a": 1.5}, True),
        ({"or": [{"a": {"equals": 1}}, "b"]}, {"b": 1}, True),
        ({"and": ["a", {"not": "b"}]}, {"a": 1, "b": 1}, False),
        ({'"and"': {"equals": 1}}, {"and": 1}, True),
        ({'"a.b"': {"equals": 1}}, {"a.b": 1}, True),
    ],
)
def test_a_condition_holds_or_not(written, entity, holds):
    assert condition(written)(entity) is holds


@pytest.mark.parametrize(
    ("written", "path", "says"),
    [
        (5, (), "a JMESPath text or a mapping, not a number"),
        ({}, (), "an empty condition says nothing"),
        ({"and": []}, ("and",), "a list of conditions, not an empty one"),
        ({"or": ["a", {"not": "b c"}]}, ("or", 1, "not"), "unexpected 'c'"),
        ({"a": "open"}, ("a",), "a path is followed by tests, not text"),
        ({"a": "shut"}, ("a",), "For example: {a: {equals: shut}}."),
        ({"a": {"equals": "{{ b }}"}}, ("a", "equals"), "a test takes no placeholders"),
        ({"a": {"one_of": ["x", "{{ b }}"]}}, ("a", "one_of"), "a test takes no placeholders"),
        ({"a": {"equal": 1}}, ("a", "equal"), "Did you mean 'equals'?"),
        ({"a": {"one_of": 1}}, ("a", "one_of"), "'one_of' takes a list, not a number"),
        ({"a": {"type": "array"}}, ("a", "type"), "one of boolean, integer, list"),
        ({"a": {"exists": "yes"}}, ("a", "exists"), "true or false, not text"),
        ({"a": {"less_than": None}}, ("a", "less_than"), "a number, a date or a text, not null"),
        ({"a": {"between": [1]}}, ("a", "between"), "'between' takes a list of two numbers"),
        ({"a": {"between": [1, "a"]}}, ("a", "between"), "'between' takes a list of two numbers"),
        ({"a": {"between": ["2025-01-01", "b"]}}, ("a", "between"), "two dates or two texts"),
        ({"a": {"starts_with": 1}}, ("a", "starts_with"), "'starts_with' takes text, not a number"),
        ({"a": {"matches": "(a"}}, ("a", "matches"), "'(a' is not a regular expression"),
        ({"a": {"matches": "(?=a)"}}, ("a", "matches"), "Look-around"),
        ({"a": {"matches": r"(a)\1"}}, ("a", "matches"), "back-references"),
        ({"a": {"matches": "((a{100}){100}){100}"}}, ("a", "matches"), "not a regular expression"),
        ({"a": {"matches": "(" * 5000}}, ("a", "matches"), "not a regular expression"),
        ({"a": {"matches": "\ud800"}}, ("a", "matches"), "not a regular expression"),
        ({"a.*": {"exists": True}}, ("a.*",), "one certain place"),
    ],
)
def test_a_bad_condition_is_a_located_problem(written, path, says):
    with pytest.raises(StepsError) as caught:
        condition(written)
    (problem,) = caught.value.problems
    assert problem.path == path
    assert says in str(problem)


@pytest.mark.parametrize("pattern", ["^(a+)+$", "^(a|a)*$", "(.*a){20}$"])
def test_no_pattern_keeps_a_run_busy(pattern):
    assert condition({"a": {"matches": pattern}})({"a": "a" * 20_000 + "b"}) is False
