"""Every store of state, so that what holds of one is tested of all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from haloitsm_connector.store import Database, open_state


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """Where a new state may be, of each kind."""
    if request.param == "sqlite":
        return tmp_path / "state"
    address: str = request.getfixturevalue("postgresql").address()
    return address


@pytest.fixture
def state(place: Path | str) -> Iterator[Database]:
    with open_state(place) as database:
        yield database
