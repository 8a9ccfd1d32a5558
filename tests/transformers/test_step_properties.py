"""What must hold for any entity."""

from __future__ import annotations

import copy
import json
import pickle

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from haloitsm_transformers import Registry, StepsError, TransformError, check_steps, compile_chain

REGISTRY = Registry.installed()
NAMES = st.sampled_from(["a", "b", "c", "0", "1", "x.y", "*"])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=12
)
ENTITIES = st.dictionaries(NAMES, VALUES, max_size=5)
SEGMENTS = st.sampled_from(["a", "b", "c", "0", "1", "*", '"x.y"', '"0"'])
PATTERNS = st.lists(SEGMENTS, min_size=1, max_size=3).map(".".join)
PATHS = PATTERNS.filter(lambda path: "*" not in path)
TARGETS = st.lists(SEGMENTS.filter(lambda part: part != "*") | st.just("$1"), min_size=1, max_size=3).map(".".join)
EXPRESSIONS = st.sampled_from(
    ["a", "a.b", "b[0]", "a[*].b", "length(a)", "sum(b)", "a < b", "@", "a || b", "keys(@)", "{n: a}", "b[?a > `1`]"]
)
TEMPLATES = st.sampled_from(["{{ a }}", "no {{ a }}", "{{ b || '' }}-{{ c || '' }}", {"k": ["{{ a.b }}", 1]}, None, 5])
TESTS = st.fixed_dictionaries(
    {},
    optional={
        "equals": VALUES,
        "one_of": st.lists(VALUES, min_size=1, max_size=2),
        "exists": st.booleans(),
        "empty": st.booleans(),
        "type": st.sampled_from(["integer", "text", "list", "null"]),
        "less_than": st.integers() | st.text(max_size=3),
        "at_least": st.floats(allow_nan=False),
    },
).filter(bool)
CONDITIONS = st.recursive(
    EXPRESSIONS | st.dictionaries(PATHS, TESTS, min_size=1, max_size=2),
    lambda inner: (
        st.builds(lambda c: {"not": c}, inner)
        | st.builds(lambda c: {"and": c}, st.lists(inner, min_size=1, max_size=2))
        | st.builds(lambda c: {"or": c}, st.lists(inner, min_size=1, max_size=2))
    ),
    max_leaves=3,
)


def some(keys, values):
    return st.dictionaries(keys, values, min_size=1, max_size=3)


SIMPLE_STEPS = st.one_of(
    st.builds(lambda p: {"select": p}, some(PATHS, EXPRESSIONS)),
    st.builds(lambda p: {"set": p}, some(PATHS, TEMPLATES)),
    st.builds(lambda p: {"rename": p}, some(PATTERNS, st.sampled_from(["a", "b", '"x.y"', "new"]))),
    st.builds(lambda p: {"move": p}, some(PATTERNS, TARGETS)),
    st.builds(lambda p: {"copy": p}, some(PATTERNS, TARGETS)),
    st.builds(lambda p: {"remove": p}, st.lists(PATTERNS, min_size=1, max_size=3)),
    st.builds(lambda p: {"filter": p}, CONDITIONS),
    st.builds(lambda i, u: {"split": {"items": i, "under": u, "add": {"z": "{{ a }}"}}}, EXPRESSIONS, PATHS),
    st.builds(lambda i: {"split": {"items": i}}, EXPRESSIONS),
)
CHAINS = st.lists(
    SIMPLE_STEPS
    | st.builds(
        lambda c, then, other: {"when": {"if": c, "then": then, "else": other}},
        CONDITIONS,
        st.lists(SIMPLE_STEPS, max_size=2),
        st.lists(SIMPLE_STEPS, max_size=2),
    ),
    max_size=4,
)


def run(chain, entities):
    failures = []
    opened = chain.open(failures.append)
    return [*opened(entities), *opened.finish()], [str(failure) for failure in failures]


def only(steps, entity):
    (result,) = compile_chain(steps, REGISTRY).open()([entity])
    return result


