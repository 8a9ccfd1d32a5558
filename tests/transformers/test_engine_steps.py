"""``fail``, ``log`` and steps that need no copy: what they do to others that hold the entity, and what they say."""

from __future__ import annotations

from concurrent.futures import Future

import pytest

from haloitsm_transformers import LeftOut, Params, Registry, StepsError, Transformer, check_steps, compile_chain

REGISTRY = Registry.installed()


def test_a_line_of_the_log_says_where_the_step_stands():
    lines = []
    chain = compile_chain(
        [{"log": {"message": "ticket {{ id }}", "level": "warning"}}], REGISTRY, where=lambda path: "a.yaml:1:1"
    )
    chain.open(capabilities={"log": lambda level, line: lines.append((level, line))})([{"id": 7}])
    assert lines == [("warning", "a.yaml:1:1: ticket 7")]


def test_a_line_that_cannot_be_written_need_not_cost_the_entity():
    lines = []
    chain = compile_chain([{"log": {"message": "x{{ a }}"}, "on_error": "keep"}], REGISTRY)
    assert chain.open(capabilities={"log": lambda *line: lines.append(line)})([{"b": 1}]) == [{"b": 1}]
    assert lines == []


@pytest.mark.parametrize(("inside", "holds"), [({"set": {"a": 1}}, False), ({"sort": {"by": ["id"]}}, True)])
def test_when_holds_entities_back_only_where_a_step_inside_does(inside, holds):
    for branches in ({"then": [inside]}, {"then": [{"keep": ["id"]}], "else": [inside]}):
        assert compile_chain([{"when": {"if": "id", **branches}}], REGISTRY).open().holds is holds


def test_fail_inside_when_fails_those_that_come_to_it():
    failures = []
    steps = [{"when": {"if": {"client": {"empty": True}}, "then": [{"fail": "ticket {{ id }} has no client"}]}}]
    done = compile_chain(steps, REGISTRY).open(failures.append)([{"id": 1, "client": "A"}, {"id": 2}])
    assert done == [{"id": 1, "client": "A"}]
    assert [failure.what for failure in failures] == ["ticket 2 has no client"]


@pytest.mark.parametrize(
    "step", [{"fail": 5}, {"fail": "{{ a"}, {"log": {"message": "x", "level": "loud"}}, {"log": {}}]
)
def test_a_mistake_in_them_is_found(step):
    assert check_steps([step], REGISTRY, offered=None)


def test_a_step_that_changes_nothing_gets_no_copy_and_those_behind_it_one():
    seen = []

    class Nothing(Params):
        """Do something for a test."""

    def look(params, builder):
        return lambda entity: seen.append(entity) or entity

    def change(params, builder):
        return lambda entity: seen.append(entity) or entity.update(done=True) or entity

    looks = Transformer("look", "entity", Nothing, look, own_copy=False)
    changes = Transformer("change", "entity", Nothing, change)
    entity = {"id": 1}
    steps = [{"look": None}, {"change": None}, {"look": None}, {"change": None}]
    (done,) = compile_chain(steps, REGISTRY.with_(looks, changes)).open()([entity])
    assert entity == {"id": 1}
    assert done == {"id": 1, "done": True}
    assert [one is entity for one in seen] == [True, False, False, False]
    assert all(one is done for one in seen[1:])


def test_a_function_of_python_is_called_as_it_wants_to_be():
    def add(entity, rate):
        return {**entity, "rate": rate}

    chain = compile_chain([{"python": {"function": "a.add", "with": {"rat": 1}}}], REGISTRY)
    with pytest.raises(StepsError, match=r"'a.add' cannot be called like this: missing a required argument: 'rate'"):
        chain.open(capabilities={"modules": lambda name: add})


@pytest.mark.parametrize("on_error", ["fail", "drop", "keep"])
def test_an_entity_that_is_left_out_is_no_failure_whatever_is_said_of_those(on_error):
    class Nothing(Params):
        """Do something for a test."""

    def build(params, builder):
        def odd(entity):
            if entity["n"] % 2:
                return entity
            raise LeftOut

        return odd

    verbs = REGISTRY.with_(Transformer("odd", "entity", Nothing, build))
    failures = []
    run = compile_chain([{"odd": None, "on_error": on_error}, {"filter": "n != `3`"}], verbs).open(failures.append)
    assert run([{"n": 1}, {"n": 2}, {"n": 3}, {"n": 5}]) == [{"n": 1}, {"n": 5}]
    assert failures == []


@pytest.mark.parametrize(
    "query", ["mutation { a }", ", mutation{a}", "fragment F on X { a } mutation M { b }", "#\n\tmutation { a }"]
)
def test_a_mutation_is_a_write_wherever_it_stands_in_its_document(query):
    calls = []

    def http(call):
        calls.append(call)
        future = Future()
        future.set_result({"data": {}})
        return future

    chain = compile_chain([{"graphql": {"client": "c", "query": query, "cache": True}}], REGISTRY)
    chain.open(capabilities={"http": http})([{}, {}])
    assert [call.repeatable for call in calls] == [False, False]


def test_a_line_of_the_log_is_one_line_whatever_is_in_it():
    lines = []
    run = compile_chain([{"log": {"message": "{{ a }}"}}], REGISTRY).open(
        capabilities={"log": lambda level, line: lines.append(line)}
    )
    run([{"a": "ü\nERROR \x1b[2K\ud800"}])
    assert lines == ["ü\\nERROR \\x1b[2K\\ud800"]


def test_what_a_function_of_python_keeps_or_changes_is_nobody_elses():
    kept = {"rows": (1, 2)}

    def function(entity, options):
        options.append(len(options))
        return [kept, kept, {"options": options}]

    chain = compile_chain([{"python": {"function": "m.f", "with": {"options": []}}}], REGISTRY)
    run = chain.open(capabilities={"modules": lambda name: function})
    first, second, third = run([{}])
    assert first == second == {"rows": [1, 2]}
    assert first is not second
    assert first is not kept
    assert run([{}])[2] == third == {"options": [0]}
