"""JMESPath: the short cut for plain names gives what the library gives, mistakes are found when compiling."""

from __future__ import annotations

import jmespath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haloitsm_transformers import StepsError, TransformError, expression

NAMES = st.sampled_from(["a", "b", '"a-b"', '"a.b"', '""', "_x1"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "a-b", "a.b", "", "_x1", "get"]), inner, max_size=4)
    ),
)


@given(st.lists(NAMES, min_size=1, max_size=4).map(".".join), VALUES)
def test_plain_names_read_the_same_as_the_library(text, value):
    assert expression(text)(value) == jmespath.search(text, value)


@given(st.sampled_from(["a.*", "a[0].b", "a || b", "a == b", "[a, b]", "{x: a.b}", "a | b", "@", "!a"]), VALUES)
def test_everything_else_is_the_library(text, value):
    assert expression(text)(value) == jmespath.search(text, value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "the expression is empty"),
        ("a b", "unexpected 'b' at character 3"),
        ("a.", "it ends too early"),
        ("first-name", 'double quotes: "first-name"'),
        ("lenght(a)", "there is no function lenght(). Did you mean 'length'?"),
        ("length()", "length() takes 1 value, not 0"),
        ("join(a)", "join() takes 2 values, not 1"),
        ("a[::0]", "a slice cannot have step 0"),
        ("&a", "'&' is for"),
        ("not_null(&a)", "'&' is for"),
        ("(" * 5000 + "a" + ")" * 5000, "nested too deeply"),
        ("a" + " || a" * 5000, "nested too deeply"),
    ],
)
def test_what_is_no_expression_is_said_when_compiling(text, says):
    with pytest.raises(StepsError) as caught:
        expression(text)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("text", "value", "says"),
    [
        ("length(n)", {"n": 5}, "length() takes text or a list or an object, not a number"),
        ("length(n)", {}, "not null"),
        ("a < b", {"a": "x", "b": 1}, "cannot be evaluated (TypeError)"),
        ("sum(n)", {"n": [10**400, 0.5]}, "cannot be evaluated (OverflowError)"),
    ],
)
def test_what_cannot_be_computed_fails_without_showing_the_value(text, value, says):
    with pytest.raises(TransformError) as caught:
        expression(text)(value)
    assert says in str(caught.value)


def test_a_missing_path_is_null():
    assert expression("a.b.c")({}) is None
    assert expression("a[0].b")({"a": "text"}) is None
