"""check_steps: every problem at once, each at its path, in plain words."""

from __future__ import annotations

import re

import pytest
from pydantic import Field

from haloitsm_transformers import Params, Registry, StepsError, Transformer, check_steps, compile_chain
from haloitsm_transformers.other_names import OTHER_NAMES


class Limits(Params):
    """Take options of many types."""

    limit: int = Field(5, ge=1, le=10, description="How many.")
    mode: str = Field("a", max_length=3, description="How.")
    exact: bool = Field(False, description="Whether.")
    weights: list[float] = Field([], description="Weights.")


LIMITS = Transformer("limits", "entity", Limits, lambda params, builder: lambda entity: entity, needs=("clock",))


def problems(registry, steps, chains=None, **options):
    return [
        (problem.path, str(problem).partition(": ")[2]) for problem in check_steps(steps, registry, chains, **options)
    ]


@pytest.mark.parametrize(
    ("step", "path", "says"),
    [
        ({"renam": {"a": "b"}}, ("renam",), "there is no step 'renam'. Did you mean 'rename'?"),
        ({"zzz": 1}, ("zzz",), "there is no step 'zzz'. There are: "),
        ({}, (), "the step is empty. A step is a mapping with one verb."),
        (
            {"rename": None, "a": "b"},
            (),
            "a step has one verb, not 'rename' and 'a'. Indent the options below 'rename:'.",
        ),
        ({"rename": {}, "move": {}}, (), "not 'rename' and 'move'. Start each verb with its own '- '."),
        (5, (), "a step is a mapping with one verb, or the name of a chain, not a number."),
        ("tidi", (), "there is no chain 'tidi'. Did you mean 'tidy'?"),
        ("filter", (), "there is no chain 'filter'. The step 'filter' is written with its options: 'filter: ...'."),
        ({"rename": None}, ("rename",), "must be a mapping (name: value), not null."),
        ({"rename": {"a": 5}}, ("rename", "a"), "must be text, not a number."),
        ({"rename": {"a": "b.c"}}, ("rename", "a"), "'b.c' is a path, not a name. To put it elsewhere use 'move'"),
        ({"rename": {"a.*": "b"}}, ("rename", "a.*"), "'a.*' ends in no name"),
        ({"set": {"a[0]": 1}}, ("set", "a[0]"), "positions are written lines.0, not lines[0]"),
        ({"set": {"a..b": 1}}, ("set", "a..b"), "'a..b' is not a path: a name is missing at character 3."),
        ({"set": {"a.": 1}}, ("set", "a."), "a name is missing at the end."),
        ({"set": {'a."b': 1}}, ("set", 'a."b'), "a double quote is not closed."),
        ({"set": {'"a"b': 1}}, ("set", '"a"b'), "a dot is missing before character 4."),
        ({"set": {"a.*": 1}}, ("set", "a.*"), "'a.*' holds '*', but one certain place is needed here."),
        ({"remove": ["a*"]}, ("remove", 0), "'*' stands for a whole name; 'a*' mixes it with others."),
        ({"remove": "a"}, ("remove",), "must be a list of patterns, or a mapping of patterns to tests, not text."),
        ({"move": {"a.*": "b.$2"}}, ("move", "a.*"), "'$2' stands for nothing: the pattern has 1 '*'."),
        ({"move": {"a.*": "b.*"}}, ("move", "a.*"), "it cannot hold '*'."),
        ({"select": {"a": 130}}, ("select", "a"), "must be text, not a number."),
        ({"select": {}}, ("select",), "has too few entries: 0, at least 1."),
        ({"set": {"a": {"b": ["{{ c"]}}}, ("set", "a", "b", 0), "'{{' has no closing '}}'."),
        ({"filter": {"a": {"not": 1}}}, ("filter", "a", "not"), "there is no test 'not'."),
        ({"split": {"itms": "a"}}, ("split",), "the option 'items' is missing."),
        (
            {"set": {"a": 1}, "on_error": "kep"},
            ("on_error",),
            "one of fail, drop, keep, not 'kep'. Did you mean 'keep'?",
        ),
        ({"set": {"a": 1}, "on_error": None}, ("on_error",), "must be one of fail, drop, keep, not null."),
        ({"on_error": "drop"}, (), "the step is empty."),
        ({"set": {"a": 1}, "drop": 1, "on_error": "drop"}, (), "a step has one verb, not 'set' and 'drop'."),
        (
            {"when": {"if": "a", "then": []}, "on_error": "keep"},
            ("when",),
            "'on_error: keep' cannot stand beside 'when'",
        ),
        ({"set": {"a": 1, "on_error": "keep"}}, ("set", "on_error"), "'on_error' stands beside 'set', not below it."),
        ({"if": "a", "then": []}, (), "Indent 'if' and 'then' below 'when:'."),
        ({"value-setter": {"a": 1}}, ("value-setter",), "Here that is 'set'."),
        ({"drop": ["a"]}, ("drop",), "Here that is 'remove' for fields, 'filter' for entities."),
        ({"batch": 100}, ("batch",), "must be a mapping (name: value), not a number. Options: items, size."),
        ({"map_values": {"a": {"x": "y"}}}, ("map_values", "a", "x"), "Options: cases, otherwise, values."),
        (
            {"halo_dates": {"to": "iso", "moments": "a"}},
            ("halo_dates", "moments"),
            "must be a list, not text. One alone is written [a].",
        ),
        ({"limits": {"limit": 11}}, ("limits", "limit"), "must be 10 or less."),
        ({"limits": {"limit": "x"}}, ("limits", "limit"), "must be a whole number, not text."),
        ({"limits": {"exact": "maybe"}}, ("limits", "exact"), "must be true or false, not text."),
        ({"limits": {"weights": ["x" * 99]}}, ("limits", "weights", 0), "must be a number, not text."),
        ({"limits": {"mode": "long"}}, ("limits", "mode"), "is too long: its length must be 3 or less."),
    ],
)
def test_a_mistake_is_found_where_it_stands(registry, step, path, says):
    found = problems(registry.with_(LIMITS), [step], {"tidy": []}, offered=None)
    assert any(at == (0, *path) and says in text for at, text in found), found


