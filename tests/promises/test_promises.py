"""The promises of reading and writing, kept whatever goes wrong: thousands of scenarios, each played against a sandbox.

Each is made of its seed (scenario.py), played (play.py), and judged by what the sandbox wrote down (proof.py). A seed
that fails is named with the command that plays it again; `make soak` plays many more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator
from dataclasses import replace
from typing import Any

import pytest
from elsewhere import Elsewhere
from play import Played, Ran, play
from proof import broken
from scenario import Reading, Scenario, Writing
from soak import complaint

from haloitsm_connector.catalogue import Catalogue
from haloitsm_connector.client import ledger
from haloitsm_connector.client.sign_in import SignIn
from haloitsm_connector.publisher.creates import Creates
from haloitsm_connector.sandbox import Effect, Recorded
from haloitsm_connector.sandbox.faults import Duplicate
from haloitsm_connector.subscriber import verified
from haloitsm_connector.subscriber.cursor import State

SCENARIOS = 2_000
BLOCKS = 50


def nothing(*_: object) -> Generator[None]:
    """Be an exchange that asks nothing."""
    yield from ()


@pytest.fixture(scope="session")
def elsewhere() -> Iterator[Elsewhere]:
    running = Elsewhere()
    yield running
    running.close()


@pytest.mark.slow
@pytest.mark.parametrize("block", range(BLOCKS))
def test_promises_are_kept_whatever_goes_wrong(block: int, catalogue: Catalogue, elsewhere: Elsewhere) -> None:
    endings: Counter[bool] = Counter()
    for seed in range(block, SCENARIOS, BLOCKS):
        played = play(Scenario.of(seed), catalogue, elsewhere)
        assert not broken(played), complaint(played)
        endings.update(run.ended == "well" for run in played.runs)
    assert endings[True] > endings[False], "most of what is begun comes to its end, or little would be shown"


def test_seed_makes_the_same_scenario_each_time() -> None:
    assert [Scenario.of(seed) for seed in range(50)] == [Scenario.of(seed) for seed in range(50)]
    kinds = Counter(Scenario.of(seed).kind for seed in range(SCENARIOS))
    assert min(kinds.values()) >= 20
    assert len(kinds) >= 7


def seeds_of(kind: str, most: int) -> Iterator[Scenario]:
    return (one for one in map(Scenario.of, range(most)) if one.kind == kind and not one.elsewhere)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "careless", "caught"),
    [
        ("reading", (verified._Course, "_connects", lambda course, picture: True), "were missed"),
        ("reading", (verified, "bisect_right", lambda ids, known: 0), "each once"),
        ("writing", (Creates, "_found", nothing), "too often"),
        ("writing", (Creates, "_there", nothing), "too often"),
        ("chain", (State, "cursor", lambda state: {}), "came twice"),
        ("reading", (SignIn, "token", lambda sign_in, refused=None: sign_in._renew()), "tokens were fetched"),
        ("budget", (ledger, "left", lambda known, rules, now: 10), "requests in one second"),
    ],
)
def test_carelessness_is_caught_within_a_few_scenarios(
    kind: str, careless: Any, caught: str, monkeypatch: pytest.MonkeyPatch, catalogue: Catalogue, elsewhere: Elsewhere
) -> None:
    monkeypatch.setattr(*careless)
    assert any(caught in complaint(play(one, catalogue, elsewhere)) for one in seeds_of(kind, SCENARIOS))


ROWS = {"Client": [{"id": number, "name": f"row {number}"} for number in (1, 2, 3)], "Supplier": []}
READING = Reading("Client", 10, 1)
WRITING = Writing(({"name": "S"},), batch=1, parallel=1, once=True, kept=True)


def request(target: str = "/api/Client", status: int = 200, at: float = 0.0, **more: object) -> Recorded:
    return Recorded("GET", target, status, {}, b"", at, **more)  # type: ignore[arg-type]


def judged(*runs: Ran, requests: list[Recorded], budget: int | None = None, rows: dict | None = None) -> str:
    scenario = Scenario(0, ROWS, tuple({id(run.job): run.job for run in runs}.values()), budget=budget)
    return "; ".join(broken(Played(scenario, list(runs), requests, {"Supplier": rows or {}})))


def test_record_that_was_missed_or_came_twice_is_noticed() -> None:
    asked = [request()]
    assert judged(Ran(READING, 0, 1, [[1, 2, 3]], "well"), requests=asked) == ""
    assert "missed: [2]" in judged(Ran(READING, 0, 1, [[1, 3]], "well"), requests=asked)
    assert "missed: [2]" in judged(Ran(READING, 0, 1, [[1, 3]], "stopped"), requests=asked)
    assert "each once" in judged(Ran(READING, 0, 1, [[1, 2], [2, 3]], "well"), requests=asked)
    assert "never were: [4]" in judged(Ran(READING, 0, 1, [[1, 2, 3, 4]], "well"), requests=asked)
    deleted = request(effects=(Effect("deleted", "Client", 2, "fault"),))
    assert judged(Ran(READING, 0, 1, [[1, 3]], "well"), requests=[deleted]) == ""


def test_create_that_happened_twice_or_otherwise_than_told_is_noticed() -> None:
    once, row = request(effects=(Effect("created", "Supplier", 7),)), {7: {"name": "S"}, 8: {"name": "S"}}
    again = request(effects=(Effect("created", "Supplier", 8),))
    told = Ran(WRITING, 0, 1, [[0, "created", 7, ""]], "well")
    assert judged(told, requests=[once], rows=row) == ""
    assert "too often" in judged(told, requests=[once, again], rows=row)
    assert "never created" in judged(told, requests=[], rows=row)
    assert "told as created with id 7" in judged(told, requests=[once], rows={7: {"name": "other"}})
    assert "not told" in judged(replace(told, told=[[0, "failed", None, "?"]]), requests=[once], rows=row)
    assert "without a reason" in judged(replace(told, told=[[0, "failed", None, ""]]), requests=[], rows=row)
    assert "outcomes are of []" in judged(replace(told, told=[]), requests=[], rows=row)
    killed = Ran(WRITING, 0, 1, [], "killed")
    assert "lost" in judged(killed, replace(told, told=[[0, "failed", None, "?"]]), requests=[], rows=row)
    twice = (Effect("created", "Supplier", 7), Effect("created", "Supplier", 8))
    by_proxy = request(effects=twice, faults=(Duplicate(),))
    assert judged(told, requests=[by_proxy], rows=row) == ""
    refused = replace(told, told=[[0, "refused", None, "401"]])
    first_copy = (Effect("created", "Supplier", 7),)
    assert judged(refused, requests=[request(status=401, effects=first_copy, faults=(Duplicate(),))], rows=row) == ""
    assert "not told" in judged(refused, requests=[request(effects=first_copy, faults=(Duplicate(),))], rows=row)


def test_window_that_held_too_many_requests_is_noticed() -> None:
    run = Ran(READING, 0, 3, [[1, 2, 3]], "well")
    assert judged(run, requests=[request(at=at) for at in (0, 0.5, 1.0)], budget=2) == ""
    assert "3 requests in one second" in judged(run, requests=[request(at=at) for at in (0, 0.5, 0.9)], budget=2)


def test_token_that_was_not_due_and_job_that_did_not_end_are_noticed() -> None:
    run, token = Ran(READING, 0, 3, [[1, 2, 3]], "well"), request("/auth/token?tenant=sandbox")
    assert judged(run, requests=[token, request()]) == ""
    assert "2 tokens were fetched, 1 were due" in judged(run, requests=[token, token])
    assert judged(run, requests=[token, request(status=401), token]) == ""
    assert "had not ended" in judged(replace(run, ended=None), requests=[])
