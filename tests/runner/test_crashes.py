"""A route whose process is killed at any instant: nothing is lost, and nothing is delivered twice."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from crashes import Processes, Scenario, play

from haloitsm_connector.catalogue import Catalogue

if TYPE_CHECKING:
    from postgresql_server import PostgresqlServer

SEEDS = range(8)
SEEDS_ON_POSTGRESQL = range(100, 103)


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


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("seed", SEEDS_ON_POSTGRESQL)
def test_killed_runs_on_postgresql_lose_nothing_either(
    processes: Processes, catalogue: Catalogue, postgresql: PostgresqlServer, seed: int
) -> None:
    played = play(Scenario.of(seed), processes, catalogue, postgresql.address())
    assert not played.broken, "\n".join([str(played.scenario), *played.broken, *played.runs])
