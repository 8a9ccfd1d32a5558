"""``on_error``: an entity that cannot go on fails, is left out, or goes on as it was before the step."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haloitsm_transformers import (
    Params,
    Registry,
    Steps,
    StepsError,
    Stream,
    Transformer,
    TransformError,
    compile_chain,
)

REGISTRY = Registry.installed()
NEEDS_B = {"set": {"x": 1, "a": "x{{ b }}"}}
GOOD, BAD = {"b": 1}, {"c": 1}


def outcome(steps, entities, registry=REGISTRY):
    failures = []
    run = compile_chain(steps, registry).open(failures.append)
    return [*run(entities), *run.finish()], [(failure.number, failure.entity) for failure in failures]


class Nothing(Params):
    """Do something for a test."""


@pytest.mark.parametrize(
    ("on_error", "rest", "failed"), [("fail", [], [(1, BAD)]), ("drop", [], []), ("keep", [BAD], [])]
)
@pytest.mark.parametrize("verb", [NEEDS_B, {"split": {"items": "b || c", "under": "x"}}])
def test_what_becomes_of_an_entity_that_cannot_go_on(verb, on_error, rest, failed):
    good = {"b": [1]} if "split" in verb else GOOD
    done, failures = outcome([{**verb, "on_error": on_error}], [good, BAD])
    assert done[1:] == rest
    assert failures == failed


def test_keep_undoes_what_the_step_had_done_and_nothing_before_it():
    steps = [{"set": {"first": 1}}, {**NEEDS_B, "on_error": "keep"}, {"set": {"last": 1}}]
    assert outcome(steps, [BAD]) == ([{"c": 1, "first": 1, "last": 1}], [])


def test_only_the_step_beside_which_it_stands_is_meant():
    steps = [{**NEEDS_B, "on_error": "drop"}, {"set": {"d": "x{{ c }}"}}]
    assert outcome(steps, [GOOD, BAD]) == ([], [(2, GOOD)])


def test_drop_beside_a_step_with_steps_holds_for_those_inside():
    when = {"if": "c", "then": [NEEDS_B]}
    assert outcome([{"when": when, "on_error": "drop"}], [GOOD, BAD]) == ([GOOD], [])
    inside = {"if": "c", "then": [{**NEEDS_B, "on_error": "keep"}]}
    assert outcome([{"when": inside}], [GOOD, BAD]) == ([GOOD, BAD], [])


@pytest.mark.parametrize(("on_error", "done"), [("drop", []), ("keep", [{"part": {}}])])
def test_an_entity_step_with_steps_fails_drops_or_keeps_the_whole_entity(on_error, done):
    class On(Params):
        """Run steps on the field part."""

        steps: Steps

    def build(params, builder):
        inner = builder.chain(params.steps)
        return lambda entity: {"part": inner([entity["part"]])[0]}

    verbs = REGISTRY.with_(Transformer("on", "entity", On, build))
    assert outcome([{"on": {"steps": [NEEDS_B]}, "on_error": on_error}], [{"part": {}}], verbs) == (done, [])


@pytest.mark.parametrize(("on_error", "done"), [("fail", []), ("drop", []), ("keep", [GOOD, BAD])])
def test_a_stream_step_that_breaks_costs_what_it_was_given(on_error, done):
    def explode(entities):
        raise KeyError

    verbs = REGISTRY.with_(Transformer("explode", "stream", Nothing, lambda params, builder: explode))
    failed = [(1, GOOD), (1, BAD)] if on_error == "fail" else []
    assert outcome([{"explode": None, "on_error": on_error}], [GOOD, BAD], verbs) == (done, failed)


def test_what_a_stream_step_loses_at_the_end_is_always_told():
    def finish():
        raise ValueError

    hold = Transformer("hold", "stream", Nothing, lambda params, builder: Stream(lambda entities: [], finish))
    assert outcome([{"hold": None, "on_error": "drop"}], [GOOD], REGISTRY.with_(hold)) == ([], [(1, None)])


def test_it_travels_with_the_chain():
    chain = pickle.loads(pickle.dumps(compile_chain([{**NEEDS_B, "on_error": "drop"}], REGISTRY)))
    assert chain.open()([GOOD, BAD]) == [{"b": 1, "x": 1, "a": "x1"}]


def test_what_a_step_needs_may_depend_on_its_parameters():
    class Stamp(Params):
        """Stamp."""

        now: bool

    def build(params, builder):
        at = builder.capability("clock")() if params.now else 0
        return lambda entity: {**entity, "at": at}

    stamp = Transformer("stamp", "entity", Stamp, build, needs=lambda params: ("clock",) if params.now else ())
    verbs = REGISTRY.with_(stamp)
    assert compile_chain([{"stamp": {"now": False}}], verbs).open()([{}]) == [{"at": 0}]
    with pytest.raises(StepsError, match="needs 'clock'"):
        compile_chain([{"stamp": {"now": True}}], verbs).open()


def test_a_step_that_cannot_be_built_says_where_it_stands():
    def build(params, builder):
        raise StepsError.of("the file is gone")

    verbs = REGISTRY.with_(Transformer("late", "entity", Nothing, build))
    chain = compile_chain([{"late": None}], verbs, where=lambda path: "tickets.yaml:3:5")
    with pytest.raises(StepsError, match=r"^tickets.yaml:3:5: step 1 \(late\): the file is gone"):
        chain.open()


def test_a_step_knows_where_it_was_written():
    def build(params, builder):
        return lambda entity: {"at": builder.origin}

    verbs = REGISTRY.with_(Transformer("at", "entity", Nothing, build))
    assert compile_chain([{"at": None}], verbs, where=lambda path: "x.yaml:1:1").open()([{}]) == [{"at": "x.yaml:1:1"}]


@given(st.lists(st.dictionaries(st.sampled_from("bc"), st.none() | st.integers())), st.sampled_from(["drop", "keep"]))
def test_dropped_or_kept_are_just_those_that_would_fail(entities, on_error):
    done, failures = outcome([NEEDS_B], entities)
    failed = [entity for _, entity in failures]
    quiet, told = outcome([{**NEEDS_B, "on_error": on_error}], entities)
    assert told == []
    assert [entity for entity in quiet if entity in done] == done
    assert [entity for entity in quiet if entity not in done] == (failed if on_error == "keep" else [])


@pytest.mark.parametrize("lines", [[{"qty": 1}, {"qty": "x"}], {"0": {"qty": 1}, "1": {"qty": "x"}}])
def test_a_failure_inside_for_each_names_the_item(lines):
    steps = [
        {"for_each": {"order.lines.*": [{"filter": "qty"}, {"sort": {"by": ["id"]}}, {"cast": {"qty": "integer"}}]}}
    ]
    with pytest.raises(TransformError) as caught:
        compile_chain(steps, REGISTRY).open()([{"order": {"lines": lines}}])
    assert caught.value.failure.path == "order.lines.1.qty"


def test_steps_inside_for_each_remember_beyond_an_entity_that_failed_but_let_go_of_what_it_gave():
    inner = [{"deduplicate": {"key": "{{ id }}"}}, {"batch": {"size": 2}}, {"set": {"of": "T{{ items[0].id }}"}}]
    entities = [
        {"l": [{"id": 1}]},
        {"l": [{"x": 1}, {"id": 5}]},
        {"l": [{"id": 2}, {"x": 0}]},
        {"l": [{"id": 1}, {"id": 3}]},
    ]
    done, failures = outcome([{"for_each": {"l.*": inner}}], entities)
    assert len(failures) == 2
    assert [entity["l"] for entity in done] == [
        [{"items": [{"id": 1}], "of": "T1"}],
        [{"items": [{"id": 3}], "of": "T3"}],
    ]
