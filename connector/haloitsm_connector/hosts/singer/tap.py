"""``tap-haloitsm``: the entities of a HaloITSM, and every incoming of YAML files, as Singer streams."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

import orjson
from singer_sdk import Stream, Tap
from singer_sdk.helpers._catalog import pop_deselected_record_properties

from haloitsm_connector.hosts import streams as neutral
from haloitsm_connector.hosts.schemas import Schema, widened
from haloitsm_connector.hosts.settings import Settings
from haloitsm_connector.hosts.singer.declared import PACKAGE, settings_of, settings_schema
from haloitsm_connector.subscriber import Cursor
from haloitsm_transformers import Entity

INCREMENTAL = "INCREMENTAL"
CURSOR = "cursor"
"""Where the cursor stands in the state of a stream: as text, since Meltano merges objects of two states."""
STATE_SECONDS = 5.0
"""How often the state is written at most, besides at the end of a stream."""
OWN_SETTINGS: Mapping[str, Any] = {
    "emit_activate_version_messages": {
        "type": ["boolean", "null"],
        "description": "Whether to say with ACTIVATE_VERSION that a stream was read whole, and older records are gone.",
    }
}


class HaloStream(Stream):
    """One stream. The SDK knows it, and writes its schema and state; its records are written a slice at a time."""

    def __init__(self, tap: Tap, stream: neutral.Stream) -> None:
        self._read = stream
        super().__init__(tap, name=stream.name)
        if stream.resumes:
            self.forced_replication_method = INCREMENTAL

    @property
    def schema(self) -> Schema:
        """The JSON Schema of the records, found out when it is first asked for."""
        return self._read.schema

    @property
    def primary_keys(self) -> list[str]:
        """The fields that identify a record."""
        return list(self._read.key if self._primary_keys is None else self._primary_keys)

    @primary_keys.setter
    def primary_keys(self, value: Iterable[str]) -> None:
        self._primary_keys = list(value)

    @property
    def replication_key(self) -> str | None:
        """The field that says when a record changed, if there is one; the state goes by a cursor."""
        return self._read.replication_key if self._input_schema is None else self._replication_key

    @replication_key.setter
    def replication_key(self, value: str | None) -> None:
        self._replication_key = value

    def get_replication_key_signpost(self, context: Any = None) -> None:
        """Return None: the cursor knows until when was read, by Halo's clock."""

    def get_records(self, context: Any) -> Iterator[Entity]:
        """Yield the records since the cursor in the state."""
        for one in self._read.slices(self._cursor()):
            yield from one.entities

    def _sync_records(self, context: Any = None, *, write_messages: bool = True) -> Iterator[Entity]:
        """Read, and write or yield the records; the cursor of a slice is in the state once its records are taken."""
        count, written_at = 0, time.monotonic()
        with self.get_record_counter() as counter, self.get_sync_timer():
            try:
                for one in self._read.slices(self._cursor()):
                    records = one.entities[: self._left(count)]
                    if records:
                        count += len(records)
                        counter.increment(len(records))
                        yield from self._taken(records, write_messages)
                    self._check_max_record_limit(count)
                    if one.cursor is not None and self.replication_method == INCREMENTAL:
                        self.stream_state[CURSOR] = orjson.dumps(one.cursor).decode()
                        self.state_manager.is_flushed = False
                    if write_messages and time.monotonic() - written_at >= STATE_SECONDS:
                        self._write_state_message()
                        written_at = time.monotonic()
            finally:
                if write_messages:
                    self._write_state_message()

    def _cursor(self) -> Cursor | None:
        kept = self.stream_state.get(CURSOR) if self.replication_method == INCREMENTAL else None
        cursor: Cursor | None = orjson.loads(kept) if kept else None
        return cursor

    def _left(self, count: int) -> int | None:
        return None if self.ABORT_AT_RECORD_COUNT is None else self.ABORT_AT_RECORD_COUNT - count

    def _taken(self, records: list[Entity], write: bool) -> list[Entity]:
        """Select and map records, and write or return them."""
        if not all(self.mask.values()):
            for record in records:
                pop_deselected_record_properties(record, self.effective_schema, self.mask)
        self._learn(records)
        if write:
            for stream_map in self.stream_maps:
                mapped = (stream_map.transform(record) for record in records)
                write_records(stream_map.stream_alias, (one for one in mapped if one is not None), self._stream_version)
            return []
        mapped = (self.stream_maps[0].transform(record) for record in records)
        return [record for record in mapped if record is not None]

    def _learn(self, records: list[Entity]) -> None:
        """Where records have fields that the schema lacks, write a schema that has them."""
        known = self.stream_maps[0].raw_schema
        schema = widened(known, records, self.primary_keys)
        if schema is not known:
            self._tap.mapper.register_raw_stream_schema(self.name, schema, self.primary_keys)
            self._stream_maps = None
            self._write_schema_message()


def write_records(stream: str, records: Iterable[Entity], version: int | None) -> None:
    """Write records as RECORD messages, all at once."""
    head = f'{{"type":"RECORD","stream":{orjson.dumps(stream).decode()},"record":'
    tail = f',"time_extracted":"{datetime.now(UTC).isoformat()}"'
    tail += "}\n" if version is None else f',"version":{version}}}\n'
    sys.stdout.write("".join([f"{head}{orjson.dumps(record, default=str).decode()}{tail}" for record in records]))
    sys.stdout.flush()


class TapHaloITSM(Tap):
    """Reads HaloITSM: the entities that people sync, any other, and every incoming of YAML files."""

    name = "tap-haloitsm"
    package_name = PACKAGE
    dynamic_catalog = True  # what the streams are depends on the settings
    config_jsonschema: ClassVar[Mapping[str, Any]] = settings_schema(Settings.model_fields, OWN_SETTINGS)

    def discover_streams(self) -> list[HaloStream]:
        """Return the streams that the settings lead to; those of the catalog alone, where one is given."""
        chosen = self.input_catalog
        streams = neutral.Streams(settings_of(self.config))
        return [HaloStream(self, one) for one in streams if chosen is None or chosen.get_stream(one.name)]
