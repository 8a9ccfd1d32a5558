"""``haloitsm import``: other programs' files become a configuration."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from haloitsm_connector.cli import output
from haloitsm_connector.cli.settings import Settings, single_client, user_catalogue, write_variables
from haloitsm_connector.errors import InputError

if TYPE_CHECKING:
    from haloitsm_connector.interchange.captured import Captured
    from haloitsm_connector.interchange.draft import Draft
    from haloitsm_connector.interchange.notes import Note
    from haloitsm_connector.interchange.saves import Save

HEADING = "Written by haloitsm import; keep it out of version control."
LONGEST_VALUE = 60

app = typer.Typer(help="Read files of other programs.", no_args_is_help=True, rich_markup_mode=None)

Target = Annotated[Path, typer.Option("--output", "-o", help="Folder for the configuration and its rows.")]
WriteEnv = Annotated[
    Path | None, typer.Option(help="Write the variables it needs to a file, with the values that were found.")
]
BaseUri = Annotated[str, typer.Option(help="Address of your Halo, where it cannot be told from the requests.")]
Connect = Annotated[
    bool, typer.Option("--connect", help="Compare with the records as they are in Halo now (read only).")
]
ConfigFile = Annotated[
    Path | None, typer.Option("--config", "-c", help="With --connect: the configuration with the client.")
]
ClientName = Annotated[str | None, typer.Option("--client", help="With --connect: client of the configuration.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print what was found and written as JSON.")]


@app.command()
def postman(
    file: Annotated[Path, typer.Argument(help="A collection, exported from Postman as v2.1.")],
    environment: Annotated[
        list[Path] | None, typer.Option("--environment", "-e", help="An environment exported from Postman.")
    ] = None,
    target: Target = Path("imported"),
    write_env: WriteEnv = None,
    as_json: AsJson = False,
) -> None:
    """Turn a Postman collection into a configuration.

    Its OAuth 2.0 settings become clients, its requests incoming and outgoing with a route each, its variables ${NAME}.
    What cannot be carried over is listed. Secrets are not written, but for the file that --write-env names.
    """
    from haloitsm_connector.interchange.from_postman import from_postman

    draft = from_postman(file, environment or [], target, user_catalogue())
    _finish(draft, write_env, as_json)


@app.command()
def har(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="What the browser's network tab saves: HAR.")],
    target: Target = Path("imported"),
    base_uri: BaseUri = "",
    connect: Connect = False,
    config: ConfigFile = None,
    client: ClientName = None,
    as_json: AsJson = False,
) -> None:
    """Find what a browser saved in Halo, and which fields changed.

    Each save is compared with what the recording knows of the record. The configuration that is written sends exactly
    the fields that changed. Cookies, tokens and requests to other hosts are left out.
    """
    from haloitsm_connector.interchange.har import read_har

    comparing = _Comparing(base_uri, connect, config, client)
    _browser(context.obj, read_har(file), file.name, target, comparing, as_json, reads=False)


@app.command()
def curl(
    context: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(help="What the browser's 'Copy as cURL' gave; without a file it is pasted.")
    ] = None,
    target: Target = Path("imported"),
    base_uri: BaseUri = "",
    connect: Connect = False,
    config: ConfigFile = None,
    client: ClientName = None,
    as_json: AsJson = False,
) -> None:
    """Turn curl commands into a configuration.

    As they come from a browser's "Copy as cURL" (bash, POSIX or cmd), one or several. --connect compares what they send
    with the records as they are now, to tell which fields change.
    """
    from haloitsm_connector.interchange.curl import read_curl

    comparing = _Comparing(base_uri, connect, config, client)
    source = file.name if file else "a pasted curl command"
    _browser(context.obj, read_curl(_text(file)), source, target, comparing, as_json, reads=True)


def _text(file: Path | None) -> str:
    if file is None:
        if sys.stdin.isatty():
            output.say("Paste the curl command, then end the input (Ctrl-D; on Windows Ctrl-Z and Enter).")
        return sys.stdin.read()
    try:
        return file.read_text("utf-8-sig")
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"cannot read {file}: it is not UTF-8 text") from error


@dataclass(frozen=True, slots=True)
class _Comparing:
    """How the requests of a browser are looked at."""

    base_uri: str
    connect: bool
    config: Path | None
    client: str | None


def _browser(
    settings: Settings, read: tuple[list[Captured], list[Note]], source: str, target: Path, comparing: _Comparing,
    as_json: bool, *, reads: bool,
) -> None:  # fmt: skip
    """Draft what a browser's requests become, show what it saved, and write it."""
    from haloitsm_connector.interchange.current import reader
    from haloitsm_connector.interchange.from_browser import from_browser

    catalogue = user_catalogue()
    requests, notes = read
    with ExitStack() as stack:
        current = None
        if comparing.connect:
            sender = stack.enter_context(single_client(settings, comparing.config, comparing.client))
            current = reader(sender, catalogue)
        found = from_browser(
            requests, source, target, catalogue, base_uri=comparing.base_uri, current=current, reads=reads
        )
    found.draft.notes[:0] = notes
    if not as_json:
        for save in found.saves:
            _show(save)
    _finish(found.draft, None, as_json, found.saves)


