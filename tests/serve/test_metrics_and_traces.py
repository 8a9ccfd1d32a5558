"""What metrics count and traces hold, of real runs against the sandbox."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import ExitStack
from datetime import UTC, datetime

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from haloitsm_connector.client.logging import WATCHERS
from haloitsm_connector.errors import InputError
from haloitsm_connector.pipeline import Pipeline
from haloitsm_connector.runner.run import Runner
from haloitsm_connector.sandbox import Sandbox
from haloitsm_connector.serve.agenda import Job
from haloitsm_connector.serve.metrics import Metrics
from haloitsm_connector.serve.tracing import Tracing
from haloitsm_connector.serve.watching import Watching
from haloitsm_connector.store import Event, Inbox

CONFIG = """\
clients:
  halo:
    prototype: haloitsm
    base_uri: ${HALO_BASE_URI}
    budget: {requests: 1000}
    authentication: {type: client_credentials, client_id: "${HALO_CLIENT_ID}", client_secret: "${HALO_CLIENT_SECRET}"}
incoming:
  changes: {subscriber: {prototype: webhook, path: /t, authentication: {type: none}}}
outgoing:
  tickets:
    transformers:
      - when: {if: "id == `3`", then: [{fail: "not this one"}]}
      - set: {payload: {id: "{{ id }}", summary: Changed}}
    publisher: {prototype: haloitsm, client: halo, entity: POST /Tickets, batch: 1}
routes:
  changes: {incoming: changes, outgoing: tickets}
"""


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as running:
        yield running


@pytest.fixture
def pipeline(tmp_path, sandbox):
    (tmp_path / "halo.yaml").write_text(CONFIG)
    environ = {**sandbox.environment, "HALOITSM_STATE_DIR": str(tmp_path)}
    with Pipeline.load(tmp_path / "halo.yaml", environ=environ, state=tmp_path / "state.sqlite") as loaded:
        inbox = Inbox(lambda: loaded.assembly.state, "changes")
        inbox.put([Event({"id": number}) for number in (2001, 2002, 3)])
        yield loaded


def run(pipeline, watcher, job: Job | None = None) -> None:
    job = job or Job("schedule", "nightly", datetime.now(UTC), (("changes",),))
    WATCHERS.append(watcher.attempt)
    try:
        with watcher.job(job):
            Runner(pipeline.assembly).run(["changes"], stop=threading.Event(), tell=watcher.event)
    finally:
        WATCHERS.remove(watcher.attempt)


def test_what_happened_and_what_there_is_are_on_one_page(pipeline):
    metrics = Metrics(pipeline.assembly)
    run(pipeline, metrics)
    status, kind, page = metrics.page()
    assert (status, kind.partition(";")[0]) == (200, "text/plain")
    lines = page.decode().splitlines()
    for line in (
        'haloitsm_entities_read_total{route="changes"} 3.0',
        'haloitsm_tasks_new_total{route="changes"} 3.0',
        'haloitsm_outcomes_total{outcome="updated",route="changes"} 2.0',
        'haloitsm_attempts_total{route="changes",status="finished"} 2.0',
        'haloitsm_tasks{route="changes",status="finished"} 2.0',
        'haloitsm_requests_total{method="POST",status="201"} 2.0',
        'haloitsm_job_seconds_count{job="schedule nightly"} 1.0',
        'haloitsm_webhook_unread{route="changes"} 0.0',
    ):
        assert line in lines, page.decode()
    assert any(line.startswith('haloitsm_budget_left{client="halo"}') for line in lines)
    assert any(line.startswith('haloitsm_last_read_timestamp_seconds{route="changes"}') for line in lines)


def test_a_state_that_cannot_be_read_is_said_instead_of_a_page(pipeline):
    metrics = Metrics(pipeline.assembly)
    pipeline.assembly.state.close()
    status, _, page = metrics.page()
    assert status == 503
    assert b"closed" in page


def test_jobs_slices_batches_and_requests_are_spans_of_one_trace(pipeline, sandbox):
    exporter = InMemorySpanExporter()
    tracing = Tracing(exporter)
    run(pipeline, tracing)
    tracing.close()
    spans = {span.name: span for span in exporter.get_finished_spans()}
    assert {"schedule nightly", "read changes", "deliver changes", "POST"} <= spans.keys()
    job = spans["schedule nightly"]
    assert {span.context.trace_id for span in spans.values()} == {job.context.trace_id}
    assert {span.parent.span_id for name, span in spans.items() if name != "schedule nightly"} == {job.context.span_id}
    assert spans["read changes"].attributes["haloitsm.new"] == 3
    deliveries = [span for span in exporter.get_finished_spans() if span.name == "deliver changes"]
    assert sum(span.attributes["haloitsm.tasks"] for span in deliveries) == 3
    assert any(span.status.status_code is StatusCode.ERROR for span in deliveries)
    writes = [span for span in exporter.get_finished_spans() if span.attributes.get("url.path") == "/api/Tickets"]
    assert len(writes) == 2
    assert {span.attributes["haloitsm.route"] for span in writes} == {"changes"}
    assert {span.attributes["http.response.status_code"] for span in writes} == {201}
    text = "".join(span.to_json() for span in exporter.get_finished_spans())
    assert sandbox.client_secret not in text


def test_watchers_are_told_while_they_watch_and_not_longer(pipeline):
    watching, before = Watching(), list(WATCHERS)
    with ExitStack() as stack:
        stack.enter_context(watching.with_metrics(pipeline.assembly))
        assert len(WATCHERS) == len(before) + 1
        with watching.around(Job("due", "x", datetime.now(UTC))):
            pass
        assert b'haloitsm_job_seconds_count{job="due x"} 1.0' in watching.pages["/metrics"]()[2]
    assert before == WATCHERS


def test_without_the_extra_it_is_said_how_to_install_it(pipeline, monkeypatch):
    for name in [
        name for name in sys.modules if name.startswith(("prometheus_client", "haloitsm_connector.serve.met"))
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(InputError, match=r"pip install 'haloitsm-connector\[metrics\]'"):
        ExitStack().enter_context(Watching().with_metrics(pipeline.assembly))


def test_nothing_of_either_is_loaded_unless_it_is_asked_for():
    loaded = (
        "import sys, haloitsm_connector.cli.serve, haloitsm_connector.serve.server, haloitsm_connector.serve.watching;"
        "print([name for name in sys.modules if name.startswith(('prometheus_client', 'opentelemetry'))])"
    )
    done = subprocess.run([sys.executable, "-P", "-c", loaded], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
