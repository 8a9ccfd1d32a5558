"""What was stored a moment ago is delivered as it is, and nobody can tell the difference from reading it again."""

from __future__ import annotations

import threading
from datetime import date
from http import HTTPStatus
from math import inf, nan
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haloitsm_connector.store import open_state
from haloitsm_connector.store.at_hand import AtHand
from haloitsm_connector.store.tasks import Filter, NewTask, Tasks

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
ENTITIES = st.lists(st.dictionaries(st.text(), VALUES, max_size=3), min_size=1, max_size=5)


class Text(str):
    """A text of a kind of its own."""

    __slots__ = ()


def claimed(place: Path, entities: list[dict[str, Any]], at_hand: AtHand) -> list[tuple[int, dict[str, Any]]]:
    with open_state(place) as state:
        tasks = Tasks(state, at_hand=at_hand)
        tasks.add({"a": [NewTask(entity) for entity in entities]}, {}, covers=True)
        return [(one.number, one.entity) for one in tasks.claim("a", 10)]


@settings(max_examples=25)
@given(entities=ENTITIES)
def test_what_is_claimed_is_the_same_whether_it_is_at_hand_or_read_again(
    tmp_path_factory: pytest.TempPathFactory, entities: list[dict[str, Any]]
) -> None:
    folder = tmp_path_factory.mktemp("states")
    assert claimed(folder / "one", entities, AtHand()) == claimed(folder / "two", entities, AtHand(0))


def test_what_is_at_hand_is_the_very_entity(tmp_path: Path) -> None:
    entity = {"id": 1}
    assert claimed(tmp_path / "state", [entity], AtHand())[0][1] is entity


@pytest.mark.parametrize(
    "value",
    [date(2026, 11, 22), Text("a"), 2**70, (1, 2), UUID(int=1), HTTPStatus.OK, inf, {"a": [nan]}, [{"b": (1,)}]],
    ids=repr,
)
def test_what_json_would_change_is_read_again(tmp_path: Path, value: Any) -> None:
    entity = {"value": value}
    ((_, read),) = claimed(tmp_path / "one", [entity], AtHand())
    assert read is not entity
    assert claimed(tmp_path / "two", [entity], AtHand(0)) == claimed(tmp_path / "three", [entity], AtHand())


def test_what_is_left_of_a_batch_is_read_again(tmp_path: Path) -> None:
    with open_state(tmp_path / "state") as state:
        tasks = Tasks(state, at_hand=AtHand())
        tasks.add({"a": [NewTask({"n": number}) for number in range(5)]}, {}, covers=True)
        assert [one.entity["n"] for _ in range(3) for one in tasks.claim("a", 2)] == [0, 1, 2, 3, 4]


def test_what_was_deleted_out_of_a_batch_is_not_delivered_though_its_entity_is_at_hand(tmp_path: Path) -> None:
    with open_state(tmp_path / "state") as state:
        tasks = Tasks(state, at_hand=AtHand())
        tasks.add({"a": [NewTask({"n": number}) for number in range(3)]}, {}, covers=True)
        first, *_ = (one.number for one in tasks.list(newest_first=False))
        tasks.delete(Filter(numbers=[first]))
        assert [one.entity["n"] for one in tasks.claim("a", 10)] == [1, 2]


def test_what_is_claimed_again_is_read_again(tmp_path: Path) -> None:
    with open_state(tmp_path / "state") as state:
        tasks = Tasks(state, at_hand=AtHand())
        tasks.add({"a": [NewTask({"n": 1})]}, {}, covers=True)
        (first,) = tasks.claim("a", 10)
        first.entity["n"] = "changed by whoever delivers"
        tasks.release("a", [first.number])
        assert [one.entity for one in tasks.claim("a", 10)] == [{"n": 1}]


def test_no_more_is_kept_than_there_is_room_for() -> None:
    at_hand = AtHand(100)
    for batch in range(5):
        at_hand.put(batch, [{"n": batch}], 40)
    assert [at_hand.take(batch) for batch in range(5)] == [[{"n": 0}], [{"n": 1}], None, None, None]


def test_what_is_taken_is_kept_no_longer() -> None:
    at_hand = AtHand(100)
    for batch in range(3):
        at_hand.put(batch, [{"n": batch}], 80)
        assert [at_hand.take(batch) for _ in range(2)] == [[{"n": batch}], None]


def test_what_is_put_there_again_and_has_no_room_is_not_at_hand() -> None:
    at_hand = AtHand(20)
    at_hand.put(7, [{"n": 1}], 9)
    at_hand.put(7, [{"n": 2}], 30)
    assert at_hand.take(7) is None


def test_room_is_waited_for_until_somebody_takes() -> None:
    at_hand = AtHand(10)
    at_hand.put(1, [{}], 10)
    waiting = threading.Thread(target=at_hand.make_room, args=(60.0,))
    waiting.start()
    assert at_hand.take(1) == [{}]
    waiting.join(60)
    assert not waiting.is_alive()


def test_where_nobody_takes_room_is_made_and_not_waited_for_again() -> None:
    at_hand = AtHand(10)
    at_hand.put(1, [{}], 10)
    at_hand.make_room(0.0)
    assert at_hand.take(1) is None
    at_hand.put(2, [{}], 10)
    waiting = threading.Thread(target=at_hand.make_room, args=(1e6,))
    waiting.start()
    waiting.join(60)
    assert not waiting.is_alive()


def test_what_is_not_stored_after_all_is_not_at_hand(tmp_path: Path) -> None:
    def fail() -> None:
        raise RuntimeError

    with open_state(tmp_path / "state") as state:
        tasks = Tasks(state, at_hand=AtHand())
        with pytest.raises(RuntimeError):
            tasks.add({"a": [NewTask({"n": 1})]}, {}, covers=True, also=fail)
        Tasks(state).add({"a": [NewTask({"n": 2})]}, {}, covers=True)
        assert [one.entity for one in tasks.claim("a", 10)] == [{"n": 2}]
