"""The Airflow provider: DAGs of its operators and its sensor, and what Airflow knows of its connections."""

from __future__ import annotations

import json
import sqlite3
import sys
import threading
from collections import Counter
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from adapters.airflow import Airflow, written

from haloitsm_connector.client import ClientCredentials, HttpClient

HALO = Path(__file__).with_name("halo.yaml").read_text("utf-8")
NONE = """incoming:
  no_tickets:
    subscriber: {prototype: haloitsm, client: halo, entity: GET /Tickets, incremental: {since: 2999-01-01}}
"""
ROUTES = """
  lines:
    publisher: {prototype: file, path: "${TAKEN:-lines.jsonl}", mode: append}
  strict:
    transformers:
      - when: {if: id == `2060`, then: [fail: "ticket {{ id }} is the bad one"]}
    publisher: {prototype: file, path: "${TAKEN:-lines.jsonl}", mode: append}
  copies:
    transformers:
      - when: {if: name == 'Broken', then: [fail: it is broken]}
      - set: {payload: {summary: "Copy of {{ name }}", client_id: 1, tickettype_id: 1}}
    publisher: {prototype: haloitsm, client: halo, entity: POST /Tickets}
routes:
  all: {incoming: new_tickets, outgoing: lines}
  strict: {incoming: new_tickets, outgoing: strict}
"""


@pytest.fixture
def config(tmp_path):
    (tmp_path / "routes.yaml").write_text(HALO.replace("incoming:\n", NONE, 1) + ROUTES, "utf-8")
    return str(tmp_path / "routes.yaml")


@pytest.fixture
def client(sandbox):
    credentials = ClientCredentials(client_id=sandbox.client_id, client_secret=sandbox.client_secret)
    with HttpClient(sandbox.base_uri, credentials, tenant=sandbox.tenant) as client:
        yield client


@pytest.fixture
def run(environment, tmp_path, settings):
    """Run a DAG of the tasks written."""

    def run(*tasks, extra=None, **how):
        told = {**settings, "extra": extra or {}}
        return Airflow().dag(environment("airflow").run, tmp_path, told, "\n".join(tasks), **how)

    return run


@pytest.fixture
def answer(environment, tmp_path, settings):
    """Run a script and return what it leaves as ``answer``."""

    def answer(source, **other):
        return Airflow().script(environment("airflow").run, tmp_path, settings | other, source)["answer"]

    return answer


def routes(task, config, tmp_path, **more):
    told = {"parameters": {"TAKEN": str(tmp_path / "lines.jsonl")}, **more}
    return written("HaloITSMRunRouteOperator", task, config=config, **told)


def lines(folder):
    return [json.loads(line) for line in (folder / "lines.jsonl").read_text("utf-8").splitlines()]


def test_the_provider_is_found_without_airflow():
    (found,) = [one for one in entry_points(group="apache_airflow_provider") if "haloitsm" in one.value]
    told = found.load()()
    assert told["connection-types"][0]["connection-type"] == "haloitsm"
    assert "airflow" not in sys.modules


@pytest.mark.slow
def test_airflow_knows_the_connection_its_form_and_its_button(answer):
    told = answer("""
from airflow.providers_manager import ProvidersManager
manager = ProvidersManager()
hook = manager.hooks["haloitsm"]
fields = {n: w.is_sensitive for n, w in manager.connection_form_widgets.items() if n.startswith("extra__haloitsm__")}
answer = [hook.hook_name, hook.connection_testable, fields, manager.field_behaviours["haloitsm"]]
""")
    secret = {name.removeprefix("extra__haloitsm__") for name, hidden in told[2].items() if hidden}
    assert told[:2] == ["HaloITSM", True]
    assert secret == {"password", "api_key", "state"}
    assert told[3]["relabeling"]["password"] == "Client secret"


TEST = """
from haloitsm_connector.hosts.airflow.hook import HaloITSMHook
hook = HaloITSMHook()
tested = hook.test_connection()
tickets = []
if tested[0]:
    with hook.get_conn() as client:
        tickets = client.get("/Tickets", query={"count": 3})["tickets"]
answer = [*tested, len(tickets)]
"""


@pytest.mark.slow
def test_the_button_says_whether_one_may_sign_in(answer, settings):
    assert answer(TEST) == [True, f"Signed in to {settings['base_uri']}/api.", 3]
    worked, said, _ = answer(TEST, client_secret="a-wrong-secret")
    assert not worked
    assert "the client secret is wrong" in said
    assert "a-wrong-secret" not in said
    worked, said, _ = answer(TEST, base_uri="")
    assert (worked, said.split(":")[0]) == (False, "base_uri is missing")