@given(CHAINS, st.lists(ENTITIES, max_size=4))
@settings(max_examples=150, deadline=None)
def test_any_chain_over_any_json_gives_json_or_a_failure_and_leaves_its_input_alone(steps, entities):
    try:
        chain = compile_chain(steps, REGISTRY)
    except StepsError:
        assume(False)
    before = copy.deepcopy(entities)
    done, failures = run(chain, entities)
    assert entities == before
    assert json.loads(json.dumps(done)) == done
    assert run(pickle.loads(pickle.dumps(chain)), entities) == (done, failures)


@given(
    st.recursive(
        SCALARS | NAMES, lambda v: st.lists(v) | st.dictionaries(st.sampled_from([*REGISTRY.names(), "if", "then"]), v)
    )
)
@settings(max_examples=100, deadline=None)
def test_any_json_is_either_sound_steps_or_has_located_problems(steps):
    problems = check_steps(steps, REGISTRY)
    for problem in problems:
        found = steps
        for part in problem.path:
            if isinstance(found, list) and isinstance(part, int) and part < len(found):
                found = found[part]
            elif isinstance(found, dict):
                assert part in found
                found = found[part]
        assert problem.what
    if not problems:
        compile_chain(steps, REGISTRY)


@given(ENTITIES, st.sampled_from(["a", "*.a", "b.*.a", "a.b"]))
def test_rename_and_back_is_as_before(entity, pattern):
    assume("new" not in json.dumps(entity))
    back = f"{pattern.rpartition('.')[0]}.new".removeprefix(".")
    name = pattern.rpartition(".")[2]
    assert only([{"rename": {pattern: "new"}}, {"rename": {back: name}}], entity) == entity


@given(ENTITIES)
def test_move_keeps_every_value(entity):
    moved = only([{"move": {"*": "below.$1"}}], entity)
    assert moved == ({"below": entity} if entity else {})
    assert only([{"move": {"below.*": "$1"}}, {"remove": ["below"]}], moved) == entity


@given(ENTITIES, PATTERNS, TARGETS)
@settings(max_examples=100)
def test_move_never_loses_a_value_that_no_other_takes_the_place_of(entity, pattern, to):
    try:
        moved = only([{"move": {pattern: f"new.{to}"}}], entity)
    except (StepsError, TransformError):
        return
    assert sorted(scalars(moved)) == sorted(scalars(entity) + ["null"] * (len(scalars(moved)) - len(scalars(entity))))


def scalars(value):
    """Every scalar inside as JSON; list positions that were skipped count as null."""
    if isinstance(value, dict):
        return [found for inner in value.values() for found in scalars(inner)]
    if isinstance(value, list):
        return [found for inner in value for found in scalars(inner)]
    return [json.dumps(value)]


@given(st.lists(st.dictionaries(st.sampled_from(["a", "b"]), SCALARS), max_size=5), st.integers())
def test_split_loses_no_item(items, number):
    opened = compile_chain([{"split": {"items": "items", "add": {"id": "{{ id }}"}}}], REGISTRY).open()
    assert opened([{"id": number, "items": items}]) == [{**item, "id": number} for item in items]


@given(st.lists(ENTITIES, max_size=6), CONDITIONS)
def test_when_keeps_the_order_and_filter_its_complement(entities, condition):
    numbered = [{**entity, "n": number} for number, entity in enumerate(entities)]
    try:
        chain = compile_chain([{"when": {"if": condition, "then": [{"set": {"hit": 1}}]}}], REGISTRY)
    except StepsError:
        assume(False)
    assert [entity["n"] for entity in run(chain, numbered)[0]] == list(range(len(numbered)))
    kept = compile_chain([{"filter": condition}], REGISTRY).open()(numbered)
    rest = compile_chain([{"filter": {"not": condition}}], REGISTRY).open()(numbered)
    assert sorted(entity["n"] for entity in kept + rest) == list(range(len(numbered)))


@pytest.mark.parametrize("depth", [3000])
def test_a_very_deep_entity_fails_alone(depth):
    deep = {}
    for _ in range(depth):
        deep = {"a": deep}
    chain = compile_chain([{"select": {"n": "a.*.a | [0]"}}, {"copy": {"n": "m"}}], REGISTRY)
    assert len(run(chain, [deep, {"a": {"b": {"a": 1}}}])[0]) == 2
