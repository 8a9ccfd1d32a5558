"""A script with dlt, as people write them: an incoming into DuckDB, rows through an outgoing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from adapters.host import CONFIGURATION, Result, Row

QUIET = {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "ERROR"}
READ = """
import json, sys
import dlt
from haloitsm_connector.hosts.dlt import haloitsm_source

given = json.load(sys.stdin)
pipeline = dlt.pipeline(
    "read", pipelines_dir=given["folder"], dataset_name="halo", destination=dlt.destinations.duckdb(given["database"])
)
source = haloitsm_source(given["credentials"], config=given["config"])
info = pipeline.run(source.with_resources(given["incoming"]))
with pipeline.sql_client() as client:
    sql = f"SELECT * FROM {given['incoming']} WHERE _dlt_load_id = '{info.loads_ids[0]}'"
    with client.execute_query(sql) as cursor:
        names = [column[0] for column in cursor.description]
        print(json.dumps([dict(zip(names, row)) for row in cursor.fetchall()], default=str))
"""
PUBLISH = """
import json, sys
import dlt
from haloitsm_connector.hosts.dlt import haloitsm

given = json.load(sys.stdin)
destination = haloitsm(credentials=given["credentials"], config=given["config"])
pipeline = dlt.pipeline("publish", pipelines_dir=given["folder"], destination=destination)
pipeline.run(given["rows"], table_name=given["outgoing"])
"""


class Dlt:
    environment = "dlt"
    keeps_what_came_before_a_bad_record = False

    def read(self, run: Any, folder: Path, settings: Row, incoming: str, state: Any = None) -> Result:
        given = {"credentials": settings, "config": str(CONFIGURATION), "incoming": incoming}
        where = state or str(folder / f"read-{len(list(folder.iterdir()))}")
        given |= {"folder": where, "database": f"{where}.duckdb"}
        ran = run("python", "-c", READ, given=json.dumps(given), **QUIET)
        rows = json.loads(ran.out) if ran.status == 0 else []
        return Result(ran.status == 0, ran.out + ran.log, rows, where if ran.status == 0 else None)

    def publish(self, run: Any, folder: Path, settings: Row, outgoing: str, rows: list[Row]) -> Result:
        given = {"credentials": settings, "config": str(CONFIGURATION), "outgoing": outgoing, "rows": rows}
        given["folder"] = str(folder / "publish")
        ran = run("python", "-c", PUBLISH, given=json.dumps(given), **QUIET)
        return Result(ran.status == 0, ran.out + ran.log, state="loaded" if ran.status == 0 else None)
