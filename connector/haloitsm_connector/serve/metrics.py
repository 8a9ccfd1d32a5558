"""Metrics for Prometheus: what runs tell and what clients send, counted; what the state holds, read when it is asked.

Needs the extra ``metrics``.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from haloitsm_connector.assemble import Assembly
from haloitsm_connector.client.logging import Attempt
from haloitsm_connector.errors import ConnectorError
from haloitsm_connector.runner.events import Delivered, Event, Failed, FetchEnded, Stored
from haloitsm_connector.serve.agenda import Job
from haloitsm_connector.serve.waiting import read_until, routes_of, webhooks
from haloitsm_connector.store import Inbox
from haloitsm_connector.store.tasks import Tasks

SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)
"""The bounds of histograms of durations."""


class Metrics:
    """Counts for one assembly; ``event`` and ``attempt`` are told what happens, ``job`` is entered around jobs."""

    def __init__(self, assembly: Assembly) -> None:
        self._registry = registry = CollectorRegistry()
        self._read = Counter("haloitsm_entities_read", "Entities read for a route.", ["route"], registry=registry)
        self._new = Counter("haloitsm_tasks_new", "Tasks that were made.", ["route"], registry=registry)
        self._ended = Counter(
            "haloitsm_attempts", "Attempts at tasks, by the status that each led to.", ["route", "status"],
            registry=registry,
        )  # fmt: skip
        self._outcomes = Counter("haloitsm_outcomes", "Outcomes of writes.", ["route", "outcome"], registry=registry)
        self._failed = Counter("haloitsm_failures", "What ended a read or a delivery.", ["route"], registry=registry)
        self._read_at = Gauge(
            "haloitsm_last_read_timestamp_seconds", "When a route was last read to its end.", ["route"],
            registry=registry,
        )  # fmt: skip
        self._requests = Counter(
            "haloitsm_requests", "Requests sent, by what came of them; 429 is a rate limit.", ["method", "status"],
            registry=registry,
        )  # fmt: skip
        self._request_seconds = Histogram(
            "haloitsm_request_seconds", "How long answers took.", ["method"], buckets=SECONDS, registry=registry
        )
        self._job_seconds = Histogram(
            "haloitsm_job_seconds", "How long jobs took.", ["job"], buckets=SECONDS, registry=registry
        )
        registry.register(_Present(assembly))

    def event(self, event: Event) -> None:
        """Count an event of a run."""
        match event:
            case Stored(name=name, read=read, new=new, rejected=rejected):
                self._read.labels(name).inc(read)
                self._new.labels(name).inc(new)
                self._ended.labels(name, "rejected").inc(len(rejected))
            case Delivered(queue=queue, tasks=tasks):
                for task in tasks:
                    self._ended.labels(queue, task.status).inc()
                    for outcome in task.outcomes:
                        self._outcomes.labels(queue, outcome.status).inc()
            case FetchEnded(name=name, complete=True):
                self._read_at.labels(name).set(time.time())
            case Failed(name=name):
                self._failed.labels(name).inc()

    def attempt(self, attempt: Attempt) -> None:
        """Count an attempt at a request."""
        self._requests.labels(attempt.method, str(attempt.status or "none")).inc()
        if attempt.status is not None:
            self._request_seconds.labels(attempt.method).observe(attempt.seconds)

    @contextmanager
    def job(self, job: Job) -> Iterator[None]:
        """Measure a job of the server, from its beginning to its end."""
        began = time.monotonic()
        try:
            yield
        finally:
            self._job_seconds.labels(str(job)).observe(time.monotonic() - began)

    def page(self) -> tuple[int, str, bytes]:
        """Return status, content type and text of the page that Prometheus reads."""
        try:
            return 200, CONTENT_TYPE_LATEST, generate_latest(self._registry)
        except ConnectorError as error:
            return 503, "text/plain; charset=utf-8", f"{error}\n".encode()


class _Present(Collector):
    """What the state and the budgets hold at the moment of asking."""

    def __init__(self, assembly: Assembly) -> None:
        self._assembly = assembly

    def describe(self) -> list[Metric]:
        """Say nothing in advance: the state is not read before somebody asks."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges."""
        tasks = GaugeMetricFamily("haloitsm_tasks", "Tasks in the state, by status.", labels=["route", "status"])
        for queue, counts in Tasks(self._assembly.state).counts().items():
            for status, number in counts.items():
                tasks.add_metric([queue, status], number)
        yield tasks
        budgets = GaugeMetricFamily("haloitsm_budget_left", "Requests that may be sent at once.", labels=["client"])
        for name in self._assembly.config.clients:
            if (left := self._assembly.client(name).budget_left()) is not None:
                budgets.add_metric([name], left)
        yield budgets
        lag = GaugeMetricFamily("haloitsm_webhook_unread", "Events that a route has not read.", labels=["route"])
        for incoming in webhooks(self._assembly):
            last = Inbox(lambda: self._assembly.state, incoming).last()
            for route in routes_of(self._assembly, incoming, disabled=True):
                lag.add_metric([route], last - read_until(self._assembly, route))
        yield lag
