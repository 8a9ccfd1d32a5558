"""Spark as tests run it: a process with a session, a cluster of a master and workers, all on this machine alone."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

import pytest

FOLDER = Path(__file__).parents[2] / ".venv-hosts" / "spark"
SCRIPT = Path(__file__).with_name("spark_session.py")
SECONDS = 300.0
FASTER = {
    "JDK_JAVA_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    "PYSPARK_PYTHON": str(Path(__file__).with_name("spark_python")),
}
"""Variables with which the many short-lived processes of Spark start faster."""


def needs() -> None:
    """Skip a test where Spark cannot run; HALOITSM_TESTS_NEED_JAVA=1 fails it where only Java is missing."""
    if not (FOLDER / ".ready").exists():
        pytest.skip("spark is not installed; 'make hosts' installs it")
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        why = "no Java is installed, which Spark runs on; 'make java' installs it"
        pytest.fail(why) if os.environ.get("HALOITSM_TESTS_NEED_JAVA") == "1" else pytest.skip(why)


def variables(home: Path) -> dict[str, str]:
    """The environment of all its processes."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HALO", "SPARK"))}
    return {
        **kept,
        **FASTER,
        "PATH": f"{FOLDER / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "SPARK_LOCAL_IP": "127.0.0.1",
        "TZ": "America/New_York",  # so that it shows where a moment is taken for one of this machine
        "HOME": str(home),
        "HALOITSM_STATE_DIR": str(home / "state"),
        "PYTHONSAFEPATH": "1",
    }


class SparkProcess:
    """A process with a Spark session, which does what it is asked."""

    def __init__(self, home: Path, **more: str) -> None:
        self._log = home / "spark.log"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [FOLDER / "bin" / "python", SCRIPT],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=home,
                env={**variables(home), **more},
            )
        self._answer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def ask(self, do: str, **given: Any) -> dict[str, Any]:
        """Have something done; the answer has `log`, all that was logged meanwhile, and `error` where it failed."""
        before = self._log.stat().st_size
        assert self._process.stdin
        self._process.stdin.write(json.dumps({"do": do, **given}) + "\n")
        self._process.stdin.flush()
        answer = self._answer()
        with self._log.open("rb") as log:
            log.seek(before)
            return {**answer, "log": log.read().decode("utf-8", "replace")}

    def close(self) -> None:
        """End it."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(60)
        assert self._process.stdout
        self._process.stdout.close()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(self._log.read_text("utf-8", "replace")[-3000:])
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def cluster(home: Path, workers: int = 2) -> Iterator[str]:
    """Run a master and workers, of one core each, and give the master's address."""
    port = _free_port()
    address = f"spark://127.0.0.1:{port}"
    logs = home / "cluster.log"
    with ExitStack() as stack:
        log = stack.enter_context(logs.open("ab"))

        def start(name: str, *arguments: str) -> None:
            command = [FOLDER / "bin" / "spark-class", f"org.apache.spark.deploy.{name}", *arguments]
            process = subprocess.Popen(
                command, stdout=log, stderr=log, env=variables(home), cwd=home, start_new_session=True
            )
            stack.callback(_end, process)

        start("master.Master", "--host", "127.0.0.1", "--port", str(port), "--webui-port", "0")
        for number in range(workers):
            folder = str(home / f"worker-{number}")
            more = f"--host 127.0.0.1 --cores 1 --memory 1200m --webui-port 0 --work-dir {folder}"
            start("worker.Worker", *more.split(), address)
        _wait_for(logs, r"Registering worker", workers)
        yield address


def executors(master: str) -> list[int]:
    """The processes in which a cluster runs tasks, found by the command of the worker that started them."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            command = (folder / "cmdline").read_bytes() if folder.name.isdigit() else b""
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1]) if command else 0
            by = Path(f"/proc/{parent}/cmdline").read_bytes() if b"CoarseGrainedExecutorBackend" in command else b""
        except OSError:
            continue
        if master.encode() in by:
            found.append(int(folder.name))
    return found


def _end(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGTERM)
    process.wait(30)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(file: Path, pattern: str, times: int) -> None:
    deadline = time.monotonic() + SECONDS
    while len(re.findall(pattern, file.read_text("utf-8", "replace"))) < times:
        assert time.monotonic() < deadline, file.read_text("utf-8", "replace")[-3000:]
        time.sleep(0.2)
