"""What a bulk change costs beside the loop that people write: ``python benchmarks/bulk.py``, about five minutes.

2,000 clients get another tax code and name over a connection on which each answer takes 50 ms. Both sides are whole
programs, started for it; the bulk command also reads the old values, keeps them for an undo and writes its result.
Prints writes, reads and time, and exits with status 1 when a bar is missed.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from duel import Bar, Ratio, told

from haloitsm_connector.sandbox import Sandbox

RECORDS = 2_000
CYCLES = 2
TAX_CODES = 4
"""As many as the sandbox has."""
LATENCY_SECONDS = 0.05
LOOP = """
import csv, os, sys
import httpx
halo = os.environ["HALO_BASE_URI"]
form = {"grant_type": "client_credentials", "client_id": os.environ["HALO_CLIENT_ID"],
        "client_secret": os.environ["HALO_CLIENT_SECRET"], "scope": "all"}
with httpx.Client() as client:
    answer = client.post(f"{halo}/auth/token", params={"tenant": os.environ["HALO_TENANT"]}, data=form)
    client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    with open("clients.csv") as file:
        for row in csv.DictReader(file):
            record = {**row, "id": int(row["id"]), "item_tax_code": int(sys.argv[1])}
            client.post(f"{halo}/api/Client", json=[record]).raise_for_status()
"""
"""What people write: a request for each record, one after the other."""


@dataclass(frozen=True)
class Run:
    """How long a program took, and how many requests it sent that write, and that read."""

    seconds: float
    writes: int
    reads: int


def main() -> int:
    clients = [{"id": n, "name": f"Client {n}", "item_tax_code": 0, "inactive": False} for n in range(1, RECORDS + 1)]
    with Sandbox(data={"Client": clients}) as sandbox, tempfile.TemporaryDirectory() as folder:
        sandbox.faults = {"faults": [{"kind": "latency", "seconds": LATENCY_SECONDS}]}
        runs: dict[str, list[Run]] = {"loop": [], "bulk": []}
        Path(folder, "clients.csv").write_text("id\n1\n", "utf-8")
        for name in runs:
            timed(sandbox, command(name, 1), folder)  # so that all is compiled
        for cycle in range(1, CYCLES + 1):
            rows = "".join(f"{n},Client {n} of cycle {cycle}\n" for n in range(1, RECORDS + 1))
            for number, name in enumerate(("loop", "bulk"), start=2 * cycle - 1):
                code = number % TAX_CODES + 1
                text = f"id,name\n{rows}".replace(" of cycle", f" of {name} and cycle")
                Path(folder, "clients.csv").write_text(text, "utf-8")
                runs[name].append(timed(sandbox, command(name, code), folder))
                wrong = [one for one in sandbox.tables["Client"].values() if one["item_tax_code"] != code]
                assert not wrong, f"{name} has left out {len(wrong)} records"
    shown(runs)
    return told(bars(runs))


def command(name: str, tax_code: int) -> list[str]:
    """Return the program that sets a tax code."""
    if name == "loop":
        return [sys.executable, "-P", "-c", LOOP, str(tax_code)]
    halo = str(Path(sys.executable).with_name("haloitsm"))
    return [halo, "bulk", "update", "Client", "--from", "clients.csv", "--set", f"item_tax_code={tax_code}", "--yes"]


def timed(sandbox: Sandbox, arguments: list[str], folder: str) -> Run:
    """Run a program and count what it asks of the sandbox."""
    before = len(sandbox.requests)
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environ |= {**sandbox.environment, "HALOITSM_STATE_DIR": str(Path(folder, "state"))}
    environ |= {"PYTHONPYCACHEPREFIX": str(Path(folder, "compiled"))}  # as where it is installed
    began = time.perf_counter()
    subprocess.run(arguments, cwd=folder, env=environ, check=True, capture_output=True)
    seconds = time.perf_counter() - began
    sent = [one for one in sandbox.requests[before:] if one.path.startswith("/api/")]
    writes = sum(one.method != "GET" for one in sent)
    return Run(seconds, writes, len(sent) - writes)


def shown(runs: dict[str, list[Run]]) -> None:
    print(f"{RECORDS:,} clients, two fields each, {LATENCY_SECONDS * 1000:g} ms, {CYCLES} cycles")
    for name, done in runs.items():
        seconds = statistics.median(run.seconds for run in done)
        print(f"  {name:<8}{done[0].writes:>8,} writes{done[0].reads:>8,} reads{seconds:>9.1f} s")


def bars(runs: dict[str, list[Run]]) -> list[Bar]:
    """Return what the bulk command must be better by."""
    loop, bulk = runs["loop"], runs["bulk"]
    faster = Ratio.of([run.seconds for run in loop], [run.seconds for run in bulk])
    fewer = min(ours.writes and theirs.writes / ours.writes for theirs, ours in zip(loop, bulk, strict=True))
    return [
        Bar("write requests of the loop to those of the bulk command", fewer, least=20),
        Bar("time of the loop to that of the bulk command", faster.middle, least=10, spread=str(faster)),
    ]


if __name__ == "__main__":
    raise SystemExit(main())
