"""``source-haloitsm``: the entities of a HaloITSM, and every incoming of YAML files, as Airbyte streams."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from logging import Logger
from typing import Any

from airbyte_cdk.entrypoint import launch
from airbyte_cdk.models import (
    AirbyteCatalog,
    AirbyteConnectionStatus,
    AirbyteMessage,
    AirbyteRecordMessage,
    AirbyteStateBlob,
    AirbyteStateMessage,
    AirbyteStateType,
    AirbyteStream,
    AirbyteStreamState,
    AirbyteStreamStatus,
    ConfiguredAirbyteCatalog,
    ConnectorSpecification,
    FailureType,
    Status,
    StreamDescriptor,
    SyncMode,
    Type,
)
from airbyte_cdk.sources import Source
from airbyte_cdk.utils import AirbyteTracedException
from airbyte_cdk.utils.stream_status_utils import as_airbyte_message

from haloitsm_connector.errors import ConnectorError
from haloitsm_connector.hosts.airbyte.declared import AUTHENTICATION, check_files, form, settings_of
from haloitsm_connector.hosts.airbyte.failures import emitted, failure, told
from haloitsm_connector.hosts.streams import Stream, Streams
from haloitsm_connector.subscriber import Cursor

FORM = form(("entities", "start_date", "config"), {}, required=("base_uri", AUTHENTICATION))
STATE_SECONDS = 5.0
"""How often the state of a stream is written at most, besides at its end."""
FULL_REFRESH = "full_refresh"
"""Where the cursor stands in the state of a full refresh that has not come to its end."""
COMPLETE = {"__ab_full_refresh_sync_complete": True}
NO_CURSOR = {"__ab_no_cursor_state_message": True}
"""The CDK's words for the state of a full refresh that came to its end, and of a stream that has none."""


class SourceHaloITSM(Source):
    """Reads HaloITSM: the entities that people sync, any other, and every incoming of YAML files."""

    def spec(self, logger: Logger) -> ConnectorSpecification:
        """Return the form of the settings."""
        return ConnectorSpecification(connectionSpecification=FORM, supportsIncremental=True)

    def check(self, logger: Logger, config: Mapping[str, Any]) -> AirbyteConnectionStatus:
        """Sign in with every client; a failure says why not."""
        try:
            with _streams(config) as streams:
                streams.check()
        except ConnectorError as error:
            return AirbyteConnectionStatus(status=Status.FAILED, message=str(error))
        return AirbyteConnectionStatus(status=Status.SUCCEEDED)

    def discover(self, logger: Logger, config: Mapping[str, Any]) -> AirbyteCatalog:
        """Return the streams that the settings lead to."""
        with told(), _streams(config) as streams:
            return AirbyteCatalog(streams=[_declared(one) for one in streams])

    def read(
        self,
        logger: Logger,
        config: Mapping[str, Any],
        catalog: ConfiguredAirbyteCatalog,
        state: list[AirbyteStateMessage] | None = None,
    ) -> Iterator[AirbyteMessage]:
        """Read the streams of a catalog, each from its state on; one that fails does not stop the others."""
        kept = {one.stream.stream_descriptor.name: one.stream.stream_state for one in state or () if one.stream}
        failed: dict[str, FailureType] = {}
        with told(), _streams(config) as streams:
            for chosen in catalog.streams:
                name = chosen.stream.name
                try:
                    yield from _messages(streams[name], chosen.sync_mode, vars(kept.get(name) or AirbyteStateBlob()))
                except ConnectorError as error:
                    found = failure(error, name)
                    if error.ends_run or len(catalog.streams) == 1:
                        raise found from error
                    failed[name] = found.failure_type
                    yield found.as_sanitized_airbyte_message()
        if failed:  # Airbyte goes by the exit status
            text = f"{len(failed)} of {len(catalog.streams)} streams were not read to the end: {', '.join(failed)}."
            raise AirbyteTracedException(message=text, failure_type=next(iter(failed.values())))


def run(arguments: list[str]) -> None:
    """Run a command of the source; a failure that is told is written as a trace message, and the exit status is 1."""
    with emitted(arguments[0]):
        check_files(arguments, FORM["properties"])
        launch(SourceHaloITSM(), arguments)


@contextmanager
def _streams(config: Mapping[str, Any]) -> Iterator[Streams]:
    with settings_of(config) as (settings, environ), Streams(settings, environ=environ) as streams:
        yield streams


def _declared(stream: Stream) -> AirbyteStream:
    with told(stream.name):  # the first page of some is read, to know its fields
        modes = [SyncMode.full_refresh, SyncMode.incremental] if stream.resumes else [SyncMode.full_refresh]
        return AirbyteStream(
            name=stream.name,
            json_schema=stream.schema,
            supported_sync_modes=modes,
            source_defined_cursor=stream.resumes or None,
            default_cursor_field=[stream.replication_key] if stream.replication_key else None,
            source_defined_primary_key=[[name] for name in stream.key] or None,
            is_resumable=stream.resumes,
        )


def _messages(stream: Stream, mode: SyncMode, state: Mapping[str, Any]) -> Iterator[AirbyteMessage]:
    """Read one stream; its state is written behind the records that it stands for."""
    whole = mode is SyncMode.full_refresh
    read_already = whole and state == COMPLETE  # Airbyte tries again where another stream failed
    cursor, written, written_at = _cursor(state, whole), None, time.monotonic()
    running = False
    yield _status(stream, AirbyteStreamStatus.STARTED)
    try:
        for one in () if read_already else stream.slices(cursor):
            yield from _records(stream.name, one.entities)
            if one.entities and not running:
                running = True
                yield _status(stream, AirbyteStreamStatus.RUNNING)
            cursor = one.cursor or cursor
            if one.cursor and time.monotonic() - written_at >= STATE_SECONDS:
                yield _state(stream, {FULL_REFRESH: cursor} if whole else cursor)
                written, written_at = cursor, time.monotonic()
    except ConnectorError:
        if cursor and cursor is not written:
            yield _state(stream, {FULL_REFRESH: cursor} if whole else cursor)
        yield _status(stream, AirbyteStreamStatus.INCOMPLETE)
        raise
    if not stream.resumes:
        cursor = NO_CURSOR
    elif whole:
        cursor = COMPLETE
    yield _state(stream, cursor)
    yield _status(stream, AirbyteStreamStatus.COMPLETE)


def _cursor(state: Mapping[str, Any], whole: bool) -> Cursor | None:
    """Return where to go on; a full refresh goes on with nothing but a full refresh."""
    if whole:
        return state.get(FULL_REFRESH)
    return dict(state) if state and not state.keys() & {FULL_REFRESH, *COMPLETE, *NO_CURSOR} else None


def _records(stream: str, entities: Iterable[dict[str, Any]]) -> Iterator[AirbyteMessage]:
    now = time.time_ns() // 1_000_000
    for entity in entities:
        yield AirbyteMessage(type=Type.RECORD, record=AirbyteRecordMessage(stream=stream, data=entity, emitted_at=now))


def _state(stream: Stream, cursor: Mapping[str, Any] | None) -> AirbyteMessage:
    kept = AirbyteStreamState(StreamDescriptor(name=stream.name), AirbyteStateBlob(cursor or {}))
    return AirbyteMessage(type=Type.STATE, state=AirbyteStateMessage(type=AirbyteStateType.STREAM, stream=kept))


def _status(stream: Stream, status: AirbyteStreamStatus) -> AirbyteMessage:
    return as_airbyte_message(StreamDescriptor(name=stream.name), status)
