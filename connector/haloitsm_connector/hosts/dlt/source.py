"""``haloitsm_source``: the entities of a HaloITSM, and every incoming of YAML files, as dlt resources."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import dlt
from dlt.sources import DltResource

from haloitsm_connector.hosts.dlt.settings import Files, HaloITSMCredentials, settings_of
from haloitsm_connector.hosts.streams import Stream, Streams
from haloitsm_connector.subscriber.increments import DELETED

CURSOR = "cursor"
"""Where the cursor stands in the state of a resource."""
DATA_TYPES: Mapping[str, str] = {
    "integer": "bigint", "number": "double", "boolean": "bool", "date-time": "timestamp", "string": "text"
}  # fmt: skip
"""Types of a schema in dlt's words. What is nested has none: dlt makes child tables and columns of it."""


@dlt.source(name="haloitsm", section="haloitsm")
def haloitsm_source(
    credentials: HaloITSMCredentials | None = None,
    config: Files = None,
    entities: list[str] | None = None,
    start_date: str | None = None,
) -> list[DltResource]:
    """Read HaloITSM: a resource for each usual entity, for further ``entities``, and for each incoming of ``config``.

    All of them are selected; ``with_resources("tickets", "actions")`` chooses. What is new since the last run is read
    where Halo can tell, and merged where rows have a key; other resources are replaced. ``config`` names YAML files or
    folders, ``start_date`` is where the first read of what is new begins. InputError and ConfigError say what is wrong
    with the settings.
    """
    streams = Streams(settings_of(credentials, config, entities=entities, start_date=start_date))
    return [_resource(stream) for stream in streams]


def _resource(stream: Stream) -> DltResource:
    """Make the resource of a stream; the first page is read where only that tells whether its rows have a key."""
    key = list(stream.key) if stream.resumes or stream.declared["properties"] else []
    disposition = ("merge" if key else "append") if stream.resumes else "replace"
    made: DltResource = _rows(stream).with_name(stream.name)
    return made.apply_hints(primary_key=key, write_disposition=disposition)


@dlt.resource
def _rows(stream: Stream) -> Iterator[Any]:
    """Yield pages since the cursor in the state, which dlt commits together with the rows, or not at all."""
    state, told = dlt.current.resource_state(), dlt.current.resource().columns or {}
    columns = {name: column for name, column in _columns(stream).items() if name not in told}
    for one in stream.slices(state.get(CURSOR)):
        if one.entities:
            new = columns.keys() & set[str]().union(*one.entities)
            hints = dlt.mark.make_hints(columns={name: columns.pop(name) for name in new})
            yield dlt.mark.with_hints(one.entities, hints) if new else one.entities
        if one.cursor is not None:
            state[CURSOR] = one.cursor


def _columns(stream: Stream) -> dict[str, Any]:
    """Return what is known of columns before they come; dlt finds out about all others."""
    columns: dict[str, Any] = {}
    for name, kind in stream.declared["properties"].items():
        types = [each for each in kind["type"] if each != "null"]
        if len(types) == 1 and (data_type := DATA_TYPES.get(kind.get("format", types[0]))):
            columns[name] = {"data_type": data_type, "nullable": "null" in kind["type"]}
    if stream.resumes and stream.replication_key:  # of two rows with one key the later one holds
        columns.setdefault(stream.replication_key, {})["dedup_sort"] = "desc"
    if stream.resumes:
        columns[DELETED] = {"data_type": "bool", "hard_delete": True}
    return columns
