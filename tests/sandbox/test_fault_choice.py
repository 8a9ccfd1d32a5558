"""Which faults a sequence of requests meets: decided by the seed and the order alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haloitsm_connector.sandbox import Sandbox
from haloitsm_connector.sandbox.answers import Asked
from haloitsm_connector.sandbox.fault_file import read_faults
from haloitsm_connector.sandbox.faults import Faults, begun, due

MATCHES = st.fixed_dictionaries(
    {},
    optional={
        "method": st.sampled_from(["GET", "POST"]),
        "path": st.sampled_from(["*", "/api/*", "/API/tickets", "/auth/token"]),
        "after": st.integers(0, 3),
        "every": st.integers(1, 3),
        "times": st.integers(1, 3),
    },
)
FAULTS = st.lists(
    st.fixed_dictionaries(
        {
            "kind": st.sampled_from(["answer", "reset", "truncated", "revoke", "duplicate", "partial"]),
            "match": MATCHES,
            "probability": st.sampled_from([0, 0.3, 0.7, 1]),
        }
    ),
    max_size=4,
)
REQUESTS = st.lists(
    st.builds(
        Asked,
        method=st.sampled_from(["GET", "POST"]),
        path=st.sampled_from(["/api/Tickets", "/api/Actions/7", "/auth/token"]),
        body=st.sampled_from([b"", b"[1, 2]"]),
    ),
    max_size=12,
)


def met(faults: Faults, requests: list[Asked]) -> list[tuple[list[Any], list[float]]]:
    tally, story = begun(faults), []
    for asked in requests:
        found, tally = due(faults, tally, asked)
        story.append(([one.fault for one in found], [one.chance.random() for one in found]))
    return story


@settings(max_examples=100, deadline=None)
@given(FAULTS, REQUESTS, st.integers(0, 5))
def test_the_same_seed_and_requests_meet_the_same_faults(
    faults: list[dict[str, Any]], requests: list[Asked], seed: int
) -> None:
    once, again = (met(read_faults({"seed": seed, "faults": faults}, ()), requests) for _ in range(2))
    assert once == again


@settings(max_examples=100, deadline=None)
@given(FAULTS, REQUESTS)
def test_what_a_match_says_is_kept(faults: list[dict[str, Any]], requests: list[Asked]) -> None:
    read = read_faults({"faults": faults}, ())
    story = [found for found, _ in met(read, requests)]
    for found, asked in zip(story, requests, strict=True):
        assert all(fault.match.fits(asked) and fault.fits(asked) and fault.probability > 0 for fault in found)
        assert sum(fault.stage == "answer" for fault in found) <= 1
        assert sum(fault.stage == "work" for fault in found) <= 1
    for fault in read.faults:
        if fault.match.times is not None:
            assert sum(fault is other for found in story for other in found) <= fault.match.times


@given(st.integers(0, 4), st.integers(1, 4), st.integers(1, 4))
@settings(max_examples=30, deadline=None)
def test_a_script_strikes_where_it_says(after: int, every: int, times: int) -> None:
    faults = read_faults({"faults": [{"kind": "reset", "match": {"after": after, "every": every, "times": times}}]}, ())
    struck = [bool(found) for found, _ in met(faults, [Asked("GET", "/api/Tickets")] * 30)]
    assert [number for number, hit in enumerate(struck, 1) if hit] == [after + every * n for n in range(1, times + 1)]


def test_a_fault_more_does_not_move_the_draws_of_those_before_it() -> None:
    requests = [Asked("GET", "/api/Tickets")] * 40
    first = {"kind": "revoke", "probability": 0.5}
    alone, together = (
        [
            [fault.kind for fault in found if fault.kind == "revoke"]
            for found, _ in met(read_faults(given, ()), requests)
        ]
        for given in ({"faults": [first]}, {"faults": [first, {"kind": "latency", "seconds": 0, "probability": 0.5}]})
    )
    assert alone == together
    assert 8 < sum(map(len, alone)) < 32


def test_two_sandboxes_of_one_seed_tell_the_same_story(
    start: Callable[..., Sandbox], enter: Callable[..., httpx.Client]
) -> None:
    faults = {
        "seed": 3,
        "faults": [
            {"kind": "answer", "status": 503, "probability": 0.3, "match": {"path": "/api/*"}},
            {"kind": "duplicate", "probability": 0.5},
            {"kind": "change", "table": "Tickets", "insert": 1, "delete": 1, "probability": 0.5},
        ],
    }
    stories = []
    for _ in range(2):
        sandbox = start()
        halo = enter(sandbox)
        sandbox.faults = faults
        for number in range(8):
            halo.post("/Tickets", json=[{"summary": f"Ticket {number}"}])
        stories.append([(request.status, request.faults, request.effects) for request in sandbox.requests])
    assert stories[0] == stories[1]
    assert len({status for status, *_ in stories[0]}) > 1


def test_a_shadowed_fault_is_not_used_up() -> None:
    faults = read_faults(
        {"faults": [{"kind": "reset", "match": {"times": 1}}, {"kind": "drip", "seconds": 0, "match": {"times": 1}}]},
        (),
    )
    story = [[fault.kind for fault in found] for found, _ in met(faults, [Asked("GET", "/")] * 3)]
    assert story == [["reset"], ["drip"], []]


@pytest.mark.parametrize(("query", "fits"), [({"page_no": 2}, True), ({"PAGE_NO": "2"}, True), ({"page_no": 3}, False)])
def test_a_match_can_look_at_the_query(query: dict[str, Any], fits: bool) -> None:
    faults = read_faults({"faults": [{"kind": "reset", "match": {"query": query}}]}, ())
    assert faults.faults[0].match.fits(Asked("GET", "/api/Tickets", {"page_no": "2"})) is fits
