"""Bulk commands as a user has them: a fresh folder and a Halo of its own."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from haloitsm_connector.cli.main import main
from haloitsm_connector.sandbox import Sandbox


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it printed."""

    status: int
    out: str
    err: str


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox) -> Path:
    """A fresh working folder from which the way leads to the sandbox."""
    for name in list(os.environ):
        if name.startswith("HALO"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / ".config"))
    monkeypatch.setenv("HALOITSM_STATE_DIR", str(tmp_path / ".state"))
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def bulk(folder: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Run a bulk command in this process."""

    def run(*arguments: Any) -> Ended:
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main(["bulk", *map(str, arguments)])
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        assert "unexpected" not in printed.err, printed.err
        return Ended(int(end.value.code or 0), printed.out, printed.err)

    return run


@pytest.fixture
def result(folder: Path) -> Callable[..., list[dict[str, str]]]:
    """Read a result file."""

    def read(name: str = "bulk-1.csv") -> list[dict[str, str]]:
        with (folder / name).open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file))

    return read


@pytest.fixture
def writes(sandbox: Sandbox) -> Callable[..., list[Any]]:
    """Return the requests that wrote, so far."""
    return lambda: [one for one in sandbox.requests if one.method in ("POST", "DELETE") and one.path.startswith("/api")]
