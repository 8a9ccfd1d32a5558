"""The inbox: numbers without gaps that matter, events once, ids remembered for their time."""

from __future__ import annotations

import threading
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from haloitsm_connector.errors import InputError
from haloitsm_connector.store import Event, Inbox, open_state
from haloitsm_connector.subscriber.webhook import EVENTS_PER_SLICE, WebhookSubscriber

NAMES = count()  # of inboxes: one state serves all examples


@pytest.fixture
def inbox(state):
    return Inbox(lambda: state, "tickets")


def test_each_incoming_has_an_inbox_of_its_own(state):
    one, other = (Inbox(lambda: state, name) for name in ("one", "other"))
    assert [one.put([Event({"a": 1}, "x", 9e9)]), other.put([Event({"a": 2}, "x", 9e9)])] == [1, 1]
    assert one.after(0, 10) == [(1, {"a": 1})]
    assert (one.last(), other.last(), Inbox(lambda: state, "none").last()) == (1, 1, 0)


def test_who_has_read_all_has_read_up_to_the_last_also_when_events_come_again(inbox):
    assert inbox.put([Event({"a": 1}, "x", 9e9), Event({"a": 1}, "x", 9e9)]) == 1
    assert inbox.put([Event({"a": 1}, "x", 9e9)]) == 0
    assert inbox.last() == inbox.after(0, 10)[-1][0] == 1
    assert inbox.put([Event({"a": 1}, "x", 9e9), Event({"a": 2}, "y", 9e9)]) == 1
    assert inbox.after(1, 10) == [(inbox.last(), {"a": 2})]


def test_an_event_that_was_read_is_known_until_its_time_is_over(state):
    now = [100.0]
    inbox = Inbox(lambda: state, "tickets", now=lambda: now[0])
    inbox.put([Event({"a": 1}, "x", 200.0), Event({"a": 2}, None)])
    inbox.forget(inbox.last())
    assert inbox.after(0, 10) == []
    assert inbox.put([Event({"a": 1}, "x", 200.0)]) == 0
    now[0] = 201.0
    inbox.forget(inbox.last())
    assert inbox.put([Event({"a": 1}, "x", 300.0)]) == 1
    assert [event for _, event in inbox.after(0, 10)] == [{"a": 1}]


def test_reading_goes_on_behind_the_cursor(inbox):
    inbox.put([Event({"n": number}) for number in range(EVENTS_PER_SLICE + 2)])
    first, second = WebhookSubscriber(inbox).slices()
    assert [len(first.entities), len(second.entities)] == [EVENTS_PER_SLICE, 2]
    assert list(WebhookSubscriber(inbox).slices(first.cursor)) == [second]
    assert list(WebhookSubscriber(inbox).slices(second.cursor)) == []


@pytest.mark.parametrize("cursor", [{"read_until": "2026-01-01"}, {"number": "1"}, {"number": -1}])
def test_a_cursor_of_something_else_is_refused(inbox, cursor):
    with pytest.raises(InputError, match="no cursor of a webhook"):
        list(WebhookSubscriber(inbox).slices(cursor))


@pytest.mark.slow
def test_who_reads_while_many_write_misses_nothing(place):

    def write(writer: int) -> None:
        with open_state(place) as state:
            inbox = Inbox(lambda: state, "tickets")
            for number in range(40):
                inbox.put([Event({"n": [writer, number]}, f"{writer} {number}", 9e9)] * 2)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    read, last = [], 0
    with open_state(place) as state:
        inbox = Inbox(lambda: state, "tickets")
        for one in writers:
            one.start()
        while any(one.is_alive() for one in writers) or inbox.after(last, 1):
            if found := inbox.after(last, 7):
                read += [tuple(event["n"]) for _, event in found]
                last = found[-1][0]
    assert sorted(read) == [(writer, number) for writer in range(4) for number in range(40)]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.one_of(
    st.tuples(st.just("put"), st.lists(st.sampled_from(["a", "b", "c", None]), max_size=4)),
    st.tuples(st.just("forget"), st.integers(0, 12)),
    st.tuples(st.just("later"), st.integers(1, 50)),
), max_size=12))  # fmt: skip
def test_what_is_unread_is_never_lost_and_what_is_known_never_comes_twice(state, steps):
    """Against a model: a list of numbers, and ids with the time until which they count."""
    now, window = [1000.0], 60.0
    unread: dict[int, object] = {}
    known: dict[str, float] = {}
    numbers = {}
    last = 0
    inbox = Inbox(lambda: state, f"tickets {next(NAMES)}", now=lambda: now[0])
    for what, given_ in steps:
        if what == "later":
            now[0] += given_
        elif what == "forget":
            inbox.forget(given_)
            unread = {number: event for number, event in unread.items() if number > given_}
            known = {id_: ends for id_, ends in known.items() if ends > now[0] or numbers[id_] in unread}
        else:
            before = last
            for place, id_ in enumerate(given_):
                if id_ is None or id_ not in known:
                    last += 1
                    unread[last] = {"in": before, "place": place}
                    if id_:
                        known[id_], numbers[id_] = now[0] + window, last
            events = [Event({"in": before, "place": place}, id_, now[0] + window) for place, id_ in enumerate(given_)]
            assert inbox.put(events) == last - before
            assert inbox.last() == last
        assert dict(inbox.after(0, 100)) == unread
