"""Traces for OpenTelemetry: a span for each job, slice that was read, batch that was delivered, and request.

Needs the extra ``otel``. Where traces go is said by the usual variables, such as ``OTEL_EXPORTER_OTLP_ENDPOINT``.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import SpanKind, Status, StatusCode

from haloitsm_connector.client.logging import Attempt
from haloitsm_connector.context import noted
from haloitsm_connector.runner.events import LOOK_AT, Began, Delivered, Event, Failed, Stored
from haloitsm_connector.serve.agenda import Job

NANOSECONDS = 1_000_000_000


class Tracing:
    """Makes spans of what it is told: ``job`` is entered around jobs, ``event`` and ``attempt`` come from any thread.

    ``exporter`` sends them; the one for OTLP over HTTP unless given. ``close`` sends what is left.
    """

    def __init__(self, exporter: SpanExporter | None = None) -> None:
        if exporter is None:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

            exporter = OTLPSpanExporter()
        self._provider = TracerProvider(resource=Resource.create({SERVICE_NAME: "haloitsm"}))
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("haloitsm_connector")
        self._before: dict[tuple[str, str], int] = {}
        self._lock = threading.Lock()

    @contextmanager
    def job(self, job: Job) -> Iterator[None]:
        """Make a span of a job, to which all that happens in it belongs."""
        with self._tracer.start_as_current_span(str(job), attributes={"haloitsm.routes": sorted(job.routes)}):
            yield

    def event(self, event: Event) -> None:
        """Make a span of a slice or a batch: it lasts from the one before to now."""
        match event:
            case Began(name=name):
                for what in ("read", "deliver"):
                    self._since(what, name)
            case Stored(name=name, read=read, new=new, rejected=rejected):
                numbers = {"haloitsm.read": read, "haloitsm.new": new, "haloitsm.rejected": len(rejected)}
                self._span("read", name, numbers, len(rejected))
            case Delivered(queue=queue, tasks=tasks):
                bad = sum(task.status in LOOK_AT for task in tasks)
                self._span("deliver", queue, {"haloitsm.tasks": len(tasks), "haloitsm.bad": bad}, bad)
            case Failed(name=name, error=error):
                now = time.time_ns()
                span = self._tracer.start_span(f"failed {name}", start_time=now)
                span.set_status(Status(StatusCode.ERROR, error.what))
                span.end(now)

    def attempt(self, attempt: Attempt) -> None:
        """Make a span of an attempt at a request; of its URL only host and path, which hold no secrets."""
        now = time.time_ns()
        url = urlsplit(attempt.url)
        attributes: dict[str, str | int] = {
            "http.request.method": attempt.method,
            "server.address": url.hostname or "",
            "url.path": url.path,
        }
        attributes |= {f"haloitsm.{name}": value for name, value in noted().items()}
        if attempt.status is not None:
            attributes["http.response.status_code"] = attempt.status
        else:
            attributes["error.type"] = attempt.failure
        started = now - int(attempt.seconds * NANOSECONDS)
        span = self._tracer.start_span(attempt.method, kind=SpanKind.CLIENT, attributes=attributes, start_time=started)
        if attempt.status is None or attempt.status >= 400:
            span.set_status(StatusCode.ERROR)
        span.end(now)

    def close(self) -> None:
        """Send what is left."""
        self._provider.shutdown()

    def _span(self, what: str, name: str, numbers: dict[str, int], bad: int) -> None:
        started, now = self._since(what, name)
        span = self._tracer.start_span(f"{what} {name}", attributes=numbers, start_time=started)
        span.set_attribute("haloitsm.route", name)
        if bad:
            span.set_status(StatusCode.ERROR)
        span.end(now)

    def _since(self, what: str, name: str) -> tuple[int, int]:
        """Return since when something of this kind lasts, and now, when the next begins."""
        now = time.time_ns()
        with self._lock:
            before = self._before.get((what, name), now)
            self._before[what, name] = now
        return before, now
