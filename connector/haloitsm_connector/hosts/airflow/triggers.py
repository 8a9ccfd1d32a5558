"""The trigger behind a sensor that waits without a worker."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import ExitStack, nullcontext
from typing import Any

from airflow.sdk.exceptions import AirflowException, AirflowFailException
from airflow.triggers.base import BaseTrigger, TriggerEvent

from haloitsm_connector.context import stopped_by
from haloitsm_connector.hosts.airflow.hook import HaloITSMHook, in_airflows_words
from haloitsm_connector.hosts.streams import Stream
from haloitsm_connector.subscriber import Cursor


def look(stream: Stream, cursor: Cursor | None, stop: threading.Event | None = None) -> tuple[int, Cursor | None]:
    """Read what is new since a cursor; return how many records there were, and the cursor behind them."""
    count = 0
    with stopped_by(stop.is_set) if stop else nullcontext():
        for one in stream.slices(cursor):
            count += len(one.entities)
            cursor = one.cursor or cursor
    return count, cursor


class HaloITSMTrigger(BaseTrigger):
    """Looks every ``poke_interval`` seconds whether an incoming yields a record, as `HaloITSMSensor` tells it.

    It asks Halo in a thread, so that other triggers go on meanwhile. Nothing that it is given is secret.
    """

    def __init__(
        self,
        *,
        incoming: str,
        haloitsm_conn_id: str | None,
        config: Sequence[str],
        parameters: Mapping[str, Any],
        state: str | None,
        since: str | None,
        cursor: Cursor | None,
        poke_interval: float,
    ) -> None:
        super().__init__()
        self.incoming = incoming
        self.given: dict[str, Any] = {
            "haloitsm_conn_id": haloitsm_conn_id,
            "config": list(config),
            "parameters": dict(parameters),
            "state": state,
            "since": since,
        }
        self.cursor = cursor
        self.poke_interval = poke_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class and what it was given, as the triggerer keeps it."""
        given = {**self.given, "cursor": self.cursor, "poke_interval": self.poke_interval, "incoming": self.incoming}
        return f"{type(self).__module__}.{type(self).__name__}", given

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event: how many records there are and the cursor behind them, or what is wrong."""
        hook = HaloITSMHook(**self.given)
        stop, opened = threading.Event(), ExitStack()
        try:
            with in_airflows_words():
                await hook.learn()
                stream = await asyncio.to_thread(opened.enter_context, hook.stream(self.incoming))
                count, cursor = await asyncio.to_thread(look, stream, self.cursor, stop)
                while not count:
                    await asyncio.sleep(self.poke_interval)
                    count, cursor = await asyncio.to_thread(look, stream, cursor, stop)
            yield TriggerEvent({"records": count, "cursor": cursor})
        except AirflowException as error:
            yield TriggerEvent({"error": str(error), "hopeless": isinstance(error, AirflowFailException)})
        finally:
            stop.set()  # where the trigger is cancelled, a thread may still wait for Halo
            await asyncio.to_thread(opened.close)
