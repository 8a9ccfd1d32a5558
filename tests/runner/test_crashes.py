"""A route whose process is killed at any instant: nothing is lost, and nothing is delivered twice."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from crashes import Processes, Scenario, play

from haloitsm_connector.catalogue import Catalogue

SEEDS = range(10)


@pytest.fixture(scope="module")
def processes() -> Iterator[Processes]:
    running = Processes()
    yield running
    running.close()


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("seed", SEEDS)
def test_killed_runs_lose_nothing_and_deliver_nothing_twice(
    processes: Processes, catalogue: Catalogue, seed: int
) -> None:
    played = play(Scenario.of(seed), processes, catalogue)
    assert not played.broken, "\n".join([f"make crash SEED={seed}", *played.broken, *played.runs])
