"""What runs tell, as lines of the log ``haloitsm.run``: each names its route and its task."""

from __future__ import annotations

import logging

from haloitsm_connector.context import noting
from haloitsm_connector.runner.events import LOOK_AT, Delivered, Done, Event, Failed, Held, Stored

LOGGER = logging.getLogger("haloitsm.run")


def log_event(event: Event) -> None:
    """Write an event down: what did not go well as a warning each, the rest counted (each at the level DEBUG)."""
    match event:
        case Stored(name=name, new=new, rejected=rejected):
            with noting(route=name):
                for outcome in rejected:
                    LOGGER.warning("%s: rejected: %s", name, _one_line(outcome.reason))
                if new:
                    LOGGER.info("%s: %s new", name, new)
        case Delivered(queue=queue, tasks=tasks):
            for task in tasks:
                _log_task(queue, task)
        case Held(name=name, who=who):
            LOGGER.info("%s: %s", name, who)
        case Failed():
            pass  # told with the job that it ended


def _log_task(queue: str, task: Done) -> None:
    bad = task.status in LOOK_AT
    if not (bad or LOGGER.isEnabledFor(logging.DEBUG)):
        return
    reason = next((outcome.reason for outcome in task.outcomes if outcome.reason), "")
    with noting(route=queue, task=task.number):
        text = ": ".join(filter(None, (f"{queue}: task {task.number} {task.status}", _one_line(reason))))
        LOGGER.log(logging.WARNING if bad else logging.DEBUG, "%s", text)


def _one_line(text: str) -> str:
    return " ".join(text.split())
