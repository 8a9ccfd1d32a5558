"""What is thrown away in time: settled tasks by the rule of retention, and events that every route has read."""

from __future__ import annotations

from haloitsm_connector.assemble import Assembly
from haloitsm_connector.serve.waiting import read_until, routes_of, webhooks
from haloitsm_connector.store import Inbox
from haloitsm_connector.store.tasks import Tasks

DAY_SECONDS = 86_400


def tidy(assembly: Assembly) -> int:
    """Throw away what is over, and return how many tasks that were.

    An event is kept until every route has read it or, where none reads it, by the rule of retention, as tasks are.
    """
    rule = assembly.config.retention
    seconds = None if rule.days is None else rule.days * DAY_SECONDS
    for incoming in webhooks(assembly):
        inbox = Inbox(lambda: assembly.state, incoming)
        if routes := routes_of(assembly, incoming, disabled=True):
            inbox.forget(min(read_until(assembly, route) for route in routes))
        else:
            inbox.forget(inbox.too_many(older_than_seconds=seconds, most=rule.tasks))
    if seconds is None and rule.tasks is None:
        return 0
    return Tasks(assembly.state).prune(older_than_seconds=seconds, most=rule.tasks)
