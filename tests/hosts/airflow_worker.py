"""Runs DAGs by ``dag.test()``, one after the other in one process: importing Airflow takes longer than most runs.

Each line of standard input is a request: the source of a DAG file, and the variables of its environment. Each is
answered by a line: how the run and each task ended, and what the tasks returned. A source that has no DAG leaves its
``answer``.
"""

from __future__ import annotations

import json
import os
import runpy
import shutil
import sys
import traceback
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path


@contextmanager
def quiet(file):
    """Send all that is printed to a file, whoever prints it."""
    before = [os.dup(number) for number in (1, 2)]
    with open(file, "wb") as output:
        for number in (1, 2):
            os.dup2(output.fileno(), number)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, kept in zip((1, 2), before, strict=True):
            os.dup2(kept, number)
            os.close(kept)


def ran(source, folder, date):
    file = folder / "case.py"
    file.write_text(source, "utf-8")
    made = runpy.run_path(str(file))
    if "dag" not in made:
        return {"answer": made["answer"]}
    dag = made["dag"]
    run = dag.test(logical_date=datetime.fromisoformat(date)) if date else dag.test()
    tasks = run.get_task_instances()
    return {
        "state": str(run.state),
        "states": {task.task_id: str(task.state) for task in tasks},
        "tries": {task.task_id: task.try_number for task in tasks},
        "returned": {task.task_id: task.xcom_pull(task_ids=task.task_id) for task in tasks},
    }


def main():
    home = Path(os.environ["AIRFLOW_HOME"])
    folder = home / "dags"
    folder.mkdir()
    with quiet(home / "start.txt"):
        from airflow.utils.db import initdb

        initdb()
    # Each DAG is written over the one before, and bytecode is known by second and size alone.
    sys.dont_write_bytecode = True
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        os.environ.update(request["variables"])
        os.chdir(request["variables"]["HOME"])
        with quiet(request["output"]):
            try:
                answer = ran(request["source"], folder, request["date"])
            except Exception:
                answer = {"broken": traceback.format_exc()}
        print(json.dumps(answer, default=str), flush=True)
    shutil.rmtree(home)


main()
