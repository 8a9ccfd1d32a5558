"""What must hold for steps on streams of entities, and for what they keep."""

from __future__ import annotations

import copy
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from threading import Lock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haloitsm_transformers import Registry, TransformError, compile_chain
from haloitsm_transformers.conditions import same
from haloitsm_transformers.keys import fingerprint
from haloitsm_transformers.world import MemoryStorage, World

REGISTRY = Registry.installed()
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=3)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.integers(0, 4) | st.sampled_from(["0", "1", "x", "ü"]) | st.sampled_from([0.0, 1.0])
ENTITIES = st.lists(st.fixed_dictionaries({"k": KEYS}, optional={"v": VALUES, "w": SCALARS}), max_size=12)
PAGED = st.tuples(ENTITIES, st.lists(st.integers(1, 4), max_size=12))
STREAM_STEPS = st.sampled_from(
    [
        {"filter": "v"},
        {"split": {"items": "[@, @]"}},
        {"deduplicate": {"key": "{{ k }}"}},
        {"deduplicate": {}},
        {"deduplicate": {"key": "{{ k }}", "most": 2}},
        {"group": {"key": "{{ k }}", "add": {"k": "{{ k }}"}}},
        {"group": {"key": "{{ k }}", "adjacent": True}},
        {"group": {"key": "{{ k }}", "most": 3}},
        {"sort": {"by": ["v", {"descending": "k"}]}},
        {"sort": {"by": ["k"], "most": 5}},
        {"limit": 3},
        {"batch": {"size": 3}},
        {"once_per_run": {"steps": [{"set": {"a": 1}}], "into": "once"}},
        {"save": {"storage": "s", "key": "{{ k }}"}},
        {"load": {"storage": "s", "key": "{{ k }}", "into": "found"}},
        {"forget": {"storage": "s", "key": "{{ k }}"}},
        {"delta": {"storage": "s", "key": "{{ k }}"}},
        {"join": {"incoming": "i", "row_key": "{{ id }}", "key": "{{ k }}", "into": "row"}},
        {"request": {"client": "c", "uri": "/r", "query": {"k": "{{ k }}"}, "into": "r", "cache": True}},
    ]
)
WORLD = World(
    storages={"s": {"1": {"v": 1}}},
    rows={"i": [{"id": 1, "n": "one"}]},
    answers=[{"request": f"GET /r?k={number}", "value": {"n": number}} for number in range(3)],
)


def through(steps, pages, capabilities=None):
    """Run pages of entities through steps; return what comes out and why others failed."""
    failures = []
    offered = capabilities or WORLD.open().capabilities
    opened = compile_chain(steps, REGISTRY).open(lambda failure: failures.append(failure.what), offered)
    done = [entity for page in pages for entity in opened(page)]
    return [*done, *opened.finish()], failures


def paged(entities, sizes):
    pages, rest = [], list(entities)
    for size in sizes:
        pages.append(rest[:size])
        rest = rest[size:]
    return [*pages, rest]


@given(STREAM_STEPS, PAGED)
@settings(max_examples=100, deadline=None)
def test_the_size_of_pages_changes_nothing_and_nothing_is_changed_in_place(step, given_pages):
    entities, sizes = given_pages
    before = copy.deepcopy(entities)
    assert through([step], paged(entities, sizes)) == through([step], [entities])
    assert entities == before


@given(ENTITIES)
def test_group_then_split_loses_nothing(entities):
    steps = [{"group": {"key": "{{ k }}", "items": "in.it"}}, {"split": {"items": "in.it"}}]
    done, failures = through(steps, [entities])
    assert failures == []
    assert sorted(map(fingerprint, done)) == sorted(map(fingerprint, entities))
    assert len({key for key, _ in groupby(done, key=lambda entity: text_of(entity["k"]))}) == len(
        [*groupby(done, key=lambda entity: text_of(entity["k"]))]
    )


def text_of(key):
    return str(int(key)) if isinstance(key, float) else str(key)


@given(ENTITIES, st.integers(1, 5))
def test_batch_then_split_is_as_before(entities, size):
    batches, _ = through([{"batch": {"size": size}}], [entities])
    assert all(len(batch["items"]) == size for batch in batches[:-1])
    assert through([{"batch": {"size": size}}, {"split": {"items": "items"}}], [entities])[0] == entities


@given(ENTITIES)
def test_deduplicate_twice_is_once_and_leaves_one_of_each_key(entities):
    step = {"deduplicate": {"key": "{{ k }}"}}
    done, _ = through([step], [entities])
    assert through([step, step], [entities])[0] == done
    assert {text_of(entity["k"]) for entity in done} == {text_of(entity["k"]) for entity in entities}
    assert len(done) == len({text_of(entity["k"]) for entity in done})


@given(ENTITIES, st.sampled_from(["v", "w", "k"]))
def test_sort_keeps_all_entities_and_is_stable(entities, field):
    numbered = [{**entity, "n": number} for number, entity in enumerate(entities)]
    done, _ = through([{"sort": {"by": [field]}}], [numbered])
    assert sorted(entity["n"] for entity in done) == list(range(len(entities)))
    assert through([{"sort": {"by": [field]}}], [done])[0] == done
    turned, _ = through([{"sort": {"by": [{"descending": field}]}}], [numbered])
    assert [entity.get(field) is None for entity in turned] == [entity.get(field) is None for entity in done]
    for _, equal in groupby(done, key=lambda entity: fingerprint(entity.get(field))):
        numbers = [entity["n"] for entity in equal]
        assert numbers == sorted(numbers)


