"""``target-haloitsm``: publishes the records of Singer streams through an outgoing of YAML files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import orjson
from singer_sdk import Target
from singer_sdk.io_base import SingerReader
from singer_sdk.singerlib.exceptions import InvalidInputLine
from singer_sdk.sinks import BatchSink

from haloitsm_connector.errors import EntityError
from haloitsm_connector.hosts.settings import Settings
from haloitsm_connector.hosts.singer.declared import PACKAGE, settings_of, settings_schema
from haloitsm_connector.hosts.sink import Sink, Sinks
from haloitsm_connector.pipeline import FAILED_STATUSES
from haloitsm_transformers import Entity

READS_ONLY = frozenset({"entities", "start_date"})
OWN_SETTINGS: Mapping[str, Any] = {
    "outgoing": {
        "type": ["string", "null"],
        "description": "Name of the outgoing for every stream; else each stream goes to the outgoing of its name.",
    },
    "on_failed": {
        "type": ["string", "null"],
        "enum": ["stop", "log", None],
        "description": "What a record does that is not published: stop the target behind its batch, without the state "
        "(stop, the default), or nothing but a line in the log (log).",
    },
}


class HaloReader(SingerReader):
    """Reads messages as JSON is: numbers are numbers."""

    def deserialize_json(self, line: str) -> dict[str, Any]:
        """Decode a line; InvalidInputLine where it is none."""
        try:
            message: dict[str, Any] = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise InvalidInputLine(f"this line is no JSON: {error}") from None
        return message


class HaloSink(BatchSink):
    """The records of one stream, on their way to its outgoing."""

    MAX_SIZE_DEFAULT = 1_000

    def __init__(self, target: TargetHaloITSM, stream_name: str, *schema: Any, **more: Any) -> None:
        super().__init__(target, stream_name, *schema, **more)
        self._sink = target.sink_of(stream_name)

    def process_batch(self, context: dict[str, Any]) -> None:
        """Publish a batch to its end; EntityError where a record of it was not published."""
        bad = [outcome for outcome in self._sink.send(context["records"]) if outcome.status in FAILED_STATUSES]
        for outcome in bad:
            key = {name: outcome.entity.get(name) for name in self.key_properties}
            self.logger.error("%s: a record %s: %s %s", self.stream_name, outcome.status, outcome.reason, key or "")
        if bad and self.config.get("on_failed") != "log":
            hint = "They are named above. The state stays where it was; on_failed: log would go on."
            raise EntityError(f"{len(bad)} of {len(context['records'])} records were not published", hint)

    def _parse_timestamps_in_record(self, record: Entity, schema: Any, treatment: Any) -> None:
        """Leave dates the texts that they are: transformers take JSON."""


class TargetHaloITSM(Target):
    """Writes to HaloITSM, or wherever an outgoing of YAML files leads."""

    name = "target-haloitsm"
    package_name = PACKAGE
    default_sink_class = HaloSink
    message_reader_class = HaloReader
    config_jsonschema: ClassVar[Mapping[str, Any]] = settings_schema(
        (name for name in Settings.model_fields if name not in READS_ONLY), OWN_SETTINGS
    )

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.max_parallelism = 1  # an outgoing has its own, within the budget of the tenant
        self._outgoing = Sinks(settings_of(self.config))
        self._open: dict[str, Sink] = {}

    def sink_of(self, stream: str) -> Sink:
        """Return where the records of a stream go; InputError suggests an outgoing where there is none of its name."""
        if stream not in self._open:
            outgoing = self.config.get("outgoing") or stream
            self._open[stream] = self._outgoing.open(outgoing, f"singer stream {stream} to outgoing {outgoing}")
        return self._open[stream]

    def process_endofpipe(self) -> None:
        """Publish what is left; after that nothing will be handed over again."""
        super().process_endofpipe()
        self._confirm()
        self._outgoing.close()

    def _write_state_message(self, state: dict[str, Any]) -> None:
        """Write a state: what came before it will not be handed over again."""
        super()._write_state_message(state)
        self._confirm()

    def _confirm(self) -> None:
        for sink in self._open.values():
            sink.confirm()
