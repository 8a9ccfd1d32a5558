"""A listener that dies between disk and answer: the sender delivers again, and the event is there once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from haloitsm_connector.store import Inbox, open_state

CHILD = """
import os, signal, sys, threading
from haloitsm_connector.serve.listener import Hook, Listener
from haloitsm_connector.store import Inbox, open_state
from haloitsm_connector.subscriber.webhook import WebhookFields

class Dying(Inbox):
    def put(self, events):
        if "before" in sys.argv:
            os.kill(os.getpid(), signal.SIGKILL)
        new = super().put(events)
        if "after" in sys.argv:
            os.kill(os.getpid(), signal.SIGKILL)
        return new

state = open_state(sys.argv[1])
fields = WebhookFields.model_validate({"path": "/t", "authentication": {"type": "none"}})
with Listener([Hook("tickets", fields, Dying(lambda: state, "tickets"))]) as listener:
    print(listener.address, flush=True)
    threading.Event().wait()
"""


def delivered(path: Path, event: object, when: str) -> httpx.Response | None:
    """Deliver an event to a listener of its own; None when it died before it answered."""
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(path), when], stdout=subprocess.PIPE, text=True)
    try:
        return httpx.post(f"{child.stdout.readline().strip()}/t", json=event, trust_env=False, timeout=20)
    except httpx.TransportError:
        return None
    finally:
        child.kill()
        child.communicate()


@pytest.mark.slow
@pytest.mark.parametrize(("when", "there"), [("before", 0), ("after", 1)])
def test_an_event_whose_answer_was_lost_is_delivered_again_and_is_there_once(tmp_path, an_event, when, there):
    path, event = tmp_path / "state.sqlite", an_event()
    assert delivered(path, event, when) is None
    with open_state(path) as state:
        assert len(Inbox(lambda: state, "tickets").after(0, 10)) == there
    again = delivered(path, event, "never")
    assert again.json() == {"kept": 1 - there, "known": there}
    with open_state(path) as state:
        assert Inbox(lambda: state, "tickets").after(0, 10) == [(1, event)]