def _show(save: Save) -> None:
    """Show a person which fields a save changed."""
    from haloitsm_connector.interchange.saves import described

    told = described(save)
    key = " ".join(f"{name} {value}" for name, value in save.key.items()) or "a new record"
    output.show(f"{save.operation.name}, {key} ({save.where}): {output.counted(len(save.fields), 'field')} sent")
    payload = told["payload"]
    rows = [
        (one["name"], _short(one["before"]), _short(payload.get(one["name"], one["sent"])), one["known"])
        for one in told["fields"]
        if one["name"] in save.chosen or one["name"] in save.doubtful
    ]
    if rows:
        output.table(("field", "before", "sent", ""), rows)
    elif save.basis != "new":
        output.show("nothing changed")


def _short(value: Any) -> str:
    return "" if value is None else output.shortened(output.json_text(value), LONGEST_VALUE)


def _finish(draft: Draft, write_env: Path | None, as_json: bool, saves: Sequence[Save] = ()) -> None:
    """Write what a draft holds, and say what did not come along and what is to be done."""
    from haloitsm_connector.interchange.notes import gathered
    from haloitsm_connector.interchange.saves import described

    written = _written(draft, write_env)
    if as_json:
        told = {
            "written": written,
            "routes": list(draft.routes),
            "variables": list(draft.values),
            "purposes": draft.purposes,
            "notes": draft.notes,
        }
        output.show_json({**told, "saves": [described(save) for save in saves]} if saves else told)
        return
    for line in gathered(draft.notes):
        output.say(line)
    if not draft.routes:
        output.say("There is nothing to write.")
        return
    output.say(f"Wrote {', '.join(written)}.")
    if unset := [name for name, value in draft.values.items() if not (value and write_env)]:
        named = [f"{name} ({draft.purposes[name]})" if name in draft.purposes else name for name in unset]
        output.say(f"Set {', '.join(named)} in the environment or in .env.")
    writes = [name for name, route in draft.routes.items() if route.get("disabled")]
    output.say(f"Next: haloitsm check {draft.folder}")
    if writes:
        output.say(f"Then: haloitsm run {draft.folder} {writes[0]} --dry-run")


def _written(draft: Draft, write_env: Path | None) -> list[str]:
    """Write the files and return their names; InputError, before anything is written, where one is there already."""
    files = draft.files() if draft.routes else {}
    values = {name: value for name, value in draft.values.items() if value} if write_env else {}
    for path in [*files, *([write_env] if write_env and values else [])]:
        if path.exists():
            raise InputError(f"{path} exists already", "Name another folder with --output, or move it away first.")
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    if write_env and values:
        write_variables(write_env, values, HEADING)
    return [*map(str, files), *([str(write_env)] if write_env and values else [])]
