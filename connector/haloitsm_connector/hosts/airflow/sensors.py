"""A sensor: waits until something appears or changes on Halo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from airflow.sdk import BaseSensorOperator, Context, PokeReturnValue, conf
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from haloitsm_connector.hosts.airflow.cursors import keep_cursor, last_cursor
from haloitsm_connector.hosts.airflow.hook import CONNECTION, Paths, hook_of, in_airflows_words
from haloitsm_connector.hosts.airflow.triggers import HaloITSMTrigger, look


class HaloITSMSensor(BaseSensorOperator):
    """Waits until an incoming yields a record; returns how many there were.

    ``incoming`` is one of the YAML files in ``config``, a usual entity such as ``tickets``, or ``GET /TicketArea``. An
    incremental one yields what is new since the sensor of the run before was done, all there is the first time; give
    ``since`` to begin later. With ``deferrable`` it waits in Airflow's triggerer and takes no worker; the YAML must be
    at the same place there.
    """

    template_fields: Sequence[str] = ("incoming", "config", "parameters", "since", "state", "haloitsm_conn_id")
    template_fields_renderers: ClassVar[dict[str, str]] = {"parameters": "json"}
    ui_color = "#e6f4ea"

    def __init__(
        self,
        *,
        incoming: str,
        config: Paths = (),
        parameters: Mapping[str, Any] | None = None,
        since: str | None = None,
        state: str | None = None,
        haloitsm_conn_id: str | None = CONNECTION,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.incoming = incoming
        self.config = config
        self.parameters = parameters
        self.since = since
        self.state = state
        self.haloitsm_conn_id = haloitsm_conn_id
        self.deferrable = deferrable

    def poke(self, context: Context) -> PokeReturnValue:
        """Look once; what was found is not found again by the next run."""
        with in_airflows_words(), hook_of(self, self.since).stream(self.incoming) as stream:
            count, cursor = look(stream, last_cursor(context))
        if count:
            keep_cursor(context, cursor)
            self.log.info("%s: %s records", self.incoming, count)
        return PokeReturnValue(count > 0, count)

    def execute(self, context: Context) -> Any:
        """Look, and wait where there is nothing yet."""
        if not self.deferrable:
            return super().execute(context)
        found = self.poke(context)
        if found:
            return found.xcom_value
        hook = hook_of(self, self.since)
        trigger = HaloITSMTrigger(
            incoming=self.incoming,
            haloitsm_conn_id=self.haloitsm_conn_id,
            config=list(hook.config),
            parameters=hook.parameters,
            state=self.state,
            since=self.since,
            cursor=last_cursor(context),
            poke_interval=self.poke_interval,
        )
        self.defer(trigger=trigger, method_name="execute_complete", timeout=timedelta(seconds=self.timeout))
        return None

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> int:
        """Take what the trigger found, or say why it could not look."""
        if error := event.get("error"):
            raise AirflowFailException(error) if event["hopeless"] else AirflowException(error)
        keep_cursor(context, event["cursor"])
        count: int = event["records"]
        self.log.info("%s: %s records", self.incoming, count)
        return count
