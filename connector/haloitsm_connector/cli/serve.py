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
    from haloitsm_connector.serve.listener import Listener, Page
    from haloitsm_connector.serve.server import Server


def serve(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(help="File or folder of YAML.")],
    host: Annotated[
        str, typer.Option(help="Address to listen on; only this machine can reach the default.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)] = 8484,
    most_parallel: Annotated[int, typer.Option(help="Jobs that run at once.", min=1, max=64)] = 4,
    state: State = None,
) -> None:
    """Run schedules, webhooks and what is due.

    The first Ctrl-C or SIGTERM lets what is under way finish, the second ends at once; nothing is lost either way.
    """
    stop = threading.Event()
    settings: Settings = context.obj
    with load_pipeline(settings, path, state) as pipeline, ExitStack() as running:
        settings.write_logs(timed=True)
        for warning in pipeline.config.warnings:
            output.say(str(warning))
        assembly = pipeline.assembly
        for name in assembly.config.clients:
            assembly.client(name)
        server = _server(assembly, most_parallel)
        listener = running.enter_context(_listener(assembly, server, host, port))
        _stop_on_signals(running, stop, server.wake)
        output.say(f"Listening at {listener.address}; {_contents(assembly)}. Ctrl-C stops it.")
        server.run(stop)
    output.say("Stopped.")


def _server(assembly: Assembly, most_parallel: int) -> Server:
    from haloitsm_connector.serve.event_log import log_event
    from haloitsm_connector.serve.server import Server

    return Server(assembly, most_parallel=most_parallel, tell=log_event)


def _listener(assembly: Assembly, server: Server, host: str, port: int) -> Listener:
    from haloitsm_connector.serve.listener import Hook, Listener
    from haloitsm_connector.serve.waiting import webhooks
    from haloitsm_connector.store import Inbox

    hooks = [Hook(name, fields, Inbox(lambda: assembly.state, name)) for name, fields in webhooks(assembly).items()]
    pages: dict[str, Page] = {"/health": lambda: (200, "application/json", b'{"status":"ok"}')}
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
        output.say("Finishing what is under way; once more ends it at once.")

    for number in (signal.SIGINT, signal.SIGTERM):
        running.callback(signal.signal, number, signal.signal(number, told))
