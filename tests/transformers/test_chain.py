"""Chains: failures cost one entity and say where, input stays as it is, state and order are kept."""

from __future__ import annotations

import pickle

import pytest

from haloitsm_transformers import (
    Entity,
    Params,
    Steps,
    StepsError,
    Stream,
    Transformer,
    TransformError,
    compile_chain,
)

STEPS = [
    {"rename": {"summary": "title"}},
    {"set": {"key": "T{{ id }}"}},
    "tidy",
    {"when": {"if": "vip", "then": [{"remove": ["x"]}, {"set": {"owner.name": "{{ vip }}"}}]}},
]
CHAINS = {"tidy": [{"filter": "keep"}, {"select": {"key": "key", "vip": "vip", "owner": "owner"}}]}


def where(path):
    return f"tickets.yaml:{'/'.join(map(str, path))}"


class Nothing(Params):
    """Do something for a test."""


def step(name, level, build, needs=()):
    return Transformer(name, level, Nothing, build, needs=needs)


def test_a_failure_costs_its_entity_only_and_says_where_it_happened(registry):
    failures = []
    run = compile_chain(STEPS, registry, CHAINS, where).open(failures.append)
    good = {"id": 1, "keep": True}
    bad = {"summary": "no id", "keep": True}
    worse = {"id": 3, "keep": True, "vip": "Jo", "owner": "text"}
    assert run([good, bad, worse]) == [{"key": "T1", "vip": None, "owner": None}]
    first, second = failures
    assert first.entity is bad
    assert (first.origin, first.number, first.verb, first.path) == ("tickets.yaml:1", 2, "set", "id")
    assert str(first) == (
        "tickets.yaml:1: step 2 (set): id: gives null, which cannot stand inside a text; "
        "write {{ id || '' }} if that is fine"
    )
    assert (second.origin, second.number, second.path) == ("tickets.yaml:3/when/then/1", 2, "owner")
    assert second.what == "holds text, so nothing can be put below it"


def test_a_step_in_a_named_chain_is_located_in_that_chain(registry):
    failures = []
    run = compile_chain(["tidy"], registry, {"tidy": [{"set": {"a": "x{{ b }}"}}]}, where).open(failures.append)
    assert run([{}]) == []
    assert failures[0].origin == "tickets.yaml:tidy/0"


def test_without_a_place_to_report_to_a_failure_is_raised(registry):
    chain = compile_chain([{"split": {"items": "lines"}}], registry)
    with pytest.raises(TransformError, match=r"step 1 \(split\): lines: is text, not a list") as caught:
        chain.open()([{"lines": "A"}])
    assert caught.value.failure.entity == {"lines": "A"}


@pytest.mark.parametrize(
    "steps", [[{"set": {"a": "x{{ b }}"}}], [{"when": {"if": "@", "then": [{"set": {"a": "x{{ b }}"}}]}}]]
)
def test_the_host_can_stop_the_run_from_its_report(registry, steps):
    calls = []

    def stop(failure):
        calls.append(failure)
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        compile_chain(steps, registry).open(stop)([{"n": 1}, {"n": 2}])
    assert len(calls) == 1


@pytest.mark.parametrize("level", ["entity", "stream"])
def test_an_error_of_a_plugin_is_a_failure_of_the_entity(registry, level):
    def explode(_):
        raise KeyError("oops")

    failures = []
    chain = compile_chain([{"explode": None}], registry.with_(step("explode", level, lambda params, builder: explode)))
    assert chain.open(failures.append)([{"n": 1}]) == []
    assert str(failures[0]) == "step 1 (explode): unexpected KeyError: 'oops'"
    assert failures[0].entity == {"n": 1}


def test_an_unfinished_stream_that_breaks_reports_no_entity(registry):
    def finish():
        raise ValueError

    holding = step("hold", "stream", lambda params, builder: Stream(lambda entities: [], finish))
    failures = []
    run = compile_chain([{"hold": None}], registry.with_(holding)).open(failures.append)
    assert run([{"n": 1}]) == run.finish() == []
    assert str(failures[0]) == "step 1 (hold): unexpected ValueError"
    assert failures[0].entity is None


def hold_back(params, builder):
    held: list[Entity] = []

    def push(entities):
        held.extend(entities)
        return []

    return Stream(push, lambda: held)


