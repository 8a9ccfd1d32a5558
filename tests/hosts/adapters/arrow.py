"""A script with pandas, as people write them: read into a data frame, publish one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from adapters.host import CONFIGURATION, Result, Row

READ = """
import json, sys
from haloitsm_connector.hosts.settings import Settings
from haloitsm_connector.hosts.streams import Streams
from haloitsm_connector.arrow import record_batches

given = json.load(sys.stdin)
cursor = given["cursor"]

def pages(stream):
    global cursor
    for one in stream.slices(cursor):
        yield one.entities
        cursor = one.cursor or cursor

with Streams(Settings.of(given["settings"])) as streams:
    frame = record_batches(pages(streams[given["incoming"]])).read_pandas()
print(json.dumps({"rows": frame.to_dict("records"), "cursor": cursor}))
"""
PUBLISH = """
import json, sys
import polars
from haloitsm_connector.arrow import records
from haloitsm_connector.hosts.settings import Settings
from haloitsm_connector.hosts.sink import Sinks

given = json.load(sys.stdin)
with Sinks(Settings.of(given["settings"])) as sinks:
    sink = sinks.open(given["outgoing"], "script")
    outcomes = list(sink.send(records(polars.DataFrame(given["rows"], strict=False))))
    sink.confirm()
for outcome in outcomes:
    print(outcome.status, outcome.reason)
sys.exit(any(outcome.status not in {"created", "updated"} for outcome in outcomes))
"""


class Arrow:
    environment = "arrow"
    keeps_what_came_before_a_bad_record = False

    def read(self, run: Any, folder: Path, settings: Row, incoming: str, state: Any = None) -> Result:
        given = {"settings": {**settings, "config": str(CONFIGURATION)}, "incoming": incoming, "cursor": state}
        ran = run("python", "-c", READ, given=json.dumps(given))
        made = json.loads(ran.out) if ran.status == 0 else {"rows": [], "cursor": None}
        return Result(ran.status == 0, ran.out + ran.log, made["rows"], made["cursor"])

    def publish(self, run: Any, folder: Path, settings: Row, outgoing: str, rows: list[Row]) -> Result:
        given = {"settings": {**settings, "config": str(CONFIGURATION)}, "outgoing": outgoing, "rows": rows}
        ran = run("python", "-c", PUBLISH, given=json.dumps(given))
        return Result(ran.status == 0, ran.out + ran.log, state="confirmed" if ran.status == 0 else None)
