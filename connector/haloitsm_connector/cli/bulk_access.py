"""What a bulk command works with: a Halo, a state, transformers, rows; and the configuration that does the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from haloitsm_connector.cli import output
from haloitsm_connector.cli.request import pairs
from haloitsm_connector.cli.settings import (
    DEFAULT_CONFIG,
    Settings,
    client_in_environment,
    open_state_of,
    single_client,
    user_catalogue,
)
from haloitsm_connector.errors import InputError

if TYPE_CHECKING:
    from haloitsm_connector.bulk.change import Changes
    from haloitsm_connector.bulk.rows import Source
    from haloitsm_connector.bulk.send import Sending
    from haloitsm_connector.bulk.target import Target
    from haloitsm_connector.bulk.work import Command
    from haloitsm_connector.catalogue import Catalogue
    from haloitsm_connector.client import HttpClient
    from haloitsm_connector.formats import Format
    from haloitsm_connector.store import Database
    from haloitsm_transformers import Chain


@dataclass(frozen=True, slots=True)
class Rows:
    """Where rows come from, as it was given."""

    path: str | None = None
    report: int | None = None
    sql: str | None = None
    where: list[str] | None = None
    accept_cut: bool = False
    format: str | None = None
    sheet: str | None = None
    delimiter: str | None = None
    encoding: str | None = None


@dataclass(frozen=True, slots=True)
class Access:
    """The Halo, the catalogue and the state that a command works with; ``config`` is the configuration, if any."""

    settings: Settings
    client: HttpClient
    catalogue: Catalogue
    database: Database
    config: Path | None
    client_name: str | None
    chain: Chain | None = None
    steps: tuple[Any, ...] = ()


@contextmanager
def opened(
    settings: Settings, config: Path | None, client: str | None, state: str | None, transformers: Path | None
) -> Iterator[Access]:
    """Open what a command works with, and close it in the end."""
    path = config or (DEFAULT_CONFIG if DEFAULT_CONFIG.is_file() else None)
    with single_client(settings, config, client) as sender, open_state_of(settings, config, state) as database:
        access = Access(settings, sender, user_catalogue(), database, path, client)
        if transformers is None:
            yield access
            return
        with _transformers(settings, access, transformers) as ready:
            yield ready


@contextmanager
def _transformers(settings: Settings, access: Access, file: Path) -> Iterator[Access]:
    """Compile the chain in a file, which is a configuration: the one that is named ``bulk``, or the only one."""
    from haloitsm_connector.assemble import Assembly
    from haloitsm_connector.config import load

    alone = load([file], environ=settings.environ, catalogue=access.catalogue)
    name = "bulk" if "bulk" in alone.chains else next(iter(alone.chains), "")
    if not name or ("bulk" not in alone.chains and len(alone.chains) > 1):
        what = f"{file} has {output.counted(len(alone.chains), 'chain')} under `transformers:`"
        raise InputError(what, "The rows go through the one that is named bulk.")
    others = [access.config] if access.config and access.config.resolve() != file.resolve() else []
    config = load([*others, file], environ=settings.environ, catalogue=access.catalogue)
    assembly = Assembly(config, access.database.place, http_log=settings.http_log)
    try:
        chain = assembly.chain(("transformers", name))
        yield replace(access, chain=chain, steps=tuple(config.chains[name]))
    finally:
        assembly.close()


def source_of(access: Access, target: Target, rows: Rows) -> Source:
    """Return the rows that were asked for; InputError unless they are asked for in one way."""
    from haloitsm_connector.bulk.rows import FileRows, HaloRows
    from haloitsm_connector.subscriber import ReportSubscriber

    given = [one for one in (rows.path, rows.report, rows.sql, rows.where) if one not in (None, [])]
    if len(given) != 1:
        what = "it is not said where the rows come from" if not given else "the rows can come from one place only"
        raise InputError(what, "Give one of --from, --report, --sql and --where.")
    if rows.path is not None:
        return FileRows(rows.path, _format(rows.format), rows.sheet, rows.delimiter, rows.encoding)
    if rows.where:
        return _listed(access, target, pairs("--where", rows.where), rows.delimiter)
    name = f"report {rows.report}" if rows.sql is None else rows.sql
    subscriber = ReportSubscriber(access.client, rows.report, sql=rows.sql, accept_cut=rows.accept_cut, place="--sql")
    told = {"report": rows.report, "sql": rows.sql, "accept_cut": rows.accept_cut or None}
    fields = {"prototype": "report", **{name: value for name, value in told.items() if value is not None}}
    return HaloRows(name, subscriber, fields, between=rows.delimiter or ",")


def _listed(access: Access, target: Target, query: dict[str, str], delimiter: str | None) -> Source:
    from haloitsm_connector.bulk.rows import HaloRows
    from haloitsm_connector.catalogue.usage import check_query
    from haloitsm_connector.subscriber import Subscriber

    if target.rows is None:
        raise InputError(f"Halo has no list of {target.name} to choose from", "Give the rows with --from.")
    for finding in check_query(target.rows, query, ("--where",)):
        raise InputError(finding.what, finding.hint)  # what Halo ignores would choose all records
    name = f"{target.rows.name} where {', '.join(f'{one}={value}' for one, value in query.items())}"
    fields = {"prototype": "haloitsm", "entity": target.rows.name, "request_parameters": {"query": query}}
    subscriber = Subscriber(access.client, target.rows.name, query=query, catalogue=access.catalogue)
    return HaloRows(name, subscriber, fields, whole=True, between=delimiter or ",")


def _format(given: str | None) -> Format | None:
    formats: dict[str, Format] = {"csv": "csv", "xlsx": "xlsx", "json": "json", "jsonl": "jsonl"}
    if given is None or given in formats:
        return formats.get(given or "")
    raise InputError(f"--format does not know '{given}'", f"It knows {', '.join(formats)}.")


def save(command: Command, changes: Changes, sending: Sending, access: Access, path: Path) -> None:
    """Write the configuration of a command."""
    from haloitsm_connector.bulk.saved import saved

    name, clients = "halo", {"halo": client_in_environment(access.settings)}
    if access.config is not None:
        from haloitsm_connector.config import load

        loaded = load([access.config], environ=access.settings.environ, catalogue=access.catalogue)
        name, clients = access.client_name or next(iter(loaded.clients)), {}
    text, differs = saved(command, changes, sending, name, clients)
    _write(path, text)
    where = f"; the client '{name}' is that of {access.config}" if access.config else ""
    output.say(f"Wrote {path}{where}.")
    for one in differs:
        output.say(one)


def _write(path: Path, text: str) -> None:
    """Write a file that is new, or says the same already."""
    try:
        if path.exists() and path.read_text("utf-8", errors="replace") != text:
            what = f"{path} exists already, and says something else"
            raise InputError(what, "Delete it, or name another file with --save-config.")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}", "Nothing was sent.") from error
