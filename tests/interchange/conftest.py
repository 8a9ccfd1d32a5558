"""Commands in a fresh folder, the fixtures of other programs, and Postman's own runner."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from haloitsm_connector.cli.main import main
from haloitsm_connector.sandbox import Sandbox

DATA = Path(__file__).with_name("data")
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it printed."""

    status: int
    out: str
    err: str


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh working folder where no Halo is known."""
    for name in [name for name in os.environ if name.startswith("HALO") and name != "HALOITSM_STATE_DIR"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / ".config"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


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
def data() -> Path:
    return DATA


@pytest.fixture(scope="session")
def is_collection() -> Callable[[Any], None]:
    """Hold a document against Postman's published schema of a collection."""
    schema = json.loads((DATA / "schemas" / "postman-collection-2.1.0.json").read_text("utf-8"))
    validator = jsonschema.Draft7Validator(schema)

    def check(document: Any) -> None:
        assert [f"{error.json_path}: {error.message:.200}" for error in validator.iter_errors(document)] == []

    return check


@pytest.fixture
def guide(folder: Path, sandbox: Sandbox) -> Path:
    """The collection that Halo's guide describes, exported from Postman, for the sandbox."""
    text = (DATA / "guide.postman_collection.json").read_text("utf-8")
    values = {
        "BASE": sandbox.base_uri,
        "PORT": sandbox.base_uri.rpartition(":")[2],
        "CLIENT_SECRET": sandbox.client_secret,
        "CLIENT_ID": sandbox.client_id,
    }
    for name, value in values.items():
        text = text.replace(name, value)
    path = folder / "guide.postman_collection.json"
    path.write_text(text, "utf-8")
    return path


Newman = Callable[..., dict[str, Any]]


@pytest.fixture
def newman(tmp_path: Path, sandbox: Sandbox) -> Newman:
    """Run a collection in Postman's own runner, its environment filled in for the sandbox; return its report."""
    installed = ROOT / ".venv-newman" / "node_modules" / ".bin" / "newman"
    program = str(installed) if installed.is_file() else shutil.which("newman")
    if program is None or shutil.which("node") is None:
        pytest.skip("newman, Postman's runner, is not installed: it needs node and npm; 'make newman' installs it")

    def run(collection: Path, environment: Path, **variables: str) -> dict[str, Any]:
        report = tmp_path / "newman.json"
        values = {
            "base_uri": sandbox.base_uri,
            "tenant": sandbox.tenant,
            "client_id": sandbox.client_id,
            "client_secret": sandbox.client_secret,
            **variables,
        }
        given = [part for name, value in values.items() for part in ("--env-var", f"{name}={value}")]
        command = [program, "run", collection, "--environment", environment, "--suppress-exit-code", *given]
        output = ["--reporters", "json", "--reporter-json-export", report]
        subprocess.run([*command, *output], check=True, capture_output=True, timeout=240)
        found: dict[str, Any] = json.loads(report.read_text("utf-8"))["run"]
        return found

    return run
