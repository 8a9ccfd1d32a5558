"""A route remembers the same in every store: what it read, what its steps kept, the creates that it sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from haloitsm_connector import Cursors, Pipeline
from haloitsm_connector.errors import HeldError
from haloitsm_connector.sandbox import Sandbox
from haloitsm_connector.store import KeptStorage, open_state

CONFIG = """\
clients:
  halo:
    prototype: haloitsm
    base_uri: ${HALO_BASE_URI}
    authentication: {type: client_credentials, client_id: "${HALO_CLIENT_ID}", client_secret: "${HALO_CLIENT_SECRET}"}
storages:
  seen: {}
incoming:
  tickets:
    subscriber: {prototype: haloitsm, client: halo, entity: GET /Tickets, incremental: {}}
    transformers:
      - filter: {id: {less_than: 2011}}
outgoing:
  assets:
    transformers:
      - save: {storage: seen, key: "{{ id }}", value: "{{ id }}"}
    publisher:
      prototype: haloitsm
      client: halo
      entity: POST /Asset
      payload: {inventory_number: "OF-{{ id }}", assettype_id: 130, client_id: 12}
routes:
  assets: {incoming: tickets, outgoing: assets}
"""


@pytest.fixture
def load(place: Path | str, tmp_path: Path, sandbox: Sandbox):
    (tmp_path / "config.yaml").write_text(CONFIG, "utf-8")
    return lambda: Pipeline.load(tmp_path / "config.yaml", environ=sandbox.environment, state=place)


@pytest.fixture
def _one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every outcome told by itself, so that a run waits for whoever takes them."""
    monkeypatch.setattr("haloitsm_connector.runner.deliver.SETTLE_SECONDS", 0)


@pytest.mark.usefixtures("_one_by_one")
def test_route_that_is_cut_off_goes_on_and_creates_nothing_twice(load, place, sandbox) -> None:
    with load() as first, load() as second:
        running = first.run("assets")
        next(running)
        with pytest.raises(HeldError, match="route assets' is running already"):
            next(second.run("assets"))
        running.close()
    with load() as again:
        assert {outcome.status for outcome in again.run("assets")} <= {"created"}
        assert list(again.run("assets")) == []
    created = [row["inventory_number"] for row in sandbox.tables["Asset"].values()]
    made = sorted(name for name in created if str(name).startswith("OF-"))
    with open_state(place) as state:
        seen = [key for key, _ in KeptStorage(state, "seen").iterate()]
        assert list(Cursors(state).list()) == ["route assets"]
    assert made == [f"OF-{key}" for key in seen]
    assert len(made) == len(set(made)) > 3