def test_every_problem_is_found_however_deep(registry):
    steps = [
        {"set": {"a": 1}},
        "nowhere",
        {
            "when": {
                "if": "a b",
                "then": [{"renam": {}}, {"when": {"if": {"a": {"eq": 1}}, "then": 5, "els": []}}],
                "else_if": [{"if": "a", "then": [{"set": {}}], "when": 1}],
                "else": ["gone"],
            }
        },
    ]
    assert {path for path, _ in problems(registry, steps)} == {
        (1,),
        (2, "when", "if"),
        (2, "when", "then", 0, "renam"),
        (2, "when", "then", 1, "when", "if", "a", "eq"),
        (2, "when", "then", 1, "when", "then"),
        (2, "when", "then", 1, "when", "els"),
        (2, "when", "else_if", 0, "then", 0, "set"),
        (2, "when", "else_if", 0, "when"),
        (2, "when", "else", 0),
    }


def test_unknown_options_inside_options_get_a_suggestion(registry):
    steps = [{"when": {"if": "a", "then": [], "else_if": [{"if": "a", "then": [], "thn": []}]}}]
    assert problems(registry, steps) == [
        ((0, "when", "else_if", 0, "thn"), "unknown option 'thn'. Did you mean 'then'?")
    ]


def test_steps_must_be_a_list(registry):
    (problem,) = check_steps({"set": {"a": 1}}, registry)
    assert str(problem) == "must be a list of steps, not an object. Each step starts with '- '."


def test_a_capability_that_is_not_offered_is_a_problem(registry):
    steps = [{"when": {"if": "a", "then": [{"limits": {}}]}}]
    verbs = registry.with_(LIMITS)
    assert problems(verbs, steps) == [
        ((0, "when", "then", 0, "limits"), "the step 'limits' needs 'clock', which is not offered here.")
    ]
    assert problems(verbs, steps, offered={"clock"}) == []


CYCLE = {
    "a": [{"set": {"x": 1}}, "b"],
    "b": [{"when": {"if": "x", "then": ["c"]}}],
    "c": ["a"],
    "outside": ["a"],
    "fine": ["leaf", "leaf"],
    "leaf": [],
}


@pytest.mark.parametrize(
    ("name", "path", "cycle"),
    [
        ("a", (1,), "b > c > a > b"),
        ("b", (0, "when", "then", 0), "c > a > b > c"),
        ("outside", (0,), "a > b > c > a"),
    ],
)
def test_a_chain_that_contains_itself_is_a_located_problem(registry, name, path, cycle):
    assert problems(registry, CYCLE[name], CYCLE) == [(path, f"the chain '{cycle[0]}' contains itself: {cycle}.")]


def test_a_chain_used_twice_is_no_cycle(registry):
    assert problems(registry, CYCLE["fine"], CYCLE) == []


def test_compiling_tells_of_problems_in_the_chains_that_are_used(registry):
    with pytest.raises(StepsError) as caught:
        compile_chain(["outer"], registry, {"outer": ["inner"], "inner": [{"renam": {}}], "unused": [5]})
    assert [problem.path for problem in caught.value.problems] == [("inner", 0, "renam")]


def test_chains_that_double_at_every_level_are_a_problem_and_not_a_wait():
    chains = {f"a{level}": [f"a{level + 1}"] * 2 for level in range(60)} | {"a60": [{"remove": ["x"]}]}
    problems = check_steps(["a0"], Registry.installed(), chains)
    assert problems
    assert "comes to more than 10,000 steps" in problems[0].what


def test_what_others_call_our_verbs_is_no_verb_and_leads_to_some(registry):
    verbs = set(registry.names())
    assert not verbs & OTHER_NAMES.keys()
    for said in OTHER_NAMES.values():
        assert set(re.findall("'([a-z_]+)'", said)) & verbs, said


PAGING = ("request", "paging")


def paging(**options):
    return {"request": {"client": "c", "uri": "/x", "paging": options}}


@pytest.mark.parametrize(
    ("step", "path", "says"),
    [
        ({"sort": {"by": [{"descnding": "a"}]}}, ("sort", "by", 0, "descnding"), "Did you mean 'descending'?"),
        ({"sort": {"by": [{"descending": 5}]}}, ("sort", "by", 0, "descending"), "must be text, not a number"),
        ({"sort": {"by": ["a b"]}}, ("sort", "by", 0), "unexpected 'b'"),
        ({"sort": {"by": [{}]}}, ("sort", "by", 0), "must be JMESPath, or {descending: JMESPath}"),
        (paging(type="offset", ofset_parameter="a"), (*PAGING, "ofset_parameter"), "Did you mean 'offset_parameter'?"),
        (paging(type="page", pge_size=3), (*PAGING, "pge_size"), "Did you mean 'page_size'?"),
        (paging(type="offset", page_size=0), (*PAGING, "page_size"), "must be 1 or more"),
        (paging(type="pages"), (*PAGING, "type"), "Did you mean 'page'?"),
        (paging(), PAGING, "the option 'type' is missing"),
    ],
)
def test_options_that_come_in_kinds_have_one_problem_where_it_stands(step, path, says):
    (problem,) = check_steps([step], Registry.installed(), offered=None)
    assert problem.path == (0, *path)
    assert says in str(problem)
