"""A pipeline that is cut off goes on where it was, in its state file."""

from __future__ import annotations

import asyncio

import pytest

from haloitsm_connector import Intents, Pipeline, open_state
from haloitsm_connector.errors import HeldError

CONFIG = """
clients:
  halo:
    prototype: haloitsm
    base_uri: ${HALO_BASE_URI}
    authentication: {type: client_credentials, client_id: "${HALO_CLIENT_ID}", client_secret: "${HALO_CLIENT_SECRET}"}
incoming:
  laptops: {subscriber: {prototype: file, path: "${FOLDER}/laptops.csv"}}
outgoing:
  assets:
    publisher:
      prototype: haloitsm
      client: halo
      entity: POST /Asset
      payload: {inventory_number: "{{ serial }}", assettype_id: 130, client_id: 12}
      parallel: 2
routes:
  laptops: {incoming: laptops, outgoing: assets}
"""
SERIALS = [f"CUT-{number}" for number in range(20)]


@pytest.fixture
def pipeline(tmp_path, sandbox):
    (tmp_path / "config.yaml").write_text(CONFIG, "utf-8")
    (tmp_path / "laptops.csv").write_text("\n".join(["serial", *SERIALS]), "utf-8")
    environ = {**sandbox.environment, "FOLDER": str(tmp_path)}
    with Pipeline.load(tmp_path / "config.yaml", environ=environ, state=tmp_path / "state.sqlite") as loaded:
        yield loaded


@pytest.fixture
def _one_by_one(monkeypatch):
    """Have every outcome told by itself, so that a run waits for whoever takes them."""
    monkeypatch.setattr("haloitsm_connector.runner.deliver.SETTLE_SECONDS", 0)


def statuses(outcomes):
    return [outcome.status for outcome in outcomes]


@pytest.mark.usefixtures("_one_by_one")
def test_route_goes_on_where_it_was_cut_off(pipeline, sandbox):
    running = pipeline.run("laptops")
    next(running)
    running.close()
    done = len(sandbox.effects)
    assert 0 < done < 20
    assert statuses(pipeline.run("laptops")) == ["created"] * (20 - done)
    created = [sandbox.tables["Asset"][one.key]["inventory_number"] for one in sandbox.effects]
    assert sorted(created) == sorted(SERIALS)
    assert statuses(pipeline.run("laptops")) == ["created"] * 20


@pytest.mark.usefixtures("_one_by_one")
def test_route_runs_once_at_a_time(pipeline):
    running = pipeline.run("laptops")
    next(running)
    with pytest.raises(HeldError, match="route laptops' is running already"):
        next(pipeline.run("laptops"))
    assert len(list(running)) == 19


def test_pieces_of_work_with_names_of_their_own_run_side_by_side(pipeline):
    async def publish(number):
        entities = [{"serial": f"JOB-{number}"}]
        return [one.status async for one in pipeline.apublish("assets", entities, job=f"order {number}")]

    async def both():
        return await asyncio.gather(publish(1), publish(2))

    assert asyncio.run(both()) == [["created"], ["created"]]


def test_dry_run_needs_no_state_and_leaves_none(pipeline, tmp_path):
    assert len(list(pipeline.dry_run("laptops"))) == 20
    assert not (tmp_path / "state.sqlite").exists()


def test_what_waits_is_in_the_state_file(pipeline, sandbox, tmp_path):
    sandbox.faults = {"faults": [{"kind": "reset", "when": "after", "match": {"path": "/api/Asset", "times": 1}}]}
    assert sorted(statuses(pipeline.run("laptops"))) == ["created"] * 19 + ["waiting"]
    with open_state(tmp_path / "state.sqlite") as state:
        (intent,) = Intents(state).waiting()
    assert (intent.job, intent.request) == ("route laptops", "POST /Asset")
