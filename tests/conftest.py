"""What tests of every part share: one catalogue, and a sandbox of their own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from haloitsm_connector.catalogue import Catalogue
from haloitsm_connector.sandbox import Sandbox

if TYPE_CHECKING:
    from postgresql_server import PostgresqlServer

# A machine that is busy with other things is slow, and nothing is wrong with it.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return Catalogue.load()


@pytest.fixture(scope="session", autouse=True)
def _state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what programs share on this machine away from the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HALOITSM_STATE_DIR", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture
def sandbox(catalogue: Catalogue) -> Iterator[Sandbox]:
    with Sandbox(catalogue=catalogue) as running:
        yield running


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresqlServer]:
    """A PostgreSQL server for the tests of one process; HALOITSM_TESTS_NEED_POSTGRES=1 fails where there is none."""
    from postgresql_server import PostgresqlServer, programs

    found = programs()
    if found is None:
        why = "no PostgreSQL server is installed (Debian: apt-get install postgresql)"
        pytest.fail(why) if os.environ.get("HALOITSM_TESTS_NEED_POSTGRES") == "1" else pytest.skip(why)
    with PostgresqlServer(found) as server:
        yield server
