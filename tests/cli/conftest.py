"""The command line as a user has it: a fresh folder, its own user configuration, no Halo but the sandbox."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from haloitsm_connector.cli.main import main
from haloitsm_connector.sandbox import Sandbox

CONFIG = """\
clients:
  halo:
    prototype: haloitsm
    base_uri: ${HALO_BASE_URI}
    tenant: ${HALO_TENANT:-}
    authentication:
      type: client_credentials
      client_id: ${HALO_CLIENT_ID}
      client_secret: ${HALO_CLIENT_SECRET}
incoming:
  tickets:
    subscriber:
      prototype: haloitsm
      client: halo
      entity: GET /Tickets
      request_parameters: {query: {open_only: true}}
    transformers:
      - rename: {summary: subject}
      - select: {id: id, subject: subject}
  laptops: {subscriber: {prototype: file, path: laptops.csv}}
outgoing:
  lines: {publisher: {prototype: file, path: lines.jsonl}}
  new-assets:
    transformers:
      - set: {payload: {inventory_number: "{{ serial }}", assettype_id: 130, client_id: "{{ client }}"}}
    publisher: {prototype: haloitsm, client: halo, entity: POST /Asset}
routes:
  tickets: {incoming: tickets, outgoing: lines}
  laptops: {incoming: laptops, outgoing: new-assets}
"""
LAPTOPS = "serial,client\nLT-0001,12\nLT-0002,7\n"


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it printed."""

    status: int
    out: str
    err: str


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh working folder where no Halo is known."""
    for name in list(os.environ):
        if name.startswith("HALO"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / ".config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / ".state"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def project(folder: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a configuration, a CSV file, and the way to the sandbox in the environment."""
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    (folder / "halo.yaml").write_text(CONFIG, "utf-8")
    (folder / "laptops.csv").write_text(LAPTOPS, "utf-8")
    return folder


@pytest.fixture
def haloitsm(folder: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Run a command in this process."""

    def run(*arguments: Any) -> Ended:
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return Ended(int(end.value.code or 0), printed.out, printed.err)

    return run


@pytest.fixture
def process(folder: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a command as a process of its own, in the same folder and environment."""
    running: list[subprocess.Popen[str]] = []

    def start(*arguments: Any, environ: Mapping[str, str] | None = None, **options: Any) -> subprocess.Popen[str]:
        command = [str(Path(sys.executable).with_name("haloitsm")), *map(str, arguments)]
        piped = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        running.append(subprocess.Popen(command, text=True, env={**os.environ, **(environ or {})}, **piped))
        return running[-1]

    yield start
    for one in running:
        one.kill()
        one.communicate()


@pytest.fixture
def finished(process: Callable[..., subprocess.Popen[str]]) -> Callable[..., Ended]:
    """Run a command as a process of its own, to its end."""

    def run(*arguments: Any, **options: Any) -> Ended:
        started = process(*arguments, **options)
        out, err = started.communicate(timeout=30)
        return Ended(started.returncode, out or "", err or "")

    return run
