"""Differences are told value by value, and there are none between equal values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haloitsm_connector.differences import differences
from haloitsm_transformers.conditions import same

SCALARS = st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from(["", "a", "1"]) | st.sampled_from([0.0, 1.5])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2),
    max_leaves=6,
)


@given(VALUES, VALUES)
def test_there_are_none_between_equal_values_alone(left, right):
    assert (list(differences(left, right)) == []) == same(left, right)


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        ({"a": {"b": 1}}, {"a": {"b": 2}}, ["- a.b: 1", "+ a.b: 2"]),
        ({"a": 1}, {"b": 1}, ["- a: 1", "+ b: 1"]),
        ({"a": [1, 2, 3]}, {"a": [2, 3]}, ["- a[0]: 1"]),
        ([{"id": 1, "n": 1}, {"id": 2}], [{"id": 1, "n": 2}, {"id": 2}], ["- [0].n: 1", "+ [0].n: 2"]),
        ({"a": None}, {}, ["- a: null"]),
        ({"a": True}, {"a": 1}, ["- a: true", "+ a: 1"]),
        ({"a": "ü"}, {"a": []}, ['- a: "ü"', "+ a: []"]),
        ({"b": 2}, {"b": 2, "a": 1}, ["+ a: 1"]),
    ],
)
def test_each_value_that_is_gone_or_new_has_a_line(before, after, lines):
    assert list(differences(before, after)) == lines
