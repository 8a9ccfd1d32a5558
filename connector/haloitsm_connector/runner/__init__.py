"""The durable runner: incoming, tasks, outgoing. What is read is in the store before anything is done with it."""

from haloitsm_connector.runner.events import (
    Began,
    Delivered,
    Done,
    Event,
    Failed,
    FetchEnded,
    Held,
    QueueEnded,
    Stored,
    Summary,
    Tell,
)
from haloitsm_connector.runner.fetch import cursor_name, incoming_cursor_name
from haloitsm_connector.runner.run import Runner
from haloitsm_connector.runner.work import reading_lease, results_queue

__all__ = [
    "Began",
    "Delivered",
    "Done",
    "Event",
    "Failed",
    "FetchEnded",
    "Held",
    "QueueEnded",
    "Runner",
    "Stored",
    "Summary",
    "Tell",
    "cursor_name",
    "incoming_cursor_name",
    "reading_lease",
    "results_queue",
]