@pytest.mark.slow
def test_a_connection_may_be_written_as_a_uri(answer, settings):
    host = settings["base_uri"].removeprefix("http://")
    uri = f"haloitsm://{settings['client_id']}:{settings['client_secret']}@{host}/http?tenant={settings['tenant']}"
    there = f"""
import os
os.environ["AIRFLOW_CONN_HALOITSM_DEFAULT"] = {uri!r}
"""
    assert answer(there + TEST)[0]


@pytest.mark.slow
def test_routes_run_with_their_state_and_say_what_became_of_their_tasks(run, config, tmp_path, sandbox):
    state = str(tmp_path / "our.sqlite")
    task = routes("run", config, tmp_path, routes=["all"], state=state)
    first = run(task)
    assert first["state"] == "success", first["output"]
    count = len(sandbox.tables["Tickets"])
    assert first["returned"] == {"run": {"all": {"finished": count}}}
    assert run(task)["returned"] == {"run": {"all": {}}}
    assert len(lines(tmp_path)) == count
    assert Path(state).exists()


@pytest.mark.slow
def test_the_connection_may_name_the_state(run, config, tmp_path):
    state = str(tmp_path / "theirs.sqlite")
    done = run(routes("run", config, tmp_path, routes="all"), extra={"state": state})
    assert done["state"] == "success", done["output"]
    assert Path(state).exists()


@pytest.mark.slow
def test_without_a_state_nothing_is_run(run, config, tmp_path):
    nowhere = """
import os
os.environ["HALOITSM_STATE"] = ""
"""
    done = run(nowhere, routes("run", config, tmp_path, routes=["all"], retries=2))
    assert (done["states"], done["tries"]) == ({"run": "failed"}, {"run": 1})
    assert "AirflowFailException: state is missing" in done["output"]
    assert not (tmp_path / "lines.jsonl").exists()


@pytest.mark.slow
def test_a_run_with_failed_tasks_fails_for_good_and_says_why(run, config, tmp_path):
    done = run(routes("run", config, tmp_path, routes=["strict"], retries=2))
    assert (done["states"], done["tries"]) == ({"run": "failed"}, {"run": 1})
    assert "routes.yaml:" in done["output"]
    assert "ticket 2060 is the bad one" in done["output"]
    assert done["returned"]["run"]["strict"]["failed"] == 1
    assert 2060 not in {row["id"] for row in lines(tmp_path)}


@pytest.mark.slow
def test_a_run_that_may_goes_on_past_failed_tasks(run, config, tmp_path):
    done = run(routes("run", config, tmp_path, routes=["strict"], on_failed="log"))
    assert done["state"] == "success"
    assert done["returned"]["run"]["strict"]["failed"] == 1


@pytest.mark.slow
def test_a_run_is_tried_again_while_halo_is_out_of_reach(run, config, tmp_path, settings):
    settings["base_uri"] = "http://127.0.0.1:1"
    done = run(routes("run", config, tmp_path, routes=["all"], retries=1))
    assert (done["states"], done["tries"]) == ({"run": "failed"}, {"run": 2})


@pytest.mark.slow
def test_what_cannot_work_is_not_tried_again(run, config, tmp_path):
    done = run(routes("run", config, tmp_path, routes=["al"], retries=2))
    assert (done["states"], done["tries"]) == ({"run": "failed"}, {"run": 1})
    assert "there is no route 'al'. Did you mean 'all'?" in done["output"]


@pytest.mark.slow
def test_a_run_that_is_stopped_goes_on_the_next_time(run, config, tmp_path, sandbox):
    stopping = """
class Stopping(HaloITSMRunRouteOperator):
    def _tell(self, event):
        super()._tell(event)
        self.on_kill()
"""
    task = routes("run", config, tmp_path, routes=["all"])
    done = run(stopping, task.replace("HaloITSMRunRouteOperator", "Stopping"))
    assert done["state"] == "failed"
    assert "The run was stopped" in done["output"]
    assert run(task)["state"] == "success"
    count = len(sandbox.tables["Tickets"])
    assert Counter(row["id"] for row in lines(tmp_path)).most_common(1)[0][1] == 1
    assert len(lines(tmp_path)) == count


@pytest.mark.slow
def test_fields_are_templates_and_paths_begin_at_the_file_of_the_dag(run, tmp_path):
    copy = f"""
from pathlib import Path
Path(__file__).with_name("beside.yaml").write_text({HALO + ROUTES!r})
"""
    task = written(
        "HaloITSMRunRouteOperator",
        "run",
        config="{{ 'beside' }}.yaml",
        routes=["{{ params.route }}"],
        params={"route": "all"},
        parameters={"TAKEN": f"{tmp_path}/{{{{ task.task_id }}}}.jsonl"},
    )
    done = run(copy, task)
    assert done["state"] == "success", done["output"]
    assert (tmp_path / "run.jsonl").exists()


