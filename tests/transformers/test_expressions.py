"""JMESPath: mistakes are found when compiling, what cannot be computed fails without showing the value."""

from __future__ import annotations

import pytest

from haloitsm_transformers import StepsError, TransformError, expression


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "the expression is empty"),
        ("a b", "unexpected 'b' at character 3"),
        ("a.", "it ends too early"),
        ("first-name", 'double quotes: "first-name"'),
        ("a = 'b'", "'Equal' is written ==."),
        ("a > 3", "A number stands in backquotes: `3`."),
        ("130", "A number stands in backquotes: `3`."),
        ("a == 'x' and b", "'or', 'and' and 'not' are written ||, && and !."),
        ("$.a", "without $"),
        ("{{ a }}", "without {{ }}"),
        ('a == "open"', """"open" is the name of a field, and not a text. A text stands in single quotes: 'open'."""),
        ("a[?b != true]", "true is the name of a field here. True and false stand in backquotes: `true`."),
        ("lenght(a)", "there is no function lenght(). Did you mean 'length'?"),
        ("length()", "length() takes 1 value, not 0"),
        ("join(a)", "join() takes 2 values, not 1"),
        ("a[::0]", "a slice cannot have step 0"),
        ("&a", "'&' is for"),
        ("not_null(&a)", "'&' is for"),
        ("(" * 5000 + "a" + ")" * 5000, "nested too deeply"),
        ("a" + " || a" * 3000, "nested too deeply"),
        ("!" * 101 + "a", "nested too deeply"),
        ("[@, @]" + " | [@, @]" * 20, "could pass over an entity more than 100,000 times"),
        ("[@, @][]" + " | [@, @][]" * 20, "could pass over an entity"),
        ("a[?" + "[@, @] | " * 20 + "to_string(@) == 'x']", "could pass over an entity"),
        ("map(&[@, @], [@])" + " | map(&[@, @], @)" * 20, "could pass over an entity"),
        ("to_string([@])" + " | to_string([@])" * 9, "could pass over an entity"),
        ("'" + "x" * 20_000 + "'", "is longer than 20,000 characters"),
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
        ("sum(n)", {"n": ["1"]}, "sum() takes a list of numbers, not one with texts"),
        ("a < b", {"a": "x", "b": 1}, "cannot be evaluated (TypeError)"),
        ("join(a, keys(b))", {"a": "x" * 10_000, "b": dict.fromkeys(map(str, range(2000)))}, "OverflowError"),
        ("sum(n)", {"n": [10**400, 0.5]}, "cannot be evaluated (OverflowError)"),
    ],
)
def test_what_cannot_be_computed_fails_without_showing_the_value(text, value, says):
    with pytest.raises(TransformError) as caught:
        expression(text)(value)
    assert says in str(caught.value)


@pytest.mark.parametrize("text", ["\"a\" == 'x'", 'b == @."a"', 'b == a."c"', 'b == "a".c', "b != null", 'b == ("a")'])
def test_a_field_in_double_quotes_is_compared_where_it_is_meant(text):
    expression(text)({"a": {"c": 1}, "b": 1})


def test_a_missing_path_is_null():
    assert expression("a.b.c")({}) is None
    assert expression("a[0].b")({"a": "text"}) is None


def test_what_people_write_is_far_from_any_bound():
    fields = ", ".join(f"field{number}: detail.field{number} || 'none'" for number in range(60))
    text = f"tickets[?status.id != `9`].{{{fields}, lines: lines[].{{{fields}}}}}"
    line = {"detail": {"field3": 1}}
    (ticket,) = expression(text)({"tickets": [{"status": {"id": 1}, "lines": [line, {}]}]})
    assert [found["field3"] for found in ticket["lines"]] == [1, "none"]


@pytest.mark.parametrize("text", ["nan", "-Infinity", "1e999", "9" * 5_000])
def test_a_text_that_no_json_number_writes_is_no_number(text):
    assert expression("to_number(@)")(text) is None
    assert expression("to_number(@)")("1.5") == 1.5


@pytest.mark.parametrize("text", ["sum(@)", "avg(@)"])
def test_numbers_that_come_to_more_than_json_can_write_give_null(text):
    assert expression(text)([1e308, 1e308]) is None
    assert expression(text)([1.5, 1.5]) in (3.0, 1.5)


@pytest.mark.parametrize("text", ["`1e400`", "a || `[1, -1e999]`"])
def test_a_literal_that_json_cannot_write_is_refused(text):
    with pytest.raises(StepsError, match="holds a number that cannot be carried by JSON"):
        expression(text)
