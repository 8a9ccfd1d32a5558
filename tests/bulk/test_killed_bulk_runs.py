"""A bulk command is killed at any instant and given again: it ends as one that was left alone, and can be undone."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from haloitsm_connector.sandbox import Sandbox

KILLS = int(os.environ.get("HALOITSM_KILLS", "48"))
BLOCKS = 4
RECORDS = 40
OPTIONS = ("--yes", "--batch", "7", "--parallel", "2")
COMMANDS = """
import os, sys, json
import haloitsm_connector.assemble, haloitsm_connector.bulk.compare, haloitsm_connector.bulk.result
import haloitsm_connector.bulk.saved, haloitsm_connector.bulk.undo, haloitsm_connector.cli.bulk
import haloitsm_connector.client.wire, haloitsm_connector.store.sqlite, httpx_aiohttp, platformdirs
from haloitsm_connector.catalogue import Catalogue
from haloitsm_connector.cli.main import main

Catalogue.load().find("POST /Client")
for line in sys.stdin:  # each command in a process of its own, that has everything imported already
    job = json.loads(line)
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        os.environ.update(job["environ"])
        os.chdir(job["folder"])
        sys.stdout = open("out.txt", "w")
        sys.stderr = open("err.txt", "w")
        try:
            main(job["arguments"])
        except SystemExit as end:
            os.write(writer, str(end.code).encode())
        os._exit(0)
    os.close(writer)
    print(child, flush=True)
    with os.fdopen(reader) as told:
        text = told.read()
    os.waitpid(child, 0)
    print(text or "killed", flush=True)