@pytest.mark.slow
@pytest.mark.parametrize("place", ["{}/rows.parquet", "file://{}/rows.parquet", "{}/deep/rows.jsonl"])
def test_a_file_that_one_task_reads_another_publishes(place, run, config, tmp_path, sandbox):
    reading = written("HaloITSMToFileOperator", "read", incoming="statuses", path=place.format(tmp_path))
    path = "{{ ti.xcom_pull('read')['path'] }}"
    publishing = written("HaloITSMPublishOperator", "publish", outgoing="copies", path=path, config=config)
    done = run(f"{reading} >> {publishing}")
    assert done["state"] == "success", done["output"]
    statuses = len(sandbox.tables["Status"])
    assert done["returned"]["read"]["records"] == statuses
    assert done["returned"]["publish"] == {"created": statuses}
    assert copies(sandbox) == {status["name"]: 1 for status in sandbox.tables["Status"].values()}


def copies(sandbox):
    names = [ticket["summary"] for ticket in sandbox.tables["Tickets"].values()]
    return Counter(name.removeprefix("Copy of ") for name in names if name.startswith("Copy of "))


@pytest.mark.slow
def test_rows_that_a_task_returned_are_published(run, config, sandbox):
    making = """
from airflow.sdk import task
@task
def make():
    return [{"name": "One"}, {"name": "Two"}]
"""
    publishing = written("HaloITSMPublishOperator", "publish", outgoing="copies", rows=[], config=config)
    done = run(making, publishing.replace("rows=[]", "rows=make()"))
    assert done["returned"]["publish"] == {"created": 2}, done["output"]
    assert copies(sandbox) == {"One": 1, "Two": 1}


@pytest.mark.slow
def test_trying_again_creates_nothing_twice_and_the_next_run_does(run, config, sandbox):
    losing = """
class Losing(HaloITSMPublishOperator):
    def execute(self, context):
        done = super().execute(context)
        if context["ti"].try_number == 1:
            raise RuntimeError("nobody hears of what is done")
        return done
"""
    task = written(
        "Losing", "publish", outgoing="copies", rows=[{"name": "One"}, {"name": "Two"}], config=config, retries=1
    )
    first = run(losing, task)
    assert first["tries"] == {"publish": 2}
    assert first["returned"]["publish"] == {"skipped": 2}, first["output"]
    assert copies(sandbox) == {"One": 1, "Two": 1}
    assert run(losing.replace("== 1", "== 0"), task, name=first["name"])["returned"]["publish"] == {"created": 2}


@pytest.mark.slow
def test_where_a_row_is_broken_the_others_are_published_and_the_task_fails_for_good(run, config, sandbox):
    rows = [{"name": "One"}, {"name": "Broken"}, {"name": "Two"}]
    task = written("HaloITSMPublishOperator", "publish", outgoing="copies", rows=rows, config=config, retries=2)
    done = run(task)
    assert (done["states"], done["tries"]) == ({"publish": "failed"}, {"publish": 1}), done["output"]
    assert copies(sandbox) == {"One": 1, "Two": 1}
    assert done["returned"]["publish"] == {"created": 2, "failed": 1}
    assert "it is broken" in done["output"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "given",
    [{}, {"rows": "[{'name': 'One'}]"}, {"rows": [], "path": "rows.jsonl"}, {"rows": {"name": "One"}}, {"rows": [1]}],
)
def test_rows_that_cannot_be_are_told_in_a_sentence(given, run, config):
    done = run(written("HaloITSMPublishOperator", "publish", outgoing="copies", config=config, **given))
    assert done["state"] == "failed"
    assert "AirflowFailException: rows " in done["output"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"path": "s3://bucket/rows.csv"}, "s3://bucket/rows.csv: this storage cannot be reached"),
        ({"path": "zzz://bucket/rows.csv"}, "zzz://bucket/rows.csv: this storage cannot be reached"),
        ({"path": "rows.csv", "since": "the other day"}, "since: this is text that is not a date"),
    ],
)
def test_what_no_file_can_be_made_of_is_told_before_anything_is_read(given, said, run, sandbox):
    before = len(sandbox.requests)
    done = run(written("HaloITSMToFileOperator", "read", incoming="tickets", retries=2, **given))
    assert (done["state"], done["tries"]) == ("failed", {"read": 1})
    assert f"AirflowFailException: {said}" in done["output"]
    assert len(sandbox.requests) == before


@pytest.mark.slow
def test_each_run_reads_on_from_the_one_before_it_also_when_it_is_run_again(run, tmp_path, sandbox, client):
    task = written("HaloITSMToFileOperator", "read", incoming="tickets", path=f"{tmp_path}/{{{{ ds }}}}.jsonl")

    def records(day):
        done = run(task, name="day_by_day", date=f"{day}T00:00:00+00:00")
        assert done["state"] == "success", done["output"]
        assert len((tmp_path / f"{day}.jsonl").read_text("utf-8").splitlines()) == done["returned"]["read"]["records"]
        return done["returned"]["read"]["records"]

    everything = len(sandbox.tables["Tickets"])
    assert records("2026-01-01") == everything
    client.post("/Tickets", [{"id": 2003, "summary": "Changed meanwhile"}])
    assert records("2026-01-02") == 1
    assert records("2026-01-03") == 0
    assert records("2026-01-02") == 1
    assert records("2026-01-01") == everything


