"""Jobs in processes of their own, which can be killed: each is forked from one that has everything imported."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from play import Ran, address, carry_out
from scenario import Cut, Scenario

from haloitsm_connector.catalogue import Catalogue
from haloitsm_connector.sandbox import Sandbox

LONGEST_SECONDS = 30.0


class Elsewhere:
    """Runs jobs one after the other, each in a process of its own; started with the first."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def run(self, scenario: Scenario, run: Ran, sandbox: Sandbox, folder: Path) -> None:
        """Run the scenario's first job, and kill it when the scenario says so."""
        process = self._process = self._process or _started()
        assert process.stdin
        assert process.stdout
        run.start = len(sandbox.requests)
        process.stdin.write(json.dumps([scenario.seed, address(sandbox, folder)]) + "\n")
        process.stdin.flush()
        child = int(process.stdout.readline())
        killer = threading.Thread(target=_kill, args=(child, scenario.cut, sandbox, run), daemon=True)
        killer.start()
        told = [json.loads(line) for line in iter(process.stdout.readline, "\n")]
        run.end = len(sandbox.requests)
        run.ended = told.pop() if told and isinstance(told[-1], str) else "killed"
        run.told = told
        killer.join()

    def close(self) -> None:
        """End the process that forks."""
        if self._process:
            self._process.communicate()


def _started() -> subprocess.Popen[str]:
    here = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, "-P", "-W", "error", __file__],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": here},
    )  # fmt: skip


def _kill(process: int, cut: Cut | None, sandbox: Sandbox, run: Ran) -> None:
    if cut is None or cut.how != "kill":
        return
    deadline = time.monotonic() + LONGEST_SECONDS
    while len(sandbox.requests) - run.start < cut.after and run.ended is None and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(cut.late_seconds)
    if run.ended is None:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def _serve() -> None:
    """Fork a process for each line of standard input: seed and address; what it tells goes out, then an empty line."""
    logging.getLogger("haloitsm").addHandler(logging.NullHandler())
    catalogue = Catalogue.load()
    for operation in ("POST /Supplier", "GET /Supplier", "GET /Client"):
        catalogue.find(operation)
    for module in ("haloitsm_connector.client.transport", "haloitsm_connector.store"):
        import_module(module)  # so that a process which is forked has it

    child = 0
    for line in sys.stdin:
        if child:
            os.waitpid(child, 0)  # no sooner, or its number might be another's when it is killed
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            os.close(reader)
            seed, where = json.loads(line)

            def emit(one: Any, writer: int = writer) -> None:
                os.write(writer, json.dumps(one).encode() + b"\n")

            scenario = Scenario.of(seed)
            emit(carry_out(scenario, scenario.jobs[0], where, catalogue, emit))
            os._exit(0)
        os.close(writer)
        print(child, flush=True)
        with os.fdopen(reader) as told:
            for one in told:
                if one.endswith("\n"):
                    sys.stdout.write(one)
                    sys.stdout.flush()
        print(flush=True)


if __name__ == "__main__":
    _serve()
