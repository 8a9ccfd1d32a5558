"""Creates that must not happen twice: looked up before, looked up after a lost answer, or left to a person."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from haloitsm_connector import Intents, journal, open_state
from haloitsm_connector.catalogue import Catalogue
from haloitsm_connector.client import HttpClient, Request, Response
from haloitsm_connector.client.drive import Ahead
from haloitsm_connector.errors import InputError, StateError, UnreachableError
from haloitsm_connector.publisher import Outcome, Publisher
from haloitsm_connector.sandbox import Sandbox

ONCE = {
    "find": "GET /Asset",
    "query": {"search": "{{ payload.inventory_number }}"},
    "match": "inventory_number",
    "settle_seconds": 0.02,
}
LOST = {"kind": "reset", "when": "after"}
WRITE = {"method": "POST", "path": "/api/Asset"}


@pytest.fixture(autouse=True)
def _undisturbed(sandbox: Sandbox) -> Iterator[None]:
    yield
    sandbox.faults = None


@pytest.fixture
def created(sandbox: Sandbox) -> Callable[[], list[str]]:
    """The inventory numbers of the assets created from now on."""
    before = len(sandbox.effects)
    assets = sandbox.tables["Asset"]
    return lambda: [assets[one.key]["inventory_number"] for one in sandbox.effects[before:] if one.did == "created"]


def asset(serial: Any, **more: Any) -> dict[str, Any]:
    return {"payload": {"inventory_number": serial, "assettype_id": 130, "client_id": 12} | more}


def told(outcomes: Any) -> list[tuple[str, bool]]:
    return [(one.status, one.id is not None) for one in outcomes]


def test_what_is_there_already_is_skipped_with_its_id(halo: HttpClient, created: Any) -> None:
    publisher = Publisher(halo, "POST /Asset", once=ONCE)
    (first,) = publisher.publish([asset("O-1")])
    second, third = publisher.publish([asset("O-1"), asset("O-2")])
    assert (second.status, second.id, second.reason) == ("skipped", first.id, "it is there already")
    assert third.status == "created"
    assert created() == ["O-1", "O-2"]


@pytest.mark.parametrize("batch", [1, 100])
def test_lost_answer_is_looked_up_and_found(halo: HttpClient, sandbox: Sandbox, created: Any, batch: int) -> None:
    sandbox.faults = {"faults": [LOST | {"match": WRITE | {"times": 1}}]}
    entities = [asset(f"L{batch}-{number}") for number in range(3)]
    outcomes = list(Publisher(halo, "POST /Asset", once=ONCE, batch=batch).publish(entities))
    assert told(outcomes) == [("created", True)] * 3
    assert "no answer of its own came" in outcomes[0].reason
    assert created() == [f"L{batch}-{number}" for number in range(3)]


@pytest.mark.parametrize("batch", [1, 100])
def test_what_never_arrived_is_sent_again(halo: HttpClient, sandbox: Sandbox, created: Any, batch: int) -> None:
    sandbox.faults = {"faults": [{"kind": "reset", "when": "before", "match": WRITE | {"times": 1}}]}
    entities = [asset(f"N{batch}-{number}") for number in range(3)]
    assert told(Publisher(halo, "POST /Asset", once=ONCE, batch=batch).publish(entities)) == [("created", True)] * 3
    assert created() == [f"N{batch}-{number}" for number in range(3)]


def test_array_of_creates_carried_out_in_part_is_completed_and_nothing_twice(
    halo: HttpClient, sandbox: Sandbox, created: Any
) -> None:
    sandbox.faults = {"faults": [{"kind": "partial", "part": 0.4, "match": {"times": 2}}]}
    entities = [asset(f"P-{number}") for number in range(10)]
    assert told(Publisher(halo, "POST /Asset", once=ONCE).publish(entities)) == [("created", True)] * 10
    assert sorted(created()) == sorted(f"P-{number}" for number in range(10))


def test_only_the_guilty_of_an_array_of_creates_is_refused(halo: HttpClient, sandbox: Sandbox, created: Any) -> None:
    entities = [asset(f"G-{number}") for number in range(30)]
    entities[11]["payload"]["client_id"] = "nobody"
    outcomes = list(Publisher(halo, "POST /Asset", once=ONCE).publish(entities))
    assert [number for number, one in enumerate(outcomes) if one.status != "created"] == [11]
    assert outcomes[11].status == "refused"
    assert len(created()) == len(set(created())) == 29


def test_record_that_is_wanted_twice_is_created_once(halo: HttpClient, created: Any) -> None:
    outcomes = Publisher(halo, "POST /Asset", once=ONCE, parallel=4).publish([asset("T-1"), asset("T-2"), asset("T-1")])
    assert [one.status for one in outcomes] == ["created", "created", "skipped"]
    assert created() == ["T-1", "T-2"]


def test_several_that_match_are_named_and_nothing_is_sent(halo: HttpClient, created: Any) -> None:
    ids = [one.id for one in Publisher(halo, "POST /Asset").publish([asset("D-1"), asset("D-1")])]
    (outcome,) = Publisher(halo, "POST /Asset", once=ONCE).publish([asset("D-1")])
    assert outcome.status == "refused"
    assert outcome.reason == f"not sent, because 2 records match `once`: {ids[0]}, {ids[1]}"
    assert created() == ["D-1", "D-1"]


@pytest.mark.parametrize("empty", [None, "", "  "])
def test_entity_without_a_value_to_tell_it_by_is_refused(halo: HttpClient, created: Any, empty: Any) -> None:
    (outcome,) = Publisher(halo, "POST /Asset", once=ONCE).publish([asset(empty)])
    assert outcome.status == "refused"
    assert "'inventory_number', which is empty here" in outcome.reason
    assert created() == []


def test_look_up_that_does_not_narrow_is_told(halo: HttpClient, created: Any) -> None:
    with Sandbox(
        data={"Asset": [{"id": number, "inventory_number": f"x{number}"} for number in range(1, 1_100)]}
    ) as many:
        login = {"type": "client_credentials", "client_id": many.client_id, "client_secret": many.client_secret}
        with HttpClient(many.base_uri, login, tenant=many.tenant) as client:
            once = ONCE | {"query": {"serial_number": "{{ payload.inventory_number }}"}}
            (outcome,) = Publisher(client, "POST /Asset", once=once).publish([asset("W-1")])
    assert outcome.status == "refused"
    assert "answers more than 1000 rows" in outcome.reason


def test_match_by_templates_and_by_several_fields(halo: HttpClient, created: Any) -> None:
    match = {"inventory_number": "{{ serial }}", "client_id": "{{ client }}"}
    once = {"find": "GET /Asset", "query": {"search": "{{ serial }}"}, "match": match}
    payload = {"inventory_number": "{{ serial }}", "assettype_id": 130, "client_id": "{{ client }}"}
    publisher = Publisher(halo, "POST /Asset", payload=payload, once=once)
    assert [one.status for one in publisher.publish([{"serial": "M-1", "client": "12"}])] == ["created"]
    outcomes = publisher.publish([{"serial": "M-1", "client": 12.0}, {"serial": "M-1", "client": 7}])
    assert [one.status for one in outcomes] == ["skipped", "created"]
    several = Publisher(halo, "POST /Asset", once=ONCE | {"match": ["inventory_number", "client_id"]})
    assert [one.status for one in several.publish([asset("M-1"), asset("M-1", client_id=1)])] == ["skipped", "created"]


def test_value_that_halo_stores_otherwise_is_told_and_not_sent_again(
    scripted: Callable[..., Any], publish: Callable[..., list[Outcome]], respond: Any
) -> None:
    nothing = respond({"record_count": 0, "assets": []}, 200)
    lost = respond(b"<html>", 200, "text/html")
    client = scripted(nothing, {"id": 7, "inventory_number": "ABC"}, nothing, lost, nothing)
    publisher = Publisher(client, "POST /Asset", once=ONCE, batch=1, catalogue=Catalogue.load())
    first, second = publish(publisher, asset("abc"), asset("def"))
    assert (first.status, first.reason) == (
        "created",
        "Halo stored it otherwise than it was sent, so `once` does not find it",
    )
    assert second.status == "waiting"
    assert sum(request.method == "POST" for request in client.sent) == 2


@pytest.mark.parametrize(
    ("once", "said"),
    [
        ({"find": "GET /Asset"}, "'match' is missing"),
        (ONCE | {"mach": "x"}, "mach"),
        (ONCE | {"find": "GET /Nothing"}, "Nothing"),
        (ONCE | {"query": {"search": "{{ a b }}"}}, "once"),
    ],
)
def test_look_up_that_cannot_be_used_is_named(halo: HttpClient, once: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Publisher(halo, "POST /Asset", once=once)
    with pytest.raises(InputError, match="takes no `once`"):
        Publisher(halo, "DELETE /Asset/{id}", once=ONCE)


def test_job_that_was_cut_off_goes_on_where_it_was(halo: HttpClient, tmp_path: Path, created: Any) -> None:
    publisher = Publisher(halo, "POST /Asset", journal=journal(tmp_path / "state", "import"))
    entities = [asset(f"J-{number}") for number in range(4)]
    running = publisher.publish(entities)
    first, second = next(running), next(running)
    running.close()
    outcomes = list(publisher.publish(reversed(entities)))
    assert [one.status for one in outcomes] == ["created", "created", "skipped", "skipped"]
    assert [one.id for one in outcomes[2:]] == [second.id, first.id]
    assert "by a run that did not come to its end" in outcomes[3].reason
    assert [one.status for one in publisher.publish(entities)] == ["created"] * 4
    assert len(created()) == 8


def test_unknown_create_waits_until_a_person_settles_it(
    halo: HttpClient, sandbox: Sandbox, tmp_path: Path, created: Any
) -> None:
    publisher = Publisher(halo, "POST /Asset", journal=journal(tmp_path / "state", "import"))
    sandbox.faults = {"faults": [LOST | {"match": WRITE | {"times": 1}}]}
    (lost,) = publisher.publish([asset("W-2")])
    (still,) = publisher.publish([asset("W-2")])
    assert (lost.status, still.status) == ("waiting", "waiting")
    assert "kept as number 1" in still.reason
    with open_state(tmp_path / "state") as state:
        (intent,) = Intents(state).waiting()
        assert (intent.job, intent.payload) == ("import", [asset("W-2")["payload"]])
        Intents(state).created(intent.number, 99)
    (settled,) = publisher.publish([asset("W-2")])
    assert (settled.status, settled.id) == ("skipped", 99)
    assert created() == ["W-2"]


def test_refused_create_is_not_remembered(halo: HttpClient, tmp_path: Path) -> None:
    publisher = Publisher(halo, "POST /Asset", journal=journal(tmp_path / "state", "import"))
    (refused,) = publisher.publish([asset("R-1", client_id="nobody")])
    assert refused.status == "refused"
    with open_state(tmp_path / "state") as state:
        assert Intents(state).waiting() == []


@pytest.mark.parametrize("once", [None, ONCE])
def test_payload_that_no_json_can_hold_is_refused_alone(
    halo: HttpClient, tmp_path: Path, created: Any, once: dict[str, Any] | None
) -> None:
    publisher = Publisher(halo, "POST /Asset", once=once, journal=journal(tmp_path / "state", "import"))
    name = "Z" if once else "Y"
    entities = [asset(f"{name}-1"), asset(f"{name}-2", notes=2**70), asset(f"{name}-3")]
    assert [one.status for one in publisher.publish(entities)] == ["created", "refused", "created"]
    assert created() == [f"{name}-1", f"{name}-3"]


def test_two_at_once_with_one_journal_are_refused(halo: HttpClient, tmp_path: Path, created: Any) -> None:
    def publisher() -> Publisher:
        return Publisher(halo, "POST /Asset", journal=journal(tmp_path / "state", "import"))

    running = publisher().publish([asset("X-1"), asset("X-2")])
    next(running)
    with pytest.raises(StateError, match="the job 'import' is running already"):
        list(publisher().publish([asset("X-1")]))
    assert len(list(running)) == 1
    assert created() == ["X-1", "X-2"]


def test_what_is_under_way_when_nobody_reads_on_is_on_record(
    halo: HttpClient, sandbox: Sandbox, tmp_path: Path, created: Any
) -> None:
    slow = {"kind": "latency", "seconds": 0.05, "match": {"method": "POST", "path": "/api/Asset", "after": 1}}
    sandbox.faults = {"faults": [slow]}
    publisher = Publisher(halo, "POST /Asset", parallel=4, journal=journal(tmp_path / "state", "import"))
    entities = [asset(f"S-{number}") for number in range(10)]
    running = publisher.publish(entities)
    next(running)
    running.close()
    sent = len(created())
    assert 1 <= sent <= 5
    outcomes = list(publisher.publish(entities))
    assert [one.status for one in outcomes] == ["skipped"] * sent + ["created"] * (10 - sent)
    assert sorted(created()) == sorted(f"S-{number}" for number in range(10))


def test_what_was_created_before_is_told_with_its_results_where_something_is_made_of_the_answer(
    halo: HttpClient, tmp_path: Path, created: Any
) -> None:
    steps = [{"select": {"id": "id", "serial": "response.inventory_number"}}]
    kept = journal(tmp_path / "state", "import")
    publisher = Publisher(halo, "POST /Asset", response_transformers=steps, journal=kept)
    entities = [asset(f"TOLD-{number}") for number in range(3)]
    running = publisher.publish(entities)
    first = next(running)
    running.close()
    outcomes = list(publisher.publish(entities))
    assert [one.status for one in outcomes] == ["created"] * 3
    assert (outcomes[0].id, outcomes[0].results) == (first.id, first.results)
    assert [one.results[0]["serial"] for one in outcomes] == created() == ["TOLD-0", "TOLD-1", "TOLD-2"]


def test_source_that_fails_ends_the_job_after_what_came_before(halo: HttpClient, created: Any) -> None:
    def source() -> Iterator[dict[str, Any]]:
        yield asset("F-1")
        yield asset("F-2")
        raise RuntimeError("the file ends here")

    outcomes: list[Outcome] = []
    with pytest.raises(RuntimeError, match="ends here"):
        outcomes.extend(Publisher(halo, "POST /Asset", parallel=8).publish(source()))
    assert told(outcomes) == [("created", True)] * 2
    assert created() == ["F-1", "F-2"]


def test_async_twin_creates_side_by_side_and_pauses(halo: HttpClient, sandbox: Sandbox, created: Any) -> None:
    sandbox.faults = {"faults": [LOST | {"match": WRITE | {"times": 2}}]}

    async def publish() -> list[Outcome]:
        publisher = Publisher(halo, "POST /Asset", once=ONCE, parallel=4, batch=1)
        return [one async for one in publisher.apublish(asset(f"A-{number}") for number in range(8))]

    assert told(asyncio.run(publish())) == [("created", True)] * 8
    assert sorted(created()) == sorted(f"A-{number}" for number in range(8))


def test_dead_host_ends_the_job_and_leaves_it_to_be_continued(tmp_path: Path) -> None:
    options: dict[str, Any] = {"retry": {"attempts": 1}, "timeouts": {"connect_seconds": 1}}
    with HttpClient("http://127.0.0.1:9", {"type": "api_key", "api_key": "k"}, **options) as client:
        publisher = Publisher(client, "POST /Asset", parallel=3, journal=journal(tmp_path / "state", "import"))
        with pytest.raises(UnreachableError):
            list(publisher.publish(asset(f"H-{number}") for number in range(5)))


def test_an_outcome_names_the_intent_that_it_came_from(halo: HttpClient, sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.faults = {"faults": [LOST | {"match": WRITE | {"times": 1}}]}
    publisher = Publisher(halo, "POST /Asset", journal=journal(tmp_path / "state.sqlite", "job"))
    lost, made = publisher.publish([asset("I-1"), asset("I-2")])
    with open_state(tmp_path / "state.sqlite") as state:
        (waiting,) = Intents(state).waiting()
    assert (lost.status, lost.intent) == ("waiting", waiting.number)
    assert made.status == "created"
    assert made.intent > waiting.number


def test_records_of_one_array_are_looked_up_side_by_side_and_what_is_asked_alike_once(
    halo: HttpClient, respond: Callable[..., Response]
) -> None:
    by_client = ONCE | {"query": {"client_id": "{{ payload.client_id }}"}}
    publisher = Publisher(halo, "POST /Asset", once=by_client, parallel=4)
    flow = publisher.flow([asset(f"S-{number}", client_id=one) for number, one in enumerate([1, 2, 1, 3, 4, 5])])
    announced: list[list[str]] = []
    asked: list[str] = []
    item = next(flow)
    while not isinstance(item, list):
        if isinstance(item, Ahead):
            announced.append([dict(request.query)["client_id"] for request in item.requests])
            item = next(flow)
            continue
        assert isinstance(item, Request)
        if item.method == "GET":
            asked.append(dict(item.query)["client_id"])
            item = flow.send(respond({"record_count": 0, "assets": []}, 200))
        else:
            made = [{**record, "id": number} for number, record in enumerate(item.payload, 1)]
            item = flow.send(respond(made))
    assert announced[0] == ["1", "2", "3", "4"]
    assert asked == ["1", "2", "3", "4", "5"]
    assert [outcome.status for outcome in item] == ["created"] * 6
