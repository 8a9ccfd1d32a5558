"""Who watches a server: metrics and traces, each loaded when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass, field

from haloitsm_connector.assemble import Assembly
from haloitsm_connector.client.logging import WATCHERS, Attempt
from haloitsm_connector.errors import InputError
from haloitsm_connector.runner.events import Event
from haloitsm_connector.serve.agenda import Job
from haloitsm_connector.serve.listener import Page


@dataclass
class Watching:
    """Who is told what happens: of runs, of jobs; and the pages that show it."""

    tells: list[Callable[[Event], None]] = field(default_factory=list)
    jobs: list[Callable[[Job], AbstractContextManager[object]]] = field(default_factory=list)
    pages: dict[str, Page] = field(default_factory=dict)

    @contextmanager
    def with_metrics(self, assembly: Assembly) -> Iterator[None]:
        """Count, and answer Prometheus; InputError without the extra ``metrics``."""
        with _needing("metrics", "prometheus_client"):
            from haloitsm_connector.serve.metrics import Metrics
        counted = Metrics(assembly)
        self.tells.append(counted.event)
        self.jobs.append(counted.job)
        self.pages["/metrics"] = counted.page
        with _watched(counted.attempt):
            yield

    @contextmanager
    def with_traces(self) -> Iterator[None]:
        """Trace; InputError without the extra ``otel``."""
        with _needing("otel", "opentelemetry"):
            from haloitsm_connector.serve.tracing import Tracing
        with closing(Tracing()) as traced:
            self.tells.append(traced.event)
            self.jobs.append(traced.job)
            with _watched(traced.attempt):
                yield

    def tell(self, event: Event) -> None:
        """Tell all of them of an event."""
        for told in self.tells:
            told(event)

    @contextmanager
    def around(self, job: Job) -> Iterator[None]:
        """Tell all of them of a job, from its beginning to its end."""
        with ExitStack() as entered:
            for one in self.jobs:
                entered.enter_context(one(job))
            yield


@contextmanager
def _needing(extra: str, package: str) -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != package:
            raise
        hint = f"Install the extra: pip install 'haloitsm-connector[{extra}]'."
        raise InputError(f"{package} is not installed", hint) from None


@contextmanager
def _watched(watch: Callable[[Attempt], None]) -> Iterator[None]:
    WATCHERS.append(watch)
    try:
        yield
    finally:
        WATCHERS.remove(watch)
