"""``haloitsm storages``: what steps keep between runs, to look into and to forget."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from haloitsm_connector.cli import output
from haloitsm_connector.cli.choosing import holding, make_sure
from haloitsm_connector.cli.settings import State, Sure, hiding, load_pipeline
from haloitsm_connector.errors import InputError, suggest

if TYPE_CHECKING:
    from haloitsm_connector.pipeline import Pipeline
    from haloitsm_connector.store import KeptStorage

Entry = tuple[str, Any]
SHOWN = 50
LONGEST_VALUE = 200


def storages(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(help="File or folder of YAML, the same as of the run.")],
    name: Annotated[str | None, typer.Argument(help="The storage to look into; all are listed without a name.")] = None,
    key: Annotated[str | None, typer.Option(help="Only the entry under this key.")] = None,
    prefix: Annotated[str | None, typer.Option(help="Only entries whose key begins so.")] = None,
    where: Annotated[str | None, typer.Option(help="Only entries for whose value this JMESPath holds.")] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help=f"Entries to show; {SHOWN} unless given, with --json all.")
    ] = None,
    delete: Annotated[bool, typer.Option("--delete", help="Forget these entries.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="With --delete: all entries of the storage.")] = False,
    yes: Sure = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON per storage or entry.")] = False,
    state: State = None,
) -> None:
    """Show what steps keep between runs, or forget it.

    Without a name the storages with their numbers of entries; with one its entries, those that the options choose.
    --delete asks first, unless it is one --key. What a running route keeps meanwhile may come back.
    """
    chosen = key is not None or prefix is not None or where is not None
    if name is None and (chosen or delete or everything):
        raise InputError("it is not said which storage is meant", "Name it behind the configuration.")
    if delete and chosen == everything:
        hint = "Choose with --key, --prefix or --where, or say --all." if everything is False else "Leave --all out."
        raise InputError("it is not clear which entries are to be deleted", hint)
    with load_pipeline(context.obj, path, state) as pipeline:
        if name is None:
            _list(pipeline, as_json)
            return
        storage, hide = _storage(pipeline, name), hiding(pipeline.config)
        entries = _entries(storage, name, key, prefix or "", where)
        if delete:
            _delete(storage, name, [found for found, _ in entries], yes or key is not None)
        elif as_json:
            for found, value in islice(entries, limit):
                output.show_json_line(hide({"key": found, "value": value}))
        elif key is not None:
            output.show_json(hide(next(value for _, value in entries)))
        else:
            _show(name, entries, limit or SHOWN, hide)


def _list(pipeline: Pipeline, as_json: bool) -> None:
    from haloitsm_connector.store import storage_counts

    counts = dict.fromkeys(pipeline.config.storages, 0) | storage_counts(pipeline.assembly.state)
    if as_json:
        for name, count in sorted(counts.items()):
            output.show_json_line({"storage": name, "entries": count, "ttl_seconds": _ttl_seconds(pipeline, name)})
    elif counts:
        rows = (
            (name, count, f"{ttl:g} s" if (ttl := _ttl_seconds(pipeline, name)) else "for ever")
            for name, count in sorted(counts.items())
        )
        output.table(("storage", "entries", "kept"), rows)
    else:
        output.say("No storage is declared, and nothing is kept.")


def _ttl_seconds(pipeline: Pipeline, name: str) -> float | None:
    declared = pipeline.config.storages.get(name)
    return declared.ttl_seconds if declared else None


def _storage(pipeline: Pipeline, name: str) -> KeptStorage:
    from haloitsm_connector.store import KeptStorage, storage_counts

    counts = storage_counts(pipeline.assembly.state)
    known = sorted({*pipeline.config.storages, *counts})
    if name not in known:
        hint = suggest(name, known) or f"There are: {', '.join(known) or 'none'}."
        raise InputError(f"there is no storage '{name}'", hint)
    return KeptStorage(pipeline.assembly.state, name, _ttl_seconds(pipeline, name))


def _entries(storage: KeptStorage, name: str, key: str | None, prefix: str, where: str | None) -> Iterator[Entry]:
    """Yield the entries that are chosen; InputError when a key is named that is not there."""
    holds = holding(where)
    if key is None:
        return ((found, value) for found, value in storage.iterate(prefix) if holds(value))
    missing = object()
    value = storage.get(key, missing)
    if value is missing or not (key.startswith(prefix) and holds(value)):
        raise InputError(f"the storage '{name}' has no such entry under '{key}'", "--prefix lists the keys nearby.")
    return iter([(key, value)])


def _show(name: str, entries: Iterator[Entry], limit: int, hide: Any) -> None:
    shown = 0
    for key, value in islice(entries, limit):
        shown += 1
        text = output.json_text(hide(value))
        output.show(f"{output.one_line(hide(key))}  {output.shortened(text, LONGEST_VALUE)}")
    more = "; there are more: --limit shows them" if next(entries, None) else ""
    output.say(f"{name}: {output.counted(shown, 'entry', 'entries')}{more}")


def _delete(storage: KeptStorage, name: str, keys: list[str], yes: bool) -> None:
    if keys:
        make_sure(f"{output.counted(len(keys), 'entry', 'entries')} of '{name}' will be deleted", yes)
    storage.delete(*keys)
    output.say(f"{name}: {output.counted(len(keys), 'entry', 'entries')} deleted")
