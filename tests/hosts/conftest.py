"""Hosts as people run them: each in an environment of its own, as processes; and what they are given to do."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from haloitsm_connector.sandbox import Sandbox

if TYPE_CHECKING:
    from sparks import SparkProcess

ROOT = Path(__file__).parents[2]
CONFIGURATION = Path(__file__).with_name("halo.yaml")


@dataclass(frozen=True)
class Ran:
    """How a process of a host ended, and all that it printed."""

    status: int
    out: str
    log: str

    @property
    def messages(self) -> list[dict[str, Any]]:
        """What it printed, a JSON document a line."""
        return [json.loads(line) for line in self.out.splitlines()]


class Environment:
    """The programs of one host, as ``make hosts`` installed them."""

    def __init__(self, folder: Path, variables: dict[str, str]) -> None:
        self.folder = folder
        self.variables = {**variables, "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"}

    def run(self, program: str, *arguments: object, given: str = "", timeout_seconds: int = 120, **more: str) -> Ran:
        """Run a program in a folder of its own, with ``given`` as its standard input."""
        done = subprocess.run(
            [self.folder / "bin" / program, *map(str, arguments)],
            input=given,
            capture_output=True,
            text=True,
            timeout=timeout_seconds,
            cwd=self.variables["HOME"],
            env={**self.variables, **more},
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)


Environments = Callable[[str], Environment]


@pytest.fixture
def environment(tmp_path: Path) -> Environments:
    """Return the environment of a host by name; the test is skipped where it is not installed."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("HALO")}
    variables |= {"HOME": str(tmp_path), "HALOITSM_STATE_DIR": str(tmp_path / "state"), "PYTHONSAFEPATH": "1"}

    def find(name: str) -> Environment:
        folder = ROOT / ".venv-hosts" / name
        if not (folder / ".ready").exists():
            pytest.skip(f"{name} is not installed; 'make hosts' installs it")
        return Environment(folder, variables)

    return find


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkProcess]:
    """A process with a Spark session, which stays: it takes seconds to start."""
    from sparks import SparkProcess, needs

    needs()
    with SparkProcess(tmp_path_factory.mktemp("spark")) as process:
        yield process


@pytest.fixture
def settings(sandbox: Sandbox) -> dict[str, str]:
    """What leads a host to the sandbox."""
    names = ("base_uri", "tenant", "client_id", "client_secret")
    return {name: getattr(sandbox, name) for name in names}
