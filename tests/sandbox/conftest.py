from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from haloitsm_connector.catalogue import Catalogue
from haloitsm_connector.sandbox import Sandbox


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return Catalogue.load()


@pytest.fixture
def start(catalogue: Catalogue) -> Iterator[Callable[..., Sandbox]]:
    running: list[Sandbox] = []

    def begin(**options: Any) -> Sandbox:
        running.append(Sandbox(catalogue=catalogue, **options).start())
        return running[-1]

    yield begin
    for sandbox in running:
        sandbox.close()


@pytest.fixture
def sandbox(start: Callable[..., Sandbox]) -> Sandbox:
    return start()


@pytest.fixture
def enter() -> Iterator[Callable[..., httpx.Client]]:
    clients: list[httpx.Client] = []

    def sign_in(sandbox: Sandbox, scope: str = "all", **headers: str) -> httpx.Client:
        form = {
            "grant_type": "client_credentials",
            "client_id": sandbox.client_id,
            "client_secret": sandbox.client_secret,
            "scope": scope,
        }
        token = httpx.post(f"{sandbox.base_uri}/auth/token", data=form).json()["access_token"]
        client = httpx.Client(
            base_url=f"{sandbox.base_uri}/api", headers={"Authorization": f"Bearer {token}", **headers}
        )
        clients.append(client)
        return client

    yield sign_in
    for client in clients:
        client.close()


@pytest.fixture
def halo(sandbox: Sandbox, enter: Callable[..., httpx.Client]) -> httpx.Client:
    return enter(sandbox)
