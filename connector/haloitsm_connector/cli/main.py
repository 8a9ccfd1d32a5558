"""The ``haloitsm`` command: its sub-commands, and how every error becomes one clear message and an exit status.

Exit status: 0 done, 1 a problem in what you gave, 2 wrong usage, 3 the other side failed, 4 finished with failed
entities, 130 interrupted. Commands import what they need when they run, so that help is there at once.
"""

from __future__ import annotations

import copy
import io
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from haloitsm_connector.cli import (
    bulk,
    catalogue,
    check,
    cursors,
    demo,
    doctor,
    entities,
    export,
    import_,
    init,
    output,
    plugins,
    preview,
    request,
    run,
    sandbox,
    schema,
    serve,
    status,
    storages,
    tasks,
    test,
    waiting,
    webhook,
)
from haloitsm_connector.cli.interrupts import none_lost
from haloitsm_connector.cli.settings import Settings
from haloitsm_connector.errors import ConfigError, ConnectorError

INTERRUPTED = 130

app = typer.Typer(
    name="haloitsm",
    help="Read, transform and write HaloITSM, declared in YAML.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


class LogFormat(Enum):
    """How logs are written."""

    text = "text"
    json = "json"


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        output.show(f"haloitsm-connector {version('haloitsm-connector')}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    env_file: Annotated[
        Path | None,
        typer.Option(help="Read variables from this file (.env if it is there); the environment itself comes first."),
    ] = None,
    verbose: Annotated[
        int,
        typer.Option(
            "--verbose", "-v", count=True, show_default=False, help="Log HTTP: -v a line, -vv headers, -vvv bodies."
        ),
    ] = 0,
    log_format: Annotated[
        LogFormat, typer.Option(help="What is said on standard error: text, or a line of JSON for each.")
    ] = LogFormat.text,
    show_version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and stop.")
    ] = False,
) -> None:
    settings: Settings = context.obj
    settings.read(env_file)
    settings.log_style = log_format.value
    if log_format is LogFormat.json:
        settings.write_logs()
    else:
        output.log_instead(None)
    settings.log_http(verbose)


def command_line() -> Any:
    """Return the whole command line; ``-v`` may stand behind a command as well as in front of it."""
    whole: Any = typer.main.get_command(app)
    verbose = copy.copy(next(option for option in whole.params if option.name == "verbose"))
    verbose.hidden, verbose.expose_value, verbose.callback = True, False, _louder
    for command in _leaves(whole):
        command.params.append(verbose)
    return whole


def _leaves(command: Any) -> Iterator[Any]:
    for part in getattr(command, "commands", {}).values():
        yield from _leaves(part) if hasattr(part, "commands") else (part,)


def _louder(context: typer.Context, _option: Any, verbose: int) -> None:
    settings: Settings = context.obj
    settings.log_http(verbose)


for command in (
    demo.demo,
    init.init,
    check.check,
    entities.entities,
    entities.entity,
    preview.preview,
    request.get,
    request.post,
    request.delete,
    run.run,
    cursors.cursors,
    waiting.waiting,
    status.status,
    storages.storages,
    doctor.doctor,
    serve.serve,
    sandbox.sandbox,
    schema.schema,
    plugins.plugins,
):
    app.command()(command)
app.command("test")(test.run_tests)
app.add_typer(tasks.app, name="tasks")
app.add_typer(catalogue.app, name="catalogue")
app.add_typer(bulk.app, name="bulk")
app.add_typer(export.app, name="export")
app.add_typer(import_.app, name="import")
app.add_typer(webhook.app, name="webhook")


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit; whatever the user can mend ends in a message, never in a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    status = _status(arguments)
    try:
        sys.stdout.flush()
    except OSError as error:
        status = _not_written(error)
    sys.exit(status)


def _status(arguments: Sequence[str] | None) -> int:
    settings = Settings()
    try:
        with none_lost():
            command_line()(arguments, prog_name="haloitsm", obj=settings)
    except SystemExit as end:
        if end.code == INTERRUPTED:
            output.say("Interrupted.")
        return end.code if isinstance(end.code, int) else 0
    except ConfigError as error:
        output.say(str(error))
        output.error(f"the configuration has {output.counted(len(error.problems), 'problem')}; nothing was done.")
        return error.exit_status
    except ConnectorError as error:
        output.error(str(error))
        return error.exit_status
    except BrokenPipeError as error:
        return _not_written(error)
    except OSError as error:
        output.error(f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror or error}.")
        return 1
    except Exception as error:
        if os.environ.get("HALOITSM_DEBUG"):
            output.say(settings.hidden(traceback.format_exc()))
        output.error(
            f"unexpected {type(error).__name__}. This is a defect of haloitsm-connector, not of what you did; "
            "HALOITSM_DEBUG=1 shows where it happened."
        )
        return 1
    return 0


def _not_written(error: OSError) -> int:
    """Give up standard output: whoever reads it has gone, or the disk is full."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if not isinstance(error, BrokenPipeError):
        output.error(f"cannot write standard output: {error.strerror}.")
    return 1