"""


class Commands:
    """Runs commands, one after the other, each in a process of its own that can be killed."""

    def __init__(self, folder: Path, sandbox: Sandbox, errors: Any) -> None:
        self.folder, self.sandbox = folder, sandbox
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", COMMANDS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
            text=True,
        )  # fmt: skip

    def run(self, *arguments: str, seconds: float | None = None) -> int | None:
        """Run a command and return its exit status; None when it was killed, after so many seconds."""
        assert self._process.stdin
        assert self._process.stdout
        environ = {**self.sandbox.environment, "HALOITSM_STATE_DIR": str(self.folder / "state")}
        job = {"arguments": ["bulk", *arguments], "folder": str(self.folder), "environ": environ}
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        child = int(self._process.stdout.readline())
        killer = threading.Thread(target=kill, args=(child, seconds))
        if seconds is not None:
            killer.start()
        ended = self._process.stdout.readline().strip()
        if seconds is not None:
            killer.join()
        assert not (self.folder / "err.txt").read_text().count("unexpected"), (self.folder / "err.txt").read_text()
        return None if ended == "killed" else int(ended)

    def close(self) -> None:
        self._process.communicate()


def kill(process: int, seconds: float) -> None:
    time.sleep(seconds)
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)


@pytest.fixture
def commands(tmp_path: Path) -> Iterator[Commands]:
    clients = [
        {"id": number, "name": f"Client {number}", "item_tax_code": number % 3, "ref": f"R{number}", "inactive": False}
        for number in range(1, RECORDS + 1)
    ]
    with Sandbox(data={"Client": clients, "Asset": []}) as sandbox, (tmp_path / "errors.txt").open("w+") as errors:
        sandbox.faults = {"faults": [{"kind": "latency", "seconds": 0, "jitter_seconds": 0.01, "when": "after"}]}
        running = Commands(tmp_path, sandbox, errors)
        yield running
        running.close()
        errors.seek(0)
        assert errors.read() == ""


def until_it_ends(commands: Commands, chance: random.Random, longest: float, *arguments: str) -> tuple[int, float]:
    """Give a command again until it ends, killed at most twice on the way; return the kills, and how long it took."""
    kills = 0
    while kills < 2 and commands.run(*arguments, seconds=chance.uniform(0, longest)) is None:
        kills += 1
    began = time.monotonic()
    assert commands.run(*arguments) == 0, (commands.folder / "err.txt").read_text()
    return kills, time.monotonic() - began


pytestmark = [pytest.mark.slow, pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")]


@pytest.mark.parametrize("block", range(BLOCKS))
def test_an_update_ends_as_if_it_had_been_left_alone_and_so_does_its_undo(commands: Commands, block: int) -> None:
    chance = random.Random(f"update {block}")
    clients = commands.sandbox.tables["Client"]
    before = {key: (one["item_tax_code"], one["ref"]) for key, one in clients.items()}
    (commands.folder / "in.csv").write_text("id\n" + "".join(f"{key}\n" for key in clients))
    kills, longest, runs = 0, 1.0, 0
    while kills < KILLS // BLOCKS // 2:
        runs += 1
        value = f"X{runs}"
        command = ("update", "Client", "--from", "in.csv", "--set", f"ref={value}", "--set", "item_tax_code=1")
        killed, longest = until_it_ends(commands, chance, longest, *command, *OPTIONS)
        kills += killed
        assert {(one["item_tax_code"], one["ref"]) for one in clients.values()} == {(1, value)}
        last = number_of_the_last(commands, "update")
        killed, _ = until_it_ends(commands, chance, longest, "undo", last, *OPTIONS)
        kills += killed
        assert {key: (one["item_tax_code"], one["ref"]) for key, one in clients.items()} == before


@pytest.mark.parametrize("once", [True, False])
def test_nothing_is_created_twice_and_nothing_is_left_out(commands: Commands, once: bool) -> None:
    chance = random.Random(f"create {once}")
    kills, longest, runs = 0, 1.0, 0
    while kills < KILLS // 4:
        runs += 1
        wanted = [
            f"{runs}-{number // (1 if once else 2)}" for number in range(20)
        ]  # pairs that are alike, without once
        rows = "".join(f"{name},130,12\n" for name in wanted)
        (commands.folder / "in.csv").write_text(f"inventory_number,assettype_id,client_id\n{rows}")
        command = ("create", "Asset", "--from", "in.csv", *(("--once", "inventory_number") if once else ()), *OPTIONS)
        killed = 0
        while killed < 2 and commands.run(*command, seconds=chance.uniform(0, longest)) is None:
            killed += 1
        began = time.monotonic()
        status = commands.run(*command)
        longest = max(0.3, time.monotonic() - began)
        made = Counter(
            one["inventory_number"]
            for one in commands.sandbox.tables["Asset"].values()
            if one["inventory_number"].startswith(f"{runs}-")
        )
        missing = Counter(wanted) - made
        assert not made - Counter(wanted), (made, wanted)
        assert missing.total() <= (0 if once else 2 * killed), missing
        assert status == (4 if waiting(commands) else 0)
        assert missing.total() <= waiting(commands)
        kills += killed
        if once:  # all of it was made by this run, which undoes it
            undo = ("undo", number_of_the_last(commands, "create"), "--count", "20", "--parallel", "2")
            kills += commands.run(*undo, seconds=chance.uniform(0, longest)) is None
            assert commands.run(*undo) in (0, 4)  # 4 where nothing was left to be undone
            assert commands.sandbox.tables["Asset"] == {}


def test_a_delete_ends_as_if_it_had_been_left_alone(commands: Commands) -> None:
    chance = random.Random("delete")
    clients = commands.sandbox.tables["Client"]
    kills, longest, first = 0, 1.0, 10_000
    while kills < KILLS // 8:
        wanted = range(first, first + 12)
        first += 12
        for key in wanted:
            clients[key] = {"id": key, "name": f"Doomed {key}", "inactive": False}
        (commands.folder / "in.csv").write_text("id\n" + "".join(f"{key}\n" for key in wanted))
        command = ("delete", "Client", "--from", "in.csv", "--parallel", "2", "--count", "12")
        killed = 0
        seconds = [chance.uniform(0, longest) for _ in range(2)]
        while killed < 2 and commands.run(*command, seconds=seconds[killed]) is None:
            killed += 1
        began = time.monotonic()
        assert commands.run(*command) == 0
        longest = max(0.3, time.monotonic() - began)
        assert not any(key in clients for key in wanted)
        assert len(clients) == RECORDS
        kills += killed


def number_of_the_last(commands: Commands, kind: str) -> str:
    assert commands.run("list", "--json") == 0
    listed = json.loads((commands.folder / "out.txt").read_text())
    return str(next(one["run"] for one in listed if one["kind"] == kind))


def waiting(commands: Commands) -> int:
    """How many rows of the last run wait for somebody who looks them up."""
    assert commands.run("list", "--json") == 0
    listed = json.loads((commands.folder / "out.txt").read_text())
    return int(listed[0]["outcomes"].get("waiting", 0))
