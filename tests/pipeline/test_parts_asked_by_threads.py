"""A configuration whose parts are asked for by several threads at once: each is built once, and closed."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from haloitsm_connector import Pipeline
from haloitsm_connector.sandbox import Sandbox

THREADS = 12
CONFIG = """
clients:
  halo:
    prototype: haloitsm
    base_uri: ${HALO_BASE_URI}
    authentication: {type: client_credentials, client_id: "${HALO_CLIENT_ID}", client_secret: "${HALO_CLIENT_SECRET}"}
storages: {seen: {}}
"""


def asked_at_once(ask):
    """Ask from threads that begin together, and return what each got."""
    barrier = threading.Barrier(THREADS)

    def asking(_):
        barrier.wait()
        return ask()

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(asking, range(THREADS)))


def parts_of(pipeline):
    """Ask for each part from many threads at once, half of them for a rehearsal."""
    assembly, twin = pipeline.assembly, pipeline.assembly.rehearsal()
    either = iter([assembly, twin] * THREADS)
    yield asked_at_once(lambda: next(either).state)
    yield asked_at_once(lambda: next(either).client("halo"))
    yield asked_at_once(lambda: assembly.capabilities["storage"]("seen"))


def test_threads_that_ask_at_once_get_the_same_client_state_and_storage(tmp_path: Path, sandbox: Sandbox) -> None:
    (tmp_path / "halo.yaml").write_text(CONFIG, "utf-8")
    for number in range(8):
        state = tmp_path / f"{number}.sqlite"
        with Pipeline.load(tmp_path / "halo.yaml", environ=sandbox.environment, state=state) as pipeline:
            for got in parts_of(pipeline):
                assert len({id(one) for one in got}) == 1
