"""Spark, in one session that stays; what is new is read as a stream, whose checkpoint is the state."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

from adapters.host import CONFIGURATION, Result, Row


class Spark:
    environment = "spark"
    keeps_what_came_before_a_bad_record = False

    def prepare(self, request: Any) -> None:
        self._spark = request.getfixturevalue("spark")
        self._state = request.getfixturevalue("postgresql").address()

    def read(self, run: Any, folder: Path, settings: Row, incoming: str, state: Any = None) -> Result:
        options = {**settings, "config": str(CONFIGURATION), "incoming": incoming}
        if incoming != "new_tickets":
            return self._result(self._spark.ask("read", options=options))
        checkpoint = state or str(folder / "checkpoint")
        made = str(folder / uuid.uuid4().hex)
        return self._result(self._spark.ask("stream", options=options, checkpoint=checkpoint, folder=made), checkpoint)

    def publish(self, run: Any, folder: Path, settings: Row, outgoing: str, rows: list[Row]) -> Result:
        options = {**settings, "config": str(CONFIGURATION), "outgoing": outgoing, "state": self._state}
        whole = all(isinstance(value, int) for row in rows for name, value in row.items() if name == "client")
        schema = f"subject string, client {'bigint' if whole else 'string'}"
        return self._result(self._spark.ask("write", options=options, rows=rows, schema=schema), "committed")

    def _result(self, answer: Row, state: Any = None) -> Result:
        failed = "error" in answer
        output = f"{answer.get('error', '')}\n{answer['log']}"
        return Result(not failed, output, answer.get("rows", []), None if failed else state)
