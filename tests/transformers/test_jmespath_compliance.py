"""Compiled expressions give what the library gives, in JMESPath's compliance cases and for any expression."""

from __future__ import annotations

import json
from pathlib import Path

import jmespath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haloitsm_transformers import StepsError, TransformError, expression
from haloitsm_transformers.jmespath_closures import closure

FILES = sorted((Path(__file__).parent / "data" / "jmespath").glob("*.json"))
FAILS = object()


def by_the_library(text, value):
    try:
        return jmespath.search(text, value)
    except Exception:  # it also lets Python's own errors out
        return FAILS


def compiled(text, value):
    try:
        return expression(text)(value)
    except (StepsError, TransformError):
        return FAILS


def alike(one, other):
    """Equal, types and order of names included."""
    return one is other if FAILS in (one, other) else json.dumps(one) == json.dumps(other)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_compliance_case_gives_what_it_says_in_both(file):
    for suite in json.loads(file.read_text("utf-8")):
        for case in suite["cases"]:
            text, expected = case["expression"], FAILS if "error" in case else case.get("result")
            library = by_the_library(text, suite["given"])
            assert library == expected, text
            assert alike(compiled(text, suite["given"]), library), text


def test_all_cases_are_there():
    assert sum(len(suite["cases"]) for file in FILES for suite in json.loads(file.read_text("utf-8"))) == 862


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_case_needs_the_library_to_walk_the_tree(file):
    for suite in json.loads(file.read_text("utf-8")):
        for case in suite["cases"]:
            if "error" not in case:
                closure(jmespath.compile(case["expression"]).parsed)


NAMES = st.sampled_from(["a", "b", "c", '"a-b"', "@"])
LITERALS = st.sampled_from(
    [
        "`1`",
        "`0`",
        "`1.0`",
        "`true`",
        "`false`",
        "`null`",
        "`[]`",
        '`""`',
        "'x'",
        "'1'",
        '`[1, "x", null]`',
        '`{"a": 0}`',
    ]
)
ONE = [
    "length",
    "keys",
    "values",
    "type",
    "to_string",
    "to_number",
    "to_array",
    "not_null",
    "sort",
    "max",
    "sum",
    "avg",
]
ONE += ["abs", "ceil", "floor", "reverse", "min", "merge"]
TWO = ["contains", "starts_with", "ends_with", "join", "not_null", "merge"]


def larger(part):
    pair = st.tuples(part, part)
    return st.one_of(
        st.builds("{0[0]}.{0[1]}".format, st.tuples(part, NAMES.filter(lambda name: name != "@"))),
        st.builds("{0[0]} {1} {0[1]}".format, pair, st.sampled_from(["||", "&&", "|"])),
        st.builds("({0[0]} {1} {0[1]})".format, pair, st.sampled_from(["||", "&&"])),
        # In brackets: a name in double quotes that stands alone there is refused as a slip.
        st.builds("({0[0]} {1} ({0[1]}))".format, pair, st.sampled_from(["==", "!=", "<", "<=", ">", ">="])),
        st.builds("!{}".format, part),
        st.builds("({})".format, part),
        st.builds("{}{}".format, part, st.sampled_from(["[0]", "[-1]", "[5]", "[*]", "[]", "[::-1]", "[1:]", ".*"])),
        st.builds("{0[0]}[?{0[1]}]".format, pair),
        st.builds("{0[0]}[*].[{0[1]}]".format, pair),
        st.builds("{{x: {0[0]}, y: {0[1]}}}".format, pair),
        st.builds("[{0[0]}, {0[1]}]".format, pair),
        st.builds("{}({})".format, st.sampled_from(ONE), part),
        st.builds("{}({}, {})".format, st.sampled_from(TWO), part, part),
        st.builds("{}({}, &{})".format, st.sampled_from(["sort_by", "max_by", "min_by"]), part, part),
        st.builds("map(&{0[0]}, {0[1]})".format, pair),
    )


EXPRESSIONS = st.recursive(NAMES | LITERALS, larger, max_leaves=6)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([0.0, 1.0, 1.5, 10**30, "", "x", "1", "é"]),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "b", "c", "a-b"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(EXPRESSIONS, VALUES)
@settings(max_examples=600, deadline=None)
def test_any_expression_gives_what_the_library_gives_or_fails_as_it_does(text, value):
    assert alike(compiled(text, value), by_the_library(text, value))
