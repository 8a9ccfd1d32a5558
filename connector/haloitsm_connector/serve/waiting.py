"""What waits to be done just now: schedules that are due, events that arrived, tasks to be delivered."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime

from haloitsm_connector.assemble import Assembly
from haloitsm_connector.config.schedules import ScheduleFields
from haloitsm_connector.errors import InputError
from haloitsm_connector.runner.fetch import cursor_name
from haloitsm_connector.runner.work import results_queue
from haloitsm_connector.serve.agenda import Job
from haloitsm_connector.serve.times import GRACE, due_since
from haloitsm_connector.store import Cursors, Inbox
from haloitsm_connector.store.tasks import Tasks
from haloitsm_connector.subscriber.webhook import WebhookFields, number_of

LOGGER = logging.getLogger("haloitsm.serve")


class Standing:
    """Up to when each schedule has been dealt with, as the state knows it; for all servers on one state."""

    def __init__(self, assembly: Assembly) -> None:
        self._assembly = assembly
        self._handled: dict[str, datetime] = {}

    def due(self, now: datetime) -> Iterator[Job]:
        """Yield the schedules that are due.

        What was never seen before, or is written otherwise now, begins now. So does what was dealt with at a time to
        come, by a clock that was set back since.
        """
        for name, schedule in self._assembly.config.schedules.items():
            if schedule.disabled:
                continue
            if name not in self._handled and self.read(name) is None:
                self.handle(name, now)
            if self._handled[name] > now + GRACE:
                LOGGER.warning("schedule %s: the clock was set back; it goes on with its next moment", name)
                self.handle(name, now)
            if since := due_since(schedule, self._handled[name], now):
                groups = tuple((one,) if isinstance(one, str) else tuple(one) for one in schedule.run)
                yield Job("schedule", name, since, groups, schedule.priority)

    def read(self, name: str) -> datetime | None:
        """Look anew up to when a schedule has been dealt with; another server may have been at it."""
        stored = Cursors(self._assembly.state).get(f"schedule {name}")
        if not isinstance(stored, dict) or stored.get("as") != _written(self._schedule(name)):
            return None
        self._handled[name] = datetime.fromisoformat(stored["handled"])
        return self._handled[name]

    def handle(self, name: str, until: datetime) -> None:
        """Keep that a schedule has been dealt with until then."""
        value = {"as": _written(self._schedule(name)), "handled": until.isoformat()}
        Cursors(self._assembly.state).set(f"schedule {name}", value)
        self._handled[name] = until

    def _schedule(self, name: str) -> ScheduleFields:
        return self._assembly.config.schedules[name]


def _written(schedule: ScheduleFields) -> str:
    return f"{schedule.cron} {schedule.time_zone}"


def webhooks(assembly: Assembly) -> dict[str, WebhookFields]:
    """Return the incomings that receive, with what their subscribers are told."""
    parts = assembly.config.incoming.items()
    return {name: part.subscriber.fields for name, part in parts if isinstance(part.subscriber.fields, WebhookFields)}


def arrived(assembly: Assembly, now: datetime) -> Iterator[Job]:
    """Yield the webhooks with events that a route of theirs that is realtime has not read."""
    for incoming in webhooks(assembly):
        routes = [name for name in routes_of(assembly, incoming) if assembly.config.routes[name].realtime]
        last = Inbox(lambda: assembly.state, incoming).last() if routes else 0
        if behind := tuple(name for name in routes if read_until(assembly, name) < last):
            yield Job("arrived", incoming, now, (behind,), "high")


def due(assembly: Assembly, now: datetime) -> Iterator[Job]:
    """Yield the routes with tasks to be delivered: an attempt is due or, where it is realtime, a task is new."""
    tasks = Tasks(assembly.state)
    counts = tasks.counts()
    for name, route in assembly.config.routes.items():
        queues = [queue for queue in (name, results_queue(name)) if queue in counts and not route.disabled]
        moments = [moment for queue in queues if (moment := tasks.next_due(queue)) is not None]
        if any(moment <= now.timestamp() for moment in moments) or (
            route.realtime and any(counts[queue]["new"] for queue in queues)
        ):
            yield Job("due", name, now, ((name,),), "high" if route.realtime else "medium")


def routes_of(assembly: Assembly, incoming: str, *, disabled: bool = False) -> list[str]:
    """Return the routes that read an incoming; those that are ``disabled`` too, if asked for."""
    routes = assembly.config.routes.items()
    return [name for name, route in routes if route.incoming == incoming and (disabled or not route.disabled)]


def read_until(assembly: Assembly, route: str) -> int:
    """Return the number of the last event of its webhook that a route has read.

    0 for a cursor of something else: the route is refused when it reads, and others go on.
    """
    with suppress(InputError):
        return number_of(Cursors(assembly.state).get(cursor_name(route)))
    return 0
