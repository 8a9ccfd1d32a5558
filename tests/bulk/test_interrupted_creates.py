"""A first Ctrl-C waits for what is under way: nothing of it is left in doubt, and the figures are right."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_is_under_way_is_waited_for_and_counted(bulk, sandbox, folder, result, number):
    sandbox.faults = {"faults": [{"kind": "latency", "seconds": 0.5, "match": {"method": "POST", "path": "/api/*"}}]}
    names = [f"Laptop {number}" for number in range(40)]
    rows = "".join(f"{name},130,12\n" for name in names)
    (folder / "in.csv").write_text(f"inventory_number,assettype_id,client_id\n{rows}")
    before = len(sandbox.tables["Asset"])
    command = ("create", "Asset", "--from", "in.csv", "--yes")
    process = subprocess.Popen(
        [Path(sys.executable).with_name("haloitsm"), "bulk", *command],
        stderr=subprocess.PIPE, text=True, env=dict(os.environ),
    )  # fmt: skip
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and len(sandbox.tables["Asset"]) < before + 6:
        time.sleep(0.02)
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 128 + number, said
    created = len(sandbox.tables["Asset"]) - before
    assert f"Run 1 was stopped: {created} created, {40 - created} to do. The same command goes on." in said
    assert [row["bulk_outcome"] for row in result()].count("created") == created
    sandbox.faults = None
    ended = bulk(*command)
    assert ended.status == 0
    assert "Run 1: 40 created." in ended.err
    made = [one["inventory_number"] for one in sandbox.tables["Asset"].values()]
    assert sorted(name for name in made if name in names) == sorted(names)
