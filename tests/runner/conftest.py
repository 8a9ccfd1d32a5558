"""What tests of the runner share: routes from rows in a file, or from code, into files, Halo, or code."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from haloitsm_connector import Pipeline
from haloitsm_connector.runner import Event
from haloitsm_connector.sandbox import Sandbox

HALO = """
clients:
  halo:
    prototype: haloitsm
    base_uri: ${HALO_BASE_URI}
    authentication: {type: client_credentials, client_id: "${HALO_CLIENT_ID}", client_secret: "${HALO_CLIENT_SECRET}"}
    retry: {attempts: 1}
"""


@pytest.fixture
def load(tmp_path: Path, sandbox: Sandbox) -> Iterator[Callable[..., Pipeline]]:
    """Write YAML to a file and load it, against the sandbox, with ``rows`` in rows.jsonl."""
    opened = []

    def load_text(text: str, rows: Any = None, state: Path | str | None = None) -> Pipeline:
        (tmp_path / "config.yaml").write_text(HALO + text, "utf-8")
        if rows is not None:
            (tmp_path / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
        environ = {**sandbox.environment, "FOLDER": str(tmp_path)}
        place = state or tmp_path / "state.sqlite"
        opened.append(Pipeline.load(tmp_path / "config.yaml", environ=environ, state=place))
        return opened[-1]

    yield load_text
    for pipeline in opened:
        pipeline.close()


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], list[Any]]:
    """Read what a route wrote to a file of JSON lines."""

    def read(name: str = "out.jsonl") -> list[Any]:
        path = tmp_path / name
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []

    return read


@pytest.fixture
def told() -> list[Event]:
    """Events, as they are told; give its ``append`` to a runner."""
    return []
