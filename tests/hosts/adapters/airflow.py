"""DAGs with the provider's operators, run by ``dag.test()``; the state is the DAG, whose earlier runs Airflow knows."""

from __future__ import annotations

import atexit
import json
import subprocess
import tempfile
from itertools import count
from pathlib import Path
from textwrap import indent
from typing import Any, ClassVar

from adapters.host import CONFIGURATION, Result, Row

WORKER = Path(__file__).parents[1] / "airflow_worker.py"
NUMBERS = count(1)
DAG = """
from airflow.sdk import DAG
from haloitsm_connector.hosts.airflow.operators import *
from haloitsm_connector.hosts.airflow.sensors import *

with DAG({name!r}, schedule=None, default_args={{"retry_delay": 0}}) as dag:
{tasks}
"""


class Worker:
    """A process that runs DAGs; it ends with the tests."""

    def __init__(self, environment: Any) -> None:
        home = Path(tempfile.mkdtemp())
        variables = {
            **environment.variables,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        }
        self.database = home / "airflow.db"
        self._process = subprocess.Popen(
            [environment.folder / "bin" / "python", WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=variables,
            text=True,
        )
        atexit.register(self.end)
        assert json.loads(self._process.stdout.readline()) == "ready"

    def run(self, source: str, variables: Row, folder: Path, date: str | None = None) -> Row:
        """Run a DAG; return how it ended, and all that was printed."""
        output = folder / "output.txt"
        request = {"source": source, "variables": variables, "output": str(output), "date": date}
        print(json.dumps(request), file=self._process.stdin, flush=True)
        answer = json.loads(self._process.stdout.readline())
        assert "broken" not in answer, answer["broken"]
        return {**answer, "output": output.read_text("utf-8")}

    def end(self) -> None:
        """End the process, which takes its database along."""
        self._process.stdin.close()
        self._process.wait(30)


class Airflow:
    environment = "airflow"
    keeps_what_came_before_a_bad_record = False

    worker: ClassVar[Worker | None] = None
    """Is begun with the first DAG, and runs all of them."""

    def dag(
        self, run: Any, folder: Path, settings: Row, tasks: str, name: str | None = None, date: str | None = None
    ) -> Row:
        """Run a DAG of some tasks, as that of a logical date if one is given."""
        name = name or f"case_{next(NUMBERS)}"
        source = DAG.format(name=name, tasks=indent(tasks, "    "))
        return {**self.script(run, folder, settings, source, date), "name": name}

    def script(self, run: Any, folder: Path, settings: Row, source: str, date: str | None = None) -> Row:
        """Run a file of Python that leaves a ``dag``, or an ``answer``."""
        environment = run.__self__
        if Airflow.worker is None:
            Airflow.worker = Worker(environment)
        variables = {name: environment.variables[name] for name in ("HOME", "HALOITSM_STATE_DIR")}
        variables["HALOITSM_STATE"] = f"{variables['HALOITSM_STATE_DIR']}/airflow.sqlite"
        variables["AIRFLOW_CONN_HALOITSM_DEFAULT"] = connection_of(settings)
        return Airflow.worker.run(source, variables, folder, date)

    def read(self, run: Any, folder: Path, settings: Row, incoming: str, state: Any = None) -> Result:
        file = folder / "rows.jsonl"
        file.unlink(missing_ok=True)
        task = written("HaloITSMToFileOperator", "read", incoming=incoming, path=str(file), config=str(CONFIGURATION))
        done = self.dag(run, folder, settings, task, state)
        rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()] if file.exists() else []
        succeeded = done["state"] == "success"
        return Result(succeeded, done["output"] + str(done["returned"]), rows, done["name"] if succeeded else None)

    def publish(self, run: Any, folder: Path, settings: Row, outgoing: str, rows: list[Row]) -> Result:
        task = written("HaloITSMPublishOperator", "publish", outgoing=outgoing, rows=rows, config=str(CONFIGURATION))
        done = self.dag(run, folder, settings, task)
        succeeded = done["state"] == "success"
        return Result(succeeded, done["output"] + str(done["returned"]), state=done["returned"] if succeeded else None)


def written(operator: str, task: str, **arguments: Any) -> str:
    """Return a task as it stands in the file of a DAG."""
    told = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    return f"{operator}(task_id={task!r}, {told})"


def connection_of(settings: Row) -> str:
    """Return a connection as people put it into the environment."""
    return json.dumps(
        {
            "conn_type": "haloitsm",
            "host": settings["base_uri"],
            "login": settings["client_id"],
            "password": settings["client_secret"],
            "extra": {"tenant": settings["tenant"], **settings.get("extra", {})},
        }
    )
