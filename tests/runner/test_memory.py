"""A route takes as much memory for many tasks as for few."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

FEW, MANY = 5_000, 50_000
MORE_MB = 12
"""What the caches of the state and of the allocator may take more."""
WORKER = """
import json, sys
from pathlib import Path
from haloitsm_connector import Pipeline
from haloitsm_connector.runner import Runner

folder = Path(sys.argv[1])
with Pipeline.load(folder / "config.yaml", environ={}, state=folder / "state.sqlite") as pipeline:
    summary = Runner(pipeline.assembly).run()
lines = Path("/proc/self/status").read_text().splitlines()
(peak_mb,) = [int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")]  # getrusage tells the parent's
print(json.dumps([summary.statuses["copy"]["finished"], peak_mb]))
"""
CONFIG = """
incoming: {rows: {subscriber: {prototype: file, path: FOLDER/rows.jsonl}}}
outgoing: {out: {publisher: {prototype: file, path: FOLDER/out.jsonl}}}
routes: {copy: {incoming: rows, outgoing: out, transformers: [{set: {copied: "{{ text }}"}}]}}
"""


def peak_mb(folder: Path, rows: int) -> float:
    folder.mkdir()
    (folder / "config.yaml").write_text(CONFIG.replace("FOLDER", str(folder)), "utf-8")
    line = json.dumps({"text": "x" * 300, "numbers": list(range(20))}) + "\n"
    (folder / "rows.jsonl").write_text(line * rows, "utf-8")
    told = subprocess.run(
        [sys.executable, "-P", "-c", WORKER, str(folder)], capture_output=True, text=True, check=True
    ).stdout
    finished, peak = json.loads(told)
    assert finished == rows
    return float(peak)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the peak")
def test_ten_times_the_tasks_take_no_more_memory(tmp_path: Path) -> None:
    few, many = peak_mb(tmp_path / "few", FEW), peak_mb(tmp_path / "many", MANY)
    assert many < few + MORE_MB, f"{few:.0f} MB, then {many:.0f} MB"