@given(VALUES, VALUES)
def test_fingerprints_are_the_same_for_equal_values_alone(left, right):
    assert (fingerprint(left) == fingerprint(right)) == same(left, right)
    assert fingerprint(left) == fingerprint(copy.deepcopy(left))


@given(st.lists(st.tuples(KEYS, VALUES), max_size=8))
def test_what_is_loaded_is_what_was_saved_last(pairs):
    capabilities = WORLD.open().capabilities
    entities = [{"k": key, "v": value} for key, value in pairs]
    through([{"save": {"storage": "t", "key": "{{ k }}", "value": "{{ v }}"}}], [entities], capabilities)
    done, _ = through([{"load": {"storage": "t", "key": "{{ k }}", "into": "got"}}], [entities], capabilities)
    last = {text_of(entity["k"]): entity["v"] for entity in entities}
    assert [same(entity["got"], last[text_of(entity["k"])]) for entity in done] == [True] * len(done)


EVENTS = st.lists(
    st.tuples(st.just("comes"), st.integers(0, 2), st.integers(0, 2))
    | st.tuples(st.just("settles"), st.booleans(), st.integers(0, 5)),
    max_size=25,
)


@given(EVENTS)
@settings(max_examples=100, deadline=None)
def test_a_delta_passes_what_differs_from_what_was_or_is_being_delivered(events):
    """Entities come and deliveries end in any order; what is stored is what was delivered last."""
    storage, waiting, delivered, on_its_way = MemoryStorage(), [], {}, {}
    offered = {"storage": lambda name: storage, "delivery": lambda entity, settled: waiting.append((entity, settled))}
    run = compile_chain([{"delta": {"storage": "s", "key": "{{ id }}"}}], REGISTRY).open(capabilities=offered)
    for kind, first, second in events:
        if kind == "comes":
            passed = run([{"id": first, "v": second}])
            known = on_its_way.get(first, delivered.get(first))
            assert bool(passed) == (second != known)
            if passed:
                on_its_way[first] = second
        elif waiting:
            entity, settled = waiting.pop(second % len(waiting))
            settled(first)
            if on_its_way.get(entity["id"]) == entity["v"]:
                del on_its_way[entity["id"]]
            if first:
                delivered[entity["id"]] = entity["v"]
    assert dict(storage.iterate()) == {
        str(key): fingerprint({"id": key, "v": value}) for key, value in delivered.items()
    }


class Server:
    """Answers calls from threads, each after a time of its own, and notes how many are under way."""

    def __init__(self, seconds):
        self.seconds = list(seconds)
        self.under_way = self.most = 0
        self.begun = []
        self._lock = Lock()
        self._threads = ThreadPoolExecutor(16)

    def __call__(self, call):
        return self._threads.submit(self._answer, call)

    def _answer(self, call):
        number = call.payload if call.method == "POST" else call.query["n"]
        with self._lock:
            self.begun.append(number)
            self.under_way += 1
            self.most = max(self.most, self.under_way)
        time.sleep(self.seconds[number % len(self.seconds)])
        with self._lock:
            self.under_way -= 1
        if number % 5 == 4:
            raise TransformError(f"no {number}")
        return {"n": number}


@given(st.lists(st.sampled_from([0, 0.001, 0.004]), min_size=1, max_size=7), st.integers(0, 30))
@settings(max_examples=15, deadline=None)
@pytest.mark.slow
def test_answers_come_to_their_entities_whatever_order_they_come_in(seconds, count):
    server = Server(seconds)
    step = {"request": {"client": "c", "uri": "/r", "query": {"n": "{{ n }}"}, "into": "got"}}
    done, failures = through([step], [[{"n": number} for number in range(count)]], {"http": server})
    good = [number for number in range(count) if number % 5 != 4]
    assert done == [{"n": number, "got": {"n": number}} for number in good]
    assert failures == [f"no {number}" for number in range(count) if number % 5 == 4]
    assert server.most <= 8


@given(st.integers(0, 12))
@settings(max_examples=8, deadline=None)
def test_writes_never_overlap_and_keep_their_order(count):
    server = Server([0.001, 0])
    step = {"request": {"client": "c", "method": "POST", "uri": "/r", "payload": "{{ n }}", "into": "got"}}
    through([step], [[{"n": number} for number in range(count)]], {"http": server})
    assert server.begun == list(range(count))
    assert server.most <= 1


class OutOfOrderError(Exception):
    """What a host raises when nobody can go on."""

    ends_run = True


@pytest.mark.parametrize("on_error", ["fail", "drop", "keep"])
@pytest.mark.parametrize("inside", [True, False])
def test_an_error_that_ends_the_run_leaves_the_chain_as_it_is(on_error, inside):
    class Broken(MemoryStorage):
        def put(self, *values):
            raise OutOfOrderError("the disk is full")

    step = {"save": {"storage": "s", "key": "{{ k }}"}, "on_error": on_error}
    steps = [{"when": {"if": "k", "then": [step]}}] if inside else [step]
    failures = []
    run = compile_chain(steps, REGISTRY).open(failures.append, {"storage": lambda name: Broken()})
    with pytest.raises(OutOfOrderError, match="the disk is full"):
        run([{"k": 1}, {"k": 2}])
    assert failures == []


def test_a_group_that_cannot_begin_takes_no_other_with_it():
    steps = [{"group": {"key": "{{ k }}", "adjacent": True, "add": {"n": "T{{ n }}"}}}]
    done, failures = through(steps, [[{"k": 1, "n": 1}, {"k": 2}, {"k": 3, "n": 3}]])
    assert [group["n"] for group in done] == ["T1", "T3"]
    assert len(failures) == 1
