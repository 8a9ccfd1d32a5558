"""``source-haloitsm`` and ``destination-haloitsm`` as commands."""

from __future__ import annotations

import atexit
import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

from adapters.host import CONFIGURATION, Result, Row
from adapters.singer import written
from conftest import Environment, Ran

FORKS = Path(__file__).parents[1] / "airbyte_forks.py"


class Airbyte:
    environment = "airbyte"
    keeps_what_came_before_a_bad_record = True

    def __init__(self) -> None:
        self._streams: dict[str, Any] = {}

    def read(self, run: Any, folder: Path, settings: Row, incoming: str, state: Any = None) -> Result:
        run = forked(run.__self__)
        config = written(folder / "source.json", form(settings))
        if incoming not in self._streams:
            found = run("source-haloitsm", "discover", "--config", config)
            if found.status:
                return Result(False, found.out + found.log)
            [catalog] = told(found, "CATALOG")
            self._streams |= {stream["name"]: stream for stream in catalog["streams"]}
        catalog = written(folder / "catalog.json", configured(self._streams[incoming]))
        arguments = ["--state", written(folder / "state.json", state)] if state is not None else []
        ran = run("source-haloitsm", "read", "--config", config, "--catalog", catalog, *arguments)
        states = [each for each in told(ran, "STATE") if each.pop("sourceStats")]
        rows = [record["data"] for record in told(ran, "RECORD")]
        return Result(ran.status == 0, ran.out + ran.log, rows, states[-1:] or None)

    def publish(self, run: Any, folder: Path, settings: Row, outgoing: str, rows: list[Row]) -> Result:
        run = forked(run.__self__)
        config = written(folder / "destination.json", form(settings))
        stream = {"name": outgoing, "json_schema": {"type": "object"}, "supported_sync_modes": ["full_refresh"]}
        catalog = written(folder / "catalog.json", configured(stream))
        given = "".join(json.dumps(each) + "\n" for each in [*records(outgoing, rows), state(outgoing)])
        ran = run("destination-haloitsm", "write", "--config", config, "--catalog", catalog, given=given)
        states = told(ran, "STATE")
        return Result(ran.status == 0, ran.out + ran.log, state=states[-1] if states else None)


@cache
def _forks(folder: Path) -> subprocess.Popen[str]:
    """Start the process that runs the programs of an environment; it ends with the tests."""
    command = [folder / "bin" / "python", FORKS]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    atexit.register(process.communicate)
    return process


def forked(environment: Environment) -> Any:
    """Return a function that runs the programs of an environment as `Environment.run` does, without their imports."""
    home = Path(environment.variables["HOME"])
    files = [home / name for name in ("given.txt", "out.txt", "log.txt")]

    def run(program: str, *arguments: object, given: str = "") -> Ran:
        files[0].write_text(given, "utf-8")
        task = {"program": program, "arguments": [str(each) for each in arguments], "folder": str(home)}
        task |= {"variables": environment.variables, "files": [str(file) for file in files]}
        process = _forks(environment.folder)
        print(json.dumps(task), file=process.stdin, flush=True)
        status = int(process.stdout.readline())
        return Ran(status, *(file.read_text("utf-8") for file in files[1:]))

    return run


def form(settings: Row, config: Path | None = CONFIGURATION, **more: Any) -> Row:
    """Return settings as Airbyte's form holds them."""
    authentication = {"type": "client_credentials"}
    authentication |= {name: settings[name] for name in ("client_id", "client_secret")}
    address = {name: settings[name] for name in ("base_uri", "tenant")}
    return {**address, "authentication": authentication, **({"config": [str(config)]} if config else {}), **more}


def configured(*streams: Row, write: str = "append", read: str | None = None) -> Row:
    """Return a configured catalog: streams, and how each is read and written."""
    return {
        "streams": [
            {
                "stream": stream,
                "sync_mode": read or stream["supported_sync_modes"][-1],
                "destination_sync_mode": write,
                "primary_key": stream.get("source_defined_primary_key", []),
            }
            for stream in streams
        ]
    }


def told(ran: Any, kind: str) -> list[Row]:
    """Return what a process said in messages of a type."""
    names = {"CONNECTION_STATUS": "connectionStatus"}
    return [each[names.get(kind, kind.lower())] for each in ran.messages if each["type"] == kind]


def records(stream: str, rows: list[Row]) -> list[Row]:
    """Return rows as messages."""
    return [{"type": "RECORD", "record": {"stream": stream, "data": row, "emitted_at": 1}} for row in rows]


def state(stream: str, number: int = 1) -> Row:
    """Return a message with the state of a stream."""
    kept = {"stream_descriptor": {"name": stream}, "stream_state": {"so far": number}}
    return {"type": "STATE", "state": {"type": "STREAM", "stream": kept}}


def complete(stream: str) -> Row:
    """Return a message that says that a stream was read to its end."""
    status = {"stream_descriptor": {"name": stream}, "status": "COMPLETE"}
    return {"type": "TRACE", "trace": {"type": "STREAM_STATUS", "emitted_at": 1.0, "stream_status": status}}
