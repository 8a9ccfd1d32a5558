"""What arrives at a webhook's path, on real sockets: what is kept, what is refused, and in which words."""

from __future__ import annotations

import gzip
import hashlib
import hmac
import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import repeat

import httpx
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haloitsm_connector.serve.delivery import Refused, events_in
from haloitsm_connector.subscriber.webhook import WebhookFields, WebhookSubscriber
from haloitsm_transformers import TransformError

HMAC = {"type": "hmac", "secret": "a secret that both know"}
BASIC = {"type": "basic", "username": "halo", "password": "open:sesame"}


def test_an_event_is_kept_before_it_is_answered_and_once_however_often_it_is_delivered(webhook, inbox, an_event):
    arrived = []
    send = webhook(arrived.append)
    event = an_event()
    assert send(event).json() == {"kept": 1, "known": 0}
    assert inbox.after(0, 10) == [(1, event)]
    again = send(event | {"id": event["id"].upper()})
    assert (again.status_code, again.json()) == (200, {"kept": 0, "known": 1})
    assert len(inbox.after(0, 10)) == 1
    assert arrived == ["tickets"]


def test_a_batch_is_a_list_of_events(webhook, inbox, an_event):
    events = [an_event(number) for number in range(3)]
    assert webhook()([*events, events[0]]).json() == {"kept": 3, "known": 1}
    assert [event for _, event in inbox.after(0, 10)] == events


def test_of_events_with_names_only_those_that_are_wanted_are_kept(webhook, inbox, an_event):
    send = webhook(events=["Ticket Status Changed"])
    answer = send([an_event(1), an_event(2, event="New Ticket Logged"), an_event(3)])
    assert (answer.status_code, answer.json()) == (200, {"kept": 2, "known": 0})
    assert [event["object_id"] for _, event in inbox.after(0, 10)] == [1, 3]


def test_payloads_of_ones_own_are_all_kept_unless_it_is_said_what_tells_them_apart(webhook, inbox):
    send = webhook()
    assert [send({"id": 7}).json()["kept"] for _ in range(2)] == [1, 1]
    send = webhook(event_id="[id, change]")
    assert [send({"id": 7, "change": change}).json()["kept"] for change in (1, 1, 2)] == [1, 0, 1]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (("halo", "open:sesame"), 200),
        (("halo", "open sesame"), 401),
        (("hal", "open:sesame"), 401),
        (("halö", "ö"), 401),
        (None, 401),
    ],
)
def test_user_name_and_password_are_checked(webhook, an_event, basic, headers, status):
    answer = webhook(authentication=BASIC)(an_event(), headers=basic(*headers) if headers else {})
    assert answer.status_code == status
    assert "sesame" not in answer.text


@pytest.mark.parametrize("header", ["Basic", "Basic ???", "Bearer aGFsbzpvcGVuOnNlc2FtZQ==", "Basic aGFsbw=="])
def test_a_broken_authorization_header_is_refused(webhook, an_event, header):
    assert webhook(authentication=BASIC)(an_event(), headers={"authorization": header}).status_code == 401


def test_a_signed_body_is_taken_and_one_that_was_changed_is_not(webhook, inbox, an_event, signature):
    send = webhook(authentication=HMAC)
    body = json.dumps(an_event()).encode()
    signed = {"x-halo-signature": signature(body)}
    assert send(body, headers=signed).status_code == 200
    refused = send(body.replace(b"Printer", b"Printed"), headers=signed)
    assert refused.status_code == 401
    assert refused.json() == {"error": "the signature in the header X-Halo-Signature is missing or wrong"}
    assert send(body).status_code == 401
    assert len(inbox.after(0, 10)) == 1


def test_other_forms_of_the_signature_are_settings(webhook, an_event):
    form = {"header": "X-Sign", "algorithm": "sha512", "encoding": "hex", "prefix": "v1="}
    send = webhook(authentication=HMAC | form)
    body = json.dumps(an_event()).encode()
    digest = hmac.new(HMAC["secret"].encode(), body, hashlib.sha512).hexdigest()
    assert send(body, headers={"X-Sign": f"v1={digest.upper()}"}).status_code == 200
    assert send(body, headers={"X-Sign": f"v2={digest}"}).status_code == 401


