"""``haloitsm serve``: run what is due and receive webhooks, until told to stop."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from haloitsm_connector.cli import output
from haloitsm_connector.cli.settings import Settings, State, load_pipeline

if TYPE_CHECKING:
    from haloitsm_connector.assemble import Assembly
    from haloitsm_connector.serve.listener import Listener
    from haloitsm_connector.serve.server import Server
    from haloitsm_connector.serve.watching import Watching


def serve(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(help="File or folder of YAML.")],
    host: Annotated[
        str, typer.Option(help="Address to listen on; only this machine can reach the default.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)] = 8484,
    most_parallel: Annotated[int, typer.Option(help="Jobs that run at once.", min=1, max=64)] = 4,
    metrics: Annotated[bool, typer.Option("--metrics", help="Answer Prometheus at /metrics (extra: metrics).")] = False,
    traces: Annotated[
        bool, typer.Option("--traces", help="Send OpenTelemetry traces, as OTEL_* variables say (extra: otel).")
    ] = False,
    state: State = None,
) -> None:
    """Run schedules, webhooks and what is due.

    The first Ctrl-C or SIGTERM lets what is under way finish, the second ends at once; nothing is lost either way.
    """
    from haloitsm_connector.serve.event_log import log_event
    from haloitsm_connector.serve.watching import Watching

    stop = threading.Event()
    settings: Settings = context.obj
    with load_pipeline(settings, path, state) as pipeline, ExitStack() as running:
        settings.write_logs(timed=True)
        for warning in pipeline.config.warnings:
            output.say(str(warning))
        assembly = pipeline.assembly
        for name in assembly.config.clients:
            assembly.client(name)
        watching = Watching([log_event])
        if metrics:
            running.enter_context(watching.with_metrics(assembly))
        if traces:
            running.enter_context(watching.with_traces())
        server = _server(assembly, most_parallel, watching)
        listener = running.enter_context(_listener(assembly, server, host, port, watching))
        _stop_on_signals(running, stop, server.wake)
        output.say(f"Listening at {listener.address}; {_contents(assembly)}. Ctrl-C stops it.")
        server.run(stop)
    output.say("Stopped.")


def _server(assembly: Assembly, most_parallel: int, watching: Watching) -> Server:
    from haloitsm_connector.serve.server import Server

    return Server(assembly, most_parallel=most_parallel, tell=watching.tell, around=watching.around)


def _listener(assembly: Assembly, server: Server, host: str, port: int, watching: Watching) -> Listener:
    from haloitsm_connector.serve.listener import Hook, Listener
    from haloitsm_connector.serve.waiting import webhooks
    from haloitsm_connector.store import Inbox

    def health() -> tuple[int, str, bytes]:
        found = server.health()
        return 200 if found["ok"] else 503, "application/json", output.json_text(found).encode()

    hooks = [Hook(name, fields, Inbox(lambda: assembly.state, name)) for name, fields in webhooks(assembly).items()]
    pages = {"/health": health, **watching.pages}
    return Listener(hooks, host=host, port=port, arrived=server.arrived, pages=pages)


def _contents(assembly: Assembly) -> str:
    from haloitsm_connector.serve.waiting import webhooks

    schedules = sum(not one.disabled for one in assembly.config.schedules.values())
    hooks = len(webhooks(assembly))
    return f"{output.counted(schedules, 'schedule')}, {output.counted(hooks, 'webhook')}"


def _stop_on_signals(running: ExitStack, stop: threading.Event, wake: Callable[[], None]) -> None:
    """Stop at the first signal, end at once at the second; as it was before when everything has ended."""

    def told(number: int, frame: Any) -> None:
        if stop.is_set():
            os._exit(128 + number)
        stop.set()
        wake()
        output.say_from_a_signal("Finishing what is under way; once more ends it at once.")

    for number in (signal.SIGINT, signal.SIGTERM):
        running.callback(signal.signal, number, signal.signal(number, told))
