"""``render``: templates reach nothing but their entity and cannot keep a run busy; mistakes name their line."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haloitsm_transformers import Registry, StepsError, TransformError, check_steps, compile_chain
from haloitsm_transformers.jinja_templates import jinja_template

REGISTRY = Registry.installed()


@pytest.mark.parametrize(
    ("template", "entity", "written"),
    [
        ("{{ a }}", {"a": 5.0}, "5"),
        ("{{ a.b.c or '-' }}", {}, "-"),
        ("{{ items }} {{ client.items }}", {"items": 1, "client": {"items": 2}}, "1 2"),
        ("{{ entity['first-name'] }}", {"first-name": "Jo"}, "Jo"),
        ("{{ lines[0].sku }}{{ lines[5].sku or '' }}{{ code[1:] }}", {"lines": [{"sku": "A"}], "code": "xyz"}, "Ayz"),
        ("{% for key in a %}{{ key }}{% endfor %}", {"a": {"x": 1, "y": 2}}, "xy"),
        ("{% for a, b in c.items() %}{{ a ~ '=' ~ b }};{% endfor %}", {"c": {"x": 1, "y": 2}}, "x=1;y=2;"),
        ("{% for a in b if a > 1 %}{{ loop.index }}{{ loop.cycle('o', 'e') }}{% endfor %}", {"b": [1, 2, 3]}, "1o2e"),
        ("{% for a in range(3) %}{{ a }}{% else %}none{% endfor %}", {}, "012"),
        (
            "{% set n = namespace(sum=0) %}{% for a in b %}{% set n.sum = n.sum + a %}{% endfor %}{{ n.sum }}",
            {"b": [1, 2]},
            "3",
        ),
        ("{% macro m(a) %}<{{ a }}>{% endmacro %}{{ m(b) }}{{ m('x') }}", {"b": 1}, "<1><x>"),
        ("{% if a in ['x', 'y'] %}yes{% endif %}", {"a": "y"}, "yes"),
        ("{{ tags | sort | join(', ') | upper }}", {"tags": ["b", "a"]}, "A, B"),
        ("{{ lines | map(attribute='sku') | join('/') }}", {"lines": [{"sku": "A"}, {"sku": "B"}]}, "A/B"),
        ("{{ lines | join('/', 'sku') }}", {"lines": [{"sku": "A"}, {"sku": "B"}]}, "A/B"),
        ("{{ lines | sum(attribute='qty') }}", {"lines": [{"qty": 1}, {"qty": 2}]}, "3"),
        ("{{ a | replace('x', 'yy') | trim }}", {"a": " axb "}, "ayyb"),
        (
            "{% for key, group in a | groupby('k') %}{{ key }}{{ group | length }}{% endfor %}",
            {"a": [{"k": 1}, {"k": 1}]},
            "12",
        ),
        ("{{ a | tojson }}", {"a": {"ü": ["<b>", None, 10**30]}}, '{"ü": ["<b>", null, ' + str(10**30) + "]}"),
        ("{{ a | default('x') }}", {}, "x"),
        ("<{{ a }}>", {"a": "<b> & c"}, "<<b> & c>"),
        ("{{ 2 * a + 2 ** 3 - 7 % 4 }}", {"a": 5}, "15"),
        ("{{ a | striptags }}", {"a": "<p>a &amp;\n <b>b</b></p><!-- <x> --> 2 < 3"}, "a & b 2 < 3"),
        ("{{ a[:2] }}{{ a[::-1] }}{{ b[1:10:2] | tojson }}", {"a": "xyz", "b": [1, 2, 3, 4]}, "xyzyx[2,4]"),
        (
            "{{ 1 < a <= 3 }} {{ 'x' in b }} {{ b == ['x'] }} {{ a is odd }}",
            {"a": 3, "b": ["x"]},
            "true true true true",
        ),
        ("{{ a | round(1) }} {{ a | round(1, 'floor') }} {{ b | sum }}", {"a": 1.26, "b": [0.5, 1]}, "1.3 1.2 1.5"),
    ],
)
def test_what_a_template_writes(template, entity, written):
    assert jinja_template(template)(entity) == written


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("a\n{% if %}", "line 2: "),
        ("{{ a", "line 1: "),
        ("{{ a | uper }}", "Did you mean 'upper'?"),
        ("{% include 'x' %}", "'include' is not taken here"),
        ("{% import 'x' as y %}", "'import' is not taken here"),
        ("{% extends 'x' %}", "'extends' is not taken here"),
        ("{% for a in b recursive %}{% endfor %}", "a recursive loop is not taken here"),
        ("{% set a = [b, b] %}", "can hold constants only"),
        ("{% set a = {'x': b} %}", "can hold constants only"),
        ("{{ 'x' * 10 ** 9 }}" + " " * 100_000, "no longer than 100,000 characters"),
        ("{{ " + "(" * 3000 + "a" + ")" * 3000 + " }}", "nested too deeply"),
    ],
)
def test_a_template_that_cannot_be_used_is_found_when_checking(template, says):
    (problem,) = check_steps([{"render": {"template": template, "into": "x"}}], REGISTRY)
    assert problem.path == (0, "render", "template")
    assert says in str(problem)


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "more than 1,000,000"),
        ("{% macro m(n) %}{{ m(n) }}{{ m(n) }}{% endmacro %}{{ m(1) }}", "without end"),
        (
            "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(60) }}",
            "more than 1,000,000",
        ),
        ("{% set x = 'x' %}" + "{% set x = x ~ x %}" * 60 + "{{ x }}", "more than 1,000,000"),
        ("{% set x = 'x' %}" + "{% set x = x + x %}" * 60 + "{{ x }}", "more than 1,000,000"),
        ("{% set x = 'x' %}" + "{% set x %}{{ x }}{{ x }}{% endset %}" * 60, "more than 1,000,000"),
        ("{% set x = list %}" + "{% set x = x + x %}" * 60 + "{{ x | tojson }}", "more than 1,000,000"),
        ("{% set x = text %}" + "{% set x = x | replace('x', x) %}" * 60, "more than 1,000,000"),
        ("{% for a in range(99999) %}" + "x" * 1000 + "{% endfor %}", "more than 1,000,000"),
        ("{{ 'x' * 1000000000 }}", "'*' is for numbers"),
        ("{{ list * 1000000000 }}", "'*' is for numbers"),
        ("{{ 9 ** (9 ** 9) }}", "too large"),
        ("{{ '%1000000000d' % 1 }}", "'%' is for numbers"),
        ("{{ 'x'.center(1000000000) }}", ""),
        ("{{ range(1000000000) | list }}", ""),
        ("{{ text.__class__.__mro__ }}", "null"),
        ("{{ (list | map(attribute='__class__') | list)[0] }}", "null"),
        ("{{ entity.clear() }}", ""),
        ("{{ range.__globals__ }}", "null"),
        ("{{ self.__init__ }}", ""),
        ("{{ namespace.__init__.__globals__ }}", "null"),
        ("{{ list() }}", "for the rest there are filters"),
        ("{% for a in text %}{% endfor %}", "a loop runs over a list or an object, not text"),
        ("{{ list }}", "gives a list, which cannot stand inside a text"),
        ("{{ namespace(a=1) }}", "cannot stand inside a text"),
        ("{{ 1 / 0 }}", "line 1 of the template: division by zero"),
        ("{{ 1.5 | round(999999999, 'ceil') }}", "up to 20 decimals"),
        ("{{ 5 | round(-999999999) }}", "up to 20 decimals"),
        ("{{ list | sum(start=[]) }}", "'sum' is for numbers"),
        ("{% for a in range(99999) %}{% set b = range(99999) | sum %}{% endfor %}", "more than 1,000,000"),
        ("{% for a in range(99999) %}{% set b = range(99999) | max %}{% endfor %}", "more than 1,000,000"),
        (
            "{% set b = range(99999) | list %}{% for a in b %}{% if -1 in b %}{% endif %}{% endfor %}",
            "more than 1,000,000",
        ),
        (
            "{% set b = range(99999) | list %}{% for a in b %}{% if b == b %}{% endif %}{% endfor %}",
            "more than 1,000,000",
        ),
        ("{% set b = range(99999) | list %}{{ b | select('in', b) | list | length }}", "more than 1,000,000"),
        ("{% set b = range(99999) | list %}{% for a in b %}{% set c = b[1:] %}{% endfor %}", "more than 1,000,000"),
    ],
)
def test_what_a_template_may_not_do_costs_the_entity(template, says):
    entity = {"list": [1, 2], "text": "xx"}
    with pytest.raises(TransformError) as caught:
        jinja_template(template)(entity)
    assert says in str(caught.value)
    assert entity == {"list": [1, 2], "text": "xx"}


@pytest.mark.parametrize("piece", ["<!---->", "<a>", "<", "<!--", "<!-- <"])
def test_tags_are_taken_away_in_one_pass(piece):
    write = jinja_template("{{ text | striptags }}")
    assert len(write({"text": piece * 70_000})) <= len(piece) * 70_000


def test_a_failure_names_the_line_of_the_template():
    with pytest.raises(TransformError, match=r"^line 3 of the template: a placeholder gives null"):
        jinja_template("a\nb\n{{ c }}")({})


def test_every_rendering_has_a_budget_of_its_own():
    write = jinja_template("{{ 'x' * 0 if false else '' }}{% for a in range(90000) %}{{ a }}{% endfor %}")
    assert len(write({})) == len(write({}))


def test_a_template_in_a_file_is_checked_before_anything_runs():
    steps = [{"render": {"file": "a.j2", "into": "x"}}]
    (problem,) = check_steps(steps, REGISTRY, offered={"files": lambda name: b"{% if %}"})
    assert problem.path == (0, "render", "file")
    (problem,) = check_steps(steps, REGISTRY, offered={"files": lambda name: b"\xff"})
    assert problem.what == "the file is not text in UTF-8"
    with pytest.raises(StepsError):
        compile_chain(steps, REGISTRY).open(capabilities={"files": lambda name: b"{% if %}"})


@pytest.mark.parametrize("options", [{"template": "x"}, {"into": "x"}, {"template": "x", "file": "y", "into": "x"}])
def test_options_that_say_too_little_or_too_much_are_a_problem(options):
    assert check_steps([{"render": options}], REGISTRY, offered=None)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


@given(VALUES)
def test_any_value_goes_through_a_document_unchanged(value):
    document = '{"a": {{ value }}, "b": [{{ value }}, {{ value | tojson }}]}'
    run = compile_chain([{"render": {"as": "json", "template": document}}], REGISTRY).open()
    (written,) = run([{"value": value}])
    assert json.dumps(written) == json.dumps({"a": value, "b": [value, value]})
