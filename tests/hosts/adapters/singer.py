"""``tap-haloitsm`` and ``target-haloitsm`` as commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from adapters.host import CONFIGURATION, Result, Row


class Singer:
    environment = "singer"
    keeps_what_came_before_a_bad_record = True

    def __init__(self) -> None:
        self._catalogs: dict[str, Any] = {}

    def read(self, run: Any, folder: Path, settings: Row, incoming: str, state: Any = None) -> Result:
        config = written(folder / "tap.json", {**settings, "config": str(CONFIGURATION)})
        if incoming not in self._catalogs:
            found = run("tap-haloitsm", "--config", config, "--discover")
            if found.status:
                return Result(False, found.out + found.log)
            self._catalogs |= {stream["stream"]: stream for stream in json.loads(found.out)["streams"]}
        catalog = written(folder / "catalog.json", {"streams": [selected(self._catalogs[incoming])]})
        arguments = ["--catalog", catalog]
        if state is not None:
            arguments += ["--state", written(folder / "state.json", state)]
        ran = run("tap-haloitsm", "--config", config, *arguments)
        states = [message["value"] for message in ran.messages if message["type"] == "STATE"]
        rows = [message["record"] for message in ran.messages if message["type"] == "RECORD"]
        return Result(ran.status == 0, ran.out + ran.log, rows, states[-1] if states else None)

    def publish(self, run: Any, folder: Path, settings: Row, outgoing: str, rows: list[Row]) -> Result:
        config = written(folder / "target.json", {**settings, "config": str(CONFIGURATION)})
        schema = {"type": "object", "properties": {name: {} for row in rows for name in row}}
        messages = [{"type": "SCHEMA", "stream": outgoing, "schema": schema, "key_properties": []}]
        messages += [{"type": "RECORD", "stream": outgoing, "record": row} for row in rows]
        messages += [{"type": "STATE", "value": {"came": "to its end"}}]
        ran = run("target-haloitsm", "--config", config, given="".join(json.dumps(each) + "\n" for each in messages))
        states = [message for message in ran.messages if message]
        return Result(ran.status == 0, ran.out + ran.log, state=states[-1] if states else None)


def selected(stream: Row) -> Row:
    """Return the entry of a stream in a catalog, selected."""
    root = {"breadcrumb": [], "metadata": {"selected": True}}
    return {**stream, "metadata": [*(each for each in stream["metadata"] if each["breadcrumb"]), root]}


def written(file: Path, document: Any) -> Path:
    """Write a document as JSON."""
    file.write_text(json.dumps(document), "utf-8")
    return file
