"""``destination-haloitsm``: publishes the records of Airbyte streams through an outgoing of YAML files."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import reduce
from logging import Logger, getLogger
from typing import Any

from airbyte_cdk.destinations import Destination
from airbyte_cdk.logger import PRINT_BUFFER
from airbyte_cdk.models import (
    AirbyteConnectionStatus,
    AirbyteMessage,
    AirbyteMessageSerializer,
    AirbyteStateMessage,
    AirbyteStateStats,
    AirbyteStream,
    AirbyteStreamStatus,
    ConfiguredAirbyteCatalog,
    ConfiguredAirbyteStream,
    ConnectorSpecification,
    DestinationSyncMode,
    Status,
    StreamDescriptor,
)

from haloitsm_connector.errors import ConnectorError, EntityError, InputError
from haloitsm_connector.hosts.airbyte.declared import Property, check_files, form, settings_of
from haloitsm_connector.hosts.airbyte.failures import emitted, told
from haloitsm_connector.hosts.sink import Sink, Sinks
from haloitsm_connector.pipeline import FAILED_STATUSES
from haloitsm_transformers import Entity

MODES = (DestinationSyncMode.append, DestinationSyncMode.append_dedup)
BATCH_ROWS = 1_000
"""Records of a stream that are published together at most."""
OWN_SETTINGS: Mapping[str, Property] = {
    "outgoing": {
        "type": "string",
        "title": "Outgoing",
        "description": "Name of the outgoing for every stream; else each stream goes to the outgoing of its name.",
    },
    "on_failed": {
        "type": "string",
        "title": "On failed",
        "enum": ["stop", "log"],
        "default": "stop",
        "description": "What a record does that is not published: stop the sync behind its batch, without the state "
        "(stop), or nothing but a line in the log (log).",
    },
    "state": {
        "type": "string",
        "title": "State",
        "airbyte_secret": True,
        "description": "Where creates are on record, so that none is sent twice: postgresql://user:password@host/name. "
        "Needed where the destination runs on another machine each time, as it does on Airbyte's own servers.",
    },
}
FORM = form(("config",), OWN_SETTINGS)
Name = tuple[str | None, str]
Paths = list[list[str]]
_log = getLogger("airbyte")


class DestinationHaloITSM(Destination):
    """Writes to HaloITSM, or wherever an outgoing of YAML files leads."""

    def spec(self, logger: Logger) -> ConnectorSpecification:
        """Return the form of the settings."""
        return ConnectorSpecification(
            connectionSpecification=FORM,
            supportsIncremental=True,
            supported_destination_sync_modes=list(MODES),
        )

    def check(self, logger: Logger, config: Mapping[str, Any]) -> AirbyteConnectionStatus:
        """Sign in with every client, and open the state; a failure says why not."""
        try:
            with _sinks(config) as sinks:
                sinks.check()
                if outgoing := config.get("outgoing"):
                    sinks.open(outgoing, "a check")
        except ConnectorError as error:
            return AirbyteConnectionStatus(status=Status.FAILED, message=str(error))
        return AirbyteConnectionStatus(status=Status.SUCCEEDED)

    def write(
        self,
        config: Mapping[str, Any],
        configured_catalog: ConfiguredAirbyteCatalog,
        input_messages: Iterable[AirbyteMessage],
    ) -> Iterator[AirbyteMessage]:
        """Publish records; yield a state once all records in front of it are published."""
        with told(), _sinks(config) as sinks:
            streams = {_name(each.stream): _Stream(each, config, sinks) for each in configured_catalog.streams}
            for message in input_messages:
                if (record := message.record) is not None:
                    if (name := (record.namespace, record.stream)) not in streams:
                        raise InputError(f"a record is of stream '{record.stream}', which the catalog does not have")
                    streams[name].take(record.data)
                elif message.state is not None:
                    for stream in streams.values():
                        stream.publish()
                    concerned = _concerned(message.state, streams)
                    taken = sum(stream.taken for stream in concerned)
                    message.state.destinationStats = AirbyteStateStats(recordCount=float(taken))
                    yield message
                    sys.stdout.flush()  # else what is confirmed could be handed over again
                    for stream in concerned:
                        stream.confirm()
                elif (complete := _completed(message)) in streams:
                    streams[complete].complete = True
            for stream in streams.values():
                stream.publish()
                if stream.complete:
                    stream.confirm()

    def _parse_input_stream(self, input_stream: Iterable[str]) -> Iterator[AirbyteMessage]:
        """Read messages. The CDK would leave out lines that its parser cannot take, and the records in them."""
        for number, line in enumerate(input_stream, start=1):
            if line.strip():
                try:
                    message = json.loads(line)
                except ValueError as error:
                    raise InputError(f"line {number} of what is to be written is not JSON: {error}") from None
                yield AirbyteMessageSerializer.load(message)


def run(arguments: list[str]) -> None:
    """Run a command of the destination; a failure that is told is a trace message, and the exit status is 1."""
    with emitted(arguments[0]):
        check_files(arguments, FORM["properties"])
        with PRINT_BUFFER:
            DestinationHaloITSM().run(arguments)


class _Stream:
    """A stream on its way to its outgoing. What is not confirmed stays on record: Airbyte will hand it over again."""

    def __init__(self, configured: ConfiguredAirbyteStream, config: Mapping[str, Any], sinks: Sinks) -> None:
        self.name = configured.stream.name
        if configured.destination_sync_mode not in MODES:
            mode = configured.destination_sync_mode.value
            raise InputError(f"stream '{self.name}' is to be written by {mode}", "Choose append or append_dedup.")
        outgoing = config.get("outgoing") or self.name
        known_as = ".".join(filter(None, _name(configured.stream)))
        self._sink: Sink = sinks.open(outgoing, f"airbyte stream {known_as} to outgoing {outgoing}")
        self._key = configured.primary_key or []
        self._latest_only = configured.destination_sync_mode is DestinationSyncMode.append_dedup and self._key
        self._stops = config.get("on_failed") != "log"
        self._records: list[Entity] = []
        self.taken = 0
        self.complete = False

    def take(self, record: Entity) -> None:
        """Take a record; where enough of them have come, publish them."""
        self._records.append(record)
        self.taken += 1
        if len(self._records) >= BATCH_ROWS:
            self.publish()

    def publish(self) -> None:
        """Publish what was taken, to its end; EntityError where a record of it was not published."""
        records, self._records = self._records, []
        if self._latest_only:
            records = _latest(records, self._key)
        bad = [outcome for outcome in self._sink.send(records) if outcome.status in FAILED_STATUSES] if records else []
        for outcome in bad:
            key = _key_of(outcome.entity, self._key)
            _log.error("%s: a record %s: %s %s", self.name, outcome.status, outcome.reason, key or "")
        if bad and self._stops:
            hint = "They are named above. The state stays where it was; on_failed: log would go on."
            raise EntityError(f"{len(bad)} of {len(records)} records were not published", hint)

    def confirm(self) -> None:
        """Forget what was created: it will not be handed over again."""
        self._sink.confirm()
        self.taken = 0


@contextmanager
def _sinks(config: Mapping[str, Any]) -> Iterator[Sinks]:
    with settings_of(config) as (settings, environ), Sinks(settings, environ=environ) as sinks:
        yield sinks


def _concerned(state: AirbyteStateMessage, streams: Mapping[Name, _Stream]) -> list[_Stream]:
    """Return the streams that a state stands for: its own, or all where it is of no single one."""
    if state.stream is None:
        return list(streams.values())
    return [stream for name, stream in streams.items() if name == _name(state.stream.stream_descriptor)]


def _completed(message: AirbyteMessage) -> Name | None:
    """Return the stream of which a message says that it was read to its end."""
    status = message.trace.stream_status if message.trace else None
    if status is None or status.status is not AirbyteStreamStatus.COMPLETE:
        return None
    return _name(status.stream_descriptor)


def _latest(records: Iterable[Entity], key: Paths) -> list[Entity]:
    """Return the last one of the records with the same key, and all that lack one."""
    latest: dict[Any, Entity] = {}
    for number, record in enumerate(records):
        values = _key_of(record, key)
        mark = number if None in values.values() else json.dumps(list(values.values()))
        latest.pop(mark, None)
        latest[mark] = record
    return list(latest.values())


def _key_of(record: Entity, key: Paths) -> dict[str, Any]:
    return {".".join(path): reduce(_inside, path, record) for path in key}


def _inside(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _name(stream: AirbyteStream | StreamDescriptor) -> Name:
    return stream.namespace, stream.name
