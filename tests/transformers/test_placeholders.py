"""Templates: types are kept, texts are joined, mistakes are found when compiling."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haloitsm_transformers import Registry, StepsError, TransformError, compile_chain, names_read, template


@pytest.mark.parametrize(
    ("value", "entity", "gives"),
    [
        ("plain", {}, "plain"),
        (5, {}, 5),
        (None, {}, None),
        ("{{ a }}", {"a": [1, {"b": None}]}, [1, {"b": None}]),
        ("{{a}}", {}, None),
        (" {{ a }}", {"a": 1}, " 1"),
        ("{{ a }}-{{ b }}", {"a": "x", "b": 2}, "x-2"),
        ("{{ a }}{{ b }}", {"a": True, "b": False}, "truefalse"),
        ("100% {{ a }}%s %%", {"a": "%d"}, "100% %d%s %%"),
        ("{{ a }} {{ b.c }}%", {"a": "x", "b": {"c": 1}}, "x 1%"),
        ("{{ a }}{{ b }}", {"a": "x", "b": 2**80}, f"x{2**80}"),
        ("n{{ a }}", {"a": 5.0}, "n5"),
        ("n{{ a }}", {"a": 0.1}, "n0.1"),
        ("n{{ a }}", {"a": -0.0}, "n-0"),
        ("n{{ a }}", {"a": 1e300}, "n1e+300"),
        ("n{{ a }}", {"a": 2**80}, f"n{2**80}"),
        ("[{{ a || '' }}]", {}, "[]"),
        ("{{ {x: a} }}", {"a": 1}, {"x": 1}),
        ("{{ {x: {y: a}}}}", {"a": 1}, {"x": {"y": 1}}),
        ("{{ '}}' }}", {}, "}}"),
        ("{{ '{{' }}", {}, "{{"),
        ("{{ 'it\\'s }}' }}!", {}, "it's }}!"),
        ('{{ `{"a": {"b": "}}"}}` }}', {}, {"a": {"b": "}}"}}),
        ('{{ "a}}b" }}', {"a}}b": 3}, 3),
        ("}} stays", {}, "}} stays"),
        ("{ stays }", {}, "{ stays }"),
        ({"a": ["{{ b }}", {"c": "x{{ b }}"}]}, {"b": 1}, {"a": [1, {"c": "x1"}]}),
    ],
)
def test_a_template_is_filled(value, entity, gives):
    filled = template(value)(entity)
    assert filled == gives
    assert type(filled) is type(gives)


@pytest.mark.parametrize(("entity", "kind"), [({}, "null"), ({"a": []}, "a list"), ({"a": {}}, "an object")])
def test_what_is_no_text_cannot_stand_inside_one(entity, kind):
    with pytest.raises(TransformError, match=f"a: gives {kind}, which cannot stand inside a text"):
        template("x {{ a }}")(entity)


def test_a_number_too_long_to_write_fails():
    for text in ("x{{ a }}", "{{ a }}{{ a }}", "{{ b.a }}x"):
        with pytest.raises(TransformError, match="gives a number, which cannot stand inside a text"):
            template(text)({"a": 10**5000, "b": {"a": 10**5000}})


def test_every_bad_placeholder_is_a_located_problem():
    with pytest.raises(StepsError) as caught:
        template({"a": "{{ b", "c": [{"d": "{{ b c }}"}, "{{ }}"], "{{ e }}": 1, "fine": "{{ f }}"})
    assert [problem.path for problem in caught.value.problems] == [("a",), ("c", 0, "d"), ("c", 1), ("{{ e }}",)]


@given(st.text(alphabet="{}'\"`\\a ", max_size=12))
def test_any_text_is_a_template_or_a_problem(text):
    try:
        fill = template(text)
    except StepsError:
        return
    try:
        fill({"a": "x"})
    except TransformError:
        return


def test_lists_and_objects_are_new_for_every_entity():
    fill = template({"list": [], "object": {}})
    first, second = fill({}), fill({})
    assert first == second
    assert first["list"] is not second["list"]
    assert first["object"] is not second["object"]


@pytest.mark.parametrize("text", ["{{ @ }}", "{{ [@] }}", "{{ {a: @} }}", "{{ missing || @ }}"])
def test_an_entity_can_be_put_into_itself_as_it_was(text):
    for step in ({"set": {"all": text}}, {"default": {"in.it": text}}, {"merge": {"all": {"x": text}}}):
        run = compile_chain([step], Registry.installed()).open()
        assert json.dumps(run([{"id": 1}]))


def test_the_whole_entity_is_what_the_fields_before_have_made_of_it():
    run = compile_chain([{"set": {"id": 2, "raw": "{{ @ }}"}}], Registry.installed()).open()
    assert run([{"id": 1}]) == [{"id": 2, "raw": {"id": 2}}]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("no placeholder", set()),
        ("{{ a }}-{{ b.c }}", {"a", "b"}),
        ("{{ \"Client Id\" || 'x' }}", {"Client Id"}),
        ("{{ @.a }}", {"a"}),
        ("{{ a[?b == 'c'].d | [0] }}", {"a"}),
        ("{{ join(', ', [a, b.c[0].d]) }}", {"a", "b"}),
        ("{{ map(&x, l) }}", {"l"}),
        ("{{ {x: a, y: b.c} }}", {"a", "b"}),
        ("{{ a.*.b }}{{ c[].d }}", {"a", "c"}),
        ("{{ !a && b == `1` }}", {"a", "b"}),
        ("{{ @ }}", set()),
    ],
)
def test_the_names_that_a_text_reads_are_known(text, names):
    assert names_read(text) == names
