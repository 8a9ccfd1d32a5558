"""Several records in one request: how many go together, what a refusal costs, and what each outcome tells."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haloitsm_connector.catalogue import Catalogue
from haloitsm_connector.client import HttpClient, Request
from haloitsm_connector.client.drive import at_once, drive
from haloitsm_connector.errors import UnreachableError
from haloitsm_connector.publisher import Outcome, Publisher
from haloitsm_connector.publisher.answer import records_done
from haloitsm_connector.publisher.cut import Cut, Size
from haloitsm_connector.sandbox import Sandbox

CATALOGUE = Catalogue.load()
ONCE = {"find": "GET /Asset", "query": {"search": "{{ payload.inventory_number }}"}, "match": "inventory_number"}
NEW = {"assettype_id": 130, "client_id": 12}


@pytest.fixture(autouse=True)
def _undisturbed(sandbox: Sandbox) -> Iterator[None]:
    yield
    sandbox.faults = None
    sandbox.switch(partial_failure="keep_earlier")


@pytest.fixture
def posts(sandbox: Sandbox) -> Callable[[], list[Any]]:
    """The posts from now on, as numbers of records."""
    before = len(sandbox.requests)

    def seen() -> list[Any]:
        return [len(one.body) for one in sandbox.requests[before:] if one.method == "POST" and "/Asset" in one.path]

    return seen


def updates(ids: list[int], **fields: Any) -> list[dict[str, Any]]:
    return [{"payload": {"id": id_, "key_field2": f"U{number}", **fields}} for number, id_ in enumerate(ids)]


def statuses(outcomes: list[Outcome]) -> list[str]:
    return [outcome.status for outcome in outcomes]


def test_updates_that_follow_each_other_go_in_arrays(halo: HttpClient, sandbox: Sandbox, posts: Any) -> None:
    ids = sorted(sandbox.tables["Asset"])[:50]
    outcomes = list(Publisher(halo, "POST /Asset", batch=20).publish(updates(ids)))
    assert posts() == [20, 20, 10]
    assert [(one.status, one.id, one.request) for one in outcomes] == [("updated", id_, "POST /Asset") for id_ in ids]
    assert [sandbox.tables["Asset"][id_]["key_field2"] for id_ in ids] == [f"U{number}" for number in range(50)]


def test_record_is_never_twice_in_one_array_and_its_last_update_wins(
    halo: HttpClient, sandbox: Sandbox, posts: Any
) -> None:
    one, two = sorted(sandbox.tables["Asset"])[:2]
    list(Publisher(halo, "POST /Asset", parallel=4).publish(updates([one, two, one, one, two])))
    assert posts() == [2, 1, 2]
    assert sandbox.tables["Asset"][one]["key_field2"] == "U3"


def test_creates_and_other_targets_part_the_arrays(halo: HttpClient, sandbox: Sandbox, posts: Any) -> None:
    ids = sorted(sandbox.tables["Asset"])[:4]
    entities = updates(ids)
    entities[2]["query"] = {"returnall": True}
    entities.insert(1, {"payload": NEW | {"inventory_number": "part-1"}})
    assert statuses(list(Publisher(halo, "POST /Asset").publish(entities))) == ["updated", "created", *["updated"] * 3]
    assert posts() == [1, 1, 1, 1, 1]


def test_entity_that_makes_no_request_keeps_its_place(halo: HttpClient, sandbox: Sandbox, posts: Any) -> None:
    first, *rest = updates(sorted(sandbox.tables["Asset"])[:3])
    outcomes = list(Publisher(halo, "POST /Asset").publish([first, {}, *rest, {}]))
    assert statuses(outcomes) == ["updated", "refused", "updated", "updated", "refused"]
    assert posts() == [3]


def test_response_transformers_see_each_records_own_answer(halo: HttpClient, sandbox: Sandbox, posts: Any) -> None:
    ids = sorted(sandbox.tables["Asset"])[:5]
    steps = [{"select": {"id": "response.id", "key": "response.key_field2"}}]
    outcomes = list(Publisher(halo, "POST /Asset", response_transformers=steps).publish(updates(ids)))
    assert [one.results for one in outcomes] == [[{"id": id_, "key": f"U{n}"}] for n, id_ in enumerate(ids)]
    assert posts() == [5]


def test_appointment_tells_its_new_id_also_in_an_array(halo: HttpClient, sandbox: Sandbox) -> None:
    sandbox.switch(appointment_renews_id=True)
    ids = sorted(sandbox.tables["Appointment"])[:3]
    entities = [{"payload": {"id": id_, "note": "moved"}} for id_ in ids]
    outcomes = list(Publisher(halo, "POST /Appointment").publish(entities))
    assert not {one.id for one in outcomes} & set(ids)
    assert {one.id for one in outcomes} <= set(sandbox.tables["Appointment"])


@pytest.mark.parametrize("guilty", [[0], [57], [99], [3, 60], [10, 11, 12]])
@pytest.mark.parametrize("kept", ["keep_earlier", "nothing", "keep_valid"])
def test_only_the_guilty_of_a_hundred_are_refused_with_few_requests(
    halo: HttpClient, sandbox: Sandbox, posts: Any, guilty: list[int], kept: str
) -> None:
    sandbox.switch(partial_failure=kept)
    entities = updates(sorted(sandbox.tables["Asset"])[:100])
    for number in guilty:
        entities[number % len(entities)]["payload"]["client_id"] = "nobody"
    bad = {number % len(entities) for number in guilty}
    outcomes = list(Publisher(halo, "POST /Asset").publish(entities))
    assert {number for number, one in enumerate(outcomes) if one.status == "refused"} == bad
    assert statuses(outcomes).count("updated") == len(entities) - len(bad)
    assert len(posts()) <= 4 + 12 * len(bad)


def test_where_all_are_guilty_little_is_tried_in_vain(halo: HttpClient, sandbox: Sandbox, posts: Any) -> None:
    entities = updates(sorted(sandbox.tables["Asset"])[:64], client_id="nobody")
    assert set(statuses(list(Publisher(halo, "POST /Asset").publish(entities)))) == {"refused"}
    assert len(posts()) <= 2 * len(entities)


def test_arrays_shrink_where_the_server_has_had_enough_and_grow_again(
    halo: HttpClient, sandbox: Sandbox, posts: Any
) -> None:
    too_large = {"kind": "answer", "status": 413, "match": {"method": "POST", "path": "/api/Asset", "times": 2}}
    sandbox.faults = {"faults": [too_large]}
    ids = sorted(sandbox.tables["Asset"])[:60]
    outcomes = list(Publisher(halo, "POST /Asset", batch=40).publish(updates(ids)))
    assert set(statuses(outcomes)) == {"updated"}
    sizes = posts()
    assert sizes[:3] == [40, 20, 10]
    assert max(sizes[3:]) > 10


def test_array_carried_out_in_part_is_noticed_and_completed(halo: HttpClient, sandbox: Sandbox, posts: Any) -> None:
    sandbox.faults = {"faults": [{"kind": "partial", "part": 0.5, "status": None, "match": {"times": 1}}]}
    ids = sorted(sandbox.tables["Asset"])[:10]
    outcomes = list(Publisher(halo, "POST /Asset").publish(updates(ids)))
    assert [sandbox.tables["Asset"][id_]["key_field2"] for id_ in ids] == [f"U{number}" for number in range(10)]
    assert set(statuses(outcomes)) == {"updated"}
    assert posts() == [10, 5]


def test_a_server_that_fails_always_is_not_asked_for_every_record() -> None:
    sent: list[Request] = []

    def send(request: Request) -> Any:
        sent.append(request)
        raise UnreachableError("no answer in time", sent=True)

    publisher = Publisher(None, "POST /Asset", catalogue=CATALOGUE)  # type: ignore[arg-type]
    pages = drive(publisher.flow(updates(list(range(1, 101)))), at_once(send))
    outcomes = [outcome for page in pages for outcome in page]
    assert statuses(outcomes) == ["failed"] * 100
    assert len(sent) <= 10
    assert outcomes[-1].reason == "not sent by itself, because those before it got no answer: no answer in time."


def test_creates_go_in_arrays_only_with_a_look_up(halo: HttpClient, posts: Any) -> None:
    def entities(name: str) -> list[dict[str, Any]]:
        return [{"payload": NEW | {"inventory_number": f"{name}-{number}"}} for number in range(6)]

    alone = list(Publisher(halo, "POST /Asset").publish(entities("alone")))
    together = list(Publisher(halo, "POST /Asset", once=ONCE).publish(entities("together")))
    assert statuses(alone) == statuses(together) == ["created"] * 6
    assert len({one.id for one in together}) == 6
    assert posts() == [1, 1, 1, 1, 1, 1, 6]


@pytest.mark.parametrize(
    ("sent", "answer", "done"),
    [
        ([1, 2, 3], None, [None, None, None]),
        ([1, 2, 3], {"id": 3}, [None, None, {"id": 3}]),
        ([1, 2, 3], {"id": "2"}, [None, {"id": "2"}]),
        ([1, 2, 3], {"id": 9}, []),
        ([1, 2], [{"id": 1}, {"id": 2.0}], [{"id": 1}, {"id": 2.0}]),
        ([1, 2, 3], [{"id": 1}, {"id": 2}], [{"id": 1}, {"id": 2}]),
        ([1, 2, 3], [{"id": 1}, {"id": 3}], []),
        ([1], [{"id": 1}, {"id": 3}], []),
    ],
)
def test_answer_to_an_array_says_how_far_it_was_carried_out(sent: list[int], answer: Any, done: list[Any]) -> None:
    assert records_done(answer, sent, ("id",)) == done


@settings(max_examples=200, deadline=None)
@given(guilty=st.sets(st.integers(0, 99)), named=st.booleans(), whole=st.integers(1, 100))
def test_cuts_judge_every_record_once_and_no_innocent(guilty: set[int], named: bool, whole: int) -> None:
    cut, place, refused, requests = Cut(whole), 0, set(), 0
    while place < whole:
        count = cut.count(whole - place)
        assert 1 <= count <= whole - place
        requests += 1
        bad = sorted(one for one in guilty if place <= one < place + count)
        if not bad:
            cut.passed(count)
            place += count
        elif count == 1:
            refused.add(place)
            cut.judged()
            place += 1
        else:
            cut.failed(count, bad[0] - place if named else None)
    bad_ones = {one for one in guilty if one < whole}
    assert refused == bad_ones
    assert requests <= min(1 + len(bad_ones) * 15, 2 * whole)


def test_size_halves_and_grows() -> None:
    size = Size(100, 100)
    size.heavy(100)
    assert size.now == 50
    size.passed(20)
    assert size.now == 50
    size.passed(50)
    assert size.now == 60
    size.heavy(1)
    assert size.now == 1
