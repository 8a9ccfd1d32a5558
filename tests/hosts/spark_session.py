"""One Spark session for many tests: it takes requests as lines of JSON, and answers with lines of JSON.

Starting Spark takes several seconds, so this process stays; ``MASTER`` says where it runs its tasks.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from haloitsm_connector.hosts.spark.source import register

Given = dict[str, Any]


def session() -> SparkSession:
    settings = {
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.codegen.wholeStage": "false",  # compiling takes longer than so few rows
        "spark.ui.showConsoleProgress": "false",
        "spark.cores.max": "2",
        "spark.executor.memory": "600m",
        "spark.sql.session.timeZone": "UTC",
    }
    builder = SparkSession.builder.master(os.environ.get("MASTER", "local[2]"))
    for name, value in settings.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    register(spark)
    return spark


def rows_of(frame: DataFrame) -> list[Given]:
    return [json.loads(line) for line in frame.toJSON().collect()]


def read(spark: SparkSession, given: Given) -> Given:
    reader = spark.read.format("haloitsm").options(**given["options"])
    frame = (reader.schema(given["schema"]) if "schema" in given else reader).load()
    if given.get("where"):
        frame = frame.where(given["where"])
    if given.get("columns"):
        frame = frame.select(*given["columns"])
    return {"partitions": frame.rdd.getNumPartitions(), "rows": rows_of(frame)}


def stream(spark: SparkSession, given: Given) -> Given:
    """Stream what is new into a folder until there is nothing more; with the same checkpoint only what is new since."""
    frame = spark.readStream.format("haloitsm").options(**given["options"]).load()
    if given.get("where"):
        frame = frame.where(given["where"]).selectExpr(*given["columns"])
    flow = frame.writeStream.option("checkpointLocation", given["checkpoint"]).trigger(availableNow=True)
    if "publish" in given:
        flow.format("haloitsm").options(**given["publish"]).start().awaitTermination()
        return {}
    flow.format("json").start(given["folder"]).awaitTermination()
    files = sorted(Path(given["folder"]).glob("*.json"))
    return {"rows": [json.loads(line) for file in files for line in file.read_text("utf-8").splitlines()]}


def write(spark: SparkSession, given: Given) -> Given:
    if "range" in given:
        frame = spark.range(0, given["range"], 1, given["partitions"]).selectExpr(*given["columns"])
    else:
        frame = spark.createDataFrame([json.dumps(row) for row in given["rows"]], "string").selectExpr(
            f"from_json(value, '{given['schema']}') as row"
        )
        frame = frame.selectExpr("row.*")
    frame.write.format("haloitsm").mode("append").options(**given["options"]).save()
    return {}


def outcomes(spark: SparkSession, given: Given) -> Given:
    return {"rows": rows_of(spark.read.parquet(given["folder"]))}


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever else is printed is log
    spark = session()
    work = {"read": read, "stream": stream, "write": write, "outcomes": outcomes}
    print(json.dumps({"ready": spark.version}), file=answers, flush=True)
    for line in sys.stdin:
        given = json.loads(line)
        try:
            answer = work[given["do"]](spark, given)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer, default=str), file=answers, flush=True)
    spark.stop()


if __name__ == "__main__":
    main()