def test_a_signed_event_that_is_too_old_to_be_known_is_refused(webhook, inbox, an_event, signature):
    send = webhook(authentication=HMAC, replay_minutes=5)
    old = (datetime.now(UTC) - timedelta(minutes=6)).isoformat()
    body = json.dumps(an_event(timestamp=old)).encode()
    refused = send(body, headers={"x-halo-signature": signature(body)})
    assert refused.status_code == 400
    assert "5 minutes" in refused.json()["error"]
    assert inbox.after(0, 10) == []


def test_without_a_signature_an_old_event_is_taken(webhook, an_event):
    assert webhook(replay_minutes=5)(an_event(timestamp="2020-01-01T00:00:00Z")).json()["kept"] == 1


@pytest.mark.parametrize(
    ("content", "options", "status", "why"),
    [
        (b"{", {}, 400, "the body is not JSON"),
        (b'"text"', {}, 400, "neither a JSON object nor a list"),
        (b"[1]", {}, 400, "neither a JSON object nor a list"),
        (b"{}", {"method": "GET"}, 405, "deliveries come with POST here, not GET"),
        (b"{}", {"headers": {"content-type": "text/plain"}}, 415, "must be JSON"),
        (gzip.compress(b"{}", mtime=0), {"headers": {"content-encoding": "gzip"}}, 415, "must not be compressed"),
        (b" " * 1025, {}, 413, "larger than 1 KiB"),
        (iter([b" " * 600] * 2), {}, 413, "larger than 1 KiB"),
        (b"{}", {"path": "/halo"}, 404, "nothing is received here"),
    ],
)
def test_what_cannot_be_taken_is_refused_in_plain_words(webhook, inbox, content, options, status, why):
    answer = webhook(largest_kb=1)(content, **options)
    assert answer.status_code == status
    assert why in answer.json()["error"]
    assert inbox.after(0, 10) == []


@pytest.mark.slow
def test_a_body_without_end_is_not_read_to_its_end(webhook, inbox):
    send = webhook(largest_kb=1)
    with suppress(httpx.TransportError):  # the connection was closed while this end was still sending
        assert send(repeat(b" " * 65_536)).status_code == 413
    assert inbox.after(0, 10) == []
    assert send({"id": 7}).status_code == 200


def test_events_that_cannot_be_kept_are_not_acknowledged(webhook, state, an_event):
    send = webhook()
    state.close()
    answer = send(an_event())
    assert answer.status_code == 503
    assert answer.json() == {"error": "the events could not be kept; deliver them again"}


def test_the_nested_object_is_the_entity_and_an_event_without_it_fails_alone(inbox, webhook, an_event):
    webhook()([an_event(1), an_event(2, ticket=None), an_event(3)])
    failed = []
    reading = WebhookSubscriber(inbox, entity="ticket")
    (one,) = reading.slices(None, failed.append)
    assert [entity["id"] for entity in one.entities] == [1, 3]
    assert [failure.entity["object_id"] for failure in failed] == [2]
    assert one.cursor == {"number": 3}
    with pytest.raises(TransformError, match="has no object 'ticket'"):
        list(reading.slices())


@settings(max_examples=60, deadline=None)
@given(body=st.one_of(st.binary(max_size=60), st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["id", "event", "timestamp", "ticket", "x"]), inner, max_size=4), max_leaves=8,
).map(lambda value: json.dumps(value).encode())))  # fmt: skip
def test_whatever_a_body_holds_it_is_events_or_is_refused(body):
    fields = WebhookFields.model_validate({"path": "/x", "authentication": {"type": "none"}, "event_id": "id"})
    found = None
    with suppress(ValueError):
        found = orjson.loads(body)  # strictly: Python's own json takes Infinity
    found = found if isinstance(found, list) else [found]
    if all(isinstance(one, dict) for one in found):
        assert [event.content for event in events_in(fields, {}, body, 0.0)] == found
    else:
        with pytest.raises(Refused):
            events_in(fields, {}, body, 0.0)