@pytest.mark.slow
def test_a_task_can_be_mapped_over_incomings_each_with_its_cursor(run, tmp_path):
    path = f"{tmp_path}/{{{{ task.incoming }}}}.jsonl"
    task = f"HaloITSMToFileOperator.partial(task_id='read', path={path!r}).expand(incoming=['tickets', 'clients'])"
    first = run(task)
    assert first["state"] == "success", first["output"]
    read = [len((tmp_path / f"{name}.jsonl").read_text("utf-8").splitlines()) for name in ("tickets", "clients")]
    assert all(read)
    assert run(task, name=first["name"])["state"] == "success"
    assert [(tmp_path / f"{name}.jsonl").read_text("utf-8") for name in ("tickets", "clients")] == ["", ""]


@pytest.mark.slow
def test_where_reading_fails_no_file_is_left(run, config, tmp_path):
    bad = written(
        "HaloITSMToFileOperator", "read", incoming="bad_ticket", path=f"{tmp_path}/out/r.jsonl", config=config
    )
    assert run(bad)["state"] == "failed"
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("deferrable", [False, True])
def test_the_sensor_waits_until_something_is_new(deferrable, run, tmp_path, client):
    how = {"incoming": "tickets", "poke_interval": 0.2, "deferrable": deferrable}
    wait = written("HaloITSMSensor", "wait", **how)
    first = run(wait)
    assert first["returned"]["wait"] > 100, first["output"]
    later = threading.Timer(2, client.post, ["/Tickets", [{"id": 2003, "summary": "Changed meanwhile"}]])
    later.start()
    second = run(wait, name=first["name"])
    later.join()
    assert second["returned"] == {"wait": 1}, second["output"]
    assert ("Trigger completed" in second["output"]) == deferrable


@pytest.mark.slow
@pytest.mark.parametrize(("incoming", "said"), [("tikets", "Did you mean 'tickets'?"), ("GET /Tikets", "GET /Tickets")])
def test_a_sensor_that_cannot_look_says_why(incoming, said, run):
    done = run(written("HaloITSMSensor", "wait", incoming=incoming, retries=2))
    assert (done["state"], done["tries"]) == ("failed", {"wait": 1})
    assert said in done["output"]


@pytest.mark.slow
def test_a_trigger_that_can_no_longer_look_fails_the_sensor(run, config):
    """The triggerer of this DAG does not have the YAML: it is gone when the sensor defers."""
    gone = f"""
import os
class Gone(HaloITSMSensor):
    def defer(self, **how):
        os.remove({config!r})
        super().defer(**how)
"""
    none = written("Gone", "wait", incoming="no_tickets", config=config, deferrable=True)
    done = run(gone, none)
    assert done["state"] == "failed"
    assert "AirflowFailException" in done["output"]
    assert "routes.yaml" in done["output"]


@pytest.mark.slow
def test_a_trigger_can_be_cancelled(answer):
    assert (
        answer("""
import asyncio
from haloitsm_connector.hosts.airflow.triggers import HaloITSMTrigger

given = dict(haloitsm_conn_id="haloitsm_default", config=[], parameters={}, state=None, since="2999-01-01")
trigger = HaloITSMTrigger(incoming="tickets", cursor=None, poke_interval=60, **given)

async def wait():
    waiting = asyncio.ensure_future(anext(trigger.run()))
    await asyncio.sleep(2)
    assert not waiting.done()
    waiting.cancel()
    return await asyncio.gather(waiting, return_exceptions=True)

(ended,) = asyncio.run(wait())
answer = type(ended).__name__
""")
        == "CancelledError"
    )


@pytest.mark.slow
def test_no_secret_is_in_the_metadata_of_airflow(run, config, tmp_path, settings):
    state = "postgresql://halo:a-secret-of-the-state@127.0.0.1:1/none?sslmode=disable"
    done = run(
        written("HaloITSMToFileOperator", "read", incoming="tickets", path=str(tmp_path / "rows.csv")),
        routes("run", config, tmp_path, routes=["all"]),
        extra={"state": state},
    )
    assert done["states"] == {"read": "success", "run": "failed"}
    with sqlite3.connect(Airflow.worker.database) as database:
        kept = "\n".join(database.iterdump())
    for secret in (settings["client_secret"], "a-secret-of-the-state"):
        assert secret not in kept + done["output"]
