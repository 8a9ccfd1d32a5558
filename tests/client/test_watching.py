"""What watchers are told of every attempt, and that a request knows on whose behalf it is sent."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor

import pytest

from haloitsm_connector import HttpClient
from haloitsm_connector.client import Request
from haloitsm_connector.client.logging import WATCHERS, Attempt
from haloitsm_connector.context import noted, noting
from haloitsm_connector.errors import UnreachableError
from haloitsm_connector.sandbox import Sandbox


@pytest.fixture
def watched():
    seen: list[tuple[Attempt, dict]] = []

    def watch(attempt):
        seen.append((attempt, dict(noted())))

    WATCHERS.append(watch)
    yield seen
    WATCHERS.remove(watch)


def test_each_attempt_is_told_with_what_it_belongs_to(watched):
    with (
        Sandbox(rate_limit=3, retry_after="0", rate_window_seconds=1) as sandbox,
        HttpClient(sandbox.base_uri, {"type": "api_key", "api_key": sandbox.api_key}) as client,
    ):

        def read(route: str) -> None:
            with noting(route=route):
                client.send(Request("GET", "/Status"))

        with ThreadPoolExecutor(4) as threads:
            list(threads.map(read, ["a", "b", "c", "d", "e"]))
    assert {known["route"] for _, known in watched} == set("abcde")
    assert len({known["request"] for _, known in watched}) == 5
    assert {attempt.status for attempt, _ in watched} == {200, 429}
    assert all(attempt.url.endswith("/api/Status") for attempt, _ in watched)
    assert sandbox.api_key not in repr(watched)
    assert noted() == {}


def test_an_attempt_without_an_answer_is_told(watched):
    retry = {"attempts": 2, "longest_wait_seconds": 0.01}
    with (
        HttpClient("http://127.0.0.1:1", {"type": "api_key", "api_key": "k"}, retry=retry) as one,
        pytest.raises(UnreachableError),
    ):
        one.send(Request("GET", "/x"))
    assert [(attempt.status, bool(attempt.failure)) for attempt, _ in watched] == [(None, True)] * 2


def test_log_lines_of_a_request_have_its_number(caplog):
    numbers = []

    def note(record: logging.LogRecord) -> bool:
        numbers.append(noted().get("request"))
        return True

    caplog.set_level(logging.INFO, "haloitsm.http")
    logger = logging.getLogger("haloitsm.http")
    logger.addFilter(note)
    authentication = {"type": "api_key", "api_key": "key"}
    with Sandbox() as sandbox, HttpClient(sandbox.base_uri, authentication, logging="simple") as client:
        for _ in range(2):
            client.send(Request("GET", "/Status"))
    logger.removeFilter(note)
    assert len(set(numbers)) == 2
    assert None not in numbers