def test_what_a_step_holds_back_goes_through_the_steps_behind_it(registry):
    steps = [{"when": {"if": "late", "then": [{"hold": None}]}}, {"set": {"done": True}}]
    run = compile_chain(steps, registry.with_(step("hold", "stream", hold_back))).open()
    assert run([{"n": 1, "late": True}, {"n": 2}]) == [{"n": 2, "done": True}]
    assert run([{"n": 3}]) == [{"n": 3, "done": True}]
    assert run.finish() == [{"n": 1, "late": True, "done": True}]


def test_runs_of_one_chain_share_no_state(registry):
    chain = compile_chain([{"hold": None}], registry.with_(step("hold", "stream", hold_back)))
    first, second = chain.open(), chain.open()
    first([{"n": 1}])
    assert second.finish() == []
    assert first.finish() == [{"n": 1}]


def test_an_entity_that_fails_inside_an_entity_step_fails_as_a_whole(registry):
    class On(Params):
        """Run steps on the field part."""

        steps: Steps

    def build(params, builder):
        inner = builder.chain(params.steps)

        def on(entity):
            (part,) = inner([entity["part"]])
            return {**entity, "part": part}

        return on

    failures = []
    verbs = registry.with_(Transformer("on", "entity", On, build))
    run = compile_chain([{"on": {"steps": [{"set": {"a": "x{{ b }}"}}]}}], verbs, where=where).open(failures.append)
    assert run([{"part": {}}, {"part": {"b": 1}}]) == [{"part": {"b": 1, "a": "x1"}}]
    assert failures[0].entity == {"part": {}}
    assert failures[0].origin == "tickets.yaml:0/on/steps/0"


def test_a_capability_is_given_to_the_steps_that_need_it(registry):
    def build(params, builder):
        clock = builder.capability("clock")
        return lambda entity: {**entity, "at": clock()}

    chain = compile_chain(
        [{"when": {"if": "@", "then": [{"stamp": None}]}}], registry.with_(step("stamp", "entity", build, ("clock",)))
    )
    assert chain.needs == {"clock"}
    assert chain.open(capabilities={"clock": lambda: 5})([{"n": 1}]) == [{"n": 1, "at": 5}]
    with pytest.raises(StepsError, match="a step needs 'clock', which is not offered here"):
        chain.open()


def test_a_chain_is_known_to_make_json_unless_a_step_that_is_not_built_in_stands_anywhere_in_it(registry):
    built_in = [{"when": {"if": "@", "then": [{"set": {"a": "b"}}]}}, {"filter": "b"}]
    assert compile_chain(built_in, registry).json
    verbs = registry.with_(step("dated", "entity", lambda params, builder: lambda entity: entity))
    assert not compile_chain([*built_in, {"dated": None}], verbs).json
    assert not compile_chain([{"when": {"if": "@", "then": [{"dated": None}]}}], verbs).json
    assert not compile_chain(["own"], verbs, {"own": [{"dated": None}]}).json


def test_a_chain_pickles_with_its_origins(registry):
    chain = pickle.loads(pickle.dumps(compile_chain(STEPS, registry, CHAINS, where)))
    failures = []
    assert chain.open(failures.append)([{"id": 1, "keep": 1}, {}]) == [{"key": "T1", "vip": None, "owner": None}]
    assert failures[0].origin == "tickets.yaml:1"


def test_a_trace_shows_entities_before_and_after_each_step(registry):
    rows = compile_chain(STEPS, registry, CHAINS).trace([{"id": 1, "keep": True, "summary": "a"}, {"id": 2}, {}])
    assert [row.label for row in rows] == ["1 rename", "2 set", "1 filter", "2 select", "4 when"]
    assert [len(row.after) for row in rows] == [3, 2, 1, 1, 1]
    assert rows[0].before[0] == {"id": 1, "keep": True, "summary": "a"}
    assert rows[1].after[0] == {"id": 1, "keep": True, "title": "a", "key": "T1"}
    assert [failure.entity for failure in rows[1].failures] == [{}]


def test_an_empty_chain_lets_everything_through(registry):
    chain = compile_chain([], registry)
    assert len(chain) == 0
    assert chain.open()([{"n": 1}]) == [{"n": 1}]


def test_nothing_is_shared_with_the_input_that_a_step_changes(run):
    line = {"qty": 1}
    entity = {"lines": [line], "other": [line]}
    (done,) = run([{"copy": {"lines": "again"}}, {"set": {"lines.0.qty": 2}}, {"remove": ["again.0.qty"]}], [entity])
    assert entity == {"lines": [{"qty": 1}], "other": [{"qty": 1}]}
    assert done == {"lines": [{"qty": 2}], "other": [{"qty": 1}], "again": [{}]}
