"""Storages keep values under keys: for as long as they were told, and as they were."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from haloitsm_connector.errors import StateError
from haloitsm_connector.store import KeptStorage, open_state, storage_counts
from haloitsm_transformers.world import MemoryStorage

KEYS = st.text(min_size=1, max_size=4, alphabet=st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
CALLS = st.lists(st.tuples(st.just("put"), KEYS, VALUES) | st.tuples(st.just("delete"), KEYS), max_size=12)


@given(CALLS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_it_does_what_a_storage_in_memory_does(state, calls):
    memory = MemoryStorage()
    kept = KeptStorage(state, "seen")
    with state.transaction(durable=False) as connection:
        connection.execute("DELETE FROM storages")
    for name, *values in calls:
        getattr(kept, name)(*values)
        getattr(memory, name)(*values)
    assert list(kept.iterate()) == list(memory.iterate())
    assert all(kept.get(key, "nothing") == memory.get(key, "nothing") for _, key, *_ in calls)


def test_any_character_may_be_in_a_key(state):
    kept = KeptStorage(state, "se\0en")
    keys = ["\0", "\0\1", "\1", "\1\1\2", "\2", "a", "a\0b", "a%?'\"\\", "\U0010ffff"]
    for key in keys:
        kept.put(key, {key: key})
    assert list(kept.iterate()) == [(key, {key: key}) for key in keys]
    assert [kept.get(key) for key in keys] == [{key: key} for key in keys]


def test_storages_do_not_see_each_other(state):
    first, second = KeptStorage(state, "first"), KeptStorage(state, "second")
    first.put("a", 1)
    assert second.get("a") is None
    second.put("a", 2)
    first.delete("a")
    assert list(second.iterate()) == [("a", 2)]


def test_keys_are_found_by_how_they_begin(state):
    kept = KeptStorage(state, "seen")
    for key in ["a", "a/1", "a/2", "a0", "A/3", "b", "é/1", "é/\U0010ffff"]:
        kept.put(key, key)
    assert [key for key, _ in kept.iterate("a/")] == ["a/1", "a/2"]
    assert [key for key, _ in kept.iterate("é")] == ["é/1", "é/\U0010ffff"]
    assert list(kept.iterate("c")) == []


def test_storages_are_counted_without_what_is_over(state):
    KeptStorage(state, "b").put("a", 1)
    KeptStorage(state, "a", now=lambda: 0).put("a", 1, ttl_seconds=10)
    KeptStorage(state, "a", now=lambda: 0).put("b", 1)
    assert list(storage_counts(state, now=lambda: 9).items()) == [("a", 2), ("b", 1)]
    assert storage_counts(state, now=lambda: 10) == {"a": 1, "b": 1}


def test_several_keys_are_forgotten_at_once(state):
    kept = KeptStorage(state, "seen")
    for key in "abc":
        kept.put(key, key)
    kept.delete("a", "c", "never there")
    kept.delete()
    assert list(kept.iterate()) == [("b", "b")]


def test_a_value_is_gone_when_its_time_is_over(state):
    time = 1000.0
    kept = KeptStorage(state, "seen", 60, now=lambda: time)
    kept.put("usual", 1)
    kept.put("short", 2, ttl_seconds=10)
    time += 30
    assert kept.get("short", "gone") == "gone"
    assert list(kept.iterate()) == [("usual", 1)]
    time += 30
    assert list(kept.iterate()) == []


def test_what_is_over_is_removed_from_the_file(state):
    KeptStorage(state, "seen", now=lambda: 0).put("a", 1, ttl_seconds=10)
    KeptStorage(state, "seen", now=lambda: 20).put("b", 2)
    assert state.rows("SELECT key FROM storages") == [("b",)]


def test_a_long_storage_is_read_in_pieces_and_in_order(state):
    kept = KeptStorage(state, "seen")
    with state.transaction() as connection:
        rows = [("seen", f"{number:04}", str(number), None) for number in range(1200)]
        connection.executemany("INSERT INTO storages VALUES (?, ?, ?, ?)", rows)
    assert [value for _, value in kept.iterate()] == list(range(1200))


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, b"bytes"])
def test_what_is_no_json_is_refused_and_what_was_there_stays(state, value):
    kept = KeptStorage(state, "seen")
    kept.put("a", 1)
    with pytest.raises(ValueError, match="JSON"):
        kept.put("a", value)
    assert kept.get("a") == 1


def test_a_damaged_value_is_named(state):
    with state.transaction() as connection:
        connection.execute("INSERT INTO storages VALUES ('seen', 'a', '{', NULL)")
    with pytest.raises(StateError, match="the value under 'a' of the storage 'seen'"):
        KeptStorage(state, "seen").get("a")


@pytest.mark.slow
def test_what_was_put_survives_a_killed_process(place):
    program = (
        "import os, sys; from haloitsm_connector.store import KeptStorage, open_state, storage_counts\n"
        "kept = KeptStorage(open_state(sys.argv[1]), 'seen'); kept.put('a', {'n': 1}); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-P", "-c", program, str(place)], check=False)
    with open_state(place) as state:
        assert KeptStorage(state, "seen").get("a") == {"n": 1}
